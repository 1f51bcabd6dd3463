/**
 * What ActiveCampaign's connector is held to. Answers are of the forms that ActiveCampaign documents.
 */
import { secret } from "../../src/index.ts"
import type { ConnectorCases, Exchange } from "../../test/conformance/cases.ts"
import { activecampaign } from "./index.ts"

const key = "4f3c0c1d-not-a-real-one"
const eventKey = "a1b2c3-not-a-real-one"
const headersOfGet = { accept: "application/json", "api-token": key }
const headers = { ...headersOfGet, "content-type": "application/json" }

const email = "ada@example.com"
const contact = { contact: { id: "10", email } }

const sync: Exchange = {
  request: { method: "POST", path: "/contact/sync", headers, body: { contact: { email } } },
  reply: { status: 201, body: contact },
}
const lookUp: Exchange = {
  request: { method: "GET", path: "/contacts?email=ada%40example.com", headers: headersOfGet },
  reply: { status: 200, body: { contacts: [{ id: "10", email }], meta: { total: "1" } } },
}
const tagLookUp = (tags: ReadonlyArray<object>): Exchange => ({
  request: { method: "GET", path: "/tags?filters%5Bsearch%5D%5Beq%5D=vip&limit=100", headers: headersOfGet },
  reply: { status: 200, body: { tags, meta: { total: String(tags.length) } } },
})
const vip = { id: "20", tag: "vip", tagType: "contact" }
const nobody = { status: 200, body: { contacts: [], meta: { total: "0" } } }
const found = { name: "no such contact", reply: nobody, permanent: true }

const listStatus = (status: number): Exchange => ({
  request: {
    method: "POST",
    path: "/contactLists",
    headers,
    body: { contactList: { list: "2", contact: "10", status } },
  },
  reply: { status: 200, body: { contactList: { id: "5" } } },
})
const wrongListChanges = [
  { input: { email }, path: "list" },
  { input: { list: "2", email: "" }, path: "email" },
]
const wrongTagChanges = [
  { input: { email }, path: "tag" },
  { input: { tag: "vip" }, path: "email" },
]

export const cases: ConnectorCases = {
  connection: (at) =>
    activecampaign({
      apiUrl: "https://acme.api-us1.com",
      apiKey: secret("AC_KEY"),
      eventAccount: "123456789",
      eventKey: secret("AC_EVENT_KEY"),
      baseUrl: at,
    }),
  secrets: { AC_KEY: key, AC_EVENT_KEY: eventKey },
  wrongSettings: [
    {
      connection: activecampaign({ apiKey: secret("A") } as never),
      path: "apiUrl",
      says: /activecampaign needs "apiUrl"/,
    },
    {
      connection: activecampaign({ apiUrl: "acme", apiKey: secret("A") }),
      path: "apiUrl",
      says: /the API URL of Settings > Developer/,
    },
    {
      connection: activecampaign({ apiUrl: "https://acme.api-us1.com", apiKey: "in-clear" as never }),
      path: "apiKey",
      says: /secret\("NAME"\)/,
    },
  ],
  answers: {
    permanent: {
      reply: {
        status: 422,
        body: {
          errors: [
            {
              title: "Contact Email Address is not valid.",
              code: "email_invalid",
              source: { pointer: "/data/attributes/email" },
            },
          ],
        },
      },
      kind: "rejected",
      permanent: true,
      says: /HTTP 422: Contact Email Address is not valid/,
    },
    transient: { reply: { status: 503, body: { message: "unavailable" } }, kind: "server_error", permanent: false },
    rateLimited: {
      reply: {
        status: 429,
        headers: { "retry-after": "7", "ratelimit-limit": "5", "ratelimit-remaining": "0" },
        body: {},
      },
      kind: "rate_limited",
      permanent: false,
      retryAfterMs: 7000,
    },
    authFailed: {
      reply: { status: 403, body: { message: "You could not be authenticated." } },
      kind: "auth_failed",
      permanent: true,
      says: /could not be authenticated/,
    },
    malformed: { reply: { status: 200, body: "<html>sign in</html>" }, kind: "server_error", permanent: false },
  },
  test: {
    request: { method: "GET", path: "/users/me", headers: headersOfGet },
    reply: { status: 200, body: { user: { id: "1", username: "ada" } } },
    says: /as ada/,
  },
  lists: {
    lists: {
      request: { method: "GET", path: "/lists?limit=100&offset=0", headers: headersOfGet },
      reply: { status: 200, body: { lists: [{ id: "2", name: "News" }], meta: { total: "1" } } },
      items: [{ id: "2", name: "News" }],
    },
    tags: {
      request: { method: "GET", path: "/tags?limit=100&offset=0", headers: headersOfGet },
      reply: { status: 200, body: { tags: [vip], meta: { total: "1" } } },
      items: [{ id: "vip", name: "vip" }],
    },
    fields: {
      request: { method: "GET", path: "/fields?limit=100&offset=0", headers: headersOfGet },
      reply: { status: 200, body: { fields: [{ id: "1", title: "Plan" }], meta: { total: "1" } } },
      items: [{ id: "1", name: "Plan" }],
    },
  },
  actions: {
    "contact.upsert": {
      input: { email, firstName: "Ada", fields: { "1": "pro", "2": null, "3": ["a", "b"], "4": 5 } },
      exchange: [
        {
          request: {
            method: "POST",
            path: "/contact/sync",
            headers,
            body: {
              contact: {
                email,
                firstName: "Ada",
                fieldValues: [
                  { field: "1", value: "pro" },
                  { field: "2", value: "" },
                  { field: "3", value: "||a||b||" },
                  { field: "4", value: "5" },
                ],
              },
            },
          },
          reply: { status: 201, body: contact },
        },
      ],
      wrongInputs: [
        { input: { firstName: "Ada" }, path: "email" },
        { input: { email, fields: { plan: "pro" } }, path: "plan" },
      ],
      more: [
        {
          name: "a wrong account's host",
          reply: { status: 404, body: "<html>not found" },
          kind: "rejected",
          permanent: true,
        },
        { name: "an account past due", reply: { status: 402, body: {} }, kind: "rejected", permanent: true },
        {
          name: "a limit without a header",
          reply: { status: 429, body: {} },
          kind: "rate_limited",
          permanent: false,
          retryAfterMs: 1000,
        },
      ],
    },
    "contact.update": {
      input: { email, fields: { "1": "pro" } },
      exchange: [
        lookUp,
        {
          request: {
            method: "PUT",
            path: "/contacts/10",
            headers,
            body: { contact: { fieldValues: [{ field: "1", value: "pro" }] } },
          },
          reply: { status: 200, body: contact },
        },
      ],
      wrongInputs: [
        { input: { email }, path: "fields" },
        { input: { fields: { "1": "pro" } }, path: "email" },
      ],
      more: [{ ...found, kind: "rejected", says: /no contact/ }],
    },
    "list.add": {
      input: { list: "2", email },
      exchange: [sync, listStatus(1)],
      wrongInputs: wrongListChanges,
    },
    "list.remove": {
      input: { list: "2", email },
      exchange: [lookUp, listStatus(2)],
      wrongInputs: wrongListChanges,
      more: [{ ...found, kind: "delivered", says: /nothing was left/ }],
    },
    "tag.add": {
      input: { tag: "vip", email },
      exchange: [
        sync,
        // A tag of the same name for templates is another.
        tagLookUp([{ id: "4", tag: "vip", tagType: "template" }]),
        {
          request: {
            method: "POST",
            path: "/tags",
            headers,
            body: { tag: { tag: "vip", tagType: "contact", description: "" } },
          },
          reply: { status: 201, body: { tag: vip } },
        },
        {
          request: {
            method: "POST",
            path: "/contactTags",
            headers,
            body: { contactTag: { contact: "10", tag: "20" } },
          },
          reply: { status: 201, body: { contactTag: { id: "1", contact: "10", tag: "20" } } },
        },
      ],
      wrongInputs: wrongTagChanges,
    },
    "tag.remove": {
      input: { tag: "vip", email },
      exchange: [
        lookUp,
        tagLookUp([vip]),
        {
          request: { method: "GET", path: "/contacts/10/contactTags?limit=100&offset=0", headers: headersOfGet },
          reply: { status: 200, body: { contactTags: [{ id: "7", contact: "10", tag: "20" }] } },
        },
        {
          request: { method: "DELETE", path: "/contactTags/7", headers: headersOfGet },
          reply: { status: 200, body: {} },
        },
      ],
      wrongInputs: wrongTagChanges,
      more: [{ ...found, kind: "delivered", says: /nothing was left/ }],
    },
    "event.track": {
      input: { email, name: "signed_up", value: "pro & more" },
      exchange: [
        {
          request: {
            method: "POST",
            path: "/event",
            headers: { accept: "application/json", "content-type": "application/x-www-form-urlencoded" },
            body: `actid=123456789&key=${eventKey}&event=signed_up&eventdata=pro+%26+more&visit=%7B%22email%22%3A%22ada%40example.com%22%7D`,
          },
          reply: { status: 200, body: { success: 1, message: "Event spawned" } },
        },
      ],
      wrongInputs: [
        { input: { email, name: "x".repeat(33) }, path: "name" },
        { input: { name: "signed_up" }, path: "email" },
      ],
      more: [
        {
          name: "a refusal that calls itself 200",
          reply: { status: 200, body: { success: 0, message: "Event not found" } },
          kind: "rejected",
          permanent: true,
          says: /HTTP 200: Event not found/,
        },
        { name: "nothing", reply: { status: 200, body: "" }, kind: "server_error", permanent: false },
      ],
    },
  },
}
