/**
 * Calls any HTTP API: a method, a URL, headers, a query, credentials and a mapped body.
 */
import * as Schema from "effect/Schema"
import { defineConnector, SecretField, type ActionContext, type HttpRequest } from "../../src/index.ts"

const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const
const headerName = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/
/** Decided by the message itself or by the connection. */
const reservedHeaders = /^(?:content-length|host|connection|transfer-encoding)$/i

const Text = Schema.Union([Schema.String, SecretField])
const QueryValue = Schema.Union([Schema.String, Schema.Number, Schema.Boolean])

const Auth = Schema.Union([
  Schema.Struct({ type: Schema.Literal("basic"), username: Text, password: SecretField }),
  Schema.Struct({ type: Schema.Literal("bearer"), token: SecretField }),
  Schema.Struct({ type: Schema.Literal("header"), name: Schema.String, value: SecretField }),
])

const settings = Schema.Struct({
  /** The address; `call` may add a path to it. */
  url: Text,
  /** Default: `POST`. */
  method: Schema.optionalKey(Schema.Literals(methods)),
  headers: Schema.optionalKey(Schema.Record(Schema.String, Text)),
  /** Added to the URL's own query. */
  query: Schema.optionalKey(Schema.Record(Schema.String, Schema.Union([QueryValue, SecretField]))),
  auth: Schema.optionalKey(Auth),
  /** How the body is written. Default: `json`. */
  body: Schema.optionalKey(Schema.Literals(["json", "form", "text"])),
  /** The header that carries the delivery's id, the same on every attempt; `false`: none. Default: `idempotency-key`. */
  idempotencyHeader: Schema.optionalKey(Schema.Union([Schema.String, Schema.Literal(false)])),
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

/** A path that cannot leave the connection's URL: no dot segments (written plainly or escaped), no query, no fragment. */
const InnerPath = Schema.String.pipe(
  Schema.check(
    Schema.makeFilter((path: string) =>
      /[?#\\]/.test(path) || path.split("/").some((segment) => /^(?:\.|%2e){1,2}$/i.test(segment))
        ? 'a path without "..", "." , "?" or "#"'
        : undefined,
    ),
  ),
)

const Call = Schema.Struct({
  /** Default: the connection's. */
  method: Schema.optionalKey(Schema.Literals(methods)),
  /** Added to the connection's URL. */
  path: Schema.optionalKey(InnerPath),
  query: Schema.optionalKey(Schema.Record(Schema.String, QueryValue)),
  headers: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)),
  /** Default: none. */
  body: Schema.optionalKey(Schema.Unknown),
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
  if (kind === "text") return typeof value === "string" ? value : JSON.stringify(value)
  const form = new URLSearchParams()
  for (const [name, field] of Object.entries(typeof value === "object" && value !== null ? value : {})) {
    for (const one of Array.isArray(field) ? field : [field]) form.append(name, textOf(one))
  }
  return form.toString()
}

const textOf = (value: unknown): string =>
  typeof value === "string" ? value : typeof value === "object" ? JSON.stringify(value) : String(value)

const takesBody = (method: string): boolean => method !== "GET" && method !== "HEAD"

/** The address with path and query added; `shown` leaves out the query that the connection configures, which may hold secrets. */
const addressOf = (settings: HttpSettings, call: typeof Call.Type | undefined): { url: string; shown: string } => {
  const url = new URL(settings.url)
  if (call?.path !== undefined) {
    url.pathname = `${url.pathname.replace(/\/$/, "")}/${call.path.replace(/^\//, "")}`
  }
  const shown = new URL(url)
  for (const [name, value] of Object.entries(settings.query ?? {})) {
    url.searchParams.set(name, String(value))
    shown.searchParams.set(name, "***")
  }
  for (const [name, value] of Object.entries(call?.query ?? {})) {
    url.searchParams.set(name, String(value))
    shown.searchParams.set(name, String(value))
  }
  return { url: url.href, shown: shown.href }
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
  check: ({ url, headers, auth }) => [
    ...(typeof url === "string" && !URL.canParse(url)
      ? [{ path: ["url"], message: `"${url}" is not a URL; write https://host/path, or secret("NAME")` }]
      : []),
    ...Object.keys(headers ?? {}).flatMap((name) =>
      headerName.test(name) && !reservedHeaders.test(name)
        ? []
        : [{ path: ["headers", name], message: `"${name}" cannot be set as a header` }],
    ),
    ...(auth?.type === "header" && !headerName.test(auth.name)
      ? [{ path: ["auth", "name"], message: `"${auth.name}" is not a header name` }]
      : []),
  ],
  actions: {
    request: {
      title: "Send the mapped value",
      description: "The mapped value, or the event without a mapping, is the body. GET and HEAD send none.",
      input: Schema.Unknown,
      map: "optional",
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
