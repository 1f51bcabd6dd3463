/**
 * What the HTTP connector is held to. Answers are those of RFC 9110 and RFC 6585.
 */
import { secret } from "../../src/index.ts"
import type { ConnectorCases } from "../../test/conformance/cases.ts"
import { http } from "./index.ts"

const headers = {
  "content-type": "application/json",
  "idempotency-key": "dlv_1",
  "x-api-version": "2",
  authorization: "Bearer crm-token-1",
}

const exchangeOf = (auth: object) => [
  {
    request: {
      method: "POST",
      path: "/v1/leads",
      headers: { "content-type": "application/json", "idempotency-key": "dlv_1", ...auth },
      body: { n: 1 },
    },
    reply: { status: 201 },
  },
]

export const cases: ConnectorCases = {
  connection: (at) =>
    http({
      url: `${at}/v1`,
      headers: { "X-Api-Version": "2" },
      query: { key: secret("CRM_KEY") },
      auth: { type: "bearer", token: secret("CRM_TOKEN") },
    }),
  secrets: { CRM_TOKEN: "crm-token-1", CRM_KEY: "crm key&1" },
  wrongSettings: [
    {
      connection: http({ url: "https://user:in-clear@x.example" }),
      path: "url",
      says: /holds a user name or password/,
    },
    {
      connection: http({ url: "https://x.example", headers: { Host: "y" } }),
      path: "headers.Host",
      says: /cannot be set as a header/,
    },
    {
      connection: http({ url: "https://x.example", auth: { type: "bearer", token: "in-clear" } as never }),
      path: "auth.token",
      says: /secret\("NAME"\)/,
    },
    {
      connection: http({ url: "https://x.example", idempotencyHeader: "content-type" }),
      path: "idempotencyHeader",
      says: /cannot carry the delivery's id/,
    },
  ],
  answers: {
    permanent: { reply: { status: 400, body: { message: "no" } }, kind: "rejected", permanent: true, says: /"no"/ },
    transient: { reply: { status: 500, body: "oops" }, kind: "server_error", permanent: false },
    rateLimited: {
      reply: (now) => ({ status: 429, headers: { "retry-after": new Date(now + 60_000).toUTCString() } }),
      kind: "rate_limited",
      permanent: false,
      retryAfterMs: 60_000,
    },
    authFailed: { reply: { status: 403 }, kind: "auth_failed", permanent: true },
    // Of an answer only the status counts.
    malformed: { reply: { status: 200, body: "{" }, kind: "delivered", permanent: true },
  },
  actions: {
    request: {
      input: { name: "Ada" },
      exchange: [
        {
          request: { method: "POST", path: "/v1?key=crm%20key%261", headers, body: { name: "Ada" } },
          reply: { status: 202 },
        },
      ],
      more: [
        {
          name: "seconds until the limit is renewed, by the IETF's draft",
          reply: { status: 429, headers: { "ratelimit-reset": "7" } },
          kind: "rate_limited",
          permanent: false,
          retryAfterMs: 7000,
        },
        { name: "too early", reply: { status: 425 }, kind: "rejected", permanent: false },
        { name: "not implemented", reply: { status: 501 }, kind: "server_error", permanent: true },
        { name: "gone", reply: { status: 410 }, kind: "rejected", permanent: true },
      ],
    },
    call: {
      input: {
        method: "PATCH",
        path: "contacts/42",
        query: { notify: true },
        headers: { "X-Trace": "t" },
        body: { a: 1 },
      },
      exchange: [
        {
          request: {
            method: "PATCH",
            path: "/v1/contacts/42?key=crm%20key%261&notify=true",
            headers: { ...headers, "x-trace": "t" },
            body: { a: 1 },
          },
          reply: { status: 200 },
        },
      ],
      wrongInputs: [
        { input: { path: "../admin" }, path: "path" },
        { input: { method: "TRACE" }, path: "method" },
        { input: { headers: { Host: "x" } }, path: "headers" },
      ],
    },
  },
  ways: [
    {
      name: "a user name and a password",
      connection: (at) =>
        http({ url: `${at}/v1/leads`, auth: { type: "basic", username: "ada", password: secret("P") } }),
      secrets: { P: "not-a-real-one" },
      action: "request",
      input: { n: 1 },
      exchange: exchangeOf({ authorization: `Basic ${Buffer.from("ada:not-a-real-one").toString("base64")}` }),
    },
    {
      name: "a header",
      connection: (at) =>
        http({ url: `${at}/v1/leads`, auth: { type: "header", name: "X-Api-Key", value: secret("KEY") } }),
      secrets: { KEY: "not-a-real-one" },
      action: "request",
      input: { n: 1 },
      exchange: exchangeOf({ "x-api-key": "not-a-real-one" }),
    },
  ],
}
