/**
 * What Mailchimp's connector is held to. Answers are of the forms that Mailchimp documents.
 */
import { secret } from "../../src/index.ts"
import type { ConnectorCases } from "../../test/conformance/cases.ts"
import { mailchimp } from "./index.ts"

const apiKey = "0123456789abcdef0123456789abcdef-us19"
const headersOfGet = {
  accept: "application/json",
  authorization: `Basic ${Buffer.from(`meshes:${apiKey}`).toString("base64")}`,
}
const headers = { ...headersOfGet, "content-type": "application/json" }

/** Of ada@example.com. */
const hash = "3e3417d7ef77d5932a6734b916515ed5"
const problem = (status: number, title: string, detail: string, more: object = {}) => ({
  status,
  headers: { "content-type": "application/problem+json" },
  body: {
    type: "https://mailchimp.com/developer/marketing/docs/errors/",
    title,
    status,
    detail,
    instance: "1",
    ...more,
  },
})

const who = { list: "a1b2c3d4e5", email: "ada@example.com" }
const wrongWho = [
  { input: { email: "ada@example.com" }, path: "list" },
  { input: { list: "a1b2c3d4e5", email: " " }, path: "email" },
]
const member = `/lists/a1b2c3d4e5/members/${hash}`
const saved = { status: 200, body: { id: hash, email_address: "ada@example.com", status: "subscribed" } }

const missing = {
  name: "no such contact",
  reply: problem(404, "Resource Not Found", "The requested resource could not be found."),
  kind: "rejected" as const,
  permanent: true,
}

const tagCase = (status: "active" | "inactive") => ({
  input: { ...who, tag: "customer" },
  exchange: [
    {
      request: { method: "POST", path: `${member}/tags`, headers, body: { tags: [{ name: "customer", status }] } },
      reply: { status: 204 },
    },
  ],
  wrongInputs: [...wrongWho, { input: { ...who, tag: "x".repeat(101) }, path: "tag" }],
  more: [missing],
})

export const cases: ConnectorCases = {
  connection: (at) => mailchimp({ apiKey: secret("MAILCHIMP_KEY"), baseUrl: at }),
  secrets: { MAILCHIMP_KEY: apiKey },
  wrongSettings: [
    { connection: mailchimp({}), path: "", says: /mailchimp needs "apiKey", or auth: "oauth"/ },
    { connection: mailchimp({ apiKey: "in-clear-us19" as never }), path: "apiKey", says: /secret\("NAME"\)/ },
    { connection: mailchimp({ auth: "oauth" }), path: "server", says: /such as us19/ },
    { connection: mailchimp({ auth: "oauth", server: "evil.example/" }), path: "server", says: /./ },
    { connection: mailchimp({ apiKey: secret("A"), server: "us19" }), path: "server", says: /names its server/ },
  ],
  answers: {
    permanent: {
      reply: problem(400, "Invalid Resource", "The resource submitted could not be validated.", {
        errors: [{ field: "email_address", message: "looks fake or invalid" }],
      }),
      kind: "rejected",
      permanent: true,
      says: /Invalid Resource; .*email_address: looks fake/,
    },
    transient: { reply: problem(500, "Internal Server Error", "down"), kind: "server_error", permanent: false },
    rateLimited: {
      reply: problem(429, "Too Many Requests", "You have exceeded the limit of 10 simultaneous connections."),
      kind: "rate_limited",
      permanent: false,
      retryAfterMs: 5000,
    },
    authFailed: {
      reply: problem(401, "API Key Invalid", "Your API key may be invalid, or you've attempted the wrong datacenter."),
      kind: "auth_failed",
      permanent: true,
    },
    malformed: { reply: { status: 200, body: "<html>" }, kind: "server_error", permanent: false },
  },
  test: {
    request: { method: "GET", path: "/?fields=account_name%2Cemail", headers: headersOfGet },
    reply: { status: 200, body: { account_name: "Acme", email: "ops@acme.example" } },
    says: /Acme/,
  },
  lists: {
    audiences: {
      request: { method: "GET", path: "/lists?fields=lists.id%2Clists.name&count=1000", headers: headersOfGet },
      reply: { status: 200, body: { lists: [{ id: "a1b2c3d4e5", name: "Newsletter" }] } },
      items: [{ id: "a1b2c3d4e5", name: "Newsletter" }],
    },
  },
  actions: {
    "contact.upsert": {
      input: {
        list: "a1b2c3d4e5",
        email: " Ada@Example.com ",
        merge_fields: { FNAME: "Ada", SEATS: 5, ADDRESS: { addr1: "1 Way", city: "Berlin" } },
        interests: { "9143cf3bd1": true },
        language: "de",
      },
      exchange: [
        {
          request: {
            method: "PUT",
            path: `${member}?skip_merge_validation=true`,
            headers,
            body: {
              email_address: "Ada@Example.com",
              status_if_new: "subscribed",
              merge_fields: { FNAME: "Ada", SEATS: 5, ADDRESS: { addr1: "1 Way", city: "Berlin" } },
              interests: { "9143cf3bd1": true },
              language: "de",
            },
          },
          reply: saved,
        },
      ],
      wrongInputs: [
        ...wrongWho,
        { input: { ...who, status: "archived" }, path: "status" },
        { input: { ...who, merge_fields: { TAGS: ["a"] } }, path: "merge_fields" },
      ],
      more: [
        {
          name: "too much traffic, told by another than Mailchimp",
          reply: { status: 403, body: "<html>Access Denied</html>" },
          kind: "rate_limited",
          permanent: false,
          retryAfterMs: 5000,
        },
        {
          name: "a user who may not",
          reply: problem(403, "User Disabled", "This account has been disabled."),
          kind: "auth_failed",
          permanent: true,
        },
        {
          name: "who only can come back by themselves",
          reply: problem(400, "Member In Compliance State", "ada@example.com is in a compliance state."),
          kind: "rejected",
          permanent: true,
          says: /Compliance State/,
        },
      ],
    },
    "contact.update": {
      input: { ...who, merge_fields: { PLAN: "pro" }, vip: true },
      exchange: [
        {
          request: {
            method: "PATCH",
            path: `${member}?skip_merge_validation=true`,
            headers,
            body: { merge_fields: { PLAN: "pro" }, vip: true },
          },
          reply: saved,
        },
      ],
      wrongInputs: wrongWho,
      more: [missing],
    },
    "contact.unsubscribe": {
      input: who,
      exchange: [
        {
          request: {
            method: "PATCH",
            path: `${member}?skip_merge_validation=true`,
            headers,
            body: { status: "unsubscribed" },
          },
          reply: saved,
        },
      ],
      wrongInputs: wrongWho,
      more: [missing],
    },
    "list.add": {
      input: { ...who, status: "pending", merge_fields: { FNAME: "Ada" } },
      exchange: [
        {
          request: {
            method: "POST",
            path: "/lists/a1b2c3d4e5?skip_merge_validation=true",
            headers,
            body: {
              members: [{ email_address: "ada@example.com", status: "pending", merge_fields: { FNAME: "Ada" } }],
              update_existing: true,
              sync_tags: false,
            },
          },
          reply: { status: 200, body: { new_members: [{}], updated_members: [], errors: [], error_count: 0 } },
        },
      ],
      wrongInputs: [...wrongWho, { input: { ...who, status: "cleaned" }, path: "status" }],
      batches: [
        {
          inputs: [who, { ...who, email: "Bob@Example.com" }],
          exchange: {
            request: {
              method: "POST",
              path: "/lists/a1b2c3d4e5?skip_merge_validation=true",
              headers,
              body: {
                members: [
                  { email_address: "ada@example.com", status: "subscribed" },
                  { email_address: "Bob@Example.com", status: "subscribed" },
                ],
                update_existing: true,
                sync_tags: false,
              },
            },
            reply: {
              status: 200,
              body: {
                new_members: [{}],
                updated_members: [],
                errors: [
                  {
                    email_address: "bob@example.com",
                    error: "is in a compliance state due to unsubscribe",
                    error_code: "ERROR_GENERIC",
                  },
                ],
                total_created: 1,
                total_updated: 0,
                error_count: 1,
              },
            },
          },
          outcomes: ["delivered", "dead"],
        },
      ],
    },
    "list.remove": {
      input: who,
      exchange: [{ request: { method: "DELETE", path: member, headers: headersOfGet }, reply: { status: 204 } }],
      wrongInputs: wrongWho,
      more: [
        missing,
        {
          name: "archived before",
          reply: problem(405, "Method Not Allowed", "This list member cannot be removed."),
          kind: "delivered",
          permanent: true,
        },
      ],
    },
    "tag.add": tagCase("active"),
    "tag.remove": tagCase("inactive"),
    "event.track": {
      input: { ...who, name: "signed_up", properties: { plan: "pro", seats: 5, trial: false } },
      exchange: [
        {
          request: {
            method: "POST",
            path: `${member}/events`,
            headers,
            body: {
              name: "signed_up",
              properties: { plan: "pro", seats: "5", trial: "false" },
              occurred_at: "2026-01-31T09:30:00.000Z",
            },
          },
          reply: { status: 204 },
        },
      ],
      wrongInputs: [
        ...wrongWho,
        { input: { ...who, name: "x" }, path: "name" },
        { input: { ...who, name: "signed_up", properties: { nested: {} } }, path: "properties" },
      ],
      more: [missing],
    },
  },
  ways: [
    {
      name: "OAuth",
      connection: (at) => mailchimp({ auth: "oauth", server: "us19", baseUrl: at }),
      secrets: { MAILCHIMP_CLIENT_ID: "client-id", MAILCHIMP_CLIENT_SECRET: "client-secret" },
      token: { accessToken: "mc-access-token", kept: {} },
      action: "contact.unsubscribe",
      input: who,
      exchange: [
        {
          request: {
            method: "PATCH",
            path: `${member}?skip_merge_validation=true`,
            headers: { ...headers, authorization: "Bearer mc-access-token" },
            body: { status: "unsubscribed" },
          },
          reply: saved,
        },
      ],
    },
  ],
}
