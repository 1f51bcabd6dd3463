/**
 * ActiveCampaign: contacts, their fields, lists and tags, and tracked events.
 */
import * as Schema from "effect/Schema"
import {
  defineConnector,
  makeJudge,
  path,
  SecretField,
  UnfitInput,
  type Answer,
  type ApiRequest,
  type Call,
  type Outcome,
  type Read,
} from "../../src/index.ts"

const settings = Schema.Struct({
  /** The account's API URL as Settings > Developer shows it, such as `https://acme.api-us1.com`. */
  apiUrl: Schema.String.pipe(
    Schema.check(
      Schema.isPattern(/^https:\/\/[^/?#\s]+(?:\/api\/3)?\/?$/, {
        expected: "the API URL of Settings > Developer, such as https://acme.api-us1.com",
      }),
    ),
  ).annotate({ description: "The account's API URL, as Settings > Developer shows it." }),
  /** The API key of a user, with that user's rights. */
  apiKey: SecretField.annotate({ description: "The API key of a user, of Settings > Developer." }),
  /** For `event.track`: the account's number, `actid`, of Website > Event Tracking. */
  eventAccount: Schema.optionalKey(
    Schema.NonEmptyString.annotate({ description: "For event.track: actid, of Website > Event Tracking." }),
  ),
  /** For `event.track`: the event key of Website > Event Tracking. */
  eventKey: Schema.optionalKey(
    SecretField.annotate({ description: "For event.track: the event key, of Website > Event Tracking." }),
  ),
})

interface ActiveCampaignSettings {
  readonly apiUrl: string
}

const Email = Schema.NonEmptyString.annotate({ description: "The address, which ActiveCampaign knows contacts by." })
const Id = Schema.Union([Schema.NonEmptyString, Schema.Int])
const List = Id.annotate({ description: "The list's id.", choices: "lists" })
const Tag = Schema.NonEmptyString.annotate({ description: "The tag's name.", choices: "tags" })

const FieldValue = Schema.Union([
  Schema.String,
  Schema.Number,
  Schema.Boolean,
  Schema.Null,
  Schema.Array(Schema.String),
])
const Fields = Schema.Record(Schema.String, FieldValue)
  .annotate({
    description: "Custom fields by their numbers. null empties one; of several choices give a list.",
    choices: "fields",
  })
  .pipe(
    Schema.check(
      Schema.makeFilter((fields: { readonly [id: string]: unknown }) =>
        Object.keys(fields)
          .filter((id) => !/^\d+$/.test(id))
          .map((id) => ({ path: [id], issue: "custom fields go by their numbers: the list `fields` has them" })),
      ),
    ),
  )

const details = {
  firstName: Schema.optionalKey(Schema.String.annotate({ description: "First name." })),
  lastName: Schema.optionalKey(Schema.String.annotate({ description: "Last name." })),
  phone: Schema.optionalKey(Schema.String.annotate({ description: "Telephone number." })),
  fields: Schema.optionalKey(Fields),
}
const Details = Schema.Struct(details)

const contactOf = ({ fields, ...rest }: typeof Details.Type) => ({
  ...rest,
  ...(fields === undefined
    ? {}
    : { fieldValues: Object.entries(fields).map(([field, value]) => ({ field, value: textOf(value) })) }),
})

/** Several choices are one text, set between double bars. */
const textOf = (value: typeof FieldValue.Type): string =>
  value === null ? "" : typeof value === "object" ? `||${value.join("||")}||` : String(value)

const second = 1000
/** Of one page, whatever is asked for. ActiveCampaign's bound. */
const pageMax = 100
/** Longer names of events are refused. */
const eventNameMax = 32

const notOurs = { kind: "server_error", message: "an answer that is none of ActiveCampaign's" } as const

const message = ({ json }: Read) => json?.errors?.[0]?.title ?? json?.message

const judge = makeJudge({
  message,
  verdict: ({ status, body, json }) => (status < 300 && body !== "" && json === undefined ? notOurs : undefined),
  // The limit is counted by the second.
  blindWaitMs: second,
})

/** The tracking host refuses with 200 and `success: 0`. */
const trackingJudge = makeJudge({
  message,
  verdict: ({ status, json }) => {
    if (status >= 300) return undefined
    if (json?.success === undefined) return notOurs
    return Number(json.success) === 1
      ? undefined
      : { kind: "rejected", permanent: true, message: String(json.message ?? "the event was not tracked") }
  },
})

const nothingLeft = (why: string): Outcome => ({ kind: "delivered", message: `nothing was left to do: ${why}` })
const noContact = "there is no contact with this address"

/** The id that an answer tells. */
const idOf = (answer: Answer, what: string): string => {
  const id = answer.json?.[what]?.id
  if (id === undefined) throw new Error(`ActiveCampaign's answer has no ${what}.id`)
  return String(id)
}

/** The contact's id; it is made when it is not there. */
const sync = async (email: string, call: Call): Promise<string> =>
  idOf(await call({ method: "POST", path: "/contact/sync", json: { contact: { email } } }), "contact")

const find = async (email: string, call: Call): Promise<string | undefined> => {
  const { json } = await call({ method: "GET", path: "/contacts", query: { email } })
  const id = json?.contacts?.[0]?.id
  return id === undefined ? undefined : String(id)
}

const findTag = async (name: string, call: Call): Promise<string | undefined> => {
  const { json } = await call({ method: "GET", path: "/tags", query: { "filters[search][eq]": name, limit: pageMax } })
  const tags: ReadonlyArray<any> = (json?.tags ?? []).filter((tag: any) => tag.tagType !== "template")
  const found =
    tags.find((tag) => tag.tag === name) ?? tags.find((tag) => String(tag.tag).toLowerCase() === name.toLowerCase())
  return found === undefined ? undefined : String(found.id)
}

/** The tag's id, or what the refusal to make it means. */
const makeTag = async (name: string, call: Call): Promise<string | Outcome> => {
  const made = await call(
    { method: "POST", path: "/tags", json: { tag: { tag: name, tagType: "contact", description: "" } } },
    [422],
  )
  if (made.status !== 422) return idOf(made, "tag")
  // Somebody was faster.
  return (await findTag(name, call)) ?? judge(made, Date.now())
}

/** What ties the tag to the contact. */
const findContactTag = async (contact: string, tag: string, call: Call): Promise<string | undefined> => {
  for (let offset = 0; ; offset += pageMax) {
    const { json } = await call({
      method: "GET",
      path: path`/contacts/${contact}/contactTags`,
      query: { limit: pageMax, offset },
    })
    const page: ReadonlyArray<any> = json?.contactTags ?? []
    const found = page.find((one) => String(one.tag) === tag)
    if (found !== undefined) return String(found.id)
    if (page.length !== pageMax) return undefined
  }
}

const setList = (list: string | number, contact: string, status: 1 | 2): ApiRequest => ({
  method: "POST",
  path: "/contactLists",
  json: { contactList: { list, contact, status } },
})

/** Choices, by pages: `of` is the name of the collection, which is the path as well. */
const choices = (title: string, of: string, choice: (one: any) => { readonly id: string; readonly name: string }) => ({
  title,
  request: (): ApiRequest => ({ method: "GET", path: `/${of}`, query: { limit: pageMax, offset: 0 } }),
  items: ({ json }: Answer) => (json?.[of] ?? []).map(choice),
  next: ({ json }: Answer, _: unknown, asked: any): ApiRequest | undefined => {
    const offset = asked.query.offset + pageMax
    return offset < Number(json?.meta?.total ?? 0)
      ? { method: "GET", path: `/${of}`, query: { limit: pageMax, offset } }
      : undefined
  },
})

export const activecampaign = defineConnector({
  name: "activecampaign",
  title: "ActiveCampaign",
  description: "Contacts, their fields, lists and tags, and tracked events.",
  docs: "https://developers.activecampaign.com/reference/overview",
  settings,
  baseUrl: ({ apiUrl }: ActiveCampaignSettings) => `${apiUrl.replace(/\/+$/, "").replace(/\/api\/3$/, "")}/api/3`,
  auth: [{ kind: "apiKey", setting: "apiKey", in: "header", name: "api-token" }],
  limits: {
    rateLimit: { limit: 5, per: "1 second" },
    says: "5 requests a second for the account, shared by all that use its API; 429 says in Retry-After how long to wait",
  },
  outcome: judge,
  test: {
    request: () => ({ method: "GET", path: "/users/me" }),
    says: ({ json }) => `ActiveCampaign knows the key as ${json?.user?.username ?? "a user's"}`,
  },
  lists: {
    lists: choices("Lists", "lists", (list) => ({ id: String(list.id), name: String(list.name) })),
    tags: choices("Tags", "tags", (tag) => ({ id: String(tag.tag), name: String(tag.tag) })),
    fields: choices("Custom fields of contacts", "fields", (field) => ({
      id: String(field.id),
      name: String(field.title),
    })),
  },
  defaultAction: "contact.upsert",
  actions: {
    "contact.upsert": {
      title: "Create or update a contact",
      description: "By e-mail address; what is left out stays as it is.",
      docs: "https://developers.activecampaign.com/reference/sync-a-contacts-data",
      input: Schema.Struct({ email: Email, ...details }),
      example: { email: "ada@example.com", firstName: "Ada", fields: { "1": "pro" } },
      repeat: "natural",
      request: ({ email, ...rest }) => ({
        method: "POST",
        path: "/contact/sync",
        json: { contact: { email, ...contactOf(rest) } },
      }),
    },
    "contact.update": {
      title: "Update a contact",
      description: "By e-mail address, which is looked up first; a contact that is not there is not made.",
      docs: "https://developers.activecampaign.com/reference/update-a-contact-new",
      input: Schema.Struct({ email: Email, ...details }).pipe(
        Schema.check(
          Schema.makeFilter((input: object) =>
            Object.keys(input).length === 1
              ? { path: ["fields"], issue: "give fields, firstName, lastName or phone" }
              : undefined,
          ),
        ),
      ),
      example: { email: "ada@example.com", fields: { "1": "pro" } },
      repeat: "natural",
      steps: async ({ email, ...rest }, _, call): Promise<Outcome | void> => {
        const id = await find(email, call)
        if (id === undefined) return { kind: "rejected", permanent: true, message: noContact }
        await call({ method: "PUT", path: path`/contacts/${id}`, json: { contact: contactOf(rest) } })
      },
    },
    "list.add": {
      title: "Subscribe a contact to a list",
      description: "By e-mail address; a contact that is not there is made. One who unsubscribed is subscribed again.",
      docs: "https://developers.activecampaign.com/reference/update-list-status-for-contact",
      input: Schema.Struct({ list: List, email: Email }),
      example: { list: "2", email: "ada@example.com" },
      repeat: "natural",
      steps: async ({ list, email }, _, call) => {
        await call(setList(list, await sync(email, call), 1))
      },
    },
    "list.remove": {
      title: "Unsubscribe a contact from a list",
      description: "By e-mail address, which is looked up first; a contact that is not there is not made.",
      docs: "https://developers.activecampaign.com/reference/update-list-status-for-contact",
      input: Schema.Struct({ list: List, email: Email }),
      example: { list: "2", email: "ada@example.com" },
      repeat: "natural",
      steps: async ({ list, email }, _, call): Promise<Outcome | void> => {
        const id = await find(email, call)
        if (id === undefined) return nothingLeft(noContact)
        await call(setList(list, id, 2))
      },
    },
    "tag.add": {
      title: "Add a tag to a contact",
      description: "By e-mail address and the tag's name; either is made when it is not there. Three calls, or four.",
      docs: "https://developers.activecampaign.com/reference/create-contact-tag",
      input: Schema.Struct({ tag: Tag, email: Email }),
      example: { tag: "customer", email: "ada@example.com" },
      repeat: "natural",
      steps: async ({ tag: name, email }, _, call): Promise<Outcome | void> => {
        const contact = await sync(email, call)
        const tag = (await findTag(name, call)) ?? (await makeTag(name, call))
        if (typeof tag !== "string") return tag
        await call({ method: "POST", path: "/contactTags", json: { contactTag: { contact, tag } } })
      },
    },
    "tag.remove": {
      title: "Remove a tag from a contact",
      description: "By e-mail address and the tag's name. Up to four calls.",
      docs: "https://developers.activecampaign.com/reference/delete-contact-tag",
      input: Schema.Struct({ tag: Tag, email: Email }),
      example: { tag: "customer", email: "ada@example.com" },
      repeat: "natural",
      steps: async ({ tag: name, email }, _, call): Promise<Outcome | void> => {
        const contact = await find(email, call)
        if (contact === undefined) return nothingLeft(noContact)
        const tag = await findTag(name, call)
        if (tag === undefined) return nothingLeft("there is no such tag")
        const id = await findContactTag(contact, tag, call)
        if (id === undefined) return nothingLeft("the contact does not have the tag")
        // 404: somebody was faster.
        const removed = await call({ method: "DELETE", path: path`/contactTags/${id}` }, [404])
        if (removed.status === 404) return nothingLeft("the contact no longer has the tag")
      },
    },
    "event.track": {
      title: "Track an event",
      description:
        "Of a contact that is there, by an event that Event Tracking knows. ActiveCampaign knows no repeats here: an attempt whose answer was lost tracks the event twice.",
      docs: "https://developers.activecampaign.com/reference/track-event",
      input: Schema.Struct({
        email: Email,
        name: Schema.NonEmptyString.pipe(Schema.check(Schema.isMaxLength(eventNameMax))).annotate({
          description: `The event's name, at most ${eventNameMax} characters.`,
        }),
        value: Schema.optionalKey(Schema.String.annotate({ description: "One value that is kept with the event." })),
      }),
      example: { email: "ada@example.com", name: "signed_up", value: "pro" },
      repeat: "again",
      outcome: trackingJudge,
      request: ({ email, name, value }, { settings: { eventAccount, eventKey } }) => {
        if (eventAccount === undefined || eventKey === undefined)
          throw new UnfitInput("event.track needs eventAccount and eventKey on the connection")
        return {
          method: "POST",
          base: "https://trackcmp.net",
          path: "/event",
          auth: false,
          form: {
            actid: eventAccount,
            key: eventKey,
            event: name,
            ...(value === undefined ? {} : { eventdata: value }),
            visit: JSON.stringify({ email }),
          },
        }
      },
    },
  },
})
