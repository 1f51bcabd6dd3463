/**
 * Twilio SendGrid: e-mails, of your own content or of a template, and the contacts and lists of its marketing campaigns.
 */
import * as Schema from "effect/Schema"
import {
  defineConnector,
  makeJudge,
  path,
  SecretField,
  untilUnix,
  type Answer,
  type ApiRequest,
  type BatchItem,
  type Outcome,
} from "../../src/index.ts"
import { Address, mailFields, send, type Mail } from "./mail.ts"

const settings = Schema.Struct({
  apiKey: SecretField.annotate({
    description: "An API key, SG.…, that may do what is used: Mail Send, Marketing, Template Engine to list templates.",
  }),
  from: Schema.optionalKey(
    Address.annotate({ description: "The sender of e-mails that name none: a verified address, or { email, name }." }),
  ),
  region: Schema.optionalKey(
    Schema.Literals(["global", "eu"]).annotate({
      description: "`eu` for a subuser of the European region. Default: global.",
    }),
  ),
})

/** Contacts of one call, and their bytes: 6 MB, with some room for what is around them. */
const contactsMax = 30_000
const contactsBytesMax = 5_900_000

const second = 1000
const hour = 60 * 60 * second

const text = (max: number, description: string) =>
  Schema.optionalKey(Schema.String.pipe(Schema.check(Schema.isMaxLength(max))).annotate({ description }))
const ListId = Schema.NonEmptyString.annotate({ description: "The list's id.", choices: "lists" })

const Contact = Schema.Struct({
  email: text(254, "The contact's address."),
  external_id: text(254, "Your own id of the contact, instead or as well."),
  phone_number_id: Schema.optionalKey(
    Schema.String.annotate({ description: "A telephone number that the contact is known by." }),
  ),
  anonymous_id: text(254, "An id of somebody who is not known otherwise."),
  first_name: text(50, "The contact's first name."),
  last_name: text(50, "The contact's last name."),
  alternate_emails: Schema.optionalKey(
    Schema.Array(Schema.String.pipe(Schema.check(Schema.isMaxLength(254))))
      .pipe(Schema.check(Schema.isMaxLength(5)))
      .annotate({ description: "Up to 5 more addresses." }),
  ),
  address_line_1: text(100, "Street and number."),
  address_line_2: text(100, "What is below it."),
  city: text(60, "The city."),
  state_province_region: text(50, "State, province or region."),
  postal_code: Schema.optionalKey(Schema.String.annotate({ description: "The postal code." })),
  country: text(50, "The country, by its name or in letters."),
  custom_fields: Schema.optionalKey(
    Schema.Record(Schema.String, Schema.Union([Schema.String, Schema.Number])).annotate({
      description: "By the fields' ids, not their names: the list `fields` has both.",
      choices: "fields",
    }),
  ),
  lists: Schema.optionalKey(Schema.Array(ListId).annotate({ description: "Lists to be on as well." })),
}).pipe(
  Schema.check(
    Schema.makeFilter((contact: Identifiers) =>
      identifierOf(contact) === ""
        ? { path: ["email"], issue: "give email, external_id, phone_number_id or anonymous_id" }
        : undefined,
    ),
  ),
)

interface Identifiers {
  readonly email?: string
  readonly external_id?: string
  readonly phone_number_id?: string
  readonly anonymous_id?: string
}

/** What SendGrid knows a contact by, of what is given. */
const identifierOf = ({ email, external_id, phone_number_id, anonymous_id }: Identifiers): string =>
  (email ?? external_id ?? phone_number_id ?? anonymous_id ?? "").toLowerCase()

const judge = makeJudge({
  verdict: ({ status, json }) => {
    const { field, message } = errorOf(json)
    // Of an account that has used up what it paid for: the key is good.
    if (status === 401 && /maximum credits exceeded/i.test(message)) return { kind: "rate_limited", retryAfterMs: hour }
    // The sender is not verified: of the e-mail, not of the key.
    if (status === 403 && field === "from") return { kind: "rejected", permanent: true }
    return undefined
  },
  message: ({ json }) => {
    const { field, message } = errorOf(json)
    return field === undefined ? message : `${field}: ${message}`
  },
  wait: ({ header, now }) => untilUnix(header("x-ratelimit-reset"), now),
  allowance: ({ header, now }) => {
    const [remaining, resetMs] = [header("x-ratelimit-remaining"), untilUnix(header("x-ratelimit-reset"), now)]
    return remaining === undefined || resetMs === undefined ? undefined : { remaining: Number(remaining), resetMs }
  },
  blindWaitMs: 10 * second,
})

const errorOf = (json: any): { readonly field?: string; readonly message: string } => {
  const error = json?.errors?.[0] ?? json ?? {}
  return {
    ...(typeof error.field === "string" ? { field: error.field } : {}),
    message: typeof error.message === "string" ? error.message : "",
  }
}

const putContacts = (lists: ReadonlyArray<string>, contacts: ReadonlyArray<object>): ApiRequest => ({
  method: "PUT",
  path: "/v3/marketing/contacts",
  json: { ...(lists.length === 0 ? {} : { list_ids: lists }), contacts },
})

/** The answer tells of the job as a whole, and of a good one only that it is queued. */
const contactsBatch = { max: contactsMax, maxBytes: contactsBytesMax }

const ListChange = Schema.Struct({
  email: Schema.NonEmptyString.pipe(Schema.check(Schema.isMaxLength(254))).annotate({
    description: "The contact's address.",
  }),
  list: ListId,
})

/** Attempts that a contact is waited for: SendGrid makes contacts later than it says so. */
const attemptsForImport = 4

/** A list of lists or templates, with the next page's address in its answer. */
const pages = (title: string, at: string, query: { readonly [name: string]: string | number }) => ({
  title,
  request: (): ApiRequest => ({ method: "GET", path: at, query }),
  items: ({ json }: Answer) => (json?.result ?? []).map((one: any) => ({ id: String(one.id), name: String(one.name) })),
  next: ({ json }: Answer): ApiRequest | undefined => {
    const next = json?._metadata?.next
    const token = typeof next === "string" && URL.canParse(next) ? new URL(next).searchParams.get("page_token") : null
    return token === null ? undefined : { method: "GET", path: at, query: { ...query, page_token: token } }
  },
})

export const sendgrid = defineConnector({
  name: "sendgrid",
  title: "SendGrid",
  description: "E-mails of your own content or of a template, and the contacts and lists of marketing campaigns.",
  docs: "https://www.twilio.com/docs/sendgrid/api-reference",
  settings,
  baseUrl: ({ region }: { readonly region?: string }) =>
    region === "eu" ? "https://api.eu.sendgrid.com" : "https://api.sendgrid.com",
  auth: [{ kind: "bearer", setting: "apiKey" }],
  limits: {
    says: "10,000 e-mails a second; of contacts and lists few calls a second, told by X-RateLimit headers, which are obeyed",
  },
  outcome: judge,
  test: {
    request: () => ({ method: "GET", path: "/v3/scopes" }),
    says: ({ json }) => {
      const scopes: ReadonlyArray<string> = json?.scopes ?? []
      const may = [
        ...(scopes.includes("mail.send") ? ["send e-mails"] : []),
        ...(scopes.some((scope) => scope.startsWith("marketing.")) ? ["change contacts and lists"] : []),
      ]
      return `SendGrid takes the key, which may ${may.length === 0 ? "do nothing of this connector's" : may.join(" and ")}`
    },
  },
  lists: {
    lists: pages("Lists", "/v3/marketing/lists", { page_size: 1000 }),
    templates: pages("Dynamic templates", "/v3/templates", { generations: "dynamic", page_size: 200 }),
    fields: {
      title: "Custom fields",
      request: () => ({ method: "GET", path: "/v3/marketing/field_definitions" }),
      items: ({ json }) =>
        (json?.custom_fields ?? []).map((one: any) => ({ id: String(one.id), name: String(one.name) })),
    },
  },
  defaultAction: "email.send",
  actions: {
    "email.send": {
      title: "Send an e-mail",
      description: "SendGrid knows no repeats: an attempt whose answer was lost sends the e-mail twice.",
      docs: "https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send",
      input: Schema.Struct({
        ...mailFields,
        subject: Schema.NonEmptyString.annotate({ description: "The e-mail's subject." }),
        text: Schema.optionalKey(
          Schema.NonEmptyString.annotate({ description: "The content as plain text, instead or as well." }),
        ),
        html: Schema.optionalKey(Schema.NonEmptyString.annotate({ description: "The content as HTML." })),
      }).pipe(
        Schema.check(
          Schema.makeFilter(({ html, text }: { readonly html?: string; readonly text?: string }) =>
            html === undefined && text === undefined ? { path: ["html"], issue: "give html, text or both" } : undefined,
          ),
        ),
      ),
      example: { to: "ada@example.com", from: "hi@acme.dev", subject: "Welcome", text: "Good to have you." },
      repeat: "again",
      request: ({ text, html, ...mail }, context) => {
        // Plain text has to come first.
        const content = [
          ...(text === undefined ? [] : [{ type: "text/plain", value: text }]),
          ...(html === undefined ? [] : [{ type: "text/html", value: html }]),
        ]
        return send({ ...mail, content } as Mail, context)
      },
    },
    "email.sendTemplate": {
      title: "Send an e-mail of a template",
      description: "SendGrid knows no repeats: an attempt whose answer was lost sends the e-mail twice.",
      docs: "https://www.twilio.com/docs/sendgrid/ui/sending-email/how-to-send-an-email-with-dynamic-templates",
      input: Schema.Struct({
        ...mailFields,
        template: Schema.String.pipe(Schema.check(Schema.isPattern(/^d-/))).annotate({
          description: "A dynamic template's id, d-….",
          choices: "templates",
        }),
        data: Schema.optionalKey(
          Schema.Record(Schema.String, Schema.Unknown).annotate({
            description: "What the template's fields stand for.",
          }),
        ),
      }),
      example: { to: "ada@example.com", from: "hi@acme.dev", template: "d-6b0ab1", data: { name: "Ada" } },
      repeat: "again",
      request: ({ template, data, ...mail }, context) =>
        send({ ...mail, template_id: template } as Mail, context, data),
    },
    "contact.upsert": {
      title: "Create or update a contact",
      description: "Many go in one call. SendGrid queues them: delivered means queued, and what is wrong shows there.",
      docs: "https://www.twilio.com/docs/sendgrid/api-reference/contacts/add-or-update-a-contact",
      input: Contact,
      example: { email: "ada@example.com", first_name: "Ada", custom_fields: { e1_T: "pro" } },
      repeat: "natural",
      batch: {
        ...contactsBatch,
        together: ({ lists = [] }) => lists.toSorted().join(" "),
        apart: identifierOf,
        request: (items) =>
          putContacts(
            items[0]!.input.lists ?? [],
            items.map(({ input }) => {
              const { lists: _, ...contact } = input
              return contact
            }),
          ),
      },
    },
    "list.add": {
      title: "Add a contact to a list",
      description: "By its address; made if it is not there. Many go in one call. Delivered means queued.",
      docs: "https://www.twilio.com/docs/sendgrid/api-reference/contacts/add-or-update-a-contact",
      input: ListChange,
      example: { email: "ada@example.com", list: "ca1a6a2c-5a3f-4d8a-9d3e-0c5a4c1f2b11" },
      repeat: "natural",
      batch: {
        ...contactsBatch,
        together: ({ list }) => list,
        apart: identifierOf,
        request: (items: ReadonlyArray<BatchItem<any, typeof ListChange.Type>>) =>
          putContacts(
            [items[0]!.input.list],
            items.map(({ input: { email } }) => ({ email })),
          ),
      },
    },
    "list.remove": {
      title: "Remove a contact from a list",
      description: "By its address, which is looked up first. The contact itself stays.",
      docs: "https://www.twilio.com/docs/sendgrid/api-reference/lists/remove-contacts-from-a-list",
      input: ListChange,
      example: { email: "ada@example.com", list: "ca1a6a2c-5a3f-4d8a-9d3e-0c5a4c1f2b11" },
      repeat: "natural",
      steps: async ({ email, list }, { delivery }, call): Promise<Outcome | void> => {
        const found = await call(
          { method: "POST", path: "/v3/marketing/contacts/search/emails", json: { emails: [email] } },
          [404],
        )
        const contacts: ReadonlyArray<any> = Object.values(found.json?.result ?? {})
        const id = contacts.find((one) => one?.contact?.id !== undefined)?.contact.id
        if (id === undefined) {
          const waits = delivery.attempt < attemptsForImport
          return {
            kind: "rejected",
            permanent: !waits,
            status: found.status,
            message: `HTTP ${found.status}: no contact has this address${waits ? "; one that was added just now may be there soon" : ""}`,
          }
        }
        await call({ method: "DELETE", path: path`/v3/marketing/lists/${list}/contacts`, query: { contact_ids: id } })
      },
    },
  },
})
