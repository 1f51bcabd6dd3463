/**
 * What MailerLite's connector is held to. Answers are of the forms that MailerLite documents.
 */
import { secret } from "../../src/index.ts"
import type { ConnectorCases } from "../../test/conformance/cases.ts"
import { mailerlite } from "./index.ts"

const key = "eyJ0eXAiOiJKV1QiLCJhbGciOiJS-not-a-real-one"
const headers = {
  accept: "application/json",
  "content-type": "application/json",
  "x-version": "2026-01-01",
  authorization: `Bearer ${key}`,
}

const subscriber = { data: { id: "31897397363737859", email: "ada@example.com", status: "active" } }
const invalid = {
  message: "The given data was invalid.",
  errors: { email: ["The email must be a valid email address."] },
}
const notFound = { status: 404, body: { message: "Resource not found." } }

const upsert = (body: object) => ({ method: "POST", path: "api/subscribers", body })
const batch = (requests: ReadonlyArray<object>) => ({
  method: "POST",
  path: "/batch",
  headers,
  body: { requests },
})
const responses = (codes: ReadonlyArray<{ readonly code: number; readonly body?: object }>) => ({
  status: 200,
  body: { total: codes.length, successful: 1, failed: codes.length - 1, responses: codes },
})

const lookUp = {
  request: { method: "GET", path: "/subscribers/ada%40example.com", headers },
  reply: { status: 200, body: subscriber },
}
const id = subscriber.data.id

export const cases: ConnectorCases = {
  connection: (at) => mailerlite({ apiKey: secret("MAILERLITE_KEY"), baseUrl: at }),
  secrets: { MAILERLITE_KEY: key },
  wrongSettings: [
    { connection: mailerlite({} as never), path: "apiKey", says: /mailerlite needs "apiKey"/ },
    { connection: mailerlite({ apiKey: "in-clear" as never }), path: "apiKey", says: /secret\("NAME"\)/ },
  ],
  answers: {
    permanent: {
      reply: { status: 422, body: invalid },
      kind: "rejected",
      permanent: true,
      says: /HTTP 422: The given data was invalid. email: The email must be/,
    },
    transient: { reply: { status: 503, body: { message: "Server Error" } }, kind: "server_error", permanent: false },
    rateLimited: {
      reply: {
        status: 429,
        headers: { "retry-after": "59", "x-ratelimit-limit": "120", "x-ratelimit-remaining": "0" },
        body: { message: "Too Many Attempts." },
      },
      kind: "rate_limited",
      permanent: false,
      retryAfterMs: 59_000,
    },
    authFailed: {
      reply: { status: 401, body: { message: "Unauthenticated." } },
      kind: "auth_failed",
      permanent: true,
      says: /Unauthenticated/,
    },
    malformed: { reply: { status: 200, body: "<html>maintenance</html>" }, kind: "server_error", permanent: false },
  },
  test: {
    request: { method: "GET", path: "/groups?limit=1", headers },
    reply: { status: 200, body: { data: [], meta: { total: 3 } } },
    says: /3 groups/,
  },
  lists: {
    groups: {
      request: { method: "GET", path: "/groups?limit=100&page=1", headers },
      reply: {
        status: 200,
        body: { data: [{ id: "4243829086487936", name: "Customers" }], meta: { current_page: 1, last_page: 1 } },
      },
      items: [{ id: "4243829086487936", name: "Customers" }],
    },
  },
  actions: {
    "contact.upsert": {
      input: { email: "ada@example.com", fields: { name: "Ada", seats: 5 }, groups: ["4243829086487936"] },
      exchange: [
        {
          request: {
            method: "POST",
            path: "/subscribers",
            headers,
            body: { email: "ada@example.com", fields: { name: "Ada", seats: 5 }, groups: ["4243829086487936"] },
          },
          reply: { status: 201, body: subscriber },
        },
      ],
      wrongInputs: [
        { input: { fields: {} }, path: "email" },
        { input: { email: "a@b.co", groups: [4243829086487936] }, path: "groups" },
        { input: { email: "a@b.co", status: "gone" }, path: "status" },
        { input: { email: "a@b.co", subscribed_at: "2026-01-31T09:30:00Z" }, path: "subscribed_at" },
      ],
      more: [
        {
          name: "the limit of imports, without a header",
          reply: { status: 429, body: { message: "You're being rate limited on import creation." } },
          kind: "rate_limited",
          permanent: false,
          retryAfterMs: 60_000,
        },
        {
          name: "what MailerLite calls its own fault",
          reply: { status: 408, body: { message: "timeout" } },
          kind: "timeout",
          permanent: false,
        },
        {
          name: "a plan that does not have it",
          reply: { status: 403, body: { message: "Forbidden." } },
          kind: "auth_failed",
          permanent: true,
        },
      ],
      batches: [
        {
          inputs: [{ email: "a@b.co" }, { email: "not an address" }, { email: "c@b.co", fields: { plan: "pro" } }],
          exchange: {
            request: batch([
              upsert({ email: "a@b.co" }),
              upsert({ email: "not an address" }),
              upsert({ email: "c@b.co", fields: { plan: "pro" } }),
            ]),
            reply: responses([
              { code: 200, body: subscriber },
              { code: 422, body: invalid },
              { code: 500, body: { message: "Server Error" } },
              { code: 200, body: { data: [] } },
            ]),
          },
          outcomes: ["delivered", "dead", "retried"],
        },
        {
          inputs: [{ email: "a@b.co" }, { email: "b@b.co" }],
          exchange: {
            request: batch([upsert({ email: "a@b.co" }), upsert({ email: "b@b.co" })]),
            reply: responses([{ code: 201, body: subscriber }]),
          },
          outcomes: ["delivered", "retried"],
        },
      ],
    },
    "contact.update": {
      input: { email: "ada@example.com", fields: { plan: "pro" } },
      exchange: [
        lookUp,
        {
          request: { method: "PUT", path: `/subscribers/${id}`, headers, body: { fields: { plan: "pro" } } },
          reply: { status: 200, body: subscriber },
        },
      ],
      wrongInputs: [
        { input: { email: "ada@example.com" }, path: "fields" },
        { input: { email: "", fields: {} }, path: "email" },
      ],
      more: [{ name: "no such subscriber", reply: notFound, kind: "rejected", permanent: true, says: /HTTP 404/ }],
    },
    "contact.unsubscribe": {
      input: { email: "ada@example.com" },
      exchange: [
        lookUp,
        {
          request: { method: "PUT", path: `/subscribers/${id}`, headers, body: { status: "unsubscribed" } },
          reply: { status: 200, body: subscriber },
        },
      ],
      wrongInputs: [{ input: {}, path: "email" }],
      more: [
        { name: "no such subscriber", reply: notFound, kind: "delivered", permanent: true, says: /nothing was left/ },
      ],
    },
    "group.add": {
      input: { group: "4243829086487936", email: "ada@example.com" },
      exchange: [
        {
          request: {
            method: "POST",
            path: "/subscribers",
            headers,
            body: { email: "ada@example.com", groups: ["4243829086487936"] },
          },
          reply: { status: 200, body: subscriber },
        },
      ],
      wrongInputs: [
        { input: { email: "ada@example.com" }, path: "group" },
        { input: { group: "1" }, path: "email" },
      ],
      batches: [
        {
          inputs: [
            { group: "1", email: "a@b.co" },
            { group: "2", email: "b@b.co" },
          ],
          exchange: {
            request: batch([upsert({ email: "a@b.co", groups: ["1"] }), upsert({ email: "b@b.co", groups: ["2"] })]),
            reply: responses([
              { code: 200, body: subscriber },
              { code: 429, body: { message: "Too Many Attempts." } },
              { code: 200, body: { data: [] } },
            ]),
          },
          outcomes: ["delivered", "retried"],
        },
      ],
    },
    "group.remove": {
      input: { group: "4243829086487936", email: "ada@example.com" },
      exchange: [
        lookUp,
        {
          request: { method: "DELETE", path: `/subscribers/${id}/groups/4243829086487936`, headers },
          reply: { status: 204 },
        },
      ],
      wrongInputs: [
        { input: { email: "ada@example.com" }, path: "group" },
        { input: { group: "1", email: "" }, path: "email" },
      ],
      more: [
        { name: "no such subscriber", reply: notFound, kind: "delivered", permanent: true, says: /nothing was left/ },
      ],
    },
  },
}
