/**
 * PagerDuty: alerts that open incidents, what becomes of them, and changes, by the Events API v2.
 */
import * as Schema from "effect/Schema"
import { defineConnector, makeJudge, parseRetryAfter, SecretField, type ApiRequest } from "../../src/index.ts"

const settings = Schema.Struct({
  routingKey: SecretField.annotate({
    description: "The integration key, of 32 characters, of an Events API v2 integration or an event orchestration.",
  }),
  region: Schema.optionalKey(
    Schema.Literals(["us", "eu"]).annotate({ description: "The account's service region. Default: us." }),
  ),
  source: Schema.optionalKey(
    Schema.NonEmptyString.annotate({
      description: "Where alerts come from that do not say it. Default: the workspace's name.",
    }),
  ),
})

interface PagerDutySettings {
  readonly routingKey: string
  readonly region?: string
  readonly source?: string
}

/** Events are refused beyond 512 kB; this leaves room for what is not of the mapping. */
const inputBytesMax = 510_000
const summaryMax = 1024
const dedupKeyMax = 255

const minute = 60_000

const Summary = Schema.NonEmptyString.pipe(Schema.check(Schema.isMaxLength(summaryMax)))
const DedupKey = Schema.NonEmptyString.pipe(Schema.check(Schema.isMaxLength(dedupKeyMax)))
const Details = Schema.Record(Schema.String, Schema.Unknown)
const Links = Schema.Array(Schema.Struct({ href: Schema.NonEmptyString, text: Schema.optionalKey(Schema.String) }))

const fits = Schema.makeFilter((input: object) => {
  const bytes = Buffer.byteLength(JSON.stringify(input))
  return bytes > inputBytesMax
    ? { path: ["custom_details"], issue: `${bytes} bytes in all, and PagerDuty takes ${inputBytesMax} at the most` }
    : undefined
})

const judge = makeJudge({
  verdict: ({ status, json, header, now }) => {
    if (status === 202 && json?.status !== "success")
      return { kind: "server_error", message: "an answer that is none of PagerDuty's" }
    // Of the key rather than of the event.
    if (status === 400 && errorsOf(json).some((error) => error.includes("routing_key"))) return { kind: "auth_failed" }
    if (status === 429)
      return {
        kind: "rate_limited",
        retryAfterMs: Math.max(minute, parseRetryAfter(header("retry-after"), now) ?? 0),
      }
    return undefined
  },
  message: ({ json }) => (json?.message === undefined ? undefined : [json.message, ...errorsOf(json)].join("; ")),
})

const errorsOf = (json: any): ReadonlyArray<string> => (Array.isArray(json?.errors) ? json.errors.map(String) : [])

const enqueue = (at: "/enqueue" | "/change/enqueue", { routingKey }: PagerDutySettings, event: object): ApiRequest => ({
  method: "POST",
  path: at,
  json: { routing_key: routingKey, ...event },
})

const later = (action: "acknowledge" | "resolve") => ({
  input: Schema.Struct({
    dedup_key: DedupKey.annotate({ description: "Of the alert, as it was triggered." }),
  }),
  repeat: "natural" as const,
  docs: "https://developer.pagerduty.com/docs/events-api-v2/trigger-events/",
  request: (
    { dedup_key }: { readonly dedup_key: string },
    { settings: to }: { readonly settings: PagerDutySettings },
  ) => enqueue("/enqueue", to, { event_action: action, dedup_key }),
})

export const pagerduty = defineConnector({
  name: "pagerduty",
  title: "PagerDuty",
  description: "Alerts that open incidents, their acknowledgement and end, and changes.",
  docs: "https://developer.pagerduty.com/docs/events-api-v2/overview/",
  settings,
  baseUrl: ({ region }: { readonly region?: string }) =>
    region === "eu" ? "https://events.eu.pagerduty.com/v2" : "https://events.pagerduty.com/v2",
  auth: [{ kind: "custom", settings: ["routingKey"], description: "The key goes in the body of each event." }],
  limits: {
    rateLimit: { limit: 120, per: "1 minute" },
    says: "about 120 events a minute for an integration key, less when many incidents open at once",
  },
  outcome: judge,
  checkResolved: ({ routingKey }: PagerDutySettings) =>
    routingKey === undefined || /^[A-Za-z0-9]{32}$/.test(routingKey)
      ? []
      : [{ path: ["routingKey"], message: "the secret is not an integration key: 32 letters and digits" }],
  defaultAction: "incident.trigger",
  actions: {
    "incident.trigger": {
      title: "Trigger an alert",
      description: "Opens an incident, or adds to the open one of the same dedup_key.",
      docs: "https://developer.pagerduty.com/docs/events-api-v2/trigger-events/",
      input: Schema.Struct({
        summary: Summary.annotate({ description: "What is wrong, in a line: up to 1,024 characters." }),
        severity: Schema.Literals(["critical", "error", "warning", "info"]).annotate({
          description: "How bad it is: by it PagerDuty sets the urgency.",
        }),
        source: Schema.optionalKey(
          Schema.NonEmptyString.annotate({ description: "What has the problem. Default: the connection's." }),
        ),
        dedup_key: Schema.optionalKey(
          DedupKey.annotate({
            description:
              "One for each problem: later events of the same add to its open alert, acknowledge and resolve it. Default: the delivery's id, an alert of its own.",
          }),
        ),
        timestamp: Schema.optionalKey(
          Schema.NonEmptyString.annotate({ description: "When it was seen: ISO 8601. Default: the event's time." }),
        ),
        component: Schema.optionalKey(
          Schema.String.annotate({ description: "The part of the source that is broken." }),
        ),
        group: Schema.optionalKey(Schema.String.annotate({ description: "What the source belongs to." })),
        class: Schema.optionalKey(Schema.String.annotate({ description: "The kind of problem." })),
        custom_details: Schema.optionalKey(Details.annotate({ description: "What helps whoever is called." })),
        links: Schema.optionalKey(Links.annotate({ description: "Addresses to go along, each with a text." })),
        images: Schema.optionalKey(
          Schema.Array(
            Schema.Struct({
              src: Schema.String.pipe(Schema.check(Schema.isPattern(/^https:\/\//))),
              href: Schema.optionalKey(Schema.String),
              alt: Schema.optionalKey(Schema.String),
            }),
          ).annotate({ description: "Images to go along, by addresses that begin with https." }),
        ),
        client: Schema.optionalKey(Schema.String.annotate({ description: "What watches: its name." })),
        client_url: Schema.optionalKey(Schema.String.annotate({ description: "Where it is to be seen." })),
      }).pipe(Schema.check(fits)),
      example: {
        summary: "Payments fail for Acme",
        severity: "error",
        dedup_key: "payments/acc_1",
        custom_details: { failed: 12 },
      },
      repeat: "key",
      request: ({ dedup_key, links, images, client, client_url, ...payload }, { settings: to, event, delivery }) =>
        enqueue("/enqueue", to, {
          event_action: "trigger",
          dedup_key: dedup_key ?? delivery.id,
          payload: { source: to.source ?? delivery.workspace, timestamp: event.time, ...payload },
          // What is not given is left out.
          links,
          images,
          client,
          client_url,
        }),
    },
    "incident.acknowledge": {
      title: "Acknowledge an alert",
      description: "Somebody is at it: nobody else is called. Without an open alert of this key nothing happens.",
      example: { dedup_key: "payments/acc_1" },
      ...later("acknowledge"),
    },
    "incident.resolve": {
      title: "Resolve an alert",
      description: "The problem is over. Without an open alert of this key nothing happens.",
      example: { dedup_key: "payments/acc_1" },
      ...later("resolve"),
    },
    "change.send": {
      title: "Send a change",
      description: "Such as a deployment, beside which incidents are seen. A repeat is a second change.",
      docs: "https://developer.pagerduty.com/docs/events-api-v2/send-change-events/",
      input: Schema.Struct({
        summary: Summary.annotate({ description: "What changed, in a line: up to 1,024 characters." }),
        source: Schema.optionalKey(
          Schema.NonEmptyString.annotate({ description: "Where it changed. Default: the connection's." }),
        ),
        timestamp: Schema.optionalKey(
          Schema.NonEmptyString.annotate({ description: "When it changed: ISO 8601. Default: the event's time." }),
        ),
        custom_details: Schema.optionalKey(Details.annotate({ description: "What else is to be known of it." })),
        links: Schema.optionalKey(Links.annotate({ description: "Addresses to go along, each with a text." })),
      }).pipe(Schema.check(fits)),
      example: { summary: "Version 2.4.0 is out", custom_details: { build: 311 } },
      repeat: "again",
      request: ({ links, ...payload }, { settings: to, event, delivery }) =>
        enqueue("/change/enqueue", to, {
          payload: { source: to.source ?? delivery.workspace, timestamp: event.time, ...payload },
          links,
        }),
    },
  },
})
