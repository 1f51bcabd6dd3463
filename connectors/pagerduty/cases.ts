/**
 * What PagerDuty's connector is held to. Answers are of the forms that PagerDuty documents.
 */
import { secret } from "../../src/index.ts"
import type { ConnectorCases } from "../../test/conformance/cases.ts"
import { pagerduty } from "./index.ts"

const routingKey = "0123456789abcdefNotARealOne01234"
const headers = { accept: "application/json", "content-type": "application/json" }

const post = (path: string, body: object) => ({
  method: "POST",
  path: `/v2${path}`,
  headers,
  body: { routing_key: routingKey, ...body },
})

const processed = { status: 202, body: { status: "success", message: "Event processed", dedup_key: "payments/acc_1" } }

const invalid = (...errors: ReadonlyArray<string>) => ({
  status: 400,
  body: { status: "invalid event", message: "Event object is invalid", errors },
})

const more = [
  {
    name: "a key that is none",
    reply: invalid("Length of 'routing_key' is incorrect (should be 32 characters)"),
    kind: "auth_failed" as const,
    permanent: true,
    says: /routing_key/,
  },
  {
    name: "a limit that says how long, and too short",
    reply: { status: 429, headers: { "retry-after": "1" }, body: "" },
    kind: "rate_limited" as const,
    permanent: false,
    retryAfterMs: 60_000,
  },
  {
    name: "too large after all",
    reply: { status: 413, body: "" },
    kind: "rejected" as const,
    permanent: true,
  },
]

const laterCase = (action: "acknowledge" | "resolve") => ({
  input: { dedup_key: "payments/acc_1" },
  exchange: [{ request: post("/enqueue", { event_action: action, dedup_key: "payments/acc_1" }), reply: processed }],
  wrongInputs: [
    { input: {}, path: "dedup_key" },
    { input: { dedup_key: "x".repeat(256) }, path: "dedup_key" },
  ],
  more,
})

export const cases: ConnectorCases = {
  connection: (at) => pagerduty({ routingKey: secret("PAGERDUTY_ROUTING_KEY"), baseUrl: `${at}/v2` }),
  secrets: { PAGERDUTY_ROUTING_KEY: routingKey },
  wrongSettings: [
    { connection: pagerduty({} as never), path: "routingKey", says: /pagerduty needs "routingKey"/ },
    { connection: pagerduty({ routingKey: "in-clear" as never }), path: "routingKey", says: /secret\("NAME"\)/ },
    { connection: pagerduty({ routingKey: secret("A"), region: "de" as never }), path: "region", says: /eu/ },
  ],
  answers: {
    permanent: {
      reply: invalid("'payload.severity' is invalid"),
      kind: "rejected",
      permanent: true,
      says: /HTTP 400: Event object is invalid; 'payload\.severity' is invalid/,
    },
    transient: { reply: { status: 500, body: "" }, kind: "server_error", permanent: false },
    rateLimited: {
      reply: { status: 429, body: { status: "throttle exceeded", message: "Requests for this service are too many" } },
      kind: "rate_limited",
      permanent: false,
      retryAfterMs: 60_000,
    },
    authFailed: { reply: { status: 403, body: { message: "Forbidden" } }, kind: "auth_failed", permanent: true },
    malformed: { reply: { status: 202, body: "<html>" }, kind: "server_error", permanent: false },
  },
  actions: {
    "incident.trigger": {
      input: {
        summary: "Payments fail for Acme",
        severity: "error",
        source: "billing",
        dedup_key: "payments/acc_1",
        timestamp: "2026-01-31T09:29:00Z",
        component: "charges",
        group: "payments",
        class: "failure rate",
        custom_details: { failed: 12 },
        links: [{ href: "https://acme.dev/runbook", text: "Runbook" }],
        images: [{ src: "https://acme.dev/graph.png" }],
        client: "Acme",
        client_url: "https://acme.dev",
      },
      exchange: [
        {
          request: post("/enqueue", {
            event_action: "trigger",
            dedup_key: "payments/acc_1",
            payload: {
              summary: "Payments fail for Acme",
              severity: "error",
              source: "billing",
              timestamp: "2026-01-31T09:29:00Z",
              component: "charges",
              group: "payments",
              class: "failure rate",
              custom_details: { failed: 12 },
            },
            links: [{ href: "https://acme.dev/runbook", text: "Runbook" }],
            images: [{ src: "https://acme.dev/graph.png" }],
            client: "Acme",
            client_url: "https://acme.dev",
          }),
          reply: processed,
        },
      ],
      wrongInputs: [
        { input: { severity: "error" }, path: "summary" },
        { input: { summary: "x".repeat(1025), severity: "error" }, path: "summary" },
        { input: { summary: "x", severity: "high" }, path: "severity" },
        { input: { summary: "x", severity: "info", dedup_key: "x".repeat(256) }, path: "dedup_key" },
        { input: { summary: "x", severity: "info", images: [{ src: "http://acme.dev/a.png" }] }, path: "images" },
        {
          input: { summary: "x", severity: "info", custom_details: { text: "x".repeat(510_000) } },
          path: "custom_details",
        },
      ],
      more,
    },
    "incident.acknowledge": laterCase("acknowledge"),
    "incident.resolve": laterCase("resolve"),
    "change.send": {
      input: { summary: "Version 2.4.0 is out", custom_details: { build: 311 }, links: [{ href: "https://acme.dev" }] },
      exchange: [
        {
          request: post("/change/enqueue", {
            payload: {
              source: "acme",
              timestamp: "2026-01-31T09:30:00.000Z",
              summary: "Version 2.4.0 is out",
              custom_details: { build: 311 },
            },
            links: [{ href: "https://acme.dev" }],
          }),
          reply: { status: 202, body: { status: "success", message: "Change event processed" } },
        },
      ],
      wrongInputs: [
        { input: {}, path: "summary" },
        { input: { summary: "x", links: [{ text: "no address" }] }, path: "links" },
      ],
      more,
    },
  },
  ways: [
    {
      name: "an alert that says little",
      connection: (at) =>
        pagerduty({ routingKey: secret("PAGERDUTY_ROUTING_KEY"), source: "shop", baseUrl: `${at}/v2` }),
      secrets: { PAGERDUTY_ROUTING_KEY: routingKey },
      action: "incident.trigger",
      input: { summary: "Down", severity: "critical" },
      exchange: [
        {
          request: post("/enqueue", {
            event_action: "trigger",
            dedup_key: "dlv_1",
            payload: {
              source: "shop",
              timestamp: "2026-01-31T09:30:00.000Z",
              summary: "Down",
              severity: "critical",
            },
          }),
          reply: processed,
        },
      ],
    },
  ],
}
