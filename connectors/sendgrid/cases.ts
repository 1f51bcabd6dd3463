/**
 * What SendGrid's connector is held to. Answers are of the forms that SendGrid documents.
 */
import { secret } from "../../src/index.ts"
import type { ConnectorCases } from "../../test/conformance/cases.ts"
import { sendgrid } from "./index.ts"

const key = "SG.not-a-real-one.0123456789"
const headersOfGet = { accept: "application/json", authorization: `Bearer ${key}` }
const headers = { ...headersOfGet, "content-type": "application/json" }

const list = "ca1a6a2c-5a3f-4d8a-9d3e-0c5a4c1f2b11"
const error = (message: string, field: string | null = null) => ({ errors: [{ message, field, help: null }] })
const queued = { status: 202, body: { job_id: "6d7e2c9a-55d2-4b61-8f6b-6d7c8f1f2a11" } }
const unixIn = (now: number, seconds: number) => String(Math.ceil(now / 1000) + seconds)

const ids = { meshes_delivery: "dlv_1", meshes_event: "evt_1" }

const mail = (body: object, personalization: object = {}) => ({
  method: "POST",
  path: "/v3/mail/send",
  headers,
  body: {
    personalizations: [{ to: [{ email: "ada@example.com" }], custom_args: ids, ...personalization }],
    from: { email: "hi@acme.dev", name: "Acme" },
    ...body,
  },
})

const accepted = { status: 202, headers: { "x-message-id": "14c5d75ce93.dfd.64b469" } }

const put = (body: object) => ({ method: "PUT", path: "/v3/marketing/contacts", headers, body })

const mailAnswers = [
  {
    name: "a sender that is not verified",
    reply: {
      status: 403,
      body: error("The from address does not match a verified Sender Identity.", "from"),
    },
    kind: "rejected" as const,
    permanent: true,
    says: /from: The from address/,
  },
  {
    name: "a key without the scope",
    reply: { status: 403, body: error("access forbidden") },
    kind: "auth_failed" as const,
    permanent: true,
  },
  {
    name: "nothing is left of what was paid for",
    reply: { status: 401, body: error("Maximum credits exceeded") },
    kind: "rate_limited" as const,
    permanent: false,
    retryAfterMs: 3_600_000,
  },
  {
    name: "too large",
    reply: { status: 413, body: error("Request body too large") },
    kind: "rejected" as const,
    permanent: true,
  },
]

const found = {
  status: 200,
  body: { result: { "ada@example.com": { contact: { id: "a-1", email: "ada@example.com", list_ids: [list] } } } },
}

const search = {
  method: "POST",
  path: "/v3/marketing/contacts/search/emails",
  headers,
  body: { emails: ["Ada@example.com"] },
}

export const cases: ConnectorCases = {
  connection: (url) =>
    sendgrid({ apiKey: secret("SENDGRID_API_KEY"), from: { email: "hi@acme.dev", name: "Acme" }, baseUrl: url }),
  secrets: { SENDGRID_API_KEY: key },
  wrongSettings: [
    { connection: sendgrid({} as never), path: "apiKey", says: /sendgrid needs "apiKey"/ },
    { connection: sendgrid({ apiKey: "SG.in-clear" as never }), path: "apiKey", says: /secret\("NAME"\)/ },
    { connection: sendgrid({ apiKey: secret("A"), region: "us" as never }), path: "region", says: /global/ },
  ],
  answers: {
    permanent: {
      reply: { status: 400, body: error("Does not contain a valid address.", "personalizations.0.to.0.email") },
      kind: "rejected",
      permanent: true,
      says: /HTTP 400: personalizations\.0\.to\.0\.email: Does not contain/,
    },
    transient: { reply: { status: 503, body: error("unavailable") }, kind: "server_error", permanent: false },
    rateLimited: {
      reply: (now) => ({
        status: 429,
        headers: {
          "x-ratelimit-limit": "600",
          "x-ratelimit-remaining": "0",
          "x-ratelimit-reset": unixIn(now, 30),
        },
        body: error("too many requests"),
      }),
      kind: "rate_limited",
      permanent: false,
      retryAfterMs: 30_000,
    },
    authFailed: {
      reply: { status: 401, body: error("The provided authorization grant is invalid, expired, or revoked") },
      kind: "auth_failed",
      permanent: true,
      says: /expired, or revoked/,
    },
    malformed: { reply: { status: 502, body: "<html>bad gateway" }, kind: "server_error", permanent: false },
  },
  test: {
    request: { method: "GET", path: "/v3/scopes", headers: headersOfGet },
    reply: { status: 200, body: { scopes: ["mail.send", "marketing.read"] } },
    says: /may send e-mails and change contacts and lists/,
  },
  lists: {
    lists: {
      request: { method: "GET", path: "/v3/marketing/lists?page_size=1000", headers: headersOfGet },
      reply: {
        status: 200,
        body: { result: [{ id: list, name: "News", contact_count: 3 }], _metadata: { self: "https://x", count: 1 } },
      },
      items: [{ id: list, name: "News" }],
    },
    templates: {
      request: { method: "GET", path: "/v3/templates?generations=dynamic&page_size=200", headers: headersOfGet },
      reply: { status: 200, body: { result: [{ id: "d-1", name: "Welcome", generation: "dynamic" }] } },
      items: [{ id: "d-1", name: "Welcome" }],
    },
    fields: {
      request: { method: "GET", path: "/v3/marketing/field_definitions", headers: headersOfGet },
      reply: {
        status: 200,
        body: {
          custom_fields: [{ id: "e1_T", name: "plan", field_type: "Text" }],
          reserved_fields: [{ id: "_rf0_T", name: "first_name" }],
        },
      },
      items: [{ id: "e1_T", name: "plan" }],
    },
  },
  actions: {
    "email.send": {
      input: {
        to: "ada@example.com",
        cc: [{ email: "bob@example.com", name: "Bob" }],
        subject: "Welcome",
        html: "<p>Hi</p>",
        text: "Hi",
        reply_to: "help@acme.dev",
        categories: ["welcome"],
        custom_args: { plan: "pro" },
        unsubscribe_group: 7,
        attachments: [{ content: "aGk=", filename: "a.txt" }],
        send_at: 1_770_000_000,
      },
      exchange: [
        {
          request: mail(
            {
              reply_to: { email: "help@acme.dev" },
              asm: { group_id: 7 },
              subject: "Welcome",
              content: [
                { type: "text/plain", value: "Hi" },
                { type: "text/html", value: "<p>Hi</p>" },
              ],
              categories: ["welcome"],
              attachments: [{ content: "aGk=", filename: "a.txt" }],
              send_at: 1_770_000_000,
            },
            { cc: [{ email: "bob@example.com", name: "Bob" }], custom_args: { plan: "pro", ...ids } },
          ),
          reply: accepted,
        },
      ],
      wrongInputs: [
        { input: { to: "a@b.co", text: "x" }, path: "subject" },
        { input: { to: "a@b.co", subject: "x" }, path: "html" },
        { input: { to: [], subject: "x", text: "x" }, path: "to" },
        { input: { to: "a@b.co", subject: "x", text: "x", custom_args: { a: "x".repeat(9001) } }, path: "custom_args" },
        { input: { to: "a@b.co", subject: "x", text: "x", categories: Array(11).fill("c") }, path: "categories" },
      ],
      more: mailAnswers,
    },
    "email.sendTemplate": {
      input: { to: "ada@example.com", template: "d-1", data: { name: "Ada", orders: [{ id: 1 }] } },
      exchange: [
        {
          request: mail({ template_id: "d-1" }, { dynamic_template_data: { name: "Ada", orders: [{ id: 1 }] } }),
          reply: accepted,
        },
      ],
      wrongInputs: [
        { input: { to: "a@b.co", data: {} }, path: "template" },
        { input: { to: "a@b.co", template: "5997fcf6" }, path: "template" },
      ],
      more: mailAnswers,
    },
    "contact.upsert": {
      input: { email: "ada@example.com", first_name: "Ada", custom_fields: { e1_T: "pro", e2_N: 5 }, lists: [list] },
      exchange: [
        {
          request: put({
            list_ids: [list],
            contacts: [{ email: "ada@example.com", first_name: "Ada", custom_fields: { e1_T: "pro", e2_N: 5 } }],
          }),
          reply: queued,
        },
      ],
      wrongInputs: [
        { input: { first_name: "Ada" }, path: "email" },
        { input: { email: "a@b.co", first_name: "x".repeat(51) }, path: "first_name" },
        { input: { email: "a@b.co", custom_fields: { e1_T: {} } }, path: "custom_fields" },
      ],
      batches: [
        {
          inputs: [{ email: "a@b.co" }, { external_id: "acc_1", first_name: "Bob" }],
          exchange: {
            request: put({ contacts: [{ email: "a@b.co" }, { external_id: "acc_1", first_name: "Bob" }] }),
            reply: queued,
          },
        },
      ],
    },
    "list.add": {
      input: { email: "ada@example.com", list },
      exchange: [{ request: put({ list_ids: [list], contacts: [{ email: "ada@example.com" }] }), reply: queued }],
      wrongInputs: [
        { input: { email: "ada@example.com" }, path: "list" },
        { input: { email: "", list }, path: "email" },
      ],
      batches: [
        {
          inputs: [
            { email: "a@b.co", list },
            { email: "c@b.co", list },
          ],
          exchange: {
            request: put({ list_ids: [list], contacts: [{ email: "a@b.co" }, { email: "c@b.co" }] }),
            reply: queued,
          },
        },
      ],
    },
    "list.remove": {
      input: { email: "Ada@example.com", list },
      exchange: [
        { request: search, reply: found },
        {
          request: {
            method: "DELETE",
            path: `/v3/marketing/lists/${list}/contacts?contact_ids=a-1`,
            headers: headersOfGet,
          },
          reply: queued,
        },
      ],
      wrongInputs: [
        { input: { email: "ada@example.com" }, path: "list" },
        { input: { list }, path: "email" },
      ],
      more: [
        {
          name: "not there, or not yet",
          reply: { status: 404, body: error("contact not found") },
          kind: "rejected",
          permanent: false,
          says: /no contact has this address/,
        },
        {
          name: "an answer that names nobody",
          reply: { status: 200, body: { result: { "ada@example.com": { error: "contact not found" } } } },
          kind: "rejected",
          permanent: false,
        },
      ],
    },
  },
}
