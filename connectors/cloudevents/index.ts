/**
 * Sends events as CloudEvents 1.0 over HTTP: structured, binary, or many in one batch.
 */
import * as Schema from "effect/Schema"
import { defineConnector, makeJudge, SecretField, type ActionContext, type HttpRequest } from "../../src/index.ts"
import { headerProblems, resolvedUrlProblems, urlProblems } from "../http-settings.ts"
import { attributesOf, dataOf, headerValue, isUriReference, structured, type Naming } from "./event.ts"

/** Events of one batch, and their bytes: what a receiver takes is not known. */
const batchMax = 100
const batchBytesMax = 1024 * 1024

/** Names that the specification itself gives. */
const taken = new Set([
  "specversion",
  "id",
  "source",
  "type",
  "time",
  "subject",
  "data",
  "datacontenttype",
  "dataschema",
])
const extensionName = /^[a-z0-9]{1,20}$/
const integerMax = 2 ** 31 - 1

/** Set by the connector; a configured header of the same name would break receivers. */
const reservedHeaders = /^(?:content-type|user-agent|ce-.*|webhook-request-.*|traceparent)$/i

const settings = Schema.Struct({
  url: Schema.Union([Schema.String, SecretField]).annotate({
    description: "Where to send to: an `https:` URL (or `http:`), or a secret that holds one.",
  }),
  token: Schema.optionalKey(SecretField.annotate({ description: "Sent as `authorization: Bearer …`. Default: none." })),
  mode: Schema.optionalKey(
    Schema.Literals(["structured", "binary"]).annotate({
      description:
        "How `event.send` writes an event: as one JSON document (`structured`, default), or in headers and a body (`binary`).",
    }),
  ),
  source: Schema.optionalKey(
    Schema.NonEmptyString.annotate({
      description:
        "The events' `source`, a URI reference. Default: the event's own if it is one, otherwise `/<workspace>`.",
    }),
  ),
  extensions: Schema.optionalKey(
    Schema.Record(Schema.String, Schema.Union([Schema.NonEmptyString, Schema.Int, Schema.Boolean])).annotate({
      description: "More attributes of every event: lower-case letters and digits.",
    }),
  ),
  origin: Schema.optionalKey(
    Schema.String.pipe(Schema.check(Schema.isPattern(/^[A-Za-z0-9.-]{1,253}$/))).annotate({
      description: "Who sends, as a host name, for receivers with abuse protection: sent as `WebHook-Request-Origin`.",
    }),
  ),
  headers: Schema.optionalKey(
    Schema.Record(Schema.String, Schema.Union([Schema.String, SecretField])).annotate({
      description: "More headers, such as a key that the receiver wants.",
    }),
  ),
})

interface CloudEventsSettings extends Naming {
  readonly url: string
  readonly token?: string
  readonly mode?: "structured" | "binary"
  readonly origin?: string
  readonly headers?: { readonly [name: string]: string }
}

const headersOf = ({ token, origin, headers }: CloudEventsSettings): { readonly [name: string]: string } => ({
  ...Object.fromEntries(Object.entries(headers ?? {}).map(([name, value]) => [name.toLowerCase(), value])),
  ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
  ...(origin === undefined ? {} : { "webhook-request-origin": origin }),
})

const requestOf = (
  settings: CloudEventsSettings,
  headers: { readonly [name: string]: string },
  body: unknown,
): HttpRequest => ({
  method: "POST",
  url: settings.url,
  headers: { ...headersOf(settings), ...headers },
  body: JSON.stringify(body),
  // The specification of web hooks forbids it.
  redirects: false,
})

const send = (input: unknown, context: ActionContext<CloudEventsSettings>): HttpRequest => {
  const { settings, delivery } = context
  const trace = delivery.traceparent === undefined ? {} : { traceparent: delivery.traceparent }
  if (settings.mode !== "binary") {
    const headers = { "content-type": "application/cloudevents+json; charset=utf-8", ...trace }
    return requestOf(settings, headers, structured(input, context, settings))
  }
  const attributes = Object.entries(attributesOf(context, settings))
  const headers = Object.fromEntries(attributes.map(([name, value]) => [`ce-${name}`, headerValue(value)]))
  return requestOf(settings, { ...headers, "content-type": "application/json", ...trace }, dataOf(input, context))
}

/** Refusals that have nothing to do with the events of a batch, and are the same for each half of it. */
const aboutNoEvent = new Set([404, 405, 415])

const judge = makeJudge({
  verdict: ({ status }) =>
    status === 415
      ? {
          kind: "rejected",
          permanent: true,
          message: "the receiver does not take CloudEvents written so; try another mode, or another action",
        }
      : undefined,
})

export const cloudevents = defineConnector({
  name: "cloudevents",
  title: "CloudEvents",
  description: "Sends events to a URL as CloudEvents 1.0: structured, binary or in batches.",
  docs: "https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md",
  settings,
  auth: [{ kind: "bearer", setting: "token" }, { kind: "none" }],
  outcome: judge,
  check: ({ url, source, extensions, headers, token }) => [
    ...urlProblems(url),
    ...(source === undefined || isUriReference(source)
      ? []
      : [{ path: ["source"], message: `${JSON.stringify(source)} is not a URI reference such as /billing` }]),
    ...Object.entries(extensions ?? {}).flatMap(([name, value]) => {
      const path = ["extensions", name]
      if (!extensionName.test(name) || taken.has(name))
        return [
          { path, message: `"${name}" cannot name an extension: 1 to 20 lower-case letters and digits, not taken` },
        ]
      return typeof value === "number" && Math.abs(value) > integerMax
        ? [{ path, message: `${value} is not a number of 32 bits; write it as a text` }]
        : []
    }),
    ...headerProblems(headers, reservedHeaders),
    ...(token === undefined ? [] : Object.keys(headers ?? {}).filter((name) => /^authorization$/i.test(name))).map(
      (name) => ({ path: ["headers", name], message: "the token is sent in it; leave one of them out" }),
    ),
  ],
  checkResolved: ({ url }: CloudEventsSettings) => resolvedUrlProblems(url),
  test: {
    // The question that abuse protection begins with. Nothing is delivered by it.
    request: (settings: CloudEventsSettings) => ({
      method: "OPTIONS",
      url: settings.url,
      headers: headersOf(settings),
      redirects: false,
    }),
    outcome: (response, now) => {
      const { status } = response
      // A receiver that does not know the question is there all the same.
      return status === 405 || status === 501
        ? { kind: "delivered", message: `HTTP ${status}`, status }
        : judge(response, now)
    },
    says: ({ headers }) => {
      const allowed = headers["webhook-allowed-origin"]
      return allowed === undefined
        ? "the receiver answers, and does not say who may send"
        : `the receiver lets ${String(allowed)} send`
    },
  },
  defaultAction: "event.send",
  actions: {
    "event.send": {
      title: "Send an event",
      description: "The mapped value, or the event's payload without a mapping, is the data.",
      docs: "https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md",
      input: Schema.Unknown,
      map: "optional",
      repeat: "key",
      request: send,
    },
    "batch.send": {
      title: "Send events in batches",
      description: "In batched mode: many events go in one call, as a JSON array. Data as with event.send.",
      docs: "https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md#33-batched-content-mode",
      input: Schema.Unknown,
      map: "optional",
      repeat: "key",
      batch: {
        max: batchMax,
        maxBytes: batchBytesMax,
        request: (items) => {
          const { settings } = items[0]!.context
          const events = items.map(({ input, context }) => structured(input, context, settings))
          return requestOf(settings, { "content-type": "application/cloudevents-batch+json; charset=utf-8" }, events)
        },
        outcomes: (answer, items, now) => {
          if (!aboutNoEvent.has(answer.status)) return undefined
          const outcome = judge(answer, now)
          return items.map(() => outcome)
        },
      },
    },
  },
})
