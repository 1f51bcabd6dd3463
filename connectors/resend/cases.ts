/**
 * What Resend's connector is held to. Answers are of the forms that Resend documents.
 */
import { secret } from "../../src/index.ts"
import type { ConnectorCases } from "../../test/conformance/cases.ts"
import { resend } from "./index.ts"

const key = "re_123456789_not_a_real_one"
const headersOfGet = { accept: "application/json", authorization: `Bearer ${key}` }
const headers = { ...headersOfGet, "content-type": "application/json" }
const headersOfSend = { ...headers, "idempotency-key": "dlv_1" }

const error = (statusCode: number, name: string, message: string) => ({
  status: statusCode,
  body: { statusCode, name, message },
})

const sent = { status: 200, body: { id: "49a3999c-0ce1-4ea6-ab68-afcd6dc2e794" } }
const contact = { status: 200, body: { object: "contact", id: "479e3145-dd38-476b-932c-529ceb705947" } }
const segment = "78261eea-8f8b-4381-83c6-79fa7120f1cf"
const at = "/contacts/ada%40example.com"

const mailAnswers = [
  {
    name: "a first attempt is still under way",
    reply: error(409, "concurrent_idempotent_requests", "original request is still in progress"),
    kind: "rejected" as const,
    permanent: false,
  },
  {
    name: "sent before with other content",
    reply: error(409, "invalid_idempotent_request", "different request payload"),
    kind: "rejected" as const,
    permanent: true,
    says: /earlier attempt of this delivery/,
  },
  {
    name: "the day's quota",
    reply: error(429, "daily_quota_exceeded", "You have reached your daily email sending quota."),
    kind: "rate_limited" as const,
    permanent: false,
    retryAfterMs: 3_600_000,
  },
  {
    name: "the month's quota",
    reply: error(429, "monthly_quota_exceeded", "You have reached your monthly email sending quota."),
    kind: "rate_limited" as const,
    permanent: false,
    retryAfterMs: 6 * 3_600_000,
  },
  {
    name: "a domain that is not verified",
    reply: error(403, "validation_error", "The acme.dev domain is not verified."),
    kind: "rejected" as const,
    permanent: true,
    says: /not verified/,
  },
  {
    name: "a key that may only send from another domain",
    reply: error(401, "restricted_api_key", "This API key is restricted"),
    kind: "auth_failed" as const,
    permanent: true,
  },
]

const segmentCase = (method: "POST" | "DELETE") => ({
  input: { email: "ada@example.com", segment },
  exchange: [
    {
      request: {
        method,
        path: `${at}/segments/${segment}`,
        headers: headersOfGet,
      },
      reply: { status: 200, body: { id: segment } },
    },
  ],
  wrongInputs: [
    { input: { email: "ada@example.com" }, path: "segment" },
    { input: { segment }, path: "email" },
  ],
  more: [
    {
      name: "no such contact",
      reply: error(404, "not_found", "Contact not found"),
      kind: "rejected" as const,
      permanent: true,
    },
  ],
})

export const cases: ConnectorCases = {
  connection: (url) => resend({ apiKey: secret("RESEND_API_KEY"), from: "Acme <hi@acme.dev>", baseUrl: url }),
  secrets: { RESEND_API_KEY: key },
  wrongSettings: [
    { connection: resend({} as never), path: "apiKey", says: /resend needs "apiKey"/ },
    { connection: resend({ apiKey: "re_in-clear" as never }), path: "apiKey", says: /secret\("NAME"\)/ },
    {
      connection: resend({ apiKey: secret("A"), form: "a@b.co" } as never),
      path: "form",
      says: /not a setting of resend/,
    },
  ],
  answers: {
    permanent: {
      reply: error(422, "missing_required_field", "Missing `subject` field."),
      kind: "rejected",
      permanent: true,
      says: /HTTP 422: Missing `subject` field/,
    },
    transient: {
      reply: error(500, "application_error", "An unexpected error occurred."),
      kind: "server_error",
      permanent: false,
    },
    rateLimited: {
      reply: {
        ...error(429, "rate_limit_exceeded", "Too many requests."),
        headers: { "ratelimit-limit": "5", "ratelimit-remaining": "0", "ratelimit-reset": "7" },
      },
      kind: "rate_limited",
      permanent: false,
      retryAfterMs: 7000,
    },
    authFailed: {
      reply: error(403, "invalid_api_key", "API key is invalid"),
      kind: "auth_failed",
      permanent: true,
      says: /API key is invalid/,
    },
    malformed: { reply: { status: 200, body: "<html>" }, kind: "server_error", permanent: false },
  },
  test: {
    request: { method: "GET", path: "/domains", headers: headersOfGet },
    reply: {
      status: 200,
      body: {
        data: [
          { name: "acme.dev", status: "verified" },
          { name: "new.acme.dev", status: "pending" },
        ],
      },
    },
    says: /^sends for acme\.dev$/,
  },
  lists: {
    segments: {
      request: { method: "GET", path: "/segments?limit=100", headers: headersOfGet },
      reply: { status: 200, body: { object: "list", has_more: false, data: [{ id: segment, name: "Customers" }] } },
      items: [{ id: segment, name: "Customers" }],
    },
    topics: {
      request: { method: "GET", path: "/topics?limit=100", headers: headersOfGet },
      reply: { status: 200, body: { object: "list", has_more: false, data: [{ id: "b6d24b8e", name: "News" }] } },
      items: [{ id: "b6d24b8e", name: "News" }],
    },
    templates: {
      request: { method: "GET", path: "/templates?limit=100", headers: headersOfGet },
      reply: {
        status: 200,
        body: {
          object: "list",
          has_more: false,
          data: [
            { id: "t1", name: "Welcome", status: "published" },
            { id: "t2", name: "Not yet", status: "draft" },
          ],
        },
      },
      items: [{ id: "t1", name: "Welcome" }],
    },
  },
  actions: {
    "email.send": {
      input: {
        to: ["ada@example.com", "bob@example.com"],
        subject: "Welcome",
        html: "<p>Hi</p>",
        reply_to: "help@acme.dev",
        tags: [{ name: "plan", value: "pro" }],
        attachments: [{ filename: "a.txt", content: "aGk=" }],
        topic_id: "b6d24b8e",
        scheduled_at: "2026-02-01T09:00:00Z",
      },
      exchange: [
        {
          request: {
            method: "POST",
            path: "/emails",
            headers: headersOfSend,
            body: {
              from: "Acme <hi@acme.dev>",
              to: ["ada@example.com", "bob@example.com"],
              subject: "Welcome",
              html: "<p>Hi</p>",
              reply_to: "help@acme.dev",
              tags: [{ name: "plan", value: "pro" }],
              attachments: [{ filename: "a.txt", content: "aGk=" }],
              topic_id: "b6d24b8e",
              scheduled_at: "2026-02-01T09:00:00Z",
            },
          },
          reply: sent,
        },
      ],
      wrongInputs: [
        { input: { to: "a@b.co", html: "x" }, path: "subject" },
        { input: { to: "a@b.co", subject: "x" }, path: "html" },
        { input: { to: [], subject: "x", text: "x" }, path: "to" },
        { input: { to: Array(51).fill("a@b.co"), subject: "x", text: "x" }, path: "to" },
        { input: { to: "a@b.co", subject: "x", text: "x", tags: [{ name: "a b", value: "c" }] }, path: "tags" },
        { input: { to: "a@b.co", subject: "x", text: "x", attachments: [{ filename: "a" }] }, path: "attachments" },
      ],
      more: mailAnswers,
    },
    "email.sendTemplate": {
      input: { to: "ada@example.com", template: "t1", variables: { name: "Ada", seats: 5 } },
      exchange: [
        {
          request: {
            method: "POST",
            path: "/emails",
            headers: headersOfSend,
            body: {
              from: "Acme <hi@acme.dev>",
              to: "ada@example.com",
              template: { id: "t1", variables: { name: "Ada", seats: 5 } },
            },
          },
          reply: sent,
        },
      ],
      wrongInputs: [
        { input: { to: "a@b.co" }, path: "template" },
        { input: { to: "a@b.co", template: "t1", variables: { nested: {} } }, path: "variables" },
      ],
      more: mailAnswers,
    },
    "contact.upsert": {
      input: {
        email: "ada@example.com",
        first_name: "Ada",
        properties: { plan: "pro" },
        topics: [{ id: "b6d24b8e", subscription: "opt_in" }],
        segments: [segment],
      },
      exchange: [
        {
          request: {
            method: "PATCH",
            path: at,
            headers,
            body: { first_name: "Ada", properties: { plan: "pro" } },
          },
          reply: contact,
        },
        {
          request: {
            method: "PATCH",
            path: `${at}/topics`,
            headers,
            body: { topics: [{ id: "b6d24b8e", subscription: "opt_in" }] },
          },
          reply: contact,
        },
        {
          request: { method: "POST", path: `${at}/segments/${segment}`, headers: headersOfGet },
          reply: { status: 200, body: { id: segment } },
        },
      ],
      wrongInputs: [
        { input: { first_name: "Ada" }, path: "email" },
        { input: { email: "a@b.co", properties: { nested: {} } }, path: "properties" },
        { input: { email: "a@b.co", topics: [{ id: "t", subscription: "yes" }] }, path: "topics" },
        { input: { email: "a@b.co", segments: Array(11).fill(segment) }, path: "segments" },
      ],
      more: [
        {
          name: "made by somebody else meanwhile",
          reply: error(409, "validation_error", "Contact already exists"),
          kind: "rejected",
          permanent: false,
        },
      ],
    },
    "contact.update": {
      input: { email: "ada@example.com", unsubscribed: true },
      exchange: [{ request: { method: "PATCH", path: at, headers, body: { unsubscribed: true } }, reply: contact }],
      wrongInputs: [
        { input: { email: "ada@example.com" }, path: "properties" },
        { input: { email: "", first_name: "Ada" }, path: "email" },
      ],
      more: [
        {
          name: "no such contact",
          reply: error(404, "not_found", "Contact not found"),
          kind: "rejected",
          permanent: true,
        },
      ],
    },
    "segment.add": segmentCase("POST"),
    "segment.remove": segmentCase("DELETE"),
    "event.track": {
      input: { event: "user.created", email: "ada@example.com", payload: { plan: "pro" } },
      exchange: [
        {
          request: {
            method: "POST",
            path: "/events/send",
            headers,
            body: { event: "user.created", email: "ada@example.com", payload: { plan: "pro" } },
          },
          reply: { status: 202, body: { object: "event", event: "user.created" } },
        },
      ],
      wrongInputs: [
        { input: { event: "user.created" }, path: "email" },
        { input: { event: "user.created", email: "a@b.co", contact_id: "1" }, path: "email" },
        { input: { email: "a@b.co" }, path: "event" },
      ],
    },
  },
  ways: [
    {
      name: "a contact that is not there yet",
      connection: (url) => resend({ apiKey: secret("RESEND_API_KEY"), baseUrl: url }),
      secrets: { RESEND_API_KEY: key },
      action: "contact.upsert",
      input: { email: "ada@example.com", segments: [segment] },
      exchange: [
        {
          request: { method: "GET", path: at, headers: headersOfGet },
          reply: error(404, "not_found", "Contact not found"),
        },
        {
          request: {
            method: "POST",
            path: "/contacts",
            headers,
            body: { email: "ada@example.com", segments: [segment] },
          },
          reply: { ...contact, status: 201 },
        },
      ],
    },
  ],
}
