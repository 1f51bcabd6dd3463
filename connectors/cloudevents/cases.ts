/**
 * What the CloudEvents connector is held to. Answers are those of the specification's HTTP binding and of its rules for web hooks.
 */
import { secret } from "../../src/index.ts"
import type { ConnectorCases } from "../../test/conformance/cases.ts"
import { cloudevents } from "./index.ts"

const ofConnection = {
  authorization: "Bearer broker-token",
  "webhook-request-origin": "meshes.acme.example",
  "x-region": "eu",
}
const eventOf = (number: number, data: unknown) => ({
  specversion: "1.0",
  id: `evt_${number}`,
  source: "/billing",
  type: "lead.created",
  time: "2026-01-31T09:30:00.000Z",
  tenant: "acme",
  datacontenttype: "application/json",
  data,
})

const structured = { ...ofConnection, "content-type": "application/cloudevents+json; charset=utf-8" }
const batched = { ...ofConnection, "content-type": "application/cloudevents-batch+json; charset=utf-8" }

export const cases: ConnectorCases = {
  connection: (at) =>
    cloudevents({
      url: `${at}/broker?x=1`,
      token: secret("BROKER_TOKEN"),
      source: "/billing",
      extensions: { tenant: "acme" },
      origin: "meshes.acme.example",
      headers: { "X-Region": "eu" },
    }),
  secrets: { BROKER_TOKEN: "broker-token" },
  wrongSettings: [
    { connection: cloudevents({ url: "broker.example" }), path: "url", says: /is not a URL to send to/ },
    {
      connection: cloudevents({ url: "https://x.example", source: "my billing" }),
      path: "source",
      says: /is not a URI reference/,
    },
    {
      connection: cloudevents({ url: "https://x.example", extensions: { "trace-id": "1" } }),
      path: "extensions.trace-id",
      says: /cannot name an extension/,
    },
    {
      connection: cloudevents({ url: "https://x.example", extensions: { subject: "1" } }),
      path: "extensions.subject",
      says: /cannot name an extension/,
    },
    {
      connection: cloudevents({ url: "https://x.example", extensions: { n: 2 ** 31 } }),
      path: "extensions.n",
      says: /not a number of 32 bits/,
    },
    {
      connection: cloudevents({ url: "https://x.example", headers: { "ce-id": "1" } }),
      path: "headers.ce-id",
      says: /is set by the connector/,
    },
    {
      connection: cloudevents({ url: "https://x.example", token: secret("T"), headers: { Authorization: "x" } }),
      path: "headers.Authorization",
      says: /leave one of them out/,
    },
    {
      connection: cloudevents({ url: "https://x.example", token: "in-clear" as never }),
      path: "token",
      says: /secret\("NAME"\)/,
    },
    {
      connection: cloudevents({ url: "https://x.example", origin: "https://x" }),
      path: "origin",
      says: /https/,
    },
  ],
  answers: {
    permanent: {
      reply: { status: 400, body: "no such type" },
      kind: "rejected",
      permanent: true,
      says: /no such type/,
    },
    transient: { reply: { status: 503, body: "" }, kind: "server_error", permanent: false },
    rateLimited: {
      reply: { status: 429, headers: { "retry-after": "15" } },
      kind: "rate_limited",
      permanent: false,
      retryAfterMs: 15_000,
    },
    authFailed: { reply: { status: 401 }, kind: "auth_failed", permanent: true },
    // Of an answer only the status counts: a receiver may even answer with an event of its own.
    malformed: { reply: { status: 200, body: "<html>" }, kind: "delivered", permanent: true },
  },
  test: {
    request: { method: "OPTIONS", path: "/broker?x=1", headers: ofConnection },
    reply: {
      status: 200,
      headers: { "webhook-allowed-origin": "meshes.acme.example", "webhook-allowed-rate": "100" },
    },
    says: /lets meshes\.acme\.example send/,
  },
  actions: {
    "event.send": {
      exchange: [
        {
          request: { method: "POST", path: "/broker?x=1", headers: structured, body: eventOf(1, {}) },
          reply: { status: 202 },
        },
      ],
      more: [
        { name: "retired for good", reply: { status: 410 }, kind: "rejected", permanent: true },
        {
          name: "a mode that the receiver does not take",
          reply: { status: 415 },
          kind: "rejected",
          permanent: true,
          says: /HTTP 415: .*try another mode/,
        },
        { name: "too large", reply: { status: 413 }, kind: "rejected", permanent: true },
        {
          name: "a redirect, which must not be followed",
          reply: { status: 307, headers: { location: "/elsewhere" } },
          kind: "rejected",
          permanent: true,
        },
        {
          name: "taken, with a reply",
          reply: { status: 200, body: { specversion: "1.0" } },
          kind: "delivered",
          permanent: true,
        },
      ],
    },
    "batch.send": {
      input: { n: 1 },
      exchange: [
        {
          request: { method: "POST", path: "/broker?x=1", headers: batched, body: [eventOf(1, { n: 1 })] },
          reply: { status: 204 },
        },
      ],
      batches: [
        {
          inputs: [{ n: 1 }, undefined, "text"],
          exchange: {
            request: {
              method: "POST",
              path: "/broker?x=1",
              headers: batched,
              body: [eventOf(1, { n: 1 }), eventOf(2, {}), eventOf(3, "text")],
            },
            reply: { status: 202 },
          },
        },
        // Not made again in halves: it is not about the events.
        ...[410, 415].map((status) => ({
          inputs: [{ n: 1 }, { n: 2 }],
          exchange: {
            request: {
              method: "POST",
              path: "/broker?x=1",
              headers: batched,
              body: [eventOf(1, { n: 1 }), eventOf(2, { n: 2 })],
            },
            reply: { status },
          },
          outcomes: ["dead" as const, "dead" as const],
        })),
      ],
    },
  },
  ways: [
    {
      name: "no credentials, binary mode",
      connection: (at) => cloudevents({ url: `${at}/in`, mode: "binary", extensions: { note: 'a "€" % b', count: 3 } }),
      secrets: {},
      action: "event.send",
      input: { n: 1 },
      exchange: [
        {
          request: {
            method: "POST",
            path: "/in",
            headers: {
              "content-type": "application/json",
              "ce-specversion": "1.0",
              "ce-id": "evt_1",
              "ce-source": "/acme",
              "ce-type": "lead.created",
              "ce-time": "2026-01-31T09:30:00.000Z",
              "ce-note": "a%20%22%E2%82%AC%22%20%25%20b",
              "ce-count": "3",
            },
            body: { n: 1 },
          },
          reply: { status: 204 },
        },
      ],
    },
    {
      name: "a key in a header, and an address that is a secret",
      connection: () => cloudevents({ url: secret("GRID_URL"), headers: { "aeg-sas-key": secret("GRID_KEY") } }),
      secrets: (at) => ({ GRID_URL: `${at}/api/events`, GRID_KEY: "not-a-real-one" }),
      action: "batch.send",
      input: {},
      exchange: [
        {
          request: {
            method: "POST",
            path: "/api/events",
            headers: {
              "content-type": "application/cloudevents-batch+json; charset=utf-8",
              "aeg-sas-key": "not-a-real-one",
            },
            body: [
              {
                specversion: "1.0",
                id: "evt_1",
                source: "/acme",
                type: "lead.created",
                time: "2026-01-31T09:30:00.000Z",
                datacontenttype: "application/json",
                data: {},
              },
            ],
          },
          reply: { status: 200 },
        },
      ],
    },
  ],
}
