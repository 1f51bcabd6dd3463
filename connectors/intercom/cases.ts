/**
 * What Intercom's connector is held to. Answers are of the forms that Intercom documents.
 */
import { secret } from "../../src/index.ts"
import type { ConnectorCases, Exchange } from "../../test/conformance/cases.ts"
import { intercom } from "./index.ts"

const token = "dG9rOjEyMzQ1Njc4-not-a-real-one"
const headersOfGet = { accept: "application/json", "intercom-version": "2.15", authorization: `Bearer ${token}` }
const headers = { ...headersOfGet, "content-type": "application/json" }

const id = "6762f0dd1bb69f9f2193bb83"
const contact = { type: "contact", id, role: "user", external_id: "u_1", email: "ada@example.com" }
const error = (code: string, message: string) => ({ type: "error.list", request_id: "r1", errors: [{ code, message }] })
const listOf = (...data: ReadonlyArray<unknown>) => ({ type: "list", data, total_count: data.length })

const call = (method: string, path: string, body?: unknown, reply: unknown = contact): Exchange => ({
  request: {
    method,
    path,
    headers: body === undefined ? headersOfGet : headers,
    ...(body === undefined ? {} : { body }),
  },
  reply: { status: 200, body: reply },
})
const search = (query: unknown, ...found: ReadonlyArray<unknown>) =>
  call("POST", "/contacts/search", { query }, listOf(...found))
const byExternalId = { field: "external_id", operator: "=", value: "u_1" }
const byEmail = { field: "email", operator: "=", value: "ada@example.com" }

const notFound = {
  name: "nobody is found",
  reply: { status: 200, body: listOf() },
  kind: "rejected" as const,
  permanent: false,
  says: /no such contact, or not yet/,
}
const unknownUser = {
  name: "Intercom does not know the contact",
  reply: { status: 404, body: error("not_found", "User Not Found") },
  kind: "rejected" as const,
  permanent: false,
}
const nobodyNamed = (input: object) => ({ input, path: "external_id" })

export const cases: ConnectorCases = {
  connection: (at) => intercom({ token: secret("INTERCOM_TOKEN"), baseUrl: at }),
  secrets: { INTERCOM_TOKEN: token },
  wrongSettings: [
    { connection: intercom({}), path: "", says: /intercom needs "token", or auth: "oauth"/ },
    { connection: intercom({ token: "in-clear" as never }), path: "token", says: /secret\("NAME"\)/ },
    {
      connection: intercom({ token: secret("A"), region: "uk" as never }),
      path: "region",
      says: /"us" \| "eu" \| "au"/,
    },
  ],
  answers: {
    permanent: {
      reply: { status: 400, body: error("parameter_invalid", "Custom attribute 'plann' does not exist") },
      kind: "rejected",
      permanent: true,
      says: /HTTP 400: parameter_invalid: Custom attribute/,
    },
    transient: {
      reply: { status: 503, body: error("service_unavailable", "try later") },
      kind: "server_error",
      permanent: false,
    },
    rateLimited: {
      reply: (now) => ({
        status: 429,
        headers: {
          "x-ratelimit-limit": "1666",
          "x-ratelimit-remaining": "0",
          "x-ratelimit-reset": String(Math.ceil(now / 1000) + 7),
        },
        body: error("rate_limit_exceeded", "Exceeded rate limit of 1666 in 10_seconds"),
      }),
      kind: "rate_limited",
      permanent: false,
      retryAfterMs: 7500,
    },
    authFailed: {
      reply: { status: 401, body: error("token_revoked", "Access Token Revoked") },
      kind: "auth_failed",
      permanent: true,
    },
    malformed: { reply: { status: 200, body: "<html>" }, kind: "server_error", permanent: false },
  },
  test: {
    ...call("GET", "/me", undefined, { type: "admin", name: "Ciaran", app: { name: "Acme", region: "US" } }),
    says: /Ciaran of Acme \(US\)/,
  },
  lists: {
    tags: {
      ...call("GET", "/tags", undefined, listOf({ type: "tag", id: "102", name: "vip" })),
      items: [{ id: "vip", name: "vip" }],
    },
    admins: {
      ...call("GET", "/admins", undefined, { type: "admin.list", admins: [{ id: "991", name: "Ciaran" }] }),
      items: [{ id: "991", name: "Ciaran" }],
    },
    ticketTypes: {
      ...call(
        "GET",
        "/ticket_types",
        undefined,
        listOf({ id: "12", name: "Bug", archived: false }, { id: "13", name: "Old", archived: true }),
      ),
      items: [{ id: "12", name: "Bug" }],
    },
  },
  actions: {
    "contact.upsert": {
      input: {
        external_id: "u_1",
        email: "ada@example.com",
        name: "Ada",
        signed_up_at: "2026-01-31T09:30:00Z",
        custom_attributes: { plan: "pro", seats: 5, trial: null },
      },
      exchange: [
        search(
          { operator: "OR", value: [byExternalId, byEmail] },
          { ...contact, id: "other", external_id: "u_9" },
          { ...contact, id: "lead", role: "lead", external_id: null },
        ),
        call("PUT", "/contacts/lead", {
          external_id: "u_1",
          email: "ada@example.com",
          name: "Ada",
          signed_up_at: 1769851800,
          custom_attributes: { plan: "pro", seats: 5, trial: null },
        }),
      ],
      wrongInputs: [
        nobodyNamed({ name: "Ada" }),
        { input: { email: "ada@example.com", role: "admin" }, path: "role" },
        { input: { email: "ada@example.com", signed_up_at: "yesterday-ish" }, path: "signed_up_at" },
        { input: { email: "ada@example.com", custom_attributes: { tags: ["a"] } }, path: "custom_attributes" },
      ],
      more: [
        {
          name: "an app that is not allowed to",
          reply: { status: 403, body: error("api_plan_restricted", "Active subscription needed.") },
          kind: "auth_failed",
          permanent: true,
        },
      ],
    },
    "contact.update": {
      input: { external_id: "u_1", email: "new@example.com" },
      exchange: [
        search(byExternalId, contact),
        call("PUT", `/contacts/${id}`, { external_id: "u_1", email: "new@example.com" }),
      ],
      wrongInputs: [nobodyNamed({ name: "Ada" })],
      more: [notFound],
    },
    "tag.add": {
      input: { email: "ada@example.com", tag: "customer" },
      exchange: [
        search(byEmail, { ...contact, id: "lead", role: "lead" }, contact),
        call("POST", "/tags", { name: "customer" }, { type: "tag", id: "105", name: "customer" }),
        call("POST", `/contacts/${id}/tags`, { id: "105" }, { type: "tag", id: "105", name: "customer" }),
      ],
      wrongInputs: [nobodyNamed({ tag: "customer" }), { input: { email: "ada@example.com" }, path: "tag" }],
      more: [notFound],
    },
    "tag.remove": {
      input: { external_id: "u_1", tag: "customer" },
      exchange: [
        search(byExternalId, contact),
        call("GET", "/tags", undefined, listOf({ type: "tag", id: "105", name: "Customer" })),
        {
          request: { method: "DELETE", path: `/contacts/${id}/tags/105`, headers: headersOfGet },
          reply: { status: 200, body: { type: "tag", id: "105", name: "Customer" } },
        },
      ],
      wrongInputs: [nobodyNamed({ tag: "customer" }), { input: { id, tag: "" }, path: "tag" }],
      more: [notFound],
    },
    "event.track": {
      input: {
        external_id: "u_1",
        event_name: "upgraded-plan",
        metadata: { plan: "pro", order: { url: "https://acme.example/1", value: "1" } },
      },
      exchange: [
        {
          request: {
            method: "POST",
            path: "/events",
            headers,
            body: {
              event_name: "upgraded-plan",
              metadata: { plan: "pro", order: { url: "https://acme.example/1", value: "1" } },
              created_at: 1769851800,
              user_id: "u_1",
            },
          },
          reply: { status: 202 },
        },
      ],
      wrongInputs: [
        nobodyNamed({ event_name: "upgraded-plan" }),
        { input: { id, event_name: "a", metadata: { nested: { a: {} } } }, path: "metadata" },
        {
          input: { id, event_name: "a", metadata: Object.fromEntries([..."abcdefghijk"].map((key) => [key, 1])) },
          path: "metadata",
        },
      ],
      more: [unknownUser],
    },
    "note.create": {
      input: { id, body: "Asked for an invoice.", admin_id: "991" },
      exchange: [
        call(
          "POST",
          `/contacts/${id}/notes`,
          { body: "Asked for an invoice.", admin_id: "991" },
          { type: "note", id: "1" },
        ),
      ],
      wrongInputs: [nobodyNamed({ body: "x" }), { input: { id }, path: "body" }],
    },
    "ticket.create": {
      input: {
        email: "ada@example.com",
        ticket_type_id: "12",
        ticket_attributes: { _default_title_: "Payment failed" },
      },
      exchange: [
        call(
          "POST",
          "/tickets",
          {
            ticket_type_id: "12",
            ticket_attributes: { _default_title_: "Payment failed" },
            contacts: [{ email: "ada@example.com" }],
          },
          { type: "ticket", id: "1" },
        ),
      ],
      wrongInputs: [nobodyNamed({ ticket_type_id: "12" }), { input: { id }, path: "ticket_type_id" }],
      more: [unknownUser],
    },
    "message.post": {
      input: { external_id: "u_1", from: "991", body: "Your invoice is ready." },
      exchange: [
        search(byExternalId, contact),
        call(
          "POST",
          "/messages",
          {
            message_type: "inapp",
            body: "Your invoice is ready.",
            from: { type: "admin", id: 991 },
            to: { type: "user", id },
          },
          { type: "user_message", id: "1" },
        ),
      ],
      wrongInputs: [nobodyNamed({ from: "991", body: "x" }), { input: { id, from: "ada", body: "x" }, path: "from" }],
      more: [notFound],
    },
    "email.send": {
      input: { email: "ada@example.com", from: "991", subject: "Your invoice", body: "It is ready." },
      exchange: [
        search(byEmail, { ...contact, role: "lead" }),
        call(
          "POST",
          "/messages",
          {
            message_type: "email",
            subject: "Your invoice",
            body: "It is ready.",
            template: "plain",
            from: { type: "admin", id: 991 },
            to: { type: "lead", id },
          },
          { type: "user_message", id: "1" },
        ),
      ],
      wrongInputs: [
        nobodyNamed({ from: "991", subject: "x", body: "x" }),
        { input: { id, from: "991", body: "x" }, path: "subject" },
      ],
      more: [notFound],
    },
  },
  ways: [
    {
      name: "OAuth, in another region",
      connection: (at) => intercom({ auth: "oauth", region: "eu", baseUrl: at }),
      secrets: { INTERCOM_CLIENT_ID: "client-id", INTERCOM_CLIENT_SECRET: "client-secret" },
      token: { accessToken: "ic-access-token", kept: {} },
      action: "note.create",
      input: { id, body: "hi" },
      exchange: [
        {
          request: {
            method: "POST",
            path: `/contacts/${id}/notes`,
            headers: { ...headers, authorization: "Bearer ic-access-token" },
            body: { body: "hi" },
          },
          reply: { status: 200, body: { type: "note", id: "1" } },
        },
      ],
    },
  ],
}
