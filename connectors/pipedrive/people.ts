/**
 * Pipedrive's persons and organizations: there is no upsert in the API, so they are searched for by address or name, then changed or made.
 */
import * as Schema from "effect/Schema"
import { path, type Call, type Outcome } from "../../src/index.ts"

export const Id = Schema.Int.pipe(Schema.check(Schema.isGreaterThan(0)))
export const UserId = Id.annotate({ description: "The user's id. Default: whose token it is.", choices: "users" })
export const Labels = Schema.Array(Id)
export const CustomFields = Schema.Record(Schema.String, Schema.Unknown).annotate({
  description: "By their keys, of 40 characters each, as Pipedrive's data fields show them.",
})
export const Email = Schema.NonEmptyString.annotate({ description: "The person's address." })
export const OrganizationName = Schema.NonEmptyString.annotate({ description: "The organization's name." })

/** The first thing with the text, by the oldest id, so that every attempt finds the same. */
const oldest = (items: unknown, fits: (item: any) => boolean): number | undefined => {
  const ids = (Array.isArray(items) ? items : [])
    .map(({ item }: any) => item)
    .filter((item) => typeof item?.id === "number" && fits(item))
    .map(({ id }) => id as number)
  return ids.length === 0 ? undefined : Math.min(...ids)
}

const same = (a: unknown, b: string): boolean => String(a).trim().toLowerCase() === b.trim().toLowerCase()

export const findPerson = async (email: string, call: Call): Promise<number | undefined> => {
  const query = { term: email, fields: "email", exact_match: true }
  const { json } = await call({ method: "GET", path: "/api/v2/persons/search", query })
  return oldest(json?.data?.items, ({ emails }) => (emails ?? []).some((one: unknown) => same(one, email)))
}

export const findOrganization = async (name: string, call: Call): Promise<number | undefined> => {
  const query = { term: name, fields: "name", exact_match: true }
  const { json } = await call({ method: "GET", path: "/api/v2/organizations/search", query })
  return oldest(json?.data?.items, (item) => same(item.name, name))
}

/** Somebody or something is not found: who was made a moment ago may be found later. */
export const notFound = (what: string): Outcome => ({
  kind: "rejected",
  permanent: false,
  message: `${what} is not there, or not yet: the search may lag behind`,
})

const personFields = {
  phones: Schema.optionalKey(
    Schema.Array(Schema.NonEmptyString).annotate({
      description: "The first is the main one. They replace all there are.",
    }),
  ),
  org_id: Schema.optionalKey(Id.annotate({ description: "The organization's id." })),
  org_name: Schema.optionalKey(
    Schema.NonEmptyString.annotate({
      description: "The organization, by its name, instead of its id. It has to be there.",
    }),
  ),
  owner_id: Schema.optionalKey(UserId),
  job_title: Schema.optionalKey(Schema.String),
  label_ids: Schema.optionalKey(Labels),
  marketing_status: Schema.optionalKey(Schema.Literals(["no_consent", "unsubscribed", "subscribed", "archived"])),
  custom_fields: Schema.optionalKey(CustomFields),
}

export const PersonInput = Schema.Struct({
  email: Email,
  name: Schema.optionalKey(Schema.NonEmptyString.annotate({ description: "Default for one who is new: the address." })),
  ...personFields,
})

type Person = typeof PersonInput.Type

const personBody = ({ phones, ...rest }: Person) => ({
  ...rest,
  // What it was found by.
  email: undefined,
  org_name: undefined,
  ...(phones === undefined ? {} : { phones: phones.map((value, i) => ({ value, primary: i === 0, label: "work" })) }),
})

const savePerson =
  (makes: boolean) =>
  async (input: Person, _: unknown, call: Call): Promise<Outcome | void> => {
    const id = await findPerson(input.email, call)
    if (id === undefined && !makes) return notFound("a person with this address")
    const links = await linksOf({ org_id: input.org_id, org_name: input.org_name }, call)
    if ("kind" in links) return links
    const json = { ...personBody(input), ...links }
    if (id !== undefined) return void (await call({ method: "PATCH", path: path`/api/v2/persons/${id}`, json }))
    const emails = [{ value: input.email, primary: true, label: "work" }]
    await call({ method: "POST", path: "/api/v2/persons", json: { name: input.email, ...json, emails } })
  }

export const upsertPerson = savePerson(true)
export const updatePerson = savePerson(false)

export const OrganizationInput = Schema.Struct({
  name: OrganizationName,
  owner_id: Schema.optionalKey(UserId),
  label_ids: Schema.optionalKey(Labels),
  address: Schema.optionalKey(Schema.NonEmptyString.annotate({ description: "In one line." })),
  website: Schema.optionalKey(Schema.NonEmptyString),
  annual_revenue: Schema.optionalKey(Schema.Finite),
  employee_count: Schema.optionalKey(Schema.Int),
  custom_fields: Schema.optionalKey(CustomFields),
})

export const upsertOrganization = async (
  { address, ...rest }: typeof OrganizationInput.Type,
  _: unknown,
  call: Call,
): Promise<void> => {
  const id = await findOrganization(rest.name, call)
  const json = { ...rest, ...(address === undefined ? {} : { address: { value: address } }) }
  await (id === undefined
    ? call({ method: "POST", path: "/api/v2/organizations", json })
    : call({ method: "PATCH", path: path`/api/v2/organizations/${id}`, json }))
}

/** Whom and what a deal, a lead, a note or an activity belongs to. */
export const linkFields = {
  person_id: Schema.optionalKey(Id.annotate({ description: "The person's id." })),
  person_email: Schema.optionalKey(
    Schema.NonEmptyString.annotate({ description: "The person, by address, instead of the id. It has to be there." }),
  ),
  org_id: personFields.org_id,
  org_name: personFields.org_name,
}

interface LinkInput {
  readonly person_id?: number | undefined
  readonly person_email?: string | undefined
  readonly org_id?: number | undefined
  readonly org_name?: string | undefined
}

interface Links {
  readonly person_id?: number
  readonly org_id?: number
}

/** The ids, looked up where there is an address or a name instead; or that one is not found. */
export const linksOf = async (input: LinkInput, call: Call): Promise<Links | Outcome> => {
  const { person_email, org_name } = input
  const person = input.person_id ?? (person_email === undefined ? undefined : await findPerson(person_email, call))
  if (person === undefined && person_email !== undefined) return notFound("a person with this address")
  const org = input.org_id ?? (org_name === undefined ? undefined : await findOrganization(org_name, call))
  if (org === undefined && org_name !== undefined) return notFound("an organization of this name")
  return { ...(person === undefined ? {} : { person_id: person }), ...(org === undefined ? {} : { org_id: org }) }
}
