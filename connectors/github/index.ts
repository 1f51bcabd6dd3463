/**
 * GitHub: starts workflows by a repository dispatch or one by one, and opens issues.
 */
import * as Schema from "effect/Schema"
import {
  defineConnector,
  makeJudge,
  OAuthField,
  path,
  SecretField,
  UnfitInput,
  untilUnix,
  type Answer,
  type ApiRequest,
} from "../../src/index.ts"

const repositoryPattern = /^[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\/(?!\.{1,2}$)[\w.-]+$/

const settings = Schema.Struct({
  token: Schema.optionalKey(
    SecretField.annotate({
      description:
        "A personal access token: fine-grained with contents, actions or issues to write, or classic with the scope `repo`.",
    }),
  ),
  auth: Schema.optionalKey(
    OAuthField.annotate({
      description:
        '`"oauth"`, with the app\'s id and secret in GITHUB_CLIENT_ID and GITHUB_CLIENT_SECRET, or `{ clientId, clientSecret }`.',
    }),
  ),
  repository: Schema.optionalKey(
    Schema.String.pipe(Schema.check(Schema.isPattern(repositoryPattern))).annotate({
      description: "The repository, `owner/name`, of inputs that name none.",
    }),
  ),
})

interface GitHubSettings {
  readonly repository?: string
}

const eventTypeMax = 100
const payloadKeysMax = 10
const payloadBytesMax = 64 * 1024
const inputsMax = 25
const titleMax = 256
const issueBodyMax = 65_536
const assigneesMax = 10
const pageSize = 100

const Repository = Schema.optionalKey(
  Schema.String.pipe(Schema.check(Schema.isPattern(repositoryPattern))).annotate({
    description: "owner/name. Default: the connection's.",
    choices: "repositories",
  }),
)

/** The path of a repository, with its two steps escaped. */
const pathOf = (settings: GitHubSettings, repository: string | undefined = settings.repository): string => {
  const [owner, name] = repository?.split("/") ?? []
  if (owner === undefined || name === undefined)
    throw new UnfitInput("no repository: give repository in the mapping or on the connection")
  return path`/repos/${owner}/${name}`
}

const second = 1000
const minute = 60 * second

const judge = makeJudge({
  verdict: ({ status, header, json }) => {
    const words = String(json?.message ?? "")
    // A limit that looks like a refusal.
    if (status === 403 && (header("x-ratelimit-remaining") === "0" || /rate limit|abuse detection/i.test(words)))
      return { kind: "rate_limited" }
    // Issues are switched off in one repository; the connection may have others.
    if (status === 410) return { kind: "rejected", permanent: true, gone: false }
    return undefined
  },
  message: ({ json }) => {
    const errors: ReadonlyArray<any> = Array.isArray(json?.errors) ? json.errors : []
    const more = errors.map((error) => error?.message ?? `${error?.field} ${error?.code}`)
    return json?.message === undefined ? undefined : [json.message, ...more].join("; ")
  },
  // While some is left, its end says nothing of how long a secondary limit holds.
  allowance: ({ header, now }) => {
    const resetMs = untilUnix(header("x-ratelimit-reset"), now)
    return header("x-ratelimit-remaining") === "0" && resetMs !== undefined ? { remaining: 0, resetMs } : undefined
  },
  blindWaitMs: minute,
})

/** All pages of a list. */
const pagesOf = (request: (settings: GitHubSettings) => ApiRequest) => {
  const page = (settings: GitHubSettings, number: number): ApiRequest => {
    const said = request(settings)
    return { ...said, query: { ...said.query, per_page: pageSize, page: number } }
  }
  return {
    request: (settings: GitHubSettings) => page(settings, 1),
    next: ({ headers }: Answer, settings: GitHubSettings) => {
      const next = /[?&]page=(\d+)[^>]*>; rel="next"/.exec(String(headers["link"] ?? ""))
      return next === null ? undefined : page(settings, Number(next[1]))
    },
  }
}

const Scalar = Schema.Union([Schema.String, Schema.Number, Schema.Boolean])

const atMostKeys = (max: number) =>
  Schema.makeFilter((value: { readonly [name: string]: unknown }) =>
    Object.keys(value).length > max ? `at most ${max} names at its top level` : undefined,
  )

export const github = defineConnector({
  name: "github",
  title: "GitHub",
  description: "Starts workflows and opens issues.",
  docs: "https://docs.github.com/rest",
  settings,
  baseUrl: "https://api.github.com",
  headers: { accept: "application/vnd.github+json", "x-github-api-version": "2022-11-28" },
  auth: [
    { kind: "bearer", setting: "token" },
    {
      kind: "oauth2",
      grant: "authorization_code",
      authorizeUrl: "https://github.com/login/oauth/authorize",
      tokenUrl: "https://github.com/login/oauth/access_token",
      scopes: ["repo"],
      refusedIn: ({ error, error_description }) =>
        error === undefined ? undefined : String(error_description ?? error),
      clientId: "GITHUB_CLIENT_ID",
      clientSecret: "GITHUB_CLIENT_SECRET",
    },
  ],
  limits: {
    concurrency: 10,
    rateLimit: { limit: 80, per: "1 minute" },
    says: "5,000 requests an hour; 80 a minute and 500 an hour that make something; 100 at once",
  },
  outcome: judge,
  test: {
    request: (settings: GitHubSettings) => ({
      method: "GET",
      path: settings.repository === undefined ? "/user" : pathOf(settings),
    }),
    says: ({ json }) =>
      json?.full_name === undefined
        ? `as ${json?.login}`
        : `${json.full_name}${json.permissions?.push === false ? ", which the token may not write to" : ""}`,
  },
  lists: {
    repositories: {
      title: "Repositories",
      ...pagesOf(() => ({ method: "GET", path: "/user/repos", query: { sort: "full_name" } })),
      items: ({ json }) =>
        (Array.isArray(json) ? json : []).map(({ full_name }: any) => ({ id: full_name, name: full_name })),
    },
    workflows: {
      title: "Workflows of the connection's repository",
      ...pagesOf((settings) => ({ method: "GET", path: `${pathOf(settings)}/actions/workflows` })),
      items: ({ json }) => (json?.workflows ?? []).map(({ id, name }: any) => ({ id: String(id), name })),
    },
    labels: {
      title: "Labels of the connection's repository",
      ...pagesOf((settings) => ({ method: "GET", path: `${pathOf(settings)}/labels` })),
      items: ({ json }) => (Array.isArray(json) ? json : []).map(({ name }: any) => ({ id: name, name })),
    },
  },
  defaultAction: "event.dispatch",
  actions: {
    "event.dispatch": {
      title: "Dispatch an event to a repository",
      description:
        "Starts the workflows of the default branch that listen for it. GitHub knows no repeats: an attempt whose answer was lost starts them twice.",
      docs: "https://docs.github.com/rest/repos/repos#create-a-repository-dispatch-event",
      input: Schema.Struct({
        repository: Repository,
        event_type: Schema.NonEmptyString.pipe(Schema.check(Schema.isMaxLength(eventTypeMax))).annotate({
          description: "What workflows listen for: on.repository_dispatch.types.",
        }),
        client_payload: Schema.optionalKey(
          Schema.Record(Schema.String, Schema.Unknown)
            .pipe(
              Schema.check(
                atMostKeys(payloadKeysMax),
                Schema.makeFilter((payload: { readonly [name: string]: unknown }) =>
                  Buffer.byteLength(JSON.stringify(payload)) >= payloadBytesMax
                    ? `less than ${payloadBytesMax} bytes as JSON`
                    : undefined,
                ),
              ),
            )
            .annotate({ description: "github.event.client_payload in the workflow; give the event's id along." }),
        ),
      }),
      example: { event_type: "order-paid", client_payload: { id: "evt_1", order: { number: 1042 } } },
      repeat: "again",
      request: ({ repository, ...dispatch }, { settings }) => ({
        method: "POST",
        path: `${pathOf(settings, repository)}/dispatches`,
        json: dispatch,
      }),
    },
    "workflow.dispatch": {
      title: "Run a workflow",
      description:
        "One that has on.workflow_dispatch. GitHub knows no repeats: an attempt whose answer was lost runs it twice.",
      docs: "https://docs.github.com/rest/actions/workflows#create-a-workflow-dispatch-event",
      input: Schema.Struct({
        repository: Repository,
        workflow: Schema.Union([Schema.NonEmptyString, Schema.Int]).annotate({
          description: "Its file's name or its id.",
          choices: "workflows",
        }),
        ref: Schema.NonEmptyString.annotate({ description: "The branch or tag to run it on." }),
        inputs: Schema.optionalKey(
          Schema.Record(Schema.String, Scalar)
            .pipe(Schema.check(atMostKeys(inputsMax)))
            .annotate({ description: "By the names that the workflow declares." }),
        ),
      }),
      example: { workflow: "deploy.yml", ref: "main", inputs: { environment: "staging" } },
      repeat: "again",
      request: ({ repository, workflow, ref, inputs }, { settings }) => ({
        method: "POST",
        path: `${pathOf(settings, repository)}${path`/actions/workflows/${workflow}/dispatches`}`,
        json: { ref, ...(inputs === undefined ? {} : { inputs }) },
      }),
    },
    "issue.create": {
      title: "Open an issue",
      description: "GitHub knows no repeats: an attempt whose answer was lost opens a second issue.",
      docs: "https://docs.github.com/rest/issues/issues#create-an-issue",
      input: Schema.Struct({
        repository: Repository,
        title: Schema.NonEmptyString.pipe(Schema.check(Schema.isMaxLength(titleMax))),
        body: Schema.optionalKey(
          Schema.String.pipe(Schema.check(Schema.isMaxLength(issueBodyMax))).annotate({ description: "In Markdown." }),
        ),
        labels: Schema.optionalKey(
          Schema.Array(Schema.NonEmptyString).annotate({
            description: "By name. Left out by GitHub, without a word, when the token may not write to the repository.",
            choices: "labels",
          }),
        ),
        assignees: Schema.optionalKey(
          Schema.Array(Schema.NonEmptyString)
            .pipe(Schema.check(Schema.isMaxLength(assigneesMax)))
            .annotate({ description: "By their logins. Left out likewise." }),
        ),
        milestone: Schema.optionalKey(Schema.Int.annotate({ description: "Its number. Left out likewise." })),
        type: Schema.optionalKey(Schema.NonEmptyString.annotate({ description: "One of the organization's types." })),
      }),
      example: { title: "Payment failed: order 1042", body: "Seen at 09:30.", labels: ["billing"] },
      repeat: "again",
      request: ({ repository, ...issue }, { settings }) => ({
        method: "POST",
        path: `${pathOf(settings, repository)}/issues`,
        json: issue,
      }),
    },
  },
})
