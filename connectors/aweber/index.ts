/**
 * AWeber: subscribers of lists, their tags, and purchases.
 */
import * as Schema from "effect/Schema"
import {
  defineConnector,
  makeJudge,
  OAuthField,
  path,
  UnfitInput,
  type ActionContext,
  type Answer,
  type ApiRequest,
  type Call,
  type Outcome,
  type Resolved,
  type Verdict,
} from "../../src/index.ts"

const settings = Schema.Struct({
  /** `"oauth"`, with the app's id and secret in AWEBER_CLIENT_ID and AWEBER_CLIENT_SECRET, or `{ clientId, clientSecret }`. */
  auth: Schema.optionalKey(
    OAuthField.annotate({ description: "Your own app, which the account's owner says yes to." }),
  ),
  /** The account's number. Default: the first that the token gives access to, which takes a call more each time. */
  account: Schema.optionalKey(
    Schema.NonEmptyString.annotate({
      description: "The account's number. Default: looked up each time.",
      choices: "accounts",
    }),
  ),
  /** The list of inputs that name none: its number. */
  list: Schema.optionalKey(
    Schema.NonEmptyString.annotate({ description: "The list of inputs that name none: its number.", choices: "lists" }),
  ),
})
type Settings = Resolved<typeof settings.Type>

// AWeber's bounds, in characters.
const emailMax = 50
const nameMax = 60
const notesMax = 60
const adTrackingMax = 20
/** Choices of one page. */
const pageMax = 100

const text = (max: number) => Schema.NonEmptyString.pipe(Schema.check(Schema.isMaxLength(max)))

const Email = text(emailMax).annotate({ description: `The address, at most ${emailMax} characters.` })
const List = Schema.optionalKey(
  Schema.NonEmptyString.annotate({ description: "The list's number. Default: the connection's.", choices: "lists" }),
)
const Address = Schema.String.pipe(
  Schema.check(Schema.isPattern(/^\d{1,3}(?:\.\d{1,3}){3}$/, { expected: "a public IPv4 address" })),
)
const Tags = Schema.Array(Schema.NonEmptyString).annotate({ description: "Tags to add." })
const Value = Schema.Union([Schema.NonEmptyString, Schema.Number, Schema.Boolean])
const FieldsSet = Schema.Record(Schema.String, Value).annotate({
  description: "Custom fields by their exact names, which the list must have.",
})

/** Of a subscriber, beside the address. */
const details = {
  name: Schema.optionalKey(text(nameMax).annotate({ description: `The whole name, at most ${nameMax} characters.` })),
  ad_tracking: Schema.optionalKey(
    text(adTrackingMax).annotate({ description: `Where they came from, at most ${adTrackingMax} characters.` }),
  ),
  misc_notes: Schema.optionalKey(text(notesMax).annotate({ description: `Notes, at most ${notesMax} characters.` })),
}

type Fields = { readonly [name: string]: string | number | boolean | null }

/** AWeber takes texts only, and empties what is left out. */
const textsOf = (fields: Fields): { readonly [name: string]: string } =>
  Object.fromEntries(Object.entries(fields).flatMap(([name, value]) => (value === null ? [] : [[name, String(value)]])))

/** Strict: a name that the list does not have is refused rather than passed over. */
const fieldsOf = (fields: Fields | undefined) =>
  fields === undefined ? {} : { custom_fields: textsOf(fields), strict_custom_fields: "true" }

const minute = 60 * 1000
const hour = 60 * minute

/** What a 403 is about: AWeber has no other word for its limit. */
const forbidden = (words: string): Verdict =>
  /rate limit/i.test(words)
    ? { kind: "rate_limited" }
    : /on hold|suspended/i.test(words)
      ? // Of the account: it passes when somebody clears it up.
        { kind: "rejected", permanent: false, retryAfterMs: hour }
      : /permission|scope/i.test(words)
        ? { kind: "auth_failed" }
        : { kind: "rejected", permanent: true }

const judge = makeJudge({
  message: ({ json }) => json?.error?.message ?? json?.error_description,
  verdict: ({ status, body, json }) => {
    if (status < 300 && body !== "" && json === undefined)
      return { kind: "server_error", message: "an answer that is none of AWeber's" }
    if (status === 403) return forbidden(String(json?.error?.message ?? body))
    if (status === 400 && json?.error?.type === "MissingOAuthParametersError") return { kind: "auth_failed" }
    // It is the request that is blocked, not the account.
    return status === 410 ? { kind: "rejected", permanent: true, gone: false } : undefined
  },
  // The limit is counted by the minute, and nothing says how much of it is left.
  blindWaitMs: minute,
})

type Context = ActionContext<Settings>

/** The path of a list; the account is looked up unless the connection says it. */
const pathOf = async (list: string | undefined, { settings }: Context, call: Call): Promise<string> => {
  const to = list ?? settings.list
  if (to === undefined) throw new UnfitInput("no list: give list in the mapping or on the connection")
  const account = settings.account ?? entriesOf(await call({ method: "GET", path: "/accounts" }))[0]?.id
  if (account === undefined) throw new UnfitInput("the token gives access to no account: authorize the connection anew")
  return path`/accounts/${account}/lists/${to}`
}

/** Changes the subscriber of an address. */
const patch = async (within: string, email: string, json: object, call: Call): Promise<void> => {
  await call({ method: "PATCH", path: `${within}/subscribers`, query: { subscriber_email: email }, json })
}

const TagChange = Schema.Struct({
  list: List,
  email: Email,
  tag: Schema.NonEmptyString.annotate({ description: "The tag." }),
})

const changeTag = (change: "add" | "remove") => ({
  input: TagChange,
  example: { email: "ada@example.com", tag: "customer" },
  docs: "https://api.aweber.com/#tag/Subscribers",
  repeat: "natural" as const,
  steps: async ({ list, email, tag }: typeof TagChange.Type, context: Context, call: Call): Promise<void> =>
    patch(await pathOf(list, context, call), email, { tags: { [change]: [tag] } }, call),
})

const choices = (of: string): ApiRequest => ({ method: "GET", path: of, query: { "ws.start": 0, "ws.size": pageMax } })

/** Where the next page of a collection begins, which AWeber tells as a link. */
const nextOf = ({ json }: Answer, asked: any): ApiRequest | undefined => {
  const link = json?.next_collection_link
  if (typeof link !== "string" || !URL.canParse(link)) return undefined
  const start = Number(new URL(link).searchParams.get("ws.start"))
  return start > asked.query["ws.start"] ? { ...asked, query: { ...asked.query, "ws.start": start } } : undefined
}

const entriesOf = ({ json }: Answer): ReadonlyArray<any> => (Array.isArray(json?.entries) ? json.entries : [])

/** Entries of accounts tell where their lists are. */
const isAccount = (entry: any): boolean => entry?.lists_collection_link !== undefined

export const aweber = defineConnector({
  name: "aweber",
  title: "AWeber",
  description: "Subscribers of lists, their tags, and purchases.",
  docs: "https://api.aweber.com",
  settings,
  baseUrl: "https://api.aweber.com/1.0",
  auth: [
    {
      kind: "oauth2",
      grant: "authorization_code",
      authorizeUrl: "https://auth.aweber.com/oauth2/authorize",
      tokenUrl: "https://auth.aweber.com/oauth2/token",
      revokeUrl: "https://auth.aweber.com/oauth2/revoke",
      scopes: ["account.read", "list.read", "subscriber.read", "subscriber.write"],
      // Refused from apps that have a secret.
      pkce: false,
      clientAuth: "basic",
      clientId: "AWEBER_CLIENT_ID",
      clientSecret: "AWEBER_CLIENT_SECRET",
    },
  ],
  limits: {
    rateLimit: { limit: 120, per: "1 minute" },
    says: "120 requests a minute for the account; over it the answer is a 403, which does not say how long to wait",
  },
  outcome: judge,
  test: {
    request: () => ({ method: "GET", path: "/accounts" }),
    says: (answer) => `AWeber takes the token, for account ${entriesOf(answer)[0]?.id ?? "of no number"}`,
  },
  lists: {
    accounts: {
      title: "Accounts",
      request: () => choices("/accounts"),
      items: (answer) => entriesOf(answer).map(({ id, company }) => ({ id: String(id), name: String(company ?? id) })),
      next: (answer, _, asked) => nextOf(answer, asked),
    },
    lists: {
      title: "Lists",
      request: ({ account }: Settings) =>
        choices(account === undefined ? "/accounts" : path`/accounts/${account}/lists`),
      items: (answer) =>
        entriesOf(answer).flatMap((one) => (isAccount(one) ? [] : [{ id: String(one.id), name: String(one.name) }])),
      next: (answer, _, asked) => {
        const [first] = entriesOf(answer)
        return isAccount(first) ? choices(path`/accounts/${first.id}/lists`) : nextOf(answer, asked)
      },
    },
  },
  defaultAction: "contact.upsert",
  actions: {
    "contact.upsert": {
      title: "Add or update a subscriber",
      description: "Of a list, by e-mail address; tags are added to those that are there.",
      docs: "https://api.aweber.com/#tag/Subscribers",
      input: Schema.Struct({
        list: List,
        email: Email,
        ...details,
        tags: Schema.optionalKey(Tags),
        custom_fields: Schema.optionalKey(FieldsSet),
        ip_address: Schema.optionalKey(
          Address.annotate({ description: "The person's own; it is kept only of one who is new." }),
        ),
      }),
      example: { email: "ada@example.com", name: "Ada", tags: ["customer"], custom_fields: { plan: "pro" } },
      repeat: "natural",
      steps: async ({ list, custom_fields, ...subscriber }, context, call) => {
        await call({
          method: "POST",
          path: `${await pathOf(list, context, call)}/subscribers`,
          // A word, not a boolean.
          json: { ...subscriber, ...fieldsOf(custom_fields), update_existing: "true" },
        })
      },
    },
    "contact.update": {
      title: "Update a subscriber",
      description:
        "Of a list, by e-mail address; one who is not there is not made. Custom fields are read first, since AWeber empties those that are left out.",
      docs: "https://api.aweber.com/#tag/Subscribers",
      input: Schema.Struct({
        list: List,
        email: Email,
        ...details,
        custom_fields: Schema.optionalKey(
          Schema.Record(Schema.String, Schema.Union([Value, Schema.Null])).annotate({
            description: "Custom fields by their exact names; null empties one. Others stay as they are.",
          }),
        ),
      }).pipe(
        Schema.check(
          Schema.makeFilter((input: object) =>
            Object.keys(input).some((field) => field !== "list" && field !== "email")
              ? undefined
              : { path: ["custom_fields"], issue: "give custom_fields, name, ad_tracking or misc_notes" },
          ),
        ),
      ),
      example: { email: "ada@example.com", custom_fields: { plan: "pro" } },
      repeat: "natural",
      steps: async ({ list, email, custom_fields, ...rest }, context, call): Promise<Outcome | void> => {
        const within = await pathOf(list, context, call)
        let fields: Fields | undefined
        if (custom_fields !== undefined) {
          const found = await call({ method: "GET", path: `${within}/subscribers`, query: { "ws.op": "find", email } })
          const subscriber = entriesOf(found).find((one) => String(one.email).toLowerCase() === email.toLowerCase())
          if (subscriber === undefined)
            return { kind: "rejected", permanent: true, message: "the list has no subscriber with this address" }
          fields = { ...subscriber.custom_fields, ...custom_fields }
        }
        await patch(within, email, { ...rest, ...fieldsOf(fields) }, call)
      },
    },
    "list.remove": {
      title: "Unsubscribe from a list",
      description: "By e-mail address; what AWeber knows of the person stays.",
      docs: "https://api.aweber.com/#tag/Subscribers",
      input: Schema.Struct({ list: List, email: Email }),
      example: { email: "ada@example.com" },
      repeat: "natural",
      steps: async ({ list, email }, context, call) =>
        patch(await pathOf(list, context, call), email, { status: "unsubscribed" }, call),
    },
    "tag.add": {
      title: "Tag a subscriber",
      description: "Of a list, by e-mail address; one who is not there is not made.",
      ...changeTag("add"),
    },
    "tag.remove": {
      title: "Take a tag from a subscriber",
      description: "Of a list, by e-mail address.",
      ...changeTag("remove"),
    },
    "event.track": {
      title: "Track a purchase",
      description:
        "Of a subscriber of a list, who is made or updated. AWeber knows no repeats here: an attempt whose answer was lost tracks the purchase twice.",
      docs: "https://api.aweber.com/#tag/Subscribers",
      input: Schema.Struct({
        list: List,
        email: Email,
        ip_address: Address.annotate({ description: "The person's own." }),
        vendor: Schema.NonEmptyString.annotate({ description: "Where it was sold." }),
        product_name: Schema.NonEmptyString.annotate({ description: "What was bought." }),
        currency: Schema.String.pipe(
          Schema.check(Schema.isPattern(/^[A-Z]{3}$/, { expected: "an ISO 4217 code such as USD" })),
        ).annotate({ description: "By its ISO 4217 code, such as USD." }),
        value: Schema.Finite.annotate({ description: "The price, in that currency." }),
        url: Schema.NonEmptyString.annotate({ description: "The page of the purchase." }),
        event_note: Schema.optionalKey(Schema.NonEmptyString.annotate({ description: "Default: the event's type." })),
        ...details,
        tags: Schema.optionalKey(Tags),
        custom_fields: Schema.optionalKey(FieldsSet),
      }),
      example: {
        email: "ada@example.com",
        ip_address: "204.194.222.28",
        vendor: "shop",
        product_name: "Pro plan",
        currency: "USD",
        value: 120,
        url: "https://example.com/checkout",
      },
      repeat: "again",
      steps: async ({ list, custom_fields, ...purchase }, context, call) => {
        await call({
          method: "POST",
          path: `${await pathOf(list, context, call)}/purchases`,
          json: {
            event_note: context.delivery.type,
            ...purchase,
            event_time: timeOf(context.event.time),
            ...(custom_fields === undefined ? {} : { custom_fields: textsOf(custom_fields) }),
          },
        })
      },
    },
  },
})

/** `2026-01-31 09:30:00+00:00` */
const timeOf = (time: string): string =>
  new Date(time)
    .toISOString()
    .replace("T", " ")
    .replace(/\.\d+Z$/, "+00:00")
