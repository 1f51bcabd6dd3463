/**
 * HubSpot's CRM: contacts, companies, deals, tickets and any other object, lists and custom events.
 */
import * as Schema from "effect/Schema"
import {
  defineConnector,
  makeJudge,
  OAuthField,
  path,
  SecretField,
  type Answer,
  type BatchItem,
  type Call,
  type Outcome,
} from "../../src/index.ts"

const settings = Schema.Struct({
  /** The token of a private app. */
  token: Schema.optionalKey(SecretField.annotate({ description: "The token of a private app." })),
  /** `"oauth"`, with the app's id and secret in HUBSPOT_CLIENT_ID and HUBSPOT_CLIENT_SECRET, or `{ clientId, clientSecret }`. */
  auth: Schema.optionalKey(
    OAuthField.annotate({
      description: `\`"oauth"\`, with the app's id and secret in HUBSPOT_CLIENT_ID and HUBSPOT_CLIENT_SECRET, or \`{ clientId, clientSecret }\`.`,
    }),
  ),
})

const PropertyValue = Schema.Union([Schema.String, Schema.Number, Schema.Boolean, Schema.Null])
const Properties = Schema.Record(Schema.String, PropertyValue).annotate({
  description: "By their internal names. Numbers and booleans are sent as text; null empties a property.",
})
type Properties = { readonly [name: string]: string | number | boolean | null }

const Email = Schema.NonEmptyString.annotate({ description: "The contact's address, which HubSpot knows it by." })

const RecordInput = Schema.Struct({
  idProperty: Schema.NonEmptyString.annotate({
    description: "A property with unique values, by which the record is found or made.",
  }),
  id: Schema.NonEmptyString.annotate({ description: "The record's value of that property." }),
  properties: Properties,
})

/** HubSpot takes texts only. */
const textsOf = (properties: Properties): { readonly [name: string]: string } =>
  Object.fromEntries(Object.entries(properties).map(([name, value]) => [name, value === null ? "" : String(value)]))

const second = 1000
const hour = 60 * 60 * second

const judge = makeJudge({
  // 423 Locked and 477 (the account is being moved) pass by themselves.
  statuses: { 423: "server_error", 477: "server_error" },
  message: ({ json }) => json?.message,
  wait: ({ json, status }) =>
    status === 423
      ? 2 * second
      : json?.policyName === "DAILY"
        ? // At midnight in the account's time zone, which is not told.
          hour
        : json?.policyName === "SECONDLY"
          ? second
          : json?.policyName === "TEN_SECONDLY_ROLLING"
            ? 10 * second
            : undefined,
  allowance: ({ header }) => {
    const [remaining, interval] = [
      header("x-hubspot-ratelimit-remaining"),
      header("x-hubspot-ratelimit-interval-milliseconds"),
    ]
    return remaining === undefined || interval === undefined
      ? undefined
      : { remaining: Number(remaining), resetMs: Number(interval) }
  },
  blindWaitMs: 10 * second,
})

interface Upsert {
  readonly idProperty: string
  readonly id: string
  readonly properties: Properties
}

/** Inputs of one call. HubSpot's bound for every batch of CRM objects. */
const batchMax = 100
/** Inputs of one call of custom events. */
const eventsMax = 500

const upsertRequest = (
  objectType: string,
  items: ReadonlyArray<{ readonly upsert: Upsert; readonly trace: string }>,
) => ({
  method: "POST" as const,
  path: path`/crm/v3/objects/${objectType}/batch/upsert`,
  json: {
    inputs: items.map(({ upsert, trace }) => ({
      idProperty: upsert.idProperty,
      id: upsert.id,
      properties: textsOf(upsert.properties),
      // Errors name it.
      objectWriteTraceId: trace,
    })),
  },
})

/** What became of each input: errors name the trace of theirs; an error that names none belongs to those of which no result is told. */
const upsertOutcomes =
  (idOf: (input: any) => string) =>
  ({ status, json }: Answer, items: ReadonlyArray<BatchItem<any, any>>): ReadonlyArray<Outcome> | undefined => {
    if ((status !== 200 && status !== 201 && status !== 207) || typeof json !== "object") return undefined
    const errors: ReadonlyArray<any> = Array.isArray(json.errors) ? json.errors : []
    const byTrace = new Map<string, any>()
    for (const error of errors) for (const trace of error?.context?.objectWriteTraceId ?? []) byTrace.set(trace, error)
    const untold = errors.find((error) => error?.context?.objectWriteTraceId === undefined)
    const told = new Set(
      (json.results ?? []).flatMap((result: any) => Object.values(result?.properties ?? {}).map(lowerCase)),
    )
    return items.map(({ input, context }): Outcome => {
      const error = byTrace.get(context.delivery.id) ?? (told.has(lowerCase(idOf(input))) ? undefined : untold)
      return error === undefined
        ? { kind: "delivered", message: `HTTP ${status}`, status }
        : { kind: "rejected", permanent: true, status, message: `HTTP ${status}: ${error.message ?? error.category}` }
    })
  }

const lowerCase = (value: unknown): string => String(value).toLowerCase()

/** Upserts of one kind of object, many in one call. */
const upsertOf = (objectType: string) => ({
  input: RecordInput,
  batch: {
    max: batchMax,
    together: ({ idProperty }: Upsert) => idProperty,
    apart: ({ id }: Upsert) => lowerCase(id),
    request: (items: ReadonlyArray<BatchItem<any, Upsert>>) =>
      upsertRequest(
        objectType,
        items.map(({ input, context }) => ({ upsert: input, trace: context.delivery.id })),
      ),
    outcomes: upsertOutcomes(({ id }: Upsert) => id),
  },
  repeat: "natural" as const,
})

const ListChange = Schema.Struct({
  list: Schema.NonEmptyString.annotate({ description: "The list's id; a manual or snapshot list.", choices: "lists" }),
  email: Schema.optionalKey(Email),
  id: Schema.optionalKey(
    Schema.NonEmptyString.annotate({ description: "The contact's record id, instead of its address." }),
  ),
}).pipe(
  Schema.check(
    Schema.makeFilter(({ email, id }: { readonly email?: string; readonly id?: string }) =>
      (email === undefined) === (id === undefined) ? { path: ["email"], issue: "give either email or id" } : undefined,
    ),
  ),
)

const changeList = (change: "add" | "remove") => ({
  input: ListChange,
  repeat: "natural" as const,
  docs: "https://developers.hubspot.com/docs/api/crm/lists",
  steps: async (input: typeof ListChange.Type, _: unknown, call: Call): Promise<void> => {
    const id =
      input.id ??
      (
        await call({
          method: "GET",
          path: path`/crm/v3/objects/contacts/${input.email!}`,
          query: { idProperty: "email" },
        })
      ).json?.id
    await call({ method: "PUT", path: path`/crm/v3/lists/${input.list}/memberships/${change}`, json: [String(id)] })
  },
})

export const hubspot = defineConnector({
  name: "hubspot",
  title: "HubSpot",
  description: "Contacts, companies, deals, tickets, custom objects, lists and custom events of HubSpot's CRM.",
  docs: "https://developers.hubspot.com/docs/api/overview",
  settings,
  baseUrl: "https://api.hubapi.com",
  auth: [
    { kind: "bearer", setting: "token" },
    {
      kind: "oauth2",
      grant: "authorization_code",
      authorizeUrl: "https://app.hubspot.com/oauth/authorize",
      tokenUrl: "https://api.hubapi.com/oauth/v3/token",
      scopes: ["oauth", "crm.objects.contacts.read", "crm.objects.contacts.write"],
      clientId: "HUBSPOT_CLIENT_ID",
      clientSecret: "HUBSPOT_CLIENT_SECRET",
    },
  ],
  limits: {
    rateLimit: { limit: 100, per: "10 seconds" },
    says: "100 requests in 10 seconds for private apps of the smaller tiers, 110 for OAuth apps, 190 for the larger tiers",
  },
  outcome: judge,
  test: {
    request: () => ({ method: "GET", path: "/crm/v3/objects/contacts", query: { limit: 1 } }),
    says: () => "HubSpot takes the credentials, and contacts can be read",
  },
  lists: {
    lists: {
      title: "Lists",
      request: () => ({ method: "POST", path: "/crm/v3/lists/search", json: { count: 100, offset: 0 } }),
      items: ({ json }) =>
        (json?.lists ?? []).map((list: any) => ({ id: String(list.listId), name: String(list.name) })),
      next: ({ json }) =>
        json?.hasMore === true
          ? { method: "POST", path: "/crm/v3/lists/search", json: { count: 100, offset: json.offset } }
          : undefined,
    },
  },
  defaultAction: "contact.upsert",
  actions: {
    "contact.upsert": {
      title: "Create or update a contact",
      description: "By its e-mail address. Many go in one call.",
      docs: "https://developers.hubspot.com/docs/api/crm/contacts",
      input: Schema.Struct({ email: Email, properties: Schema.optionalKey(Properties) }),
      example: { email: "ada@example.com", properties: { firstname: "Ada", plan: "pro" } },
      repeat: "natural",
      batch: {
        max: batchMax,
        apart: ({ email }) => lowerCase(email),
        request: (items) =>
          upsertRequest(
            "contacts",
            items.map(({ input: { email, properties = {} }, context }) => ({
              upsert: { idProperty: "email", id: email, properties },
              trace: context.delivery.id,
            })),
          ),
        outcomes: upsertOutcomes(({ email }: { readonly email: string }) => email),
      },
    },
    "contact.update": {
      title: "Update a contact's properties",
      description: "By its e-mail address; a contact that is not there is not made.",
      docs: "https://developers.hubspot.com/docs/api/crm/contacts",
      input: Schema.Struct({ email: Email, properties: Properties }),
      example: { email: "ada@example.com", properties: { lifecyclestage: "customer" } },
      repeat: "natural",
      request: ({ email, properties }) => ({
        method: "PATCH",
        path: path`/crm/v3/objects/contacts/${email}`,
        query: { idProperty: "email" },
        json: { properties: textsOf(properties) },
      }),
    },
    "company.upsert": {
      title: "Create or update a company",
      description:
        "By a property of companies that has unique values, such as one of your own ids. Many go in one call.",
      docs: "https://developers.hubspot.com/docs/api/crm/companies",
      example: { idProperty: "acme_id", id: "acc_1", properties: { name: "Acme" } },
      ...upsertOf("companies"),
    },
    "deal.upsert": {
      title: "Create or update a deal",
      description: "By a property of deals that has unique values, such as one of your own ids. Many go in one call.",
      docs: "https://developers.hubspot.com/docs/api/crm/deals",
      example: { idProperty: "order_id", id: "ord_1", properties: { dealname: "Order 1", amount: 120 } },
      ...upsertOf("deals"),
    },
    "object.upsert": {
      title: "Create or update a record of any object",
      description: "Of a standard or custom object, by a property that has unique values. Many go in one call.",
      docs: "https://developers.hubspot.com/docs/api/crm/crm-custom-objects",
      input: Schema.Struct({
        objectType: Schema.NonEmptyString.annotate({
          description: "Its name or type id, such as p_subscriptions or 2-123.",
        }),
        ...RecordInput.fields,
      }),
      example: { objectType: "p_subscriptions", idProperty: "external_id", id: "sub_1", properties: { seats: 5 } },
      repeat: "natural",
      batch: {
        max: batchMax,
        together: ({ objectType, idProperty }) => `${objectType} ${idProperty}`,
        apart: ({ id }) => lowerCase(id),
        request: (items) =>
          upsertRequest(
            items[0]!.input.objectType,
            items.map(({ input, context }) => ({ upsert: input, trace: context.delivery.id })),
          ),
        outcomes: upsertOutcomes(({ id }: { readonly id: string }) => id),
      },
    },
    "ticket.create": {
      title: "Create a ticket",
      description: "HubSpot knows no repeats here: an attempt whose answer was lost makes a second ticket.",
      docs: "https://developers.hubspot.com/docs/api/crm/tickets",
      input: Schema.Struct({ properties: Properties }),
      example: { properties: { subject: "Payment failed", hs_pipeline: "0", hs_pipeline_stage: "1" } },
      repeat: "again",
      request: ({ properties }) => ({
        method: "POST",
        path: "/crm/v3/objects/tickets",
        json: { properties: textsOf(properties) },
      }),
    },
    "list.add": {
      title: "Add a contact to a list",
      description: "By its e-mail address, which is looked up first, or by its record id.",
      example: { list: "42", email: "ada@example.com" },
      ...changeList("add"),
    },
    "list.remove": {
      title: "Remove a contact from a list",
      description: "By its e-mail address, which is looked up first, or by its record id.",
      example: { list: "42", email: "ada@example.com" },
      ...changeList("remove"),
    },
    "event.track": {
      title: "Send a custom event",
      description:
        "Of a definition that is there already. Many go in one call; HubSpot drops a repeat by the delivery's id.",
      docs: "https://developers.hubspot.com/docs/api/analytics/events",
      input: Schema.Struct({
        name: Schema.NonEmptyString.annotate({ description: "The event's full name, pe<hub id>_<name>." }),
        email: Schema.optionalKey(Email),
        objectId: Schema.optionalKey(
          Schema.NonEmptyString.annotate({ description: "The record, instead of an address." }),
        ),
        properties: Schema.optionalKey(Properties),
      }).pipe(
        Schema.check(
          Schema.makeFilter(({ email, objectId }: { readonly email?: string; readonly objectId?: string }) =>
            email === undefined && objectId === undefined
              ? { path: ["email"], issue: "give email or objectId" }
              : undefined,
          ),
        ),
      ),
      example: { name: "pe123_signed_up", email: "ada@example.com", properties: { plan: "pro" } },
      repeat: "key",
      request: (input, context) => ({ method: "POST", path: "/events/v3/send", json: eventOf(input, context) }),
      batch: {
        max: eventsMax,
        request: (items) => ({
          method: "POST",
          path: "/events/v3/send/batch",
          json: { inputs: items.map(({ input, context }) => eventOf(input, context)) },
        }),
      },
    },
  },
})

interface EventInput {
  readonly name: string
  readonly email?: string
  readonly objectId?: string
  readonly properties?: Properties
}

const eventOf = (
  { name, properties = {}, ...who }: EventInput,
  { event, delivery }: { readonly event: { readonly time: string }; readonly delivery: { readonly id: string } },
) => ({ eventName: name, ...who, uuid: delivery.id, occurredAt: event.time, properties: textsOf(properties) })
