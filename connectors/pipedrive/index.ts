/**
 * Pipedrive: persons, organizations, deals, leads, notes and activities.
 */
import * as Schema from "effect/Schema"
import { defineConnector, OAuthField, path, SecretField, type Call, type Outcome } from "../../src/index.ts"
import { judge } from "./answers.ts"
import {
  CustomFields,
  Id,
  Labels,
  linkFields,
  linksOf,
  OrganizationInput,
  PersonInput,
  updatePerson,
  upsertOrganization,
  upsertPerson,
  UserId,
} from "./people.ts"

const settings = Schema.Struct({
  /** A user's token, of Personal preferences > API: it acts as that user. */
  apiToken: Schema.optionalKey(
    SecretField.annotate({ description: "A user's token, of Personal preferences > API: it acts as that user." }),
  ),
  /** `"oauth"`, with the app's id and secret in PIPEDRIVE_CLIENT_ID and PIPEDRIVE_CLIENT_SECRET, or `{ clientId, clientSecret }`. */
  auth: Schema.optionalKey(
    OAuthField.annotate({
      description: `\`"oauth"\`, with the app's id and secret in PIPEDRIVE_CLIENT_ID and PIPEDRIVE_CLIENT_SECRET, or \`{ clientId, clientSecret }\`.`,
    }),
  ),
})

/** Things of one page, where a list has pages. */
const pageMax = 500

/** Pipedrive refuses longer ones. */
const titleMax = 255
const Title = Schema.NonEmptyString.pipe(Schema.check(Schema.isMaxLength(titleMax)))

const day = Schema.String.pipe(Schema.check(Schema.isPattern(/^\d{4}-\d{2}-\d{2}$/)))
const clock = Schema.String.pipe(Schema.check(Schema.isPattern(/^\d{1,3}:[0-5]\d(?::[0-5]\d)?$/)))

const dealFields = {
  value: Schema.optionalKey(Schema.Finite),
  currency: Schema.optionalKey(
    Schema.String.pipe(Schema.check(Schema.isPattern(/^[A-Z]{3}$/))).annotate({ description: "Three letters: EUR." }),
  ),
  pipeline_id: Schema.optionalKey(Id.annotate({ description: "The pipeline's id.", choices: "pipelines" })),
  stage_id: Schema.optionalKey(Id.annotate({ description: "The stage's id.", choices: "stages" })),
  status: Schema.optionalKey(Schema.Literals(["open", "won", "lost"])),
  lost_reason: Schema.optionalKey(Schema.String),
  probability: Schema.optionalKey(
    Schema.Finite.pipe(Schema.check(Schema.isBetween({ minimum: 0, maximum: 100 }))).annotate({
      description: "In per cent.",
    }),
  ),
  expected_close_date: Schema.optionalKey(day.annotate({ description: "As 2026-03-31." })),
  owner_id: Schema.optionalKey(UserId),
  label_ids: Schema.optionalKey(Labels),
  custom_fields: Schema.optionalKey(CustomFields),
}

type Linked = { readonly [K in keyof typeof linkFields]?: string | number }

/** What a note or a lead must belong to. */
const isLinked = (more: ReadonlyArray<string> = []) =>
  Schema.makeFilter((input: Linked) => {
    const names = [...Object.keys(linkFields), ...more]
    return names.some((name) => input[name as keyof Linked] !== undefined)
      ? undefined
      : { path: ["person_email"], issue: `give one of ${names.join(", ")}` }
  })

/** Takes whom and what it belongs to out of an input, and looks their ids up. */
const linked = async <Input extends { readonly [K in keyof typeof linkFields]?: any }>(
  { person_id, person_email, org_id, org_name, ...rest }: Input,
  call: Call,
) => ({ rest, links: await linksOf({ person_id, person_email, org_id, org_name }, call) })

const choices = (title: string, at: string, query: { readonly limit?: number } = {}) => {
  const page = (more: { readonly cursor?: string } = {}) => ({
    method: "GET" as const,
    path: at,
    query: { ...query, ...more },
  })
  return {
    title,
    request: () => page(),
    items: ({ json }: { readonly json: any }) =>
      ((json?.data ?? []) as ReadonlyArray<any>)
        .filter(({ is_deleted, active_flag }) => is_deleted !== true && active_flag !== false)
        .map(({ id, name }) => ({ id: String(id), name: String(name) })),
    next: ({ json }: { readonly json: any }) => {
      const cursor = json?.additional_data?.next_cursor
      return typeof cursor === "string" && cursor !== "" ? page({ cursor }) : undefined
    },
  }
}

export const pipedrive = defineConnector({
  name: "pipedrive",
  title: "Pipedrive",
  description: "Persons, organizations, deals, leads, notes and activities.",
  docs: "https://developers.pipedrive.com/docs/api/v1",
  settings,
  baseUrl: (_, token) => token?.kept["api_domain"] ?? "https://api.pipedrive.com",
  auth: [
    { kind: "apiKey", setting: "apiToken", in: "header", name: "x-api-token" },
    {
      kind: "oauth2",
      grant: "authorization_code",
      authorizeUrl: "https://oauth.pipedrive.com/oauth/authorize",
      tokenUrl: "https://oauth.pipedrive.com/oauth/token",
      revokeUrl: "https://oauth.pipedrive.com/oauth/revoke",
      // They are the app's own.
      scopes: [],
      pkce: false,
      clientAuth: "basic",
      keep: ["api_domain"],
      clientId: "PIPEDRIVE_CLIENT_ID",
      clientSecret: "PIPEDRIVE_CLIENT_SECRET",
    },
  ],
  limits: {
    rateLimit: { limit: 10, per: "2 seconds" },
    says: "20 to 120 calls in 2 seconds for a token by plan, fewer of them searches, and a budget of a day for the whole company",
  },
  outcome: judge,
  test: {
    request: () => ({ method: "GET", path: "/api/v1/users/me" }),
    says: ({ json }) => `${json?.data?.name ?? "a user"} of ${json?.data?.company_name ?? "the company"}`,
  },
  lists: {
    pipelines: choices("Pipelines", "/api/v2/pipelines", { limit: pageMax }),
    stages: choices("Stages", "/api/v2/stages", { limit: pageMax }),
    users: choices("Users", "/api/v1/users"),
  },
  defaultAction: "person.upsert",
  actions: {
    "person.upsert": {
      title: "Create or update a person",
      description:
        "By e-mail address, which is searched for first: two calls, and one more for an organization by name.",
      docs: "https://developers.pipedrive.com/docs/api/v1/Persons",
      input: PersonInput,
      example: { email: "ada@example.com", name: "Ada Lovelace", phones: ["+49 30 1234"], org_name: "Acme" },
      repeat: "natural",
      steps: upsertPerson,
    },
    "person.update": {
      title: "Update a person",
      description: "By e-mail address, which is searched for first; a person that is not there is not made.",
      docs: "https://developers.pipedrive.com/docs/api/v1/Persons",
      input: PersonInput,
      example: { email: "ada@example.com", job_title: "Engineer" },
      repeat: "natural",
      steps: updatePerson,
    },
    "organization.upsert": {
      title: "Create or update an organization",
      description: "By its exact name, which is searched for first: two calls.",
      docs: "https://developers.pipedrive.com/docs/api/v1/Organizations",
      input: OrganizationInput,
      example: { name: "Acme", website: "https://acme.example", employee_count: 12 },
      repeat: "natural",
      steps: upsertOrganization,
    },
    "deal.create": {
      title: "Create a deal",
      description: "Pipedrive knows no repeats: an attempt whose answer was lost makes a second deal.",
      docs: "https://developers.pipedrive.com/docs/api/v1/Deals",
      input: Schema.Struct({ title: Title, ...dealFields, ...linkFields }),
      example: { title: "Order 1", value: 120, currency: "EUR", person_email: "ada@example.com" },
      repeat: "again",
      steps: async (input, _, call): Promise<Outcome | void> => {
        const { rest, links } = await linked(input, call)
        if ("kind" in links) return links
        await call({ method: "POST", path: "/api/v2/deals", json: { ...rest, ...links } })
      },
    },
    "deal.update": {
      title: "Update a deal",
      description: "By its id.",
      docs: "https://developers.pipedrive.com/docs/api/v1/Deals",
      input: Schema.Struct({ id: Id, title: Schema.optionalKey(Title), ...dealFields }),
      example: { id: 42, status: "won" },
      repeat: "natural",
      request: ({ id, ...json }) => ({ method: "PATCH", path: path`/api/v2/deals/${id}`, json }),
    },
    "lead.create": {
      title: "Create a lead",
      description:
        "Of a person or an organization that is there. An attempt whose answer was lost makes a second lead.",
      docs: "https://developers.pipedrive.com/docs/api/v1/Leads",
      input: Schema.Struct({
        title: Title,
        ...linkFields,
        value: Schema.optionalKey(Schema.Struct({ amount: Schema.Finite, currency: Schema.NonEmptyString })),
        owner_id: Schema.optionalKey(UserId),
        label_ids: Schema.optionalKey(Schema.Array(Schema.NonEmptyString)),
        expected_close_date: Schema.optionalKey(day),
        custom_fields: Schema.optionalKey(CustomFields),
      }).pipe(Schema.check(isLinked())),
      example: {
        title: "Ada asked for a demo",
        person_email: "ada@example.com",
        value: { amount: 120, currency: "EUR" },
      },
      repeat: "again",
      steps: async (input, _, call): Promise<Outcome | void> => {
        const { rest, links } = await linked(input, call)
        if ("kind" in links) return links
        const { custom_fields = {}, ...lead } = rest
        const { org_id, ...person } = links
        const organization = org_id === undefined ? {} : { organization_id: org_id }
        const json = { ...custom_fields, ...lead, ...person, ...organization }
        await call({ method: "POST", path: "/api/v1/leads", json })
      },
    },
    "note.create": {
      title: "Add a note",
      description:
        "To a person, an organization, a deal or a lead. An attempt whose answer was lost adds the note twice.",
      docs: "https://developers.pipedrive.com/docs/api/v1/Notes",
      input: Schema.Struct({
        content: Schema.NonEmptyString.annotate({ description: "Text, or HTML." }),
        ...linkFields,
        deal_id: Schema.optionalKey(Id),
        lead_id: Schema.optionalKey(Schema.NonEmptyString),
      }).pipe(Schema.check(isLinked(["deal_id", "lead_id"]))),
      example: { content: "Asked for an invoice.", person_email: "ada@example.com" },
      repeat: "again",
      steps: async (input, _, call): Promise<Outcome | void> => {
        const { rest, links } = await linked(input, call)
        if ("kind" in links) return links
        await call({ method: "POST", path: "/api/v1/notes", json: { ...rest, ...links } })
      },
    },
    "activity.create": {
      title: "Create an activity",
      description: "A call, a task, a meeting. An attempt whose answer was lost makes a second one.",
      docs: "https://developers.pipedrive.com/docs/api/v1/Activities",
      input: Schema.Struct({
        subject: Schema.NonEmptyString,
        type: Schema.optionalKey(
          Schema.NonEmptyString.annotate({
            description: "By its key: call, meeting, task. Default: the company's first.",
          }),
        ),
        due_date: Schema.optionalKey(day.annotate({ description: "As 2026-03-31." })),
        due_time: Schema.optionalKey(clock.annotate({ description: "In UTC, as 09:30." })),
        duration: Schema.optionalKey(clock.annotate({ description: "As 00:30." })),
        note: Schema.optionalKey(Schema.String.annotate({ description: "Text, or HTML." })),
        done: Schema.optionalKey(Schema.Boolean),
        owner_id: Schema.optionalKey(UserId),
        deal_id: Schema.optionalKey(Id),
        lead_id: Schema.optionalKey(Schema.NonEmptyString),
        ...linkFields,
      }),
      example: { subject: "Call Ada", type: "call", due_date: "2026-03-31", person_email: "ada@example.com" },
      repeat: "again",
      steps: async (input, _, call): Promise<Outcome | void> => {
        const { rest, links } = await linked(input, call)
        if ("kind" in links) return links
        const { person_id, ...org } = links
        // The person of an activity is its first participant.
        const participants = person_id === undefined ? {} : { participants: [{ person_id, primary: true }] }
        await call({ method: "POST", path: "/api/v2/activities", json: { ...rest, ...org, ...participants } })
      },
    },
  },
})
