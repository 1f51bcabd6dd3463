/**
 * Sends events to any URL, signed by the Standard Webhooks specification: the connector for everything that has none of its own.
 */
import type { KeyObject } from "node:crypto"
import * as Schema from "effect/Schema"
import { defineConnector, SecretField, type ActionContext, type HttpRequest } from "../../src/index.ts"
import { headerProblems, resolvedUrlProblems, urlProblems } from "../http-settings.ts"
import { keyOf, signatureOf } from "./sign.ts"

const secretsMax = 5

/** Set by the connector; a configured header of the same name would break receivers. */
const reservedHeaders = /^(?:content-type|user-agent|webhook-.*|x-meshes-.*|traceparent)$/i

const settings = Schema.Struct({
  url: Schema.Union([Schema.String, SecretField]).annotate({
    description: "Where to send to: an `https:` URL (or `http:`), or a secret that holds one.",
  }),
  secret: Schema.optionalKey(
    Schema.Union([
      SecretField,
      Schema.Array(SecretField).pipe(Schema.check(Schema.isMinLength(1), Schema.isMaxLength(secretsMax))),
    ]).annotate({
      description:
        "The signing secret, `whsec_…`; a list while it is being changed: every one signs. Without it nothing is signed.",
    }),
  ),
  method: Schema.optionalKey(Schema.Literals(["POST", "PUT", "PATCH"]).annotate({ description: "Default: `POST`." })),
  mode: Schema.optionalKey(
    Schema.Literals(["envelope", "raw"]).annotate({
      description:
        "`envelope` (default): the whole event; `raw`: its payload alone. A mapping makes the body itself, in either mode.",
    }),
  ),
  headers: Schema.optionalKey(
    Schema.Record(Schema.String, Schema.Union([Schema.String, SecretField])).annotate({
      description: "More headers, such as a token that the receiver wants.",
    }),
  ),
})

interface WebhookSettings {
  readonly url: string
  readonly secret?: string | ReadonlyArray<string>
  readonly method?: "POST" | "PUT" | "PATCH"
  readonly mode?: "envelope" | "raw"
  readonly headers?: { readonly [name: string]: string }
}

const keys = new WeakMap<WebhookSettings, ReadonlyArray<KeyObject>>()

/** The signing keys of a connection, decoded once. */
const keysOf = (resolved: WebhookSettings): ReadonlyArray<KeyObject> => {
  const known = keys.get(resolved)
  if (known !== undefined) return known
  const { secret } = resolved
  const decoded = (secret === undefined ? [] : typeof secret === "string" ? [secret] : secret).map((one) => {
    const key = keyOf(one)
    if (typeof key === "string") throw new Error(key)
    return key
  })
  keys.set(resolved, decoded)
  return decoded
}

const bodyOf = (input: unknown, { settings, event, envelope }: ActionContext<WebhookSettings>): Uint8Array | string => {
  if (input !== undefined) return JSON.stringify(input)
  return settings.mode === "raw" ? JSON.stringify(event.payload) : envelope
}

const requestOf = (input: unknown, context: ActionContext<WebhookSettings>): HttpRequest => {
  const { settings, delivery, now } = context
  const body = bodyOf(input, context)
  const timestamp = Math.floor(now / 1000)
  const signing = keysOf(settings)
  return {
    method: settings.method ?? "POST",
    url: settings.url,
    body,
    headers: {
      ...lowerCase(settings.headers),
      "content-type": "application/json",
      "webhook-id": delivery.id,
      "webhook-timestamp": String(timestamp),
      ...(signing.length === 0 ? {} : { "webhook-signature": signatureOf(signing, delivery.id, timestamp, body) }),
      "x-meshes-event-id": delivery.event,
      "x-meshes-event-type": delivery.type,
      "x-meshes-workspace": delivery.workspace,
      "x-meshes-attempt": String(delivery.attempt),
      ...(delivery.replay === undefined ? {} : { "x-meshes-replay": delivery.replay }),
      ...(delivery.traceparent === undefined ? {} : { traceparent: delivery.traceparent }),
    },
  }
}

const lowerCase = (headers: WebhookSettings["headers"]): { readonly [name: string]: string } =>
  headers === undefined
    ? {}
    : Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))

export const webhook = defineConnector({
  name: "webhook",
  title: "Webhook",
  description: "Sends events to a URL as JSON, signed by the Standard Webhooks specification.",
  settings,
  defaultAction: "send",
  check: ({ url, headers }) => [...urlProblems(url), ...headerProblems(headers, reservedHeaders)],
  checkResolved: ({ url, secret }: WebhookSettings) => [
    ...resolvedUrlProblems(url),
    ...(secret === undefined ? [] : typeof secret === "string" ? [secret] : secret).flatMap((one) => {
      const key = keyOf(one)
      return typeof key === "string" ? [{ path: ["secret"], message: key }] : []
    }),
  ],
  actions: {
    send: {
      title: "Send the event",
      description: "Sends the event's envelope (or its payload, with mode raw); with a mapping, the mapped value.",
      docs: "https://www.standardwebhooks.com",
      input: Schema.Unknown,
      map: "optional",
      // Receivers drop what they have had by `webhook-id`.
      repeat: "key",
      request: requestOf,
    },
  },
})
