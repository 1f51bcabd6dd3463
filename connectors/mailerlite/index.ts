/**
 * MailerLite: subscribers and groups, by the API at connect.mailerlite.com.
 */
import * as Schema from "effect/Schema"
import {
  defineConnector,
  makeJudge,
  path,
  SecretField,
  type Answer,
  type BatchItem,
  type Call,
  type Outcome,
} from "../../src/index.ts"

const settings = Schema.Struct({
  /** An API key. It stops working when the user who made it is removed from the account. */
  apiKey: SecretField.annotate({ description: "An API key, of Integrations > MailerLite API." }),
})

const Email = Schema.NonEmptyString.annotate({ description: "The address, which MailerLite knows subscribers by." })
const Group = Schema.NonEmptyString.annotate({
  description: "The group's id, as text: it has more digits than a number keeps.",
  choices: "groups",
})
const Fields = Schema.Record(
  Schema.String,
  Schema.Union([Schema.String, Schema.Number, Schema.Boolean, Schema.Null]),
).annotate({ description: "By their keys: name, last_name, a custom field's slug." })
const Time = Schema.String.pipe(
  Schema.check(
    Schema.isPattern(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/, { expected: "a time in UTC such as 2026-01-31 09:30:00" }),
  ),
)

const Subscriber = Schema.Struct({
  email: Email,
  fields: Schema.optionalKey(Fields),
  groups: Schema.optionalKey(
    Schema.Array(Group).annotate({ description: "Groups to add to. Those that are left out stay." }),
  ),
  status: Schema.optionalKey(
    Schema.Literals(["active", "unsubscribed", "unconfirmed", "bounced", "junk"]).annotate({
      description: "Default for one who is new: active.",
    }),
  ),
  subscribed_at: Schema.optionalKey(Time.annotate({ description: "When they subscribed, as 2026-01-31 09:30:00." })),
  ip_address: Schema.optionalKey(Schema.NonEmptyString.annotate({ description: "Where they subscribed from." })),
  opted_in_at: Schema.optionalKey(Time.annotate({ description: "When they confirmed." })),
  optin_ip: Schema.optionalKey(Schema.NonEmptyString.annotate({ description: "Where they confirmed from." })),
  resubscribe: Schema.optionalKey(
    Schema.Boolean.annotate({ description: "Bring back one who unsubscribed. Only with their consent." }),
  ),
})
type Subscriber = typeof Subscriber.Type

const minute = 60 * 1000

/** Requests of one batch. MailerLite's bound. */
const batchRequestsMax = 50
/** Groups of one page of choices. */
const pageMax = 100

const judge = makeJudge({
  verdict: ({ status, body, json }) =>
    status < 300 && body !== "" && json === undefined
      ? { kind: "server_error", message: "an answer that is none of MailerLite's" }
      : undefined,
  message: ({ json }) => {
    const [first] = Object.entries<any>(json?.errors ?? {})
    return first === undefined ? json?.message : `${json.message} ${first[0]}: ${String(first[1]?.[0] ?? first[1])}`
  },
  // Both limits are counted by the minute.
  blindWaitMs: minute,
})

/** Upserts, many in one call, of which MailerLite takes five a minute; `of` makes the subscriber of an input. */
const upserts = <Input extends { readonly email: string }>(of: (input: Input) => Subscriber) => ({
  repeat: "natural" as const,
  request: (input: Input) => ({ method: "POST" as const, path: "/subscribers", json: of(input) }),
  batch: {
    max: batchRequestsMax,
    apart: ({ email }: Input) => email.toLowerCase(),
    request: (items: ReadonlyArray<BatchItem<any, Input>>) => ({
      method: "POST" as const,
      path: "/batch",
      json: {
        requests: items.map(({ input }) => ({ method: "POST", path: "api/subscribers", body: of(input) })),
      },
    }),
    outcomes: (answer: Answer, items: ReadonlyArray<unknown>, now: number): ReadonlyArray<Outcome> | undefined => {
      if (answer.status !== 200) return undefined
      const responses: ReadonlyArray<any> = Array.isArray(answer.json?.responses) ? answer.json.responses : []
      return items.map((_, i): Outcome => {
        const response = responses[i]
        // An upsert is safe to repeat.
        if (typeof response?.code !== "number")
          return { kind: "server_error", message: "the batch's answer does not tell what became of it" }
        return judge({ ...answer, status: response.code, body: JSON.stringify(response.body ?? "") }, now)
      })
    },
  },
})

/** The subscriber's id, by address; `undefined`: there is none. */
const find = async (email: string, call: Call): Promise<Answer & { readonly id: string | undefined }> => {
  const answer = await call({ method: "GET", path: path`/subscribers/${email}` }, [404])
  return { ...answer, id: answer.status === 404 ? undefined : String(answer.json?.data?.id ?? "") }
}

const nobody: Outcome = { kind: "delivered", message: "nothing was left to do: there is no such subscriber" }

export const mailerlite = defineConnector({
  name: "mailerlite",
  title: "MailerLite",
  description: "Subscribers, their fields and their groups.",
  docs: "https://developers.mailerlite.com/docs",
  settings,
  baseUrl: "https://connect.mailerlite.com/api",
  // Asked for on every request, also on those without a body. The version is the day whose behaviour is relied on.
  headers: { "content-type": "application/json", "x-version": "2026-01-01" },
  auth: [{ kind: "bearer", setting: "apiKey" }],
  limits: {
    rateLimit: { limit: 120, per: "1 minute" },
    says: "120 requests a minute for the account; 429 says in Retry-After how long to wait",
  },
  outcome: judge,
  test: {
    request: () => ({ method: "GET", path: "/groups", query: { limit: 1 } }),
    says: ({ json }) => `MailerLite takes the key; the account has ${json?.meta?.total ?? "its"} groups`,
  },
  lists: {
    groups: {
      title: "Groups",
      request: () => ({ method: "GET", path: "/groups", query: { limit: pageMax, page: 1 } }),
      items: ({ json }) => (json?.data ?? []).map((group: any) => ({ id: String(group.id), name: String(group.name) })),
      next: ({ json }) =>
        json?.meta?.current_page < json?.meta?.last_page
          ? { method: "GET", path: "/groups", query: { limit: pageMax, page: json.meta.current_page + 1 } }
          : undefined,
    },
  },
  defaultAction: "contact.upsert",
  actions: {
    "contact.upsert": {
      title: "Create or update a subscriber",
      description: "By e-mail address; fields and groups that are left out stay as they are. Many go in one call.",
      docs: "https://developers.mailerlite.com/docs/subscribers",
      input: Subscriber,
      example: { email: "ada@example.com", fields: { name: "Ada", plan: "pro" }, groups: ["4243829086487936"] },
      ...upserts((input: Subscriber) => input),
    },
    "contact.update": {
      title: "Update a subscriber's fields",
      description: "By e-mail address, which is looked up first; a subscriber that is not there is not made.",
      docs: "https://developers.mailerlite.com/docs/subscribers",
      input: Schema.Struct({ email: Email, fields: Fields }),
      example: { email: "ada@example.com", fields: { plan: "pro" } },
      repeat: "natural",
      steps: async ({ email, fields }, _, call): Promise<Outcome | void> => {
        const found = await find(email, call)
        if (found.id === undefined) return judge(found, Date.now())
        await call({ method: "PUT", path: path`/subscribers/${found.id}`, json: { fields } })
      },
    },
    "contact.unsubscribe": {
      title: "Unsubscribe",
      description: "By e-mail address, from everything; a subscriber that is not there is left so.",
      docs: "https://developers.mailerlite.com/docs/subscribers",
      input: Schema.Struct({ email: Email }),
      example: { email: "ada@example.com" },
      repeat: "natural",
      steps: async ({ email }, _, call): Promise<Outcome | void> => {
        const { id } = await find(email, call)
        if (id === undefined) return nobody
        await call({ method: "PUT", path: path`/subscribers/${id}`, json: { status: "unsubscribed" } })
      },
    },
    "group.add": {
      title: "Add to a group",
      description: "By e-mail address; a subscriber that is not there is made. Many go in one call.",
      docs: "https://developers.mailerlite.com/docs/groups",
      input: Schema.Struct({ group: Group, email: Email }),
      example: { group: "4243829086487936", email: "ada@example.com" },
      ...upserts(({ group, email }: { readonly group: string; readonly email: string }) => ({
        email,
        groups: [group],
      })),
    },
    "group.remove": {
      title: "Remove from a group",
      description: "By e-mail address, which is looked up first.",
      docs: "https://developers.mailerlite.com/docs/groups",
      input: Schema.Struct({ group: Group, email: Email }),
      example: { group: "4243829086487936", email: "ada@example.com" },
      repeat: "natural",
      steps: async ({ group, email }, _, call): Promise<Outcome | void> => {
        const { id } = await find(email, call)
        if (id === undefined) return nobody
        // 404: not in the group, or there is no such group.
        const removed = await call({ method: "DELETE", path: path`/subscribers/${id}/groups/${group}` }, [404])
        if (removed.status === 404) return { ...nobody, message: "nothing was left to do: not in the group" }
      },
    },
  },
})
