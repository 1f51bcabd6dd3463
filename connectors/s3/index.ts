/**
 * Amazon S3, and stores that speak its language: an object for each event, or many events in one object.
 */
import { createHash } from "node:crypto"
import * as Schema from "effect/Schema"
import {
  defineConnector,
  makeJudge,
  SecretField,
  UnfitInput,
  type ActionContext,
  type BatchItem,
  type Read,
  type Verdict,
} from "../../src/index.ts"
import { signed, type Signer } from "./sign.ts"

const keyBytesMax = 1024
const metadataBytesMax = 2048
/** Lines of one object. */
const linesMax = 1000
const linesBytesMax = 4 * 1024 * 1024

/** What is wrong with a key, as the end of a sentence; `undefined`: nothing. A dot segment would be resolved away. */
const wrongKey = (key: string): string | undefined =>
  // oxlint-disable-next-line no-control-regex -- control characters are what is refused
  key.startsWith("/") || /[\u0000-\u001f\u007f]/.test(key) || /(?:^|\/)\.{1,2}(?:\/|$)/.test(key)
    ? 'a key without "/" at its beginning, "." and ".." as a step, and control characters'
    : undefined

const KeyText = Schema.NonEmptyString.pipe(Schema.check(Schema.makeFilter(wrongKey)))

const settings = Schema.Struct({
  bucket: Schema.String.pipe(Schema.check(Schema.isPattern(/^[A-Za-z0-9][\w.-]{1,61}[A-Za-z0-9]$/))).annotate({
    description: "The bucket's name.",
  }),
  region: Schema.String.pipe(Schema.check(Schema.isPattern(/^[a-z0-9-]{1,40}$/))).annotate({
    description: "Where the bucket is: `eu-central-1`; what a store of another kind wants to hear, such as `auto`.",
  }),
  accessKeyId: Schema.Union([Schema.NonEmptyString, SecretField]).annotate({
    description: "Of credentials that may put objects.",
  }),
  secretAccessKey: SecretField.annotate({ description: "The other half of them." }),
  sessionToken: Schema.optionalKey(SecretField.annotate({ description: "Of credentials that end." })),
  endpoint: Schema.optionalKey(
    Schema.String.annotate({ description: "Of a store that is not AWS': `https://minio.acme.example:9000`." }),
  ),
  pathStyle: Schema.optionalKey(
    Schema.Boolean.annotate({
      description:
        "The bucket in the path instead of the host. Default: with an `endpoint`, and for buckets with dots in their name.",
    }),
  ),
  prefix: Schema.optionalKey(KeyText.annotate({ description: "Before every key: `meshes/`." })),
})

interface S3Settings extends Signer {
  readonly prefix?: string
}

type Context = ActionContext<S3Settings>

const metadataBytes = (metadata: { readonly [name: string]: string }): number =>
  Object.entries(metadata).reduce((sum, [name, value]) => sum + name.length + value.length, 0)

const Put = Schema.Struct({
  key: Schema.optionalKey(
    KeyText.annotate({
      description: "Below the prefix. Default: `<workspace>/<type>/<year>/<month>/<day>/<event>-<delivery>.json`.",
    }),
  ),
  body: Schema.optionalKey(
    Schema.Unknown.annotate({ description: "A text as it is, all else as JSON. Default: the event." }),
  ),
  contentType: Schema.optionalKey(
    Schema.String.pipe(Schema.check(Schema.isPattern(/^[\x21-\x7e][\x20-\x7e]*$/))).annotate({
      description: "Default: text/plain of a text, application/json of all else.",
    }),
  ),
  metadata: Schema.optionalKey(
    Schema.Record(Schema.String, Schema.String)
      .pipe(
        Schema.check(
          Schema.makeFilter((metadata: { readonly [name: string]: string }) => {
            const wrong = Object.entries(metadata).find(
              ([name, value]) => !/^[a-z0-9-]+$/.test(name) || !/^[\x20-\x7e]*$/.test(value),
            )
            if (wrong !== undefined)
              return `metadata of lower-case names and printable ASCII, which "${wrong[0]}" is not`
            return metadataBytes(metadata) > metadataBytesMax ? `at most ${metadataBytesMax} bytes together` : undefined
          }),
        ),
      )
      .annotate({ description: "Kept beside the object, as `x-amz-meta-<name>`." }),
  ),
}).pipe(
  Schema.check(
    Schema.makeFilter((put: object) =>
      Object.keys(put).length === 0 ? { path: ["body"], issue: "give key, body, contentType or metadata" } : undefined,
    ),
  ),
)

/** `2026/01/31`, in UTC. */
const dayOf = (time: string): string => new Date(time).toISOString().slice(0, 10).replaceAll("-", "/")

const put = (
  { settings, now }: Context,
  key: string,
  body: Uint8Array | string,
  contentType: string,
  metadata: { readonly [name: string]: string } = {},
) => {
  const whole = `${settings.prefix ?? ""}${key}`
  if (Buffer.byteLength(whole) > keyBytesMax) throw new UnfitInput(`a key has at most ${keyBytesMax} bytes`)
  const headers = {
    "content-type": contentType,
    // Buckets that lock their objects want it.
    "content-md5": createHash("md5").update(body).digest("base64"),
    ...Object.fromEntries(Object.entries(metadata).map(([name, value]) => [`x-amz-meta-${name}`, value])),
  }
  return signed(settings, { method: "PUT", key: whole, headers, body }, now)
}

const putOne = (input: typeof Put.Type | undefined, context: Context) => {
  const { event, envelope, delivery } = context
  const key =
    input?.key ?? `${delivery.workspace}/${delivery.type}/${dayOf(event.time)}/${delivery.event}-${delivery.id}.json`
  const { body } = input ?? {}
  const isText = typeof body === "string"
  const bytes = body === undefined ? envelope : isText ? body : JSON.stringify(body)
  const usual = isText ? "text/plain; charset=utf-8" : "application/json"
  return put(context, key, bytes, input?.contentType ?? usual, input?.metadata)
}

const newLine = 0x0a

/** A value in one line. A stored event may have line breaks between its fields. */
const lineOf = (input: unknown, { event, envelope }: Context): string =>
  input === undefined
    ? envelope.includes(newLine)
      ? JSON.stringify(event)
      : Buffer.from(envelope).toString()
    : JSON.stringify(input)

/** The same for the same deliveries, so that a repeat of them all writes over what was there; another for any others. */
const keyOfLines = (items: ReadonlyArray<BatchItem<S3Settings, unknown>>): string => {
  const ids = items.map(({ context }) => context.delivery.id).toSorted()
  const hash = createHash("sha256").update(ids.join("\n")).digest("hex").slice(0, 32)
  const first = new Date(Math.min(...items.map(({ context }) => Date.parse(context.event.time)))).toISOString()
  const { workspace } = items[0]!.context.delivery
  return `${workspace}/${dayOf(first)}/${first.slice(11, 19).replaceAll(":", "")}-${hash}.ndjson`
}

/** S3's own words, where they say more than the status. */
const meanings: { readonly [code: string]: Verdict } = {
  SlowDown: { kind: "rate_limited" },
  SlowDownWrite: { kind: "rate_limited" },
  RequestLimitExceeded: { kind: "rate_limited" },
  TooManyRequests: { kind: "rate_limited" },
  RequestTimeout: { kind: "timeout" },
  OperationAborted: { kind: "server_error" },
  ConditionalRequestConflict: { kind: "server_error" },
  // The clock here or there is wrong: the credentials are not.
  RequestTimeTooSkewed: { kind: "server_error" },
  // Damaged on the way.
  BadDigest: { kind: "server_error" },
  IncompleteBody: { kind: "server_error" },
  XAmzContentSHA256Mismatch: { kind: "server_error" },
  ExpiredToken: { kind: "auth_failed" },
  InvalidToken: { kind: "auth_failed" },
  TokenRefreshRequired: { kind: "auth_failed" },
  // The region is another.
  AuthorizationHeaderMalformed: { kind: "auth_failed" },
}

const wordOf = (body: string, name: "Code" | "Message"): string | undefined =>
  new RegExp(`<${name}>([^<]*)</${name}>`).exec(body)?.[1]

const judge = makeJudge({
  verdict: ({ status, body, header }: Read) => {
    if (status >= 300) return meanings[wordOf(body, "Code") ?? ""]
    return header("etag") === undefined && !body.includes("<ListBucketResult")
      ? { kind: "server_error", message: "an answer that is none of S3's" }
      : undefined
  },
  message: ({ body, header }) => {
    const code = wordOf(body, "Code")
    const region = header("x-amz-bucket-region")
    if (code === undefined) return undefined
    return `${code}: ${wordOf(body, "Message") ?? ""}${region === undefined ? "" : `; the bucket is in ${region}`}`
  },
  blindWaitMs: 5000,
})

const endpointProblem = (endpoint: string): string | undefined => {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined
  const plain = url !== undefined && /^https?:$/.test(url.protocol) && url.username === "" && url.password === ""
  return plain && url.search === "" && url.hash === ""
    ? undefined
    : "is not a URL such as https://minio.acme.example:9000, without a query, a user or a password"
}

export const s3 = defineConnector({
  name: "s3",
  title: "Amazon S3",
  description:
    "Puts events into a bucket of S3, or of a store that speaks its language: an object each, or many in one.",
  docs: "https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html",
  settings,
  auth: [
    {
      kind: "custom",
      settings: ["accessKeyId", "secretAccessKey"],
      description: "Requests are signed (AWS Signature Version 4).",
    },
  ],
  limits: {
    says: "3,500 objects a second to one prefix of a bucket; more are answered with SlowDown until it is divided",
  },
  outcome: judge,
  check: ({ endpoint }) => {
    const wrong = endpoint === undefined ? undefined : endpointProblem(endpoint)
    return wrong === undefined ? [] : [{ path: ["endpoint"], message: `the endpoint ${wrong}` }]
  },
  test: {
    request: (settings: S3Settings) =>
      signed(
        settings,
        {
          method: "GET",
          query: { "list-type": "2", "max-keys": "1", prefix: settings.prefix ?? "" },
        },
        Date.now(),
      ),
    outcome: (response, now) => {
      const outcome = judge(response, now)
      return /AccessDenied/.test(outcome.message)
        ? { ...outcome, message: `${outcome.message} (the test needs s3:ListBucket; to put objects does not)` }
        : outcome
    },
    says: () => "the bucket is there, and the credentials may list it; nothing was written",
  },
  defaultAction: "object.put",
  actions: {
    "object.put": {
      title: "Put an object",
      description: "The event as JSON, or what the mapping makes. A repeat writes over the same object.",
      docs: "https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html",
      input: Put,
      map: "optional",
      example: { key: "leads/evt_1.json", body: { email: "ada@example.com" }, metadata: { plan: "pro" } },
      repeat: "natural",
      request: putOne,
    },
    "lines.put": {
      title: "Put many events in one object",
      description:
        "One line of JSON each: the event, or the mapped value. A repeat of the same deliveries writes over the same object; after an attempt whose answer was lost, an event may stand in a second object.",
      docs: "https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html",
      input: Schema.Unknown,
      map: "optional",
      repeat: "again",
      batch: {
        max: linesMax,
        maxBytes: linesBytesMax,
        request: (items) => {
          const lines = items.map(({ input, context }) => `${lineOf(input, context)}\n`)
          return put(items[0]!.context, keyOfLines(items), lines.join(""), "application/x-ndjson")
        },
        // S3 looks at no line: what it refuses, it refuses of all of them, and of each half.
        outcomes: (answer, items, now) => {
          const outcome = judge(answer, now)
          return outcome.kind === "rejected" ? items.map(() => outcome) : undefined
        },
      },
    },
  },
})
