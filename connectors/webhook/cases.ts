/**
 * What the webhook connector is held to. Answers are those of the Standard Webhooks specification.
 */
import { expect } from "vitest"
import { secret } from "../../src/index.ts"
import type { ConnectorCases } from "../../test/conformance/cases.ts"
import { webhook } from "./index.ts"

const signingSecret = `whsec_${Buffer.alloc(32, 7).toString("base64")}`

const headers = {
  "content-type": "application/json",
  "webhook-id": "dlv_1",
  "webhook-timestamp": expect.stringMatching(/^\d{10}$/),
  "webhook-signature": expect.stringMatching(/^v1,[A-Za-z0-9+/]{43}=$/),
  "x-meshes-event-id": "evt_1",
  "x-meshes-event-type": "lead.created",
  "x-meshes-workspace": "acme",
  "x-meshes-attempt": "1",
  authorization: "Bearer erp-token",
}

export const cases: ConnectorCases = {
  connection: (at) =>
    webhook({
      url: `${at}/in?from=meshes`,
      secret: secret("ERP_SECRET"),
      headers: { Authorization: secret("ERP_TOKEN") },
    }),
  secrets: { ERP_SECRET: signingSecret, ERP_TOKEN: "Bearer erp-token" },
  wrongSettings: [
    { connection: webhook({} as never), path: "url", says: /webhook needs "url"/ },
    { connection: webhook({ url: "erp.example/in" }), path: "url", says: /is not a URL to send to/ },
    {
      connection: webhook({ url: "https://x.example", secret: "whsec_in-clear" as never }),
      path: "secret",
      says: /secret\("NAME"\)/,
    },
    {
      connection: webhook({ url: "https://x.example", headers: { "webhook-id": "1" } }),
      path: "headers.webhook-id",
      says: /is set by the connector; leave it out/,
    },
  ],
  answers: {
    permanent: { reply: { status: 422, body: { error: "no such field" } }, kind: "rejected", permanent: true },
    transient: {
      reply: { status: 503, headers: { "retry-after": "120" }, body: "" },
      kind: "server_error",
      permanent: false,
      retryAfterMs: 120_000,
    },
    rateLimited: {
      reply: { status: 429, headers: { "retry-after": "30" } },
      kind: "rate_limited",
      permanent: false,
      retryAfterMs: 30_000,
    },
    authFailed: { reply: { status: 401, body: "who are you?" }, kind: "auth_failed", permanent: true },
    // Of an answer only the status counts.
    malformed: { reply: { status: 200, body: "<html>" }, kind: "delivered", permanent: true },
  },
  actions: {
    send: {
      exchange: [
        {
          request: {
            method: "POST",
            path: "/in?from=meshes",
            headers,
            body: {
              id: "evt_1",
              type: "lead.created",
              workspace: "acme",
              time: "2026-01-31T09:30:00.000Z",
              payload: {},
            },
          },
          reply: { status: 204 },
        },
      ],
      more: [
        { name: "retired for good", reply: { status: 410 }, kind: "rejected", permanent: true },
        { name: "a gateway without its server", reply: { status: 502 }, kind: "server_error", permanent: false },
        {
          name: "a redirect to another origin, which is not followed",
          reply: { status: 308, headers: { location: "https://elsewhere.example/in" } },
          kind: "rejected",
          permanent: true,
          says: /redirects to https:\/\/elsewhere\.example are not followed/,
        },
      ],
    },
  },
  ways: [
    {
      name: "an address that is a secret, unsigned, with a mapping",
      connection: () => webhook({ url: secret("ERP_URL"), method: "PUT" }),
      secrets: (at) => ({ ERP_URL: `${at}/in/secret-path` }),
      action: "send",
      input: { text: "hi" },
      exchange: [
        {
          request: {
            method: "PUT",
            path: "/in/secret-path",
            headers: Object.fromEntries(
              Object.entries(headers).filter(([name]) => name !== "webhook-signature" && name !== "authorization"),
            ),
            body: { text: "hi" },
          },
          reply: { status: 200 },
        },
      ],
    },
  ],
}
