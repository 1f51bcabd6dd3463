/**
 * Intercom's contacts: how a mapping names one, and how it is found, made or changed. There is no upsert in the API, and its search lags
 * behind by seconds.
 */
import * as Schema from "effect/Schema"
import { path, type Answer, type Call, type Outcome } from "../../src/index.ts"

const who = {
  id: Schema.optionalKey(Schema.NonEmptyString.annotate({ description: "The contact's id at Intercom." })),
  external_id: Schema.optionalKey(Schema.NonEmptyString.annotate({ description: "Your own id of the contact." })),
  email: Schema.optionalKey(Schema.NonEmptyString.annotate({ description: "The contact's address." })),
}

export interface Who {
  readonly id?: string
  readonly external_id?: string
  readonly email?: string
}

export const whoFields = who

export const isSomebody = Schema.makeFilter(({ id, external_id, email }: Who) =>
  id === undefined && external_id === undefined && email === undefined
    ? { path: ["external_id"], issue: "give id, external_id or email" }
    : undefined,
)

const isTime = Schema.makeFilter((text: string) =>
  Number.isNaN(Date.parse(text)) ? "expected a date and time such as 2026-01-31T09:30:00Z" : undefined,
)
const Time = Schema.Union([Schema.Finite, Schema.String.pipe(Schema.check(isTime))])

/** Intercom takes Unix seconds. */
export const unixSeconds = (time: string | number): number =>
  typeof time === "number" ? Math.floor(time) : Math.floor(Date.parse(time) / 1000)

const AttributeValue = Schema.Union([Schema.String, Schema.Finite, Schema.Boolean, Schema.Null])

const fields = {
  name: Schema.optionalKey(Schema.NullOr(Schema.String)),
  phone: Schema.optionalKey(Schema.NullOr(Schema.String)),
  role: Schema.optionalKey(Schema.Literals(["user", "lead"])),
  avatar: Schema.optionalKey(Schema.NullOr(Schema.String.annotate({ description: "The address of a picture." }))),
  signed_up_at: Schema.optionalKey(Time.annotate({ description: "ISO 8601, or Unix seconds." })),
  last_seen_at: Schema.optionalKey(Time.annotate({ description: "ISO 8601, or Unix seconds." })),
  owner_id: Schema.optionalKey(Schema.Int.annotate({ description: "The teammate's id." })),
  unsubscribed_from_emails: Schema.optionalKey(Schema.Boolean),
  custom_attributes: Schema.optionalKey(
    Schema.Record(Schema.String, AttributeValue).annotate({
      description: "By their names; each must have been made in Intercom's settings.",
    }),
  ),
}

export const UpsertInput = Schema.Struct({ external_id: who.external_id, email: who.email, ...fields }).pipe(
  Schema.check(isSomebody),
)
export const UpdateInput = Schema.Struct({ ...who, ...fields }).pipe(Schema.check(isSomebody))

type Fields = Omit<typeof UpdateInput.Type, "id">

const bodyOf = ({ signed_up_at, last_seen_at, ...rest }: Fields) => ({
  ...rest,
  ...(signed_up_at === undefined ? {} : { signed_up_at: unixSeconds(signed_up_at) }),
  ...(last_seen_at === undefined ? {} : { last_seen_at: unixSeconds(last_seen_at) }),
})

interface Contact {
  readonly id: string
  readonly role?: string
  readonly external_id?: string | null
  readonly email?: string | null
}

type Filter = { readonly field: "external_id" | "email"; readonly operator: "="; readonly value: string }

const filtersOf = ({ external_id, email }: Who): ReadonlyArray<Filter> => [
  ...(external_id === undefined ? [] : [{ field: "external_id", operator: "=", value: external_id } as const]),
  ...(email === undefined ? [] : [{ field: "email", operator: "=", value: email } as const]),
]

const search = async (filters: ReadonlyArray<Filter>, call: Call): Promise<ReadonlyArray<Contact>> => {
  const query = filters.length === 1 ? filters[0]! : { operator: "OR", value: filters }
  const { json } = await call({ method: "POST", path: "/contacts/search", json: { query } })
  return Array.isArray(json?.data) ? json.data : []
}

/** Of several contacts with one address, a user stands before leads. */
const best = (contacts: ReadonlyArray<Contact>): Contact | undefined =>
  contacts.find(({ role }) => role === "user") ?? contacts[0]

/** Finds a contact by the first of id, external_id and email that is given. */
export const find = async (one: Who, call: Call): Promise<Contact | undefined> =>
  one.id === undefined ? best(await search(filtersOf(one).slice(0, 1), call)) : { id: one.id }

/** Nobody was found: who was made a moment ago may be found later. */
export const nobody: Outcome = {
  kind: "rejected",
  permanent: false,
  message: "no such contact, or not yet: Intercom's search lags behind by some seconds",
}

/** Whoever has the external id, else whoever has the address and no other external id. */
const match = (contacts: ReadonlyArray<Contact>, { external_id }: Who): Contact | undefined =>
  external_id === undefined
    ? best(contacts)
    : (contacts.find((one) => one.external_id === external_id) ??
      best(contacts.filter((one) => (one.external_id ?? "") === "")))

const update = (id: string, input: Fields, call: Call): Promise<Answer> =>
  call({ method: "PUT", path: path`/contacts/${id}`, json: bodyOf(input) })

export const updateContact = async (
  { id, ...input }: typeof UpdateInput.Type,
  _: unknown,
  call: Call,
): Promise<Outcome | void> => {
  const found = await find({ ...(id === undefined ? {} : { id }), ...input }, call)
  if (found === undefined) return nobody
  await update(found.id, input, call)
}

export const upsertContact = async (
  input: typeof UpsertInput.Type,
  _: unknown,
  call: Call,
): Promise<Outcome | void> => {
  const found = match(await search(filtersOf(input), call), input)
  if (found !== undefined) return void (await update(found.id, input, call))
  const made = await call({ method: "POST", path: "/contacts", json: { role: "user", ...bodyOf(input) } }, [409])
  if (made.status !== 409) return
  // There is one that the search did not show: it is too new, or it is archived.
  const words = String(made.json?.errors?.[0]?.message ?? "")
  const id = /\bid=(\w+)/.exec(words)?.[1]
  if (id === undefined) {
    return { kind: "server_error", message: `HTTP 409: ${words === "" ? "conflict" : words}`, status: 409 }
  }
  if (/archived/i.test(words)) await call({ method: "POST", path: path`/contacts/${id}/unarchive` })
  await update(id, input, call)
}
