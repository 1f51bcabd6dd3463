/**
 * Calls any HTTP API: a method, a URL, headers, a query, credentials and a mapped body.
 */
import * as Schema from "effect/Schema"
import { defineConnector, SecretField, type ActionContext, type HttpRequest } from "../../src/index.ts"
import { headerProblems, isHeader, resolvedUrlProblems, urlProblems } from "../http-settings.ts"

const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const

const Text = Schema.Union([Schema.String, SecretField])
const QueryValue = Schema.Union([Schema.String, Schema.Number, Schema.Boolean])

const Auth = Schema.Union([
  Schema.Struct({ type: Schema.Literal("basic"), username: Text, password: SecretField }),
  Schema.Struct({ type: Schema.Literal("bearer"), token: SecretField }),
  Schema.Struct({ type: Schema.Literal("header"), name: Schema.String, value: SecretField }),
])

const settings = Schema.Struct({
  url: Text.annotate({ description: "The address; `call` may add a path to it." }),
  method: Schema.optionalKey(Schema.Literals(methods).annotate({ description: "Default: `POST`." })),
  headers: Schema.optionalKey(Schema.Record(Schema.String, Text).annotate({ description: "Added to each request." })),
  query: Schema.optionalKey(
    Schema.Record(Schema.String, Schema.Union([QueryValue, SecretField])).annotate({
      description: "Added to the URL's own query.",
    }),
  ),
  auth: Schema.optionalKey(Auth.annotate({ description: "The credentials. Default: none." })),
  body: Schema.optionalKey(
    Schema.Literals(["json", "form", "text"]).annotate({ description: "How the body is written. Default: `json`." }),
  ),
  idempotencyHeader: Schema.optionalKey(
    Schema.Union([Schema.String, Schema.Literal(false)]).annotate({
      description:
        "The header that carries the delivery's id, the same on every attempt; `false`: none. Default: `idempotency-key`.",
    }),
  ),
})

interface HttpSettings {
  readonly url: string
  readonly method?: (typeof methods)[number]
  readonly headers?: { readonly [name: string]: string }
  readonly query?: { readonly [name: string]: string | number | boolean }
  readonly auth?:
    | { readonly type: "basic"; readonly username: string; readonly password: string }
    | { readonly type: "bearer"; readonly token: string }
    | { readonly type: "header"; readonly name: string; readonly value: string }
  readonly body?: "json" | "form" | "text"
  readonly idempotencyHeader?: string | false
}

/** Escapes that servers undo before they resolve dot segments: of a dot, a slash and a backslash. */
const unescaped = (path: string): string => path.replace(/%2e/gi, ".").replace(/%2f/gi, "/").replace(/%5c/gi, "/")

/**
 * A path that cannot leave the connection's URL: no dot segments (written plainly or escaped), no query, no fragment, and no control
 * characters, some of which URL parsers drop, so that a dot segment appears where none was.
 */
const InnerPath = Schema.String.pipe(
  Schema.check(
    Schema.makeFilter((path: string) =>
      // oxlint-disable-next-line no-control-regex -- control characters are what is refused
      /[?#\\\u0000-\u001f\u007f]/.test(path) ||
      unescaped(path)
        .split("/")
        .some((segment) => /^\.{1,2}$/.test(segment))
        ? 'a path without "..", ".", "?", "#", "\\" and control characters'
        : undefined,
    ),
  ),
)

const CallHeaders = Schema.Record(Schema.String, Schema.String).pipe(
  Schema.check(
    Schema.makeFilter((headers: { readonly [name: string]: string }) => {
      const wrong = Object.keys(headers).find((name) => !isHeader(name))
      return wrong === undefined ? undefined : `headers without ${JSON.stringify(wrong)}, which cannot be set`
    }),
  ),
)

const Call = Schema.Struct({
  method: Schema.optionalKey(Schema.Literals(methods).annotate({ description: "Default: the connection's." })),
  path: Schema.optionalKey(InnerPath.annotate({ description: "Added to the connection's URL." })),
  query: Schema.optionalKey(
    Schema.Record(Schema.String, QueryValue).annotate({
      description: "Instead of the connection's parameters of the same names.",
    }),
  ),
  headers: Schema.optionalKey(
    CallHeaders.annotate({
      description: "Instead of the connection's of the same names; its credentials stay.",
    }),
  ),
  body: Schema.optionalKey(Schema.Unknown.annotate({ description: "Default: none." })),
})

const contentTypes = {
  json: "application/json",
  form: "application/x-www-form-urlencoded",
  text: "text/plain; charset=utf-8",
} as const

const authHeaders = ({ auth }: HttpSettings): { readonly [name: string]: string } => {
  switch (auth?.type) {
    case undefined:
      return {}
    case "basic":
      return { authorization: `Basic ${Buffer.from(`${auth.username}:${auth.password}`).toString("base64")}` }
    case "bearer":
      return { authorization: `Bearer ${auth.token}` }
    case "header":
      return { [auth.name.toLowerCase()]: auth.value }
  }
}

const encodeBody = (value: unknown, kind: keyof typeof contentTypes): string => {
  if (kind === "json") return JSON.stringify(value)
  if (kind === "text" || typeof value !== "object" || value === null) return textOf(value)
  const form = new URLSearchParams()
  for (const [name, field] of Object.entries(value)) {
    for (const one of Array.isArray(field) ? field : [field]) form.append(name, textOf(one))
  }
  return form.toString()
}

const textOf = (value: unknown): string =>
  typeof value === "string" ? value : typeof value === "object" ? JSON.stringify(value) : String(value)

const takesBody = (method: string): boolean => method !== "GET" && method !== "HEAD"

const nameOf = (pair: string): string => [...new URLSearchParams(pair).keys()][0] ?? ""

/** Escaped as secrets are looked for when what was sent is shown. A lone surrogate, which an event may hold, has no escape. */
const pairOf = ([name, value]: readonly [string, unknown]): string =>
  `${encodeURIComponent(name.toWellFormed())}=${encodeURIComponent(String(value).toWellFormed())}`

/**
 * The address with path and query added. `shown` leaves out the query that the connection configures, which may hold secrets; and since
 * the configured URL may be a secret too, it stands in `shown` as it was written, in one piece: only so is it found and taken out.
 */
const addressOf = (settings: HttpSettings, call: typeof Call.Type | undefined): { url: string; shown: string } => {
  const mark = settings.url.indexOf("?")
  const base = mark < 0 ? settings.url : settings.url.slice(0, mark)
  const own = mark < 0 ? undefined : settings.url.slice(mark + 1)
  const more = { ...settings.query, ...call?.query }
  const hidden = Object.keys(settings.query ?? {}).filter((name) => !Object.hasOwn(call?.query ?? {}, name))
  const ownPairs = own === undefined || own === "" ? [] : own.split("&")
  const kept = ownPairs.filter((pair) => !Object.hasOwn(more, nameOf(pair)))
  const path = call?.path === undefined || call.path === "" ? "" : `/${call.path.replace(/^\//, "")}`
  const stem = path === "" ? base : `${base.replace(/\/$/, "")}${path}`
  const withQuery = (start: string, pairs: ReadonlyArray<string>) =>
    pairs.length === 0 ? start : `${start}?${pairs.join("&")}`
  const added = Object.entries(more).map(pairOf)
  const addedShown = Object.entries(more).map(([name, value]) =>
    hidden.includes(name) ? `${encodeURIComponent(name)}=***` : pairOf([name, value]),
  )
  const inOnePiece = own === undefined || (own !== "" && path === "" && kept.length === ownPairs.length)
  return {
    url: withQuery(stem, [...kept, ...added]),
    shown: inOnePiece
      ? withQuery(stem, [...kept, ...addedShown])
      : `${settings.url} + ${withQuery(path, addedShown)}`.replace(/ \+ $/, ""),
  }
}

const build = (
  { settings, delivery }: ActionContext<HttpSettings>,
  call: typeof Call.Type | undefined,
  body: string | Uint8Array | undefined,
): HttpRequest => {
  const method = call?.method ?? settings.method ?? "POST"
  const idempotency = settings.idempotencyHeader ?? "idempotency-key"
  const headers: Record<string, string> = {
    ...(body === undefined ? {} : { "content-type": contentTypes[settings.body ?? "json"] }),
    ...(idempotency === false ? {} : { [idempotency.toLowerCase()]: delivery.id }),
  }
  for (const more of [settings.headers, call?.headers, authHeaders(settings)]) {
    for (const [name, value] of Object.entries(more ?? {})) headers[name.toLowerCase()] = value
  }
  return { method, ...addressOf(settings, call), headers, ...(body === undefined ? {} : { body }) }
}

export const http = defineConnector({
  name: "http",
  title: "HTTP",
  description: "Calls an HTTP API with any method, headers, query, credentials and body.",
  settings,
  defaultAction: "request",
  check: ({ url, headers, auth, idempotencyHeader }) => [
    ...urlProblems(url),
    ...headerProblems(headers),
    ...(auth?.type === "header" && !isHeader(auth.name)
      ? [{ path: ["auth", "name"], message: `"${auth.name}" cannot be set as a header` }]
      : []),
    ...(typeof idempotencyHeader === "string" &&
    (!isHeader(idempotencyHeader) || /^content-type$/i.test(idempotencyHeader))
      ? [{ path: ["idempotencyHeader"], message: `"${idempotencyHeader}" cannot carry the delivery's id` }]
      : []),
  ],
  checkResolved: ({ url }: HttpSettings) => resolvedUrlProblems(url),
  actions: {
    request: {
      title: "Send the mapped value",
      description: "The mapped value, or the event without a mapping, is the body. GET and HEAD send none.",
      input: Schema.Unknown,
      map: "optional",
      repeat: "key",
      request: (input, context: ActionContext<HttpSettings>) => {
        const { settings, envelope } = context
        if (!takesBody(settings.method ?? "POST")) return build(context, undefined, undefined)
        if (input !== undefined) return build(context, undefined, encodeBody(input, settings.body ?? "json"))
        const plain = settings.body === undefined || settings.body === "json"
        return build(context, undefined, plain ? envelope : encodeBody(context.event, settings.body ?? "json"))
      },
    },
    call: {
      title: "Make a call",
      description: "The mapping makes the whole call: method, path, query, headers and body.",
      input: Call,
      map: "required",
      example: { method: "PATCH", path: "contacts/42", body: { plan: "pro" } },
      repeat: "key",
      request: (input, context: ActionContext<HttpSettings>) => {
        const method = input?.method ?? context.settings.method ?? "POST"
        const body =
          input?.body === undefined || !takesBody(method)
            ? undefined
            : encodeBody(input.body, context.settings.body ?? "json")
        return build(context, input, body)
      },
    },
  },
})
