/**
 * What HubSpot's connector is held to. Answers are of the forms that HubSpot documents.
 */
import { secret } from "../../src/index.ts"
import type { ConnectorCases } from "../../test/conformance/cases.ts"
import { hubspot } from "./index.ts"

const token = "pat-na1-5b1fd2a0-not-a-real-one"
const headers = {
  accept: "application/json",
  "content-type": "application/json",
  authorization: `Bearer ${token}`,
}
const { "content-type": _, ...headersOfGet } = headers

const error = (category: string, message: string, more: object = {}) => ({
  status: "error",
  message,
  correlationId: "2c6f0c66-0000",
  category,
  ...more,
})

const upserted = (properties: object) => ({
  status: 200,
  body: { status: "COMPLETE", results: [{ id: "512", new: false, properties }] },
})

const upsertOf = (objectType: string, inputs: ReadonlyArray<object>) => ({
  method: "POST",
  path: `/crm/v3/objects/${objectType}/batch/upsert`,
  headers,
  body: { inputs: inputs.map((input, i) => ({ ...input, objectWriteTraceId: `dlv_${i + 1}` })) },
})

const recordCase = (objectType: string, input: object, sent: object) => ({
  input,
  exchange: [{ request: upsertOf(objectType, [sent]), reply: upserted({}) }],
  wrongInputs: [
    { input: { ...input, id: "" }, path: "id" },
    { input: { ...input, properties: { tags: ["a"] } }, path: "properties" },
  ],
  batches: [
    {
      inputs: [input, { ...input, id: "other" }],
      exchange: {
        request: upsertOf(objectType, [sent, { ...sent, id: "other" }]),
        reply: {
          status: 207,
          body: {
            status: "COMPLETE",
            results: [],
            numErrors: 1,
            errors: [error("VALIDATION_ERROR", "not valid", { context: { objectWriteTraceId: ["dlv_2"] } })],
          },
        },
      },
      outcomes: ["delivered" as const, "dead" as const],
    },
  ],
})

const listCase = (change: "add" | "remove") => ({
  input: { list: "42", email: "ada@example.com" },
  exchange: [
    {
      request: {
        method: "GET",
        path: "/crm/v3/objects/contacts/ada%40example.com?idProperty=email",
        headers: headersOfGet,
      },
      reply: { status: 200, body: { id: "512", properties: { email: "ada@example.com" } } },
    },
    {
      request: { method: "PUT", path: `/crm/v3/lists/42/memberships/${change}`, headers, body: ["512"] },
      reply: { status: 200, body: { recordsIdsAdded: ["512"], recordIdsRemoved: [], recordIdsMissing: [] } },
    },
  ],
  wrongInputs: [
    { input: { list: "42" }, path: "email" },
    { input: { list: "42", email: "ada@example.com", id: "512" }, path: "email" },
  ],
  answers: {
    // What the contact is looked up for is missing: the path of the second call cannot be made.
    malformed: { reply: { status: 502, body: "<html>bad gateway" }, kind: "server_error" as const, permanent: false },
  },
  more: [
    {
      name: "no such contact",
      reply: { status: 404, body: error("OBJECT_NOT_FOUND", "resource not found") },
      kind: "rejected" as const,
      permanent: true,
    },
  ],
})

export const cases: ConnectorCases = {
  connection: (at) => hubspot({ token: secret("HUBSPOT_TOKEN"), baseUrl: at }),
  secrets: { HUBSPOT_TOKEN: token },
  wrongSettings: [
    { connection: hubspot({}), path: "", says: /hubspot needs "token", or auth: "oauth"/ },
    {
      connection: hubspot({ token: secret("A"), auth: "oauth" }),
      path: "",
      says: /takes one of "token", auth: "oauth"; leave the others out/,
    },
    { connection: hubspot({ token: "in-clear" as never }), path: "token", says: /secret\("NAME"\)/ },
    {
      connection: hubspot({ token: secret("A"), tokn: secret("B") } as never),
      path: "tokn",
      says: /not a setting of hubspot.*"token"/,
    },
    { connection: hubspot({ token: secret("A"), baseUrl: "api.hubapi.com" }), path: "baseUrl", says: /expected a URL/ },
  ],
  answers: {
    permanent: {
      reply: { status: 400, body: error("VALIDATION_ERROR", "Property values were not valid") },
      kind: "rejected",
      permanent: true,
      says: /HTTP 400: Property values were not valid/,
    },
    transient: { reply: { status: 503, body: error("SERVER", "down") }, kind: "server_error", permanent: false },
    rateLimited: {
      reply: {
        status: 429,
        headers: { "x-hubspot-ratelimit-remaining": "0", "x-hubspot-ratelimit-interval-milliseconds": "10000" },
        body: error("RATE_LIMITS", "You have reached your ten_secondly_rolling limit.", {
          policyName: "TEN_SECONDLY_ROLLING",
        }),
      },
      kind: "rate_limited",
      permanent: false,
      retryAfterMs: 10_000,
    },
    authFailed: {
      reply: { status: 401, body: error("EXPIRED_AUTHENTICATION", "The OAuth token used to make this call expired") },
      kind: "auth_failed",
      permanent: true,
      says: /expired/,
    },
    malformed: { reply: { status: 502, body: "<html>bad gateway</html>" }, kind: "server_error", permanent: false },
  },
  test: {
    request: { method: "GET", path: "/crm/v3/objects/contacts?limit=1", headers: headersOfGet },
    reply: { status: 200, body: { results: [] } },
    says: /contacts can be read/,
  },
  lists: {
    lists: {
      request: { method: "POST", path: "/crm/v3/lists/search", headers, body: { count: 100, offset: 0 } },
      reply: { status: 200, body: { lists: [{ listId: 42, name: "Customers" }], hasMore: false, offset: 1 } },
      items: [{ id: "42", name: "Customers" }],
    },
  },
  actions: {
    "contact.upsert": {
      input: { email: "ada@example.com", properties: { firstname: "Ada", seats: 5, vip: true, phone: null } },
      exchange: [
        {
          request: upsertOf("contacts", [
            {
              idProperty: "email",
              id: "ada@example.com",
              properties: { firstname: "Ada", seats: "5", vip: "true", phone: "" },
            },
          ]),
          reply: upserted({ email: "ada@example.com" }),
        },
      ],
      wrongInputs: [
        { input: { properties: {} }, path: "email" },
        { input: { email: "a@b.co", properties: { nested: {} } }, path: "properties" },
      ],
      more: [
        {
          name: "locked",
          reply: { status: 423, body: error("LOCKED", "locked") },
          kind: "server_error",
          permanent: false,
          retryAfterMs: 2000,
        },
        {
          name: "account being moved",
          reply: { status: 477, headers: { "retry-after": "60" }, body: error("MIGRATION", "moving") },
          kind: "server_error",
          permanent: false,
          retryAfterMs: 60_000,
        },
        {
          name: "daily limit",
          reply: { status: 429, body: error("RATE_LIMITS", "daily", { policyName: "DAILY" }) },
          kind: "rate_limited",
          permanent: false,
          retryAfterMs: 3_600_000,
        },
        {
          name: "missing scope",
          reply: { status: 403, body: error("MISSING_SCOPES", "scopes are missing") },
          kind: "auth_failed",
          permanent: true,
        },
      ],
      batches: [
        {
          inputs: [{ email: "a@b.co" }, { email: "b@b.co", properties: { plan: "pro" } }, { email: "c@b.co" }],
          exchange: {
            request: upsertOf("contacts", [
              { idProperty: "email", id: "a@b.co", properties: {} },
              { idProperty: "email", id: "b@b.co", properties: { plan: "pro" } },
              { idProperty: "email", id: "c@b.co", properties: {} },
            ]),
            reply: {
              status: 207,
              body: {
                status: "COMPLETE",
                results: [{ id: "1", properties: { email: "A@b.co" } }],
                numErrors: 2,
                errors: [
                  error("VALIDATION_ERROR", "not valid", { context: { objectWriteTraceId: ["dlv_2"] } }),
                  error("VALIDATION_ERROR", "an error that names no input"),
                ],
              },
            },
          },
          outcomes: ["delivered", "dead", "dead"],
        },
      ],
    },
    "contact.update": {
      input: { email: "ada@example.com", properties: { lifecyclestage: "customer" } },
      exchange: [
        {
          request: {
            method: "PATCH",
            path: "/crm/v3/objects/contacts/ada%40example.com?idProperty=email",
            headers,
            body: { properties: { lifecyclestage: "customer" } },
          },
          reply: { status: 200, body: { id: "512" } },
        },
      ],
      wrongInputs: [
        { input: { email: "ada@example.com" }, path: "properties" },
        { input: { email: "", properties: {} }, path: "email" },
      ],
      more: [
        {
          name: "no such contact",
          reply: { status: 404, body: error("OBJECT_NOT_FOUND", "resource not found") },
          kind: "rejected",
          permanent: true,
        },
      ],
    },
    "company.upsert": recordCase(
      "companies",
      { idProperty: "acme_id", id: "acc_1", properties: { name: "Acme" } },
      { idProperty: "acme_id", id: "acc_1", properties: { name: "Acme" } },
    ),
    "deal.upsert": recordCase(
      "deals",
      { idProperty: "order_id", id: "ord_1", properties: { amount: 120 } },
      { idProperty: "order_id", id: "ord_1", properties: { amount: "120" } },
    ),
    "object.upsert": recordCase(
      "p_subscriptions",
      { objectType: "p_subscriptions", idProperty: "external_id", id: "sub_1", properties: { seats: 5 } },
      { idProperty: "external_id", id: "sub_1", properties: { seats: "5" } },
    ),
    "ticket.create": {
      input: { properties: { subject: "Payment failed" } },
      exchange: [
        {
          request: {
            method: "POST",
            path: "/crm/v3/objects/tickets",
            headers,
            body: { properties: { subject: "Payment failed" } },
          },
          reply: { status: 201, body: { id: "1" } },
        },
      ],
      wrongInputs: [{ input: {}, path: "properties" }],
    },
    "list.add": listCase("add"),
    "list.remove": listCase("remove"),
    "event.track": {
      input: { name: "pe123_signed_up", email: "ada@example.com", properties: { plan: "pro" } },
      exchange: [
        {
          request: {
            method: "POST",
            path: "/events/v3/send",
            headers,
            body: {
              eventName: "pe123_signed_up",
              email: "ada@example.com",
              uuid: "dlv_1",
              occurredAt: "2026-01-31T09:30:00.000Z",
              properties: { plan: "pro" },
            },
          },
          reply: { status: 204 },
        },
      ],
      wrongInputs: [{ input: { name: "pe123_signed_up" }, path: "email" }],
      batches: [
        {
          inputs: [
            { name: "pe1_x", email: "a@b.co" },
            { name: "pe1_x", objectId: "7" },
          ],
          exchange: {
            request: {
              method: "POST",
              path: "/events/v3/send/batch",
              headers,
              body: {
                inputs: [
                  {
                    eventName: "pe1_x",
                    email: "a@b.co",
                    uuid: "dlv_1",
                    occurredAt: "2026-01-31T09:30:00.000Z",
                    properties: {},
                  },
                  {
                    eventName: "pe1_x",
                    objectId: "7",
                    uuid: "dlv_2",
                    occurredAt: "2026-01-31T09:30:00.000Z",
                    properties: {},
                  },
                ],
              },
            },
            reply: { status: 204 },
          },
        },
      ],
    },
  },
  ways: [
    {
      name: "OAuth",
      connection: (at) => hubspot({ auth: "oauth", baseUrl: at }),
      secrets: { HUBSPOT_CLIENT_ID: "client-id", HUBSPOT_CLIENT_SECRET: "client-secret" },
      token: { accessToken: "CO-access-token", kept: {} },
      action: "ticket.create",
      input: { properties: {} },
      exchange: [
        {
          request: {
            method: "POST",
            path: "/crm/v3/objects/tickets",
            headers: { ...headers, authorization: "Bearer CO-access-token" },
            body: { properties: {} },
          },
          reply: { status: 201, body: { id: "1" } },
        },
      ],
    },
  ],
}
