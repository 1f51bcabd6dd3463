/**
 * Mailchimp's audiences: contacts, their fields and tags, and events.
 */
import { createHash } from "node:crypto"
import * as Schema from "effect/Schema"
import {
  defineConnector,
  makeJudge,
  OAuthField,
  path,
  SecretField,
  type Answer,
  type BatchItem,
  type HttpResponse,
  type Outcome,
} from "../../src/index.ts"

const serverPattern = /^[a-z]+\d+$/

const settings = Schema.Struct({
  /** An API key, with the server that it belongs to at its end: `…-us19`. */
  apiKey: Schema.optionalKey(
    SecretField.annotate({ description: "An API key, with the server that it belongs to at its end: …-us19." }),
  ),
  /** `"oauth"`, with the app's id and secret in MAILCHIMP_CLIENT_ID and MAILCHIMP_CLIENT_SECRET, or `{ clientId, clientSecret }`. */
  auth: Schema.optionalKey(
    OAuthField.annotate({
      description: `\`"oauth"\`, with the app's id and secret in MAILCHIMP_CLIENT_ID and MAILCHIMP_CLIENT_SECRET, or \`{ clientId, clientSecret }\`.`,
    }),
  ),
  /** With OAuth: the account's server, as its address begins once you are signed in: `us19`. */
  server: Schema.optionalKey(
    Schema.String.pipe(Schema.check(Schema.isPattern(serverPattern))).annotate({
      description: "With OAuth: the account's server, as its address begins once you are signed in: us19.",
    }),
  ),
})

/** The server that a key names; `undefined`: it is no key of Mailchimp's. */
const serverOf = (apiKey: string): string | undefined => {
  const server = apiKey.slice(apiKey.lastIndexOf("-") + 1)
  return apiKey.includes("-") && serverPattern.test(server) ? server : undefined
}

const second = 1000

/** Mailchimp answers so when too many calls are under way: there is no header that says for how long. */
const busyWaitMs = 5 * second

const wordsOf = (json: any): string | undefined => {
  const fields: ReadonlyArray<any> = Array.isArray(json?.errors) ? json.errors : []
  const all = [json?.title, json?.detail, ...fields.map(({ field, message }) => `${field}: ${message}`)]
  return all.filter((part) => typeof part === "string" && part !== "").join("; ")
}

const judge = makeJudge({
  verdict: ({ status, json, body }) => {
    // From what stands before Mailchimp, when there is too much traffic; a refusal of Mailchimp's own is JSON.
    if (status === 403 && json === undefined) return { kind: "rate_limited", message: "too many calls" }
    if (status < 300 && json === undefined && body !== "") {
      return { kind: "server_error", message: "an answer without JSON" }
    }
    return undefined
  },
  message: ({ json }) => wordsOf(json),
  blindWaitMs: busyWaitMs,
})

/** Who was archived before cannot be again. */
const judgeArchived = (response: HttpResponse, now: number): Outcome => {
  const outcome = judge(response, now)
  return response.status === 405
    ? { kind: "delivered", message: "HTTP 405: is not in the audience any more", status: 405 }
    : outcome
}

const List = Schema.NonEmptyString.annotate({ description: "The audience's id.", choices: "audiences" })
const Email = Schema.String.pipe(Schema.check(Schema.isPattern(/\S/))).annotate({
  description: "The contact's address.",
})
const Tag = Schema.NonEmptyString.pipe(Schema.check(Schema.isMaxLength(100))).annotate({
  description: "The tag's name, as it is written in Mailchimp.",
})

/** Of a contact who may be mailed, must confirm first, may not be mailed, bounced, or only buys. */
const statuses = ["subscribed", "pending", "unsubscribed", "cleaned", "transactional"] as const

const FieldValue = Schema.Union([Schema.String, Schema.Finite, Schema.Record(Schema.String, Schema.String)])

const memberFields = {
  merge_fields: Schema.optionalKey(
    Schema.Record(Schema.String, FieldValue).annotate({
      description: "By their merge tags: FNAME, PLAN. An address is an object. An empty text empties a field.",
    }),
  ),
  interests: Schema.optionalKey(
    Schema.Record(Schema.String, Schema.Boolean).annotate({
      description: "Groups by the ids of their names: true adds the contact, false takes it out.",
    }),
  ),
  language: Schema.optionalKey(Schema.NonEmptyString.annotate({ description: "Two letters, such as de." })),
  email_type: Schema.optionalKey(Schema.Literals(["html", "text"])),
  vip: Schema.optionalKey(Schema.Boolean),
}

const members = (list: string): string => path`/lists/${list}/members`
/** A contact's address within an audience, by the digest that Mailchimp knows it by. */
const member = (list: string, email: string): string =>
  `${members(list)}/${createHash("md5").update(email.trim().toLowerCase()).digest("hex")}`

/** Contacts of one call. */
const batchMax = 500

const AddInput = Schema.Struct({
  list: List,
  email: Email,
  status: Schema.optionalKey(
    Schema.Literals(["subscribed", "pending", "unsubscribed"]).annotate({
      description: "Default: subscribed. pending asks the contact to confirm by mail.",
    }),
  ),
  ...memberFields,
})

/** What became of each contact: errors name their addresses. */
const addOutcomes = (
  { status, json }: Answer,
  items: ReadonlyArray<BatchItem<any, typeof AddInput.Type>>,
): ReadonlyArray<Outcome> | undefined => {
  if (status !== 200 || typeof json !== "object" || json === null) return undefined
  const errors = new Map<string, any>()
  for (const error of Array.isArray(json.errors) ? json.errors : []) {
    errors.set(String(error?.email_address).toLowerCase(), error)
  }
  return items.map(({ input }): Outcome => {
    const error = errors.get(input.email.trim().toLowerCase())
    if (error === undefined) return { kind: "delivered", message: `HTTP ${status}`, status }
    const message = [error.error_code, error.error].filter((part) => typeof part === "string").join(": ")
    return { kind: "rejected", permanent: true, message: `HTTP ${status}: ${message}`, status }
  })
}

const setTag = (status: "active" | "inactive") => ({
  docs: "https://mailchimp.com/developer/marketing/api/list-member-tags/add-or-remove-member-tags/",
  input: Schema.Struct({ list: List, email: Email, tag: Tag }),
  example: { list: "a1b2c3d4e5", email: "ada@example.com", tag: "customer" },
  repeat: "natural" as const,
  request: ({ list, email, tag }: { readonly list: string; readonly email: string; readonly tag: string }) => ({
    method: "POST" as const,
    path: `${member(list, email)}/tags`,
    json: { tags: [{ name: tag, status }] },
  }),
})

/** A required merge field that the mapping does not have is no reason to refuse a contact. */
const lenient = { skip_merge_validation: true }

export const mailchimp = defineConnector({
  name: "mailchimp",
  title: "Mailchimp",
  description: "Contacts of an audience, their fields, groups and tags, and events.",
  docs: "https://mailchimp.com/developer/marketing/api/",
  settings,
  // Where a key is not known, as when a request is only shown, neither is its server.
  baseUrl: ({ apiKey, server }) => `https://${server ?? serverOf(apiKey ?? "") ?? "server"}.api.mailchimp.com/3.0`,
  auth: [
    { kind: "basic", username: { always: "meshes" }, password: "apiKey" },
    {
      kind: "oauth2",
      grant: "authorization_code",
      authorizeUrl: "https://login.mailchimp.com/oauth2/authorize",
      tokenUrl: "https://login.mailchimp.com/oauth2/token",
      scopes: [],
      pkce: false,
      clientId: "MAILCHIMP_CLIENT_ID",
      clientSecret: "MAILCHIMP_CLIENT_SECRET",
    },
  ],
  limits: {
    concurrency: 5,
    says: "10 calls at once for each user; no other limit is told, and no header says what is left",
  },
  outcome: judge,
  check: ({ apiKey, auth, server }) =>
    apiKey !== undefined && server !== undefined
      ? [{ path: ["server"], message: "an API key names its server; leave server out" }]
      : auth !== undefined && server === undefined
        ? [{ path: ["server"], message: "with OAuth, say the account's server, such as us19" }]
        : [],
  checkResolved: ({ apiKey }) =>
    apiKey === undefined || serverOf(apiKey) !== undefined
      ? []
      : [{ path: ["apiKey"], message: "the secret does not end with a server, such as -us19, as Mailchimp's keys do" }],
  test: {
    request: () => ({ method: "GET", path: "/", query: { fields: "account_name,email" } }),
    says: ({ json }) => `the account ${json?.account_name ?? "is there"}`,
  },
  lists: {
    audiences: {
      title: "Audiences",
      request: () => ({ method: "GET", path: "/lists", query: { fields: "lists.id,lists.name", count: 1000 } }),
      items: ({ json }) => (json?.lists ?? []).map(({ id, name }: any) => ({ id: String(id), name: String(name) })),
    },
  },
  defaultAction: "contact.upsert",
  actions: {
    "contact.upsert": {
      title: "Create or update a contact",
      description: "By e-mail address. One that is there keeps its status: who unsubscribed stays so.",
      docs: "https://mailchimp.com/developer/marketing/api/list-members/add-or-update-list-member/",
      input: Schema.Struct({
        list: List,
        email: Email,
        status_if_new: Schema.optionalKey(
          Schema.Literals(statuses).annotate({
            description: "Of one who is new. Default: subscribed. pending asks the contact to confirm by mail.",
          }),
        ),
        status: Schema.optionalKey(
          Schema.Literals(statuses).annotate({
            description: "Also of one who is there. Left out: it stays. subscribed brings back one who unsubscribed.",
          }),
        ),
        ...memberFields,
      }),
      example: { list: "a1b2c3d4e5", email: "ada@example.com", merge_fields: { FNAME: "Ada", PLAN: "pro" } },
      repeat: "natural",
      request: ({ list, email, status, status_if_new = status ?? "subscribed", ...fields }) => ({
        method: "PUT",
        path: member(list, email),
        query: lenient,
        json: { email_address: email.trim(), status_if_new, ...(status === undefined ? {} : { status }), ...fields },
      }),
    },
    "contact.update": {
      title: "Update a contact",
      description: "By e-mail address; one that is not there is not made, and the status stays.",
      docs: "https://mailchimp.com/developer/marketing/api/list-members/update-list-member/",
      input: Schema.Struct({ list: List, email: Email, ...memberFields }),
      example: { list: "a1b2c3d4e5", email: "ada@example.com", merge_fields: { PLAN: "pro" } },
      repeat: "natural",
      request: ({ list, email, ...fields }) => ({
        method: "PATCH",
        path: member(list, email),
        query: lenient,
        json: fields,
      }),
    },
    "contact.unsubscribe": {
      title: "Unsubscribe a contact",
      description: "By e-mail address. The contact stays in the audience and is not mailed.",
      docs: "https://mailchimp.com/developer/marketing/api/list-members/update-list-member/",
      input: Schema.Struct({ list: List, email: Email }),
      example: { list: "a1b2c3d4e5", email: "ada@example.com" },
      repeat: "natural",
      request: ({ list, email }) => ({
        method: "PATCH",
        path: member(list, email),
        query: lenient,
        json: { status: "unsubscribed" },
      }),
    },
    "list.add": {
      title: "Subscribe a contact to an audience",
      description:
        "By e-mail address, with the status that is given, also where one is there already: who unsubscribed is subscribed again. Many go in one call.",
      docs: "https://mailchimp.com/developer/marketing/api/lists/batch-subscribe-or-unsubscribe/",
      input: AddInput,
      example: { list: "a1b2c3d4e5", email: "ada@example.com", status: "pending", merge_fields: { FNAME: "Ada" } },
      repeat: "natural",
      batch: {
        max: batchMax,
        together: ({ list }) => list,
        apart: ({ email }) => email.trim().toLowerCase(),
        request: (items) => ({
          method: "POST",
          path: path`/lists/${items[0]!.input.list}`,
          query: lenient,
          json: {
            members: items.map(({ input: { email, status = "subscribed", ...fields } }) => ({
              ...fields,
              // Named by the path.
              list: undefined,
              email_address: email.trim(),
              status,
            })),
            update_existing: true,
            sync_tags: false,
          },
        }),
        outcomes: addOutcomes,
      },
    },
    "list.remove": {
      title: "Archive a contact",
      description: "By e-mail address. Its data is kept, and it can be added again.",
      docs: "https://mailchimp.com/developer/marketing/api/list-members/archive-list-member/",
      input: Schema.Struct({ list: List, email: Email }),
      example: { list: "a1b2c3d4e5", email: "ada@example.com" },
      repeat: "natural",
      outcome: judgeArchived,
      request: ({ list, email }) => ({ method: "DELETE", path: member(list, email) }),
    },
    "tag.add": {
      title: "Add a tag to a contact",
      description: "By e-mail address and the tag's name; a tag that is not there is made, a contact is not.",
      ...setTag("active"),
    },
    "tag.remove": {
      title: "Remove a tag from a contact",
      description: "By e-mail address and the tag's name.",
      ...setTag("inactive"),
    },
    "event.track": {
      title: "Add an event to a contact",
      description: "Mailchimp knows no repeats: an attempt whose answer was lost adds the event twice.",
      docs: "https://mailchimp.com/developer/marketing/api/list-member-events/add-event/",
      input: Schema.Struct({
        list: List,
        email: Email,
        name: Schema.String.pipe(Schema.check(Schema.isMinLength(2), Schema.isMaxLength(30))).annotate({
          description: "2 to 30 characters.",
        }),
        properties: Schema.optionalKey(
          Schema.Record(Schema.String, Schema.Union([Schema.String, Schema.Finite, Schema.Boolean])).annotate({
            description: "Sent as texts.",
          }),
        ),
      }),
      example: { list: "a1b2c3d4e5", email: "ada@example.com", name: "signed_up", properties: { plan: "pro" } },
      repeat: "again",
      request: ({ list, email, name, properties = {} }, { event }) => ({
        method: "POST",
        path: `${member(list, email)}/events`,
        json: {
          name,
          properties: Object.fromEntries(Object.entries(properties).map(([key, value]) => [key, String(value)])),
          occurred_at: event.time,
        },
      }),
    },
  },
})
