/**
 * Intercom: contacts and their tags, events, notes, tickets and messages.
 */
import * as Schema from "effect/Schema"
import {
  defineConnector,
  makeJudge,
  OAuthField,
  path,
  SecretField,
  untilUnix,
  type Call,
  type HttpResponse,
  type Outcome,
} from "../../src/index.ts"
import {
  find,
  isSomebody,
  nobody,
  unixSeconds,
  updateContact,
  UpdateInput,
  upsertContact,
  UpsertInput,
  whoFields,
  type Who,
} from "./contacts.ts"

const hosts = {
  us: "https://api.intercom.io",
  eu: "https://api.eu.intercom.io",
  au: "https://api.au.intercom.io",
} as const

const settings = Schema.Struct({
  /** The access token of a private app. */
  token: Schema.optionalKey(SecretField.annotate({ description: "The access token of a private app." })),
  /** `"oauth"`, with the app's id and secret in INTERCOM_CLIENT_ID and INTERCOM_CLIENT_SECRET, or `{ clientId, clientSecret }`. */
  auth: Schema.optionalKey(
    OAuthField.annotate({
      description: `\`"oauth"\`, with the app's id and secret in INTERCOM_CLIENT_ID and INTERCOM_CLIENT_SECRET, or \`{ clientId, clientSecret }\`.`,
    }),
  ),
  /** Where the workspace is. Default: `us`. */
  region: Schema.optionalKey(
    Schema.Literals(["us", "eu", "au"]).annotate({ description: "Where the workspace is. Default: us." }),
  ),
})

/** The version of the API, instead of the one that is set in the app. */
const version = "2.15"

const second = 1000

const judge = makeJudge({
  verdict: ({ status, json, body }) =>
    status < 300 && json === undefined && body !== ""
      ? { kind: "server_error", message: "an answer without JSON" }
      : undefined,
  message: ({ json }) =>
    Array.isArray(json?.errors)
      ? json.errors.map(({ code, message }: any) => `${code}: ${message}`).join("; ")
      : undefined,
  wait: ({ header, now }) => untilUnix(header("x-ratelimit-reset"), now),
  allowance: ({ header, now }) => {
    const [remaining, resetMs] = [header("x-ratelimit-remaining"), untilUnix(header("x-ratelimit-reset"), now)]
    return remaining === undefined || resetMs === undefined ? undefined : { remaining: Number(remaining), resetMs }
  },
  // The allowance is spread over windows of 10 seconds.
  blindWaitMs: 10 * second,
})

/** A contact that is not there may be made by another delivery of the same event. */
const judgeOfSomebody = (response: HttpResponse, now: number): Outcome => {
  const outcome = judge(response, now)
  return response.status === 404 ? { ...outcome, permanent: false } : outcome
}

const Tag = Schema.NonEmptyString.annotate({ description: "The tag's name.", choices: "tags" })
const TagInput = Schema.Struct({ ...whoFields, tag: Tag }).pipe(Schema.check(isSomebody))

const nothingLeft = (message: string): Outcome => ({ kind: "delivered", message })

const metadataMax = 10
const Metadata = Schema.Record(
  Schema.String,
  Schema.Union([
    Schema.String,
    Schema.Finite,
    Schema.Boolean,
    Schema.Null,
    Schema.Struct({ url: Schema.String, value: Schema.String }),
    Schema.Struct({ amount: Schema.Finite, currency: Schema.String }),
  ]),
)
  .pipe(
    Schema.check(
      Schema.makeFilter((metadata: object) =>
        Object.keys(metadata).length > metadataMax ? `Intercom takes at most ${metadataMax} entries` : undefined,
      ),
    ),
  )
  .annotate({
    description: "At most 10: texts, numbers, links { url, value } and prices { amount (cents), currency }.",
  })

/** As Intercom takes somebody in a body: by one of the three. */
const oneOf = ({ id, external_id, email }: Who) =>
  id !== undefined ? { id } : external_id !== undefined ? { external_id } : { email: email! }

const Admin = Schema.String.pipe(Schema.check(Schema.isPattern(/^\d+$/))).annotate({
  description: "The teammate's id.",
  choices: "admins",
})

/** From a teammate to a contact, who is looked up first. */
const message = async (one: Who, from: string, what: object, call: Call): Promise<Outcome | void> => {
  const contact = await find(one, call)
  if (contact === undefined) return nobody
  const to = { type: contact.role === "lead" ? "lead" : "user", id: contact.id }
  await call({ method: "POST", path: "/messages", json: { ...what, from: { type: "admin", id: Number(from) }, to } })
}

const choices = (title: string, at: string, name: string, id: (one: any) => string) => ({
  title,
  request: () => ({ method: "GET" as const, path: at }),
  items: ({ json }: { readonly json: any }) =>
    ((json?.[name] ?? json?.data ?? []) as ReadonlyArray<any>)
      .filter(({ archived }) => archived !== true)
      .map((one) => ({ id: id(one), name: String(one.name) })),
})

export const intercom = defineConnector({
  name: "intercom",
  title: "Intercom",
  description: "Contacts and their tags, events, notes, tickets and messages.",
  docs: "https://developers.intercom.com/docs/references/rest-api/api.intercom.io/",
  settings,
  baseUrl: ({ region = "us" }) => hosts[region],
  headers: { "intercom-version": version },
  auth: [
    { kind: "bearer", setting: "token" },
    {
      kind: "oauth2",
      grant: "authorization_code",
      authorizeUrl: "https://app.intercom.com/oauth",
      tokenUrl: "https://api.intercom.io/auth/eagle/token",
      scopes: [],
      pkce: false,
      clientId: "INTERCOM_CLIENT_ID",
      clientSecret: "INTERCOM_CLIENT_SECRET",
    },
  ],
  limits: {
    rateLimit: { limit: 1666, per: "10 seconds" },
    says: "10,000 calls a minute for an app and 25,000 for a workspace, spread over windows of 10 seconds",
  },
  outcome: judge,
  test: {
    request: () => ({ method: "GET", path: "/me" }),
    says: ({ json }) =>
      `${json?.name ?? "a teammate"} of ${json?.app?.name ?? "the workspace"} (${json?.app?.region ?? "?"})`,
  },
  lists: {
    tags: choices("Tags", "/tags", "data", ({ name }) => String(name)),
    admins: choices("Teammates", "/admins", "admins", ({ id }) => String(id)),
    ticketTypes: choices("Ticket types", "/ticket_types", "ticket_types", ({ id }) => String(id)),
  },
  defaultAction: "contact.upsert",
  actions: {
    "contact.upsert": {
      title: "Create or update a contact",
      description:
        "By your own id, else by e-mail address. Looked up first: two calls, up to four when the search does not show it yet.",
      docs: "https://developers.intercom.com/docs/references/rest-api/api.intercom.io/contacts/createcontact",
      input: UpsertInput,
      example: { external_id: "u_1", email: "ada@example.com", name: "Ada", custom_attributes: { plan: "pro" } },
      repeat: "natural",
      steps: upsertContact,
    },
    "contact.update": {
      title: "Update a contact",
      description: "Found by the first of id, external_id and email that is given; one that is not there is not made.",
      docs: "https://developers.intercom.com/docs/references/rest-api/api.intercom.io/contacts/updatecontact",
      input: UpdateInput,
      example: { external_id: "u_1", custom_attributes: { plan: "pro" } },
      repeat: "natural",
      steps: updateContact,
    },
    "tag.add": {
      title: "Add a tag to a contact",
      description: "By the tag's name; a tag that is not there is made. Three calls.",
      docs: "https://developers.intercom.com/docs/references/rest-api/api.intercom.io/tags/attachtagtocontact",
      input: TagInput,
      example: { external_id: "u_1", tag: "customer" },
      repeat: "natural",
      steps: async ({ tag, ...one }, _, call): Promise<Outcome | void> => {
        const contact = await find(one, call)
        if (contact === undefined) return nobody
        // Gives the tag of that name where there is one.
        const { json } = await call({ method: "POST", path: "/tags", json: { name: tag } })
        await call({ method: "POST", path: path`/contacts/${contact.id}/tags`, json: { id: String(json?.id ?? "") } })
      },
    },
    "tag.remove": {
      title: "Remove a tag from a contact",
      description: "By the tag's name. Three calls.",
      docs: "https://developers.intercom.com/docs/references/rest-api/api.intercom.io/tags/detachtagfromcontact",
      input: TagInput,
      example: { external_id: "u_1", tag: "customer" },
      repeat: "natural",
      steps: async ({ tag, ...one }, _, call): Promise<Outcome | void> => {
        const contact = await find(one, call)
        if (contact === undefined) return nobody
        const { json } = await call({ method: "GET", path: "/tags" })
        const known = (json?.data ?? []).find(({ name }: any) => String(name).toLowerCase() === tag.toLowerCase())
        if (known === undefined) return nothingLeft("there is no such tag")
        const removed = await call({ method: "DELETE", path: path`/contacts/${contact.id}/tags/${known.id}` }, [404])
        if (removed.status === 404) return nothingLeft("the contact does not have the tag")
      },
    },
    "event.track": {
      title: "Submit an event",
      description: "Of a contact that is there. Intercom counts events of one contact, name and second once.",
      docs: "https://developers.intercom.com/docs/references/rest-api/api.intercom.io/data-events/createdataevent",
      input: Schema.Struct({
        ...whoFields,
        event_name: Schema.NonEmptyString.annotate({ description: "A verb and a noun: ordered-item." }),
        metadata: Schema.optionalKey(Metadata),
      }).pipe(Schema.check(isSomebody)),
      example: { external_id: "u_1", event_name: "upgraded-plan", metadata: { plan: "pro" } },
      repeat: "natural",
      outcome: judgeOfSomebody,
      request: ({ id, external_id, email, ...what }, { event }) => ({
        method: "POST",
        path: "/events",
        json: {
          ...what,
          created_at: unixSeconds(event.time),
          ...(id !== undefined ? { id } : external_id !== undefined ? { user_id: external_id } : { email }),
        },
      }),
    },
    "note.create": {
      title: "Add a note to a contact",
      description: "Intercom knows no repeats: an attempt whose answer was lost adds the note twice.",
      docs: "https://developers.intercom.com/docs/references/rest-api/api.intercom.io/notes/createnote",
      input: Schema.Struct({
        ...whoFields,
        body: Schema.NonEmptyString.annotate({ description: "Text, or HTML." }),
        admin_id: Schema.optionalKey(Admin),
      }).pipe(Schema.check(isSomebody)),
      example: { external_id: "u_1", body: "Asked for an invoice." },
      repeat: "again",
      steps: async ({ body, admin_id, ...one }, _, call): Promise<Outcome | void> => {
        const contact = await find(one, call)
        if (contact === undefined) return nobody
        const json = { body, ...(admin_id === undefined ? {} : { admin_id }) }
        await call({ method: "POST", path: path`/contacts/${contact.id}/notes`, json })
      },
    },
    "ticket.create": {
      title: "Create a ticket",
      description: "Intercom knows no repeats: an attempt whose answer was lost makes a second ticket.",
      docs: "https://developers.intercom.com/docs/references/rest-api/api.intercom.io/tickets/createticket",
      input: Schema.Struct({
        ...whoFields,
        ticket_type_id: Schema.NonEmptyString.annotate({ description: "The type's id.", choices: "ticketTypes" }),
        ticket_attributes: Schema.optionalKey(
          Schema.Record(
            Schema.String,
            Schema.Union([Schema.String, Schema.Finite, Schema.Boolean, Schema.Null]),
          ).annotate({ description: "The type's, by their names; _default_title_ and _default_description_." }),
        ),
        company_id: Schema.optionalKey(Schema.NonEmptyString),
      }).pipe(Schema.check(isSomebody)),
      example: { external_id: "u_1", ticket_type_id: "12", ticket_attributes: { _default_title_: "Payment failed" } },
      repeat: "again",
      outcome: judgeOfSomebody,
      request: (input) => {
        const { ticket_type_id, ticket_attributes, company_id } = input
        const json = { ticket_type_id, ticket_attributes, company_id, contacts: [oneOf(input)] }
        return { method: "POST", path: "/tickets", json }
      },
    },
    "message.post": {
      title: "Send a message in the app",
      description: "From a teammate to a contact. An attempt whose answer was lost sends it again.",
      docs: "https://developers.intercom.com/docs/references/rest-api/api.intercom.io/messages/createmessage",
      input: Schema.Struct({
        ...whoFields,
        from: Admin,
        body: Schema.NonEmptyString.annotate({ description: "Text, or HTML." }),
      }).pipe(Schema.check(isSomebody)),
      example: { external_id: "u_1", from: "394051", body: "Your invoice is ready." },
      repeat: "again",
      outcome: judgeOfSomebody,
      steps: ({ from, body, ...one }, _, call) => message(one, from, { message_type: "inapp", body }, call),
    },
    "email.send": {
      title: "Send an e-mail",
      description: "From a teammate to a contact. An attempt whose answer was lost sends it again.",
      docs: "https://developers.intercom.com/docs/references/rest-api/api.intercom.io/messages/createmessage",
      input: Schema.Struct({
        ...whoFields,
        from: Admin,
        subject: Schema.NonEmptyString,
        body: Schema.NonEmptyString.annotate({ description: "Text, or HTML." }),
        template: Schema.optionalKey(
          Schema.Literals(["plain", "personal"]).annotate({ description: "How it looks. Default: plain." }),
        ),
      }).pipe(Schema.check(isSomebody)),
      example: { external_id: "u_1", from: "394051", subject: "Your invoice", body: "It is attached to your account." },
      repeat: "again",
      outcome: judgeOfSomebody,
      steps: ({ from, subject, body, template = "plain", ...one }, _, call) =>
        message(one, from, { message_type: "email", subject, body, template }, call),
    },
  },
})
