/**
 * What Pipedrive's connector is held to. Answers are of the forms that Pipedrive documents.
 */
import { secret } from "../../src/index.ts"
import type { ConnectorCases, Exchange } from "../../test/conformance/cases.ts"
import { pipedrive } from "./index.ts"

const apiToken = "0123456789abcdef-not-a-real-token"
const headersOfGet = { accept: "application/json", "x-api-token": apiToken }
const headers = { ...headersOfGet, "content-type": "application/json" }

const error = (message: string, code?: string) => ({
  success: false,
  error: message,
  error_info: "Please check developers.pipedrive.com for more information about Pipedrive API.",
  data: null,
  ...(code === undefined ? {} : { code }),
})

const call = (method: string, path: string, body: unknown, status = 200): Exchange => ({
  request: { method, path, headers, body },
  reply: { status, body: { success: true, data: { id: 7 } } },
})
const get = (path: string, data: unknown): Exchange => ({
  request: { method: "GET", path, headers: headersOfGet },
  reply: { status: 200, body: { success: true, data } },
})
const found = (...items: ReadonlyArray<object>) => ({ items: items.map((item) => ({ result_score: 1, item })) })
const personSearch = (...items: ReadonlyArray<object>) =>
  get("/api/v2/persons/search?term=ada%40example.com&fields=email&exact_match=true", found(...items))
const orgSearch = (...items: ReadonlyArray<object>) =>
  get("/api/v2/organizations/search?term=Acme&fields=name&exact_match=true", found(...items))

const ada = { id: 12, type: "person", name: "Ada", emails: ["Ada@example.com"] }
const acme = { id: 31, type: "organization", name: "ACME" }

const nobody = {
  name: "nobody is found",
  reply: { status: 200, body: { success: true, data: found() } },
  kind: "rejected" as const,
  permanent: false,
  says: /not there, or not yet/,
}

export const cases: ConnectorCases = {
  connection: (at) => pipedrive({ apiToken: secret("PIPEDRIVE_TOKEN"), baseUrl: at }),
  secrets: { PIPEDRIVE_TOKEN: apiToken },
  wrongSettings: [
    { connection: pipedrive({}), path: "", says: /pipedrive needs "apiToken", or auth: "oauth"/ },
    { connection: pipedrive({ apiToken: "in-clear" as never }), path: "apiToken", says: /secret\("NAME"\)/ },
    {
      connection: pipedrive({ apiToken: secret("A"), auth: "oauth" }),
      path: "",
      says: /takes one of "apiToken", auth: "oauth"/,
    },
  ],
  answers: {
    permanent: {
      reply: { status: 400, body: error("Validation failed: owner_id", "ERR_SCHEMA_VALIDATION_FAILED") },
      kind: "rejected",
      permanent: true,
      says: /ERR_SCHEMA_VALIDATION_FAILED: Validation failed/,
    },
    transient: { reply: { status: 503, body: error("Scheduled maintenance") }, kind: "server_error", permanent: false },
    rateLimited: {
      reply: {
        status: 429,
        headers: {
          "x-ratelimit-limit": "20",
          "x-ratelimit-remaining": "0",
          "x-ratelimit-reset": "2",
          "x-daily-ratelimit-token-remaining": "7000",
        },
        body: error("request over limit"),
      },
      kind: "rate_limited",
      permanent: false,
      retryAfterMs: 2000,
    },
    authFailed: { reply: { status: 401, body: error("unauthorized access") }, kind: "auth_failed", permanent: true },
    malformed: { reply: { status: 200, body: "<html>" }, kind: "server_error", permanent: false },
  },
  test: { ...get("/api/v1/users/me", { id: 1, name: "Ops", company_name: "Acme" }), says: /Ops of Acme/ },
  lists: {
    pipelines: {
      ...get("/api/v2/pipelines?limit=500", [
        { id: 1, name: "Sales" },
        { id: 2, name: "Old", is_deleted: true },
      ]),
      items: [{ id: "1", name: "Sales" }],
    },
    stages: { ...get("/api/v2/stages?limit=500", [{ id: 3, name: "Won" }]), items: [{ id: "3", name: "Won" }] },
    users: {
      ...get("/api/v1/users", [
        { id: 1, name: "Ops", active_flag: true },
        { id: 2, name: "Gone", active_flag: false },
      ]),
      items: [{ id: "1", name: "Ops" }],
    },
  },
  actions: {
    "person.upsert": {
      input: {
        email: "ada@example.com",
        phones: ["+49 30 1", "+49 30 2"],
        org_name: "Acme",
        custom_fields: { abc: 5 },
      },
      exchange: [
        personSearch({ ...ada, id: 99 }, ada, { ...ada, id: 1, emails: ["ada@example.com.au"] }),
        orgSearch(acme),
        call("PATCH", "/api/v2/persons/12", {
          phones: [
            { value: "+49 30 1", primary: true, label: "work" },
            { value: "+49 30 2", primary: false, label: "work" },
          ],
          org_id: 31,
          custom_fields: { abc: 5 },
        }),
      ],
      wrongInputs: [
        { input: { name: "Ada" }, path: "email" },
        { input: { email: "ada@example.com", org_id: -1 }, path: "org_id" },
        { input: { email: "ada@example.com", phones: "+49 30 1" }, path: "phones" },
        { input: { email: "ada@example.com", marketing_status: "yes" }, path: "marketing_status" },
      ],
      more: [
        {
          name: "the day's budget is used up",
          reply: {
            status: 429,
            headers: { "retry-after": "2", "x-daily-ratelimit-token-remaining": "0" },
            body: error("request over limit"),
          },
          kind: "rate_limited",
          permanent: false,
          retryAfterMs: 3_600_000,
        },
        {
          name: "blocked for going on after a limit",
          reply: { status: 403, headers: { "content-type": "text/html" }, body: "<html>Access denied</html>" },
          kind: "rate_limited",
          permanent: false,
          retryAfterMs: 60_000,
        },
        {
          name: "a right that the token has not",
          reply: { status: 403, body: error("Scope and URL mismatch") },
          kind: "auth_failed",
          permanent: true,
        },
        {
          name: "an account that is not paid for",
          reply: { status: 402, body: error("company account is not open") },
          kind: "auth_failed",
          permanent: true,
        },
        {
          name: "a refusal with 200",
          reply: { status: 200, body: error("not done") },
          kind: "rejected",
          permanent: true,
          says: /not done/,
        },
      ],
    },
    "person.update": {
      input: { email: "ada@example.com", job_title: "Engineer" },
      exchange: [personSearch(ada), call("PATCH", "/api/v2/persons/12", { job_title: "Engineer" })],
      wrongInputs: [{ input: { job_title: "Engineer" }, path: "email" }],
      more: [nobody],
    },
    "organization.upsert": {
      input: { name: "Acme", address: "1 Way, Berlin", employee_count: 12 },
      exchange: [
        orgSearch(acme),
        call("PATCH", "/api/v2/organizations/31", {
          name: "Acme",
          employee_count: 12,
          address: { value: "1 Way, Berlin" },
        }),
      ],
      wrongInputs: [
        { input: { website: "https://acme.example" }, path: "name" },
        { input: { name: "Acme", employee_count: 1.5 }, path: "employee_count" },
      ],
      more: [{ name: "none is found", reply: nobody.reply, kind: "delivered", permanent: true }],
    },
    "deal.create": {
      input: { title: "Order 1", value: 120, currency: "EUR", person_email: "ada@example.com", org_name: "Acme" },
      exchange: [
        personSearch(ada),
        orgSearch(acme),
        call(
          "POST",
          "/api/v2/deals",
          { title: "Order 1", value: 120, currency: "EUR", person_id: 12, org_id: 31 },
          201,
        ),
      ],
      wrongInputs: [
        { input: { value: 120 }, path: "title" },
        { input: { title: "x".repeat(256) }, path: "title" },
        { input: { title: "x", currency: "euro" }, path: "currency" },
        { input: { title: "x", expected_close_date: "31.3.2026" }, path: "expected_close_date" },
      ],
      more: [
        nobody,
        {
          name: "a plan that is full",
          reply: {
            status: 403,
            body: error("Couldn't add the deal. Open deals limit reached.", "feature_capping_deals_limit"),
          },
          kind: "rejected",
          permanent: true,
          says: /limit reached/,
        },
      ],
    },
    "deal.update": {
      input: { id: 42, status: "won" },
      exchange: [call("PATCH", "/api/v2/deals/42", { status: "won" })],
      wrongInputs: [
        { input: { status: "won" }, path: "id" },
        { input: { id: 42, status: "closed" }, path: "status" },
        { input: { id: 42, probability: 120 }, path: "probability" },
      ],
      more: [
        {
          name: "no such deal",
          reply: { status: 404, body: error("Deal not found") },
          kind: "rejected",
          permanent: true,
        },
        {
          name: "a deal that is gone",
          reply: { status: 410, body: error("deleted") },
          kind: "rejected",
          permanent: true,
        },
      ],
    },
    "lead.create": {
      input: {
        title: "Ada asked for a demo",
        person_email: "ada@example.com",
        org_id: 31,
        value: { amount: 120, currency: "EUR" },
        custom_fields: { abc: "pro" },
      },
      exchange: [
        personSearch(ada),
        call(
          "POST",
          "/api/v1/leads",
          {
            abc: "pro",
            title: "Ada asked for a demo",
            value: { amount: 120, currency: "EUR" },
            person_id: 12,
            organization_id: 31,
          },
          201,
        ),
      ],
      wrongInputs: [
        { input: { title: "x" }, path: "person_email" },
        { input: { person_id: 12 }, path: "title" },
        { input: { title: "x", person_id: 12, value: 120 }, path: "value" },
      ],
      more: [nobody],
    },
    "note.create": {
      input: { content: "Asked for an invoice.", deal_id: 42 },
      exchange: [call("POST", "/api/v1/notes", { content: "Asked for an invoice.", deal_id: 42 }, 201)],
      wrongInputs: [
        { input: { content: "x" }, path: "person_email" },
        { input: { deal_id: 42 }, path: "content" },
      ],
    },
    "activity.create": {
      input: {
        subject: "Call Ada",
        type: "call",
        due_date: "2026-03-31",
        due_time: "09:30",
        person_email: "ada@example.com",
      },
      exchange: [
        personSearch(ada),
        call(
          "POST",
          "/api/v2/activities",
          {
            subject: "Call Ada",
            type: "call",
            due_date: "2026-03-31",
            due_time: "09:30",
            participants: [{ person_id: 12, primary: true }],
          },
          201,
        ),
      ],
      wrongInputs: [
        { input: { type: "call" }, path: "subject" },
        { input: { subject: "x", due_time: "half past nine" }, path: "due_time" },
      ],
      more: [nobody],
    },
  },
  ways: [
    {
      name: "OAuth",
      connection: (at) => pipedrive({ auth: "oauth", baseUrl: at }),
      secrets: { PIPEDRIVE_CLIENT_ID: "client-id", PIPEDRIVE_CLIENT_SECRET: "client-secret" },
      token: { accessToken: "v1u:pd-access-token", kept: { api_domain: "https://acme.pipedrive.com" } },
      action: "deal.update",
      input: { id: 42, status: "lost" },
      exchange: [
        {
          request: {
            method: "PATCH",
            path: "/api/v2/deals/42",
            headers: {
              accept: "application/json",
              "content-type": "application/json",
              authorization: "Bearer v1u:pd-access-token",
            },
            body: { status: "lost" },
          },
          reply: { status: 200, body: { success: true, data: { id: 42 } } },
        },
      ],
    },
  ],
}
