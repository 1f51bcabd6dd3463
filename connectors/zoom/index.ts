/**
 * Zoom: registrants of meetings and webinars.
 */
import * as Schema from "effect/Schema"
import {
  defineConnector,
  makeJudge,
  OAuthField,
  parseRetryAfter,
  path,
  untilUnix,
  type Answer,
  type ApiRequest,
  type OAuth2,
  type Token,
} from "../../src/index.ts"

const settings = Schema.Struct({
  auth: OAuthField.annotate({
    description:
      'Your app: "oauth" (ZOOM_CLIENT_ID, ZOOM_CLIENT_SECRET), or { clientId, clientSecret }; of a server-to-server app with grant: "client_credentials" and tokenParams: { account_id }.',
  }),
  user: Schema.optionalKey(
    Schema.NonEmptyString.annotate({
      description:
        "Whose meetings and webinars are there to choose from: a user's id or address. Default: the app's user.",
    }),
  ),
})

interface ZoomSettings {
  readonly user?: string
}

/** As text: they are longer than some programs' numbers. */
const MeetingId = Schema.String.pipe(Schema.check(Schema.isPattern(/^\d+$/)))

const where = {
  meeting: Schema.optionalKey(
    MeetingId.annotate({ description: "The meeting's id: its digits as text, without spaces.", choices: "meetings" }),
  ),
  webinar: Schema.optionalKey(MeetingId.annotate({ description: "The webinar's id, instead.", choices: "webinars" })),
}

interface Where {
  readonly meeting?: string
  readonly webinar?: string
}

const eitherOr = Schema.makeFilter(({ meeting, webinar }: Where) =>
  (meeting === undefined) === (webinar === undefined)
    ? { path: ["meeting"], issue: "give either meeting or webinar" }
    : undefined,
)

const Email = Schema.NonEmptyString.pipe(Schema.check(Schema.isMaxLength(128))).annotate({
  description: "The registrant's address.",
})

const registrants = ({ meeting, webinar }: Where): string =>
  meeting === undefined ? path`/webinars/${webinar!}/registrants` : path`/meetings/${meeting}/registrants`

const second = 1000
const day = 24 * 60 * 60 * second

/** Zoom's days end at 00:00 UTC. */
const untilTomorrow = (now: number): number => day - (now % day)

const judge = makeJudge({
  verdict: ({ status, json, header, now }) => {
    const message = String(json?.message ?? "")
    if (status === 200 || status === 201)
      return json === undefined ? { kind: "server_error", message: "an answer that is none of Zoom's" } : undefined
    // Another change of the same meeting is under way.
    if (status === 409 || (status === 429 && /concurrent/i.test(message))) return { kind: "rejected", permanent: false }
    // Of one registrant (3 adds, 10 changes a day), not of the account: others go on.
    if (status === 429 && /for the registrant|(?:particular|specific) user/i.test(message)) {
      const retryAfterMs = parseRetryAfter(header("retry-after"), now) ?? untilTomorrow(now)
      return { kind: "rejected", permanent: false, retryAfterMs }
    }
    // The app lacks a scope.
    if (status === 400 && (json?.code === 4700 || json?.code === 4711)) return { kind: "auth_failed" }
    return undefined
  },
  message: ({ json }) => {
    if (typeof json?.message !== "string") return undefined
    const fields = (Array.isArray(json.errors) ? json.errors : []).map((one: any) => `${one?.field}: ${one?.message}`)
    return [`${json.message} (code ${json.code})`, ...fields].join("; ")
  },
  // A daily limit says in Retry-After when it ends, as a date and time.
  wait: ({ header, status, now }) =>
    status !== 429
      ? undefined
      : /daily/i.test(header("x-ratelimit-type") ?? "")
        ? untilTomorrow(now)
        : untilUnix(header("x-ratelimit-reset"), now),
  blindWaitMs: second,
})

const pageSize = 300

/** The user's meetings or webinars that are still to come. */
const upcoming = (what: "meetings" | "webinars", title: string) => {
  const request = ({ user = "me" }: ZoomSettings, next_page_token?: string): ApiRequest => ({
    method: "GET",
    path: path`/users/${user}/${what}`,
    query: { ...(what === "meetings" ? { type: "upcoming" } : {}), page_size: pageSize, next_page_token },
  })
  return {
    title,
    request: (settings: ZoomSettings) => request(settings),
    items: ({ json }: Answer) =>
      (json?.[what] ?? []).map((one: any) => ({
        id: String(one.id),
        name: one.start_time === undefined ? String(one.topic) : `${one.topic} (${one.start_time})`,
      })),
    next: ({ json }: Answer, settings: ZoomSettings) =>
      typeof json?.next_page_token === "string" && json.next_page_token !== ""
        ? request(settings, json.next_page_token)
        : undefined,
  }
}

const oauth = {
  kind: "oauth2",
  tokenUrl: "https://zoom.us/oauth/token",
  revokeUrl: "https://zoom.us/oauth/revoke",
  // Zoom gives what the app has; an app is refused that asks for more.
  scopes: [],
  clientAuth: "basic",
  keep: ["api_url"],
  clientId: "ZOOM_CLIENT_ID",
  clientSecret: "ZOOM_CLIENT_SECRET",
} as const satisfies Partial<OAuth2>

export const zoom = defineConnector({
  name: "zoom",
  title: "Zoom",
  description: "Registrants of meetings and webinars.",
  docs: "https://developers.zoom.us/docs/api/",
  settings,
  // An account of another region has an API of its own, which comes with its token.
  baseUrl: (_: ZoomSettings, token: Token | undefined) => `${token?.kept["api_url"] ?? "https://api.zoom.us"}/v2`,
  auth: [
    { ...oauth, grant: "authorization_code", authorizeUrl: "https://zoom.us/oauth/authorize" },
    { ...oauth, grant: "client_credentials", tokenParams: { grant_type: "account_credentials" } },
  ],
  limits: {
    rateLimit: { limit: 30, per: "1 second" },
    says: "30 adds a second for all apps of a Pro account, 80 from Business on; 3 adds a day for one registrant, 10 changes of status",
  },
  outcome: judge,
  check: ({ auth }) =>
    typeof auth === "object" && auth.grant === "client_credentials" && !auth.tokenParams?.["account_id"]
      ? [
          {
            path: ["auth", "tokenParams"],
            message: 'a server-to-server app needs its account: tokenParams: { account_id: "…" }',
          },
        ]
      : [],
  test: {
    request: ({ user = "me" }: ZoomSettings) => ({ method: "GET", path: path`/users/${user}` }),
    says: ({ json }) => `${json?.email ?? "a user"} of account ${json?.account_id ?? "unknown"}`,
  },
  lists: {
    meetings: upcoming("meetings", "Meetings to come"),
    webinars: upcoming("webinars", "Webinars to come"),
  },
  defaultAction: "registrant.add",
  actions: {
    "registrant.add": {
      title: "Add a registrant",
      description: "To a meeting or webinar that has registration. Zoom takes one address 3 times a day.",
      docs: "https://developers.zoom.us/docs/api/meetings/#tag/meetings/POST/meetings/{meetingId}/registrants",
      input: Schema.Struct({
        ...where,
        email: Email,
        first_name: Schema.NonEmptyString.pipe(Schema.check(Schema.isMaxLength(64))).annotate({
          description: "The registrant's first name.",
        }),
        last_name: Schema.optionalKey(
          Schema.String.pipe(Schema.check(Schema.isMaxLength(64))).annotate({ description: "Some webinars want it." }),
        ),
        org: Schema.optionalKey(Schema.String.annotate({ description: "The company." })),
        job_title: Schema.optionalKey(Schema.String.annotate({ description: "The position there." })),
        phone: Schema.optionalKey(Schema.String.annotate({ description: "The telephone number." })),
        address: Schema.optionalKey(Schema.String.annotate({ description: "Street and number." })),
        city: Schema.optionalKey(Schema.String.annotate({ description: "The city." })),
        state: Schema.optionalKey(Schema.String.annotate({ description: "State or province." })),
        zip: Schema.optionalKey(Schema.String.annotate({ description: "The postal code." })),
        country: Schema.optionalKey(Schema.String.annotate({ description: "Two letters: DE." })),
        industry: Schema.optionalKey(Schema.String.annotate({ description: "The company's line of business." })),
        comments: Schema.optionalKey(Schema.String.annotate({ description: "What the registrant wants to say." })),
        custom_questions: Schema.optionalKey(
          Schema.Array(Schema.Struct({ title: Schema.NonEmptyString, value: Schema.String })).annotate({
            description: "Answers to the registration's own questions, by their titles.",
          }),
        ),
        language: Schema.optionalKey(Schema.NonEmptyString.annotate({ description: "Of Zoom's e-mail: de-DE." })),
        auto_approve: Schema.optionalKey(
          Schema.Boolean.annotate({ description: "Approve at once, though registrations are approved by hand." }),
        ),
        occurrences: Schema.optionalKey(
          Schema.Array(Schema.NonEmptyString)
            .pipe(Schema.check(Schema.isMinLength(1)))
            .annotate({
              description: "Of a recurring one: ids of its occurrences. Default: what registration is set to.",
            }),
        ),
      }).pipe(Schema.check(eitherOr)),
      example: { meeting: "85746065", email: "ada@example.com", first_name: "Ada", last_name: "Lovelace" },
      repeat: "natural",
      request: ({ meeting, webinar, occurrences, ...registrant }) => ({
        method: "POST",
        path: registrants({ meeting, webinar } as Where),
        query: { occurrence_ids: occurrences?.join(",") },
        json: registrant,
      }),
    },
    "registrant.cancel": {
      title: "Cancel a registration",
      description: "Of a meeting or webinar, by the registrant's address.",
      docs: "https://developers.zoom.us/docs/api/meetings/#tag/meetings/PUT/meetings/{meetingId}/registrants/status",
      input: Schema.Struct({
        ...where,
        email: Email,
        registrant: Schema.optionalKey(
          Schema.NonEmptyString.annotate({ description: "The registrant's id, where it is known, as well." }),
        ),
        occurrence: Schema.optionalKey(
          Schema.NonEmptyString.annotate({ description: "Of a recurring one: only this." }),
        ),
      }).pipe(Schema.check(eitherOr)),
      example: { meeting: "85746065", email: "ada@example.com" },
      repeat: "natural",
      request: ({ email, registrant, occurrence, ...at }) => ({
        method: "PUT",
        path: `${registrants(at)}/status`,
        query: { occurrence_id: occurrence },
        json: { action: "cancel", registrants: [{ ...(registrant === undefined ? {} : { id: registrant }), email }] },
      }),
    },
  },
})
