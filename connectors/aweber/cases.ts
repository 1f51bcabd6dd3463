/**
 * What AWeber's connector is held to. Answers are of the forms that AWeber documents.
 */
import type { ConnectorCases, Exchange } from "../../test/conformance/cases.ts"
import { aweber } from "./index.ts"

const headersOfGet = { accept: "application/json", authorization: "Bearer aweber-access-token" }
const headers = { ...headersOfGet, "content-type": "application/json" }
const secrets = { AWEBER_CLIENT_ID: "client-id", AWEBER_CLIENT_SECRET: "client-secret" }
const token = { accessToken: "aweber-access-token", kept: {} }

const list = "/accounts/123/lists/456"
const email = "ada@example.com"
const refused = (status: number, type: string, message: string) => ({
  status,
  body: { error: { status, type, message, documentation_url: "https://api.aweber.com" } },
})
const forbidden = (message: string) => refused(403, "ForbiddenError", message)

const created = { status: 201, headers: { location: `https://api.aweber.com/1.0${list}/subscribers/789` } }

const patch = (body: object): Exchange => ({
  request: { method: "PATCH", path: `${list}/subscribers?subscriber_email=ada%40example.com`, headers, body },
  reply: { status: 209, body: { id: 789, status: "subscribed" } },
})
const find = (entries: ReadonlyArray<object>): Exchange => ({
  request: {
    method: "GET",
    path: `${list}/subscribers?ws.op=find&email=ada%40example.com`,
    headers: headersOfGet,
  },
  reply: { status: 200, body: { entries, start: 0 } },
})

const wrongEmails = [
  { input: { tag: "x", name: "Ada" }, path: "email" },
  { input: { email: `${"x".repeat(45)}@b.com`, tag: "x", name: "Ada" }, path: "email" },
]
const noSubscriber = {
  name: "no such subscriber",
  reply: refused(404, "NotFoundError", "Object: None, name: 'subscribers'"),
  kind: "rejected" as const,
  permanent: true,
}

const purchase = {
  email,
  ip_address: "204.194.222.28",
  vendor: "shop",
  product_name: "Pro plan",
  currency: "USD",
  value: 120,
  url: "https://example.com/checkout",
}

export const cases: ConnectorCases = {
  connection: (at) => aweber({ auth: "oauth", account: "123", list: "456", baseUrl: at }),
  secrets,
  token,
  wrongSettings: [
    { connection: aweber({}), path: "", says: /aweber needs auth: "oauth"/ },
    { connection: aweber({ auth: "token" as never }), path: "auth", says: /oauth/ },
    {
      connection: aweber({ auth: { clientId: "id", clientSecret: "in-clear" as never } }),
      path: "auth.clientSecret",
      says: /secret\("NAME"\)/,
    },
    { connection: aweber({ auth: "oauth", list: 456 as never }), path: "list", says: /string/i },
  ],
  answers: {
    permanent: {
      reply: refused(400, "WebServiceError", "email: Invalid email address."),
      kind: "rejected",
      permanent: true,
      says: /HTTP 400: email: Invalid email address/,
    },
    transient: {
      reply: refused(503, "ServiceUnavailableError", "Failed to communicate with endpoint"),
      kind: "server_error",
      permanent: false,
    },
    rateLimited: {
      reply: forbidden("Rate Limit Error"),
      kind: "rate_limited",
      permanent: false,
      retryAfterMs: 60_000,
    },
    authFailed: {
      reply: refused(401, "UnauthorizedError", "The access token is invalid or expired"),
      kind: "auth_failed",
      permanent: true,
    },
    malformed: { reply: { status: 200, body: "<html>maintenance</html>" }, kind: "server_error", permanent: false },
  },
  test: {
    request: { method: "GET", path: "/accounts", headers: headersOfGet },
    reply: { status: 200, body: { entries: [{ id: 123, company: "Acme" }] } },
    says: /account 123/,
  },
  lists: {
    accounts: {
      request: { method: "GET", path: "/accounts?ws.start=0&ws.size=100", headers: headersOfGet },
      reply: { status: 200, body: { entries: [{ id: 123, company: "Acme" }] } },
      items: [{ id: "123", name: "Acme" }],
    },
    lists: {
      request: { method: "GET", path: "/accounts/123/lists?ws.start=0&ws.size=100", headers: headersOfGet },
      reply: { status: 200, body: { entries: [{ id: 456, name: "News" }] } },
      items: [{ id: "456", name: "News" }],
    },
  },
  actions: {
    "contact.upsert": {
      input: { email, name: "Ada", tags: ["customer"], custom_fields: { plan: "pro", seats: 5 } },
      exchange: [
        {
          request: {
            method: "POST",
            path: `${list}/subscribers`,
            headers,
            body: {
              email,
              name: "Ada",
              tags: ["customer"],
              custom_fields: { plan: "pro", seats: "5" },
              strict_custom_fields: "true",
              update_existing: "true",
            },
          },
          reply: created,
        },
      ],
      wrongInputs: [
        ...wrongEmails,
        { input: { email, name: "x".repeat(61) }, path: "name" },
        { input: { email, ad_tracking: "x".repeat(21) }, path: "ad_tracking" },
        { input: { email, ip_address: "2001:db8::1" }, path: "ip_address" },
        { input: { email, custom_fields: { plan: "" } }, path: "plan" },
      ],
      more: [
        {
          name: "an account on hold",
          reply: forbidden("Account is on hold"),
          kind: "rejected",
          permanent: false,
          retryAfterMs: 3_600_000,
        },
        {
          name: "an account that is suspended",
          reply: forbidden("Account Temporarily Suspended"),
          kind: "rejected",
          permanent: false,
          retryAfterMs: 3_600_000,
        },
        {
          name: "an account that is full",
          reply: forbidden("Subscriber limit has been reached"),
          kind: "rejected",
          permanent: true,
        },
        {
          name: "a permission that the app lacks",
          reply: forbidden("The application does not have Request Subscriber Data permission"),
          kind: "auth_failed",
          permanent: true,
        },
        {
          name: "no credentials",
          reply: refused(400, "MissingOAuthParametersError", "Missing oauth parameters: oauth_consumer_key"),
          kind: "auth_failed",
          permanent: true,
        },
        {
          name: "a blocked request",
          reply: refused(410, "BlockedError", "Blocked Error"),
          kind: "rejected",
          permanent: true,
        },
        {
          name: "no such list",
          reply: refused(404, "NotFoundError", "List with given id not found"),
          kind: "rejected",
          permanent: true,
          says: /List with given id not found/,
        },
      ],
    },
    "contact.update": {
      input: { email, name: "Ada L", custom_fields: { plan: "pro", trial: null } },
      exchange: [
        find([
          { id: 789, email: "Ada@example.com", custom_fields: { plan: "free", city: "Rome", trial: "yes", x: null } },
        ]),
        patch({ name: "Ada L", custom_fields: { plan: "pro", city: "Rome" }, strict_custom_fields: "true" }),
      ],
      wrongInputs: [...wrongEmails, { input: { email }, path: "custom_fields" }],
      more: [
        {
          name: "nobody found",
          reply: { status: 200, body: { entries: [] } },
          kind: "rejected",
          permanent: true,
          says: /no subscriber/,
        },
      ],
    },
    "list.remove": {
      input: { email },
      exchange: [patch({ status: "unsubscribed" })],
      wrongInputs: wrongEmails,
      more: [noSubscriber],
    },
    "tag.add": {
      input: { email, tag: "vip" },
      exchange: [patch({ tags: { add: ["vip"] } })],
      wrongInputs: [...wrongEmails, { input: { email }, path: "tag" }],
      more: [noSubscriber],
    },
    "tag.remove": {
      input: { email, tag: "vip" },
      exchange: [patch({ tags: { remove: ["vip"] } })],
      wrongInputs: [...wrongEmails, { input: { email }, path: "tag" }],
      more: [noSubscriber],
    },
    "event.track": {
      input: { ...purchase, tags: ["customer"] },
      exchange: [
        {
          request: {
            method: "POST",
            path: `${list}/purchases`,
            headers,
            body: {
              ...purchase,
              tags: ["customer"],
              event_note: "lead.created",
              event_time: "2026-01-31 09:30:00+00:00",
            },
          },
          reply: created,
        },
      ],
      wrongInputs: [
        { input: { ...purchase, ip_address: undefined }, path: "ip_address" },
        { input: { ...purchase, currency: "dollars" }, path: "currency" },
        { input: { ...purchase, value: "120" }, path: "value" },
      ],
    },
  },
  ways: [
    {
      name: "OAuth, with the account looked up",
      connection: (at) => aweber({ auth: "oauth", baseUrl: at }),
      secrets,
      token,
      action: "tag.add",
      input: { list: "456", email, tag: "vip" },
      exchange: [
        {
          request: { method: "GET", path: "/accounts", headers: headersOfGet },
          reply: { status: 200, body: { entries: [{ id: 123 }] } },
        },
        patch({ tags: { add: ["vip"] } }),
      ],
    },
  ],
}
