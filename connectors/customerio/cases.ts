/**
 * What Customer.io's connector is held to. Answers are of the forms that Customer.io documents.
 */
import { secret } from "../../src/index.ts"
import type { ConnectorCases } from "../../test/conformance/cases.ts"
import { customerio } from "./index.ts"

const key = "b1946ac92492d2347c62-not-a-real-one"
const headersOfGet = {
  accept: "application/json",
  authorization: `Basic ${Buffer.from(`site1:${key}`).toString("base64")}`,
}
const headers = { ...headersOfGet, "content-type": "application/json" }

const done = { status: 200, body: {} }
const invalid = { reason: "required", field: "identifiers", message: "identifiers is required" }

/** Seconds of 2026-01-31T09:30:00Z. */
const timestamp = 1769851800
/** ULIDs of that time and of the deliveries dlv_1 and dlv_2. */
const ulids = ["01KG9P6JE0FYD99R354TJATQM5", "01KG9P6JE0TS28MDC1ZZ31F0Q0"]

const batch = (items: ReadonlyArray<object>) => ({
  method: "POST",
  path: "/api/v2/batch",
  headers,
  body: { batch: items.map((item) => ({ type: "person", ...item })) },
})
const segment = (change: string, idType: string, ids: ReadonlyArray<string>) => ({
  method: "POST",
  path: `/api/v1/segments/7/${change}_customers?id_type=${idType}`,
  headers,
  body: { ids },
})

const wrongPeople = [
  { input: { attributes: {} }, path: "id" },
  { input: { id: "usr_1", email: "ada@example.com", attributes: {} }, path: "id" },
  { input: { id: "x".repeat(151), attributes: {} }, path: "id" },
]
const wrongAttributes = [
  { input: { id: "usr_1", attributes: { ["x".repeat(151)]: 1 } }, path: "attributes" },
  { input: { id: "usr_1", attributes: { bio: "é".repeat(501) } }, path: "bio" },
  {
    input: { id: "usr_1", attributes: Object.fromEntries(Array.from({ length: 301 }, (_, i) => [`a${i}`, i])) },
    path: "attributes",
  },
]
const wrongEvents = [
  { input: { id: "usr_1", anonymous_id: "anon_1" }, path: "name" },
  { input: { id: "usr_1", anonymous_id: "anon_1", name: "x".repeat(101) }, path: "name" },
  {
    input: { id: "usr_1", anonymous_id: "anon_1", name: "x", data: { recipient: "eve@example.com" } },
    path: "recipient",
  },
]

const segmentCase = (change: "add" | "remove") => ({
  input: { segment: 7, id: "usr_1" },
  exchange: [{ request: segment(change, "id", ["usr_1"]), reply: done }],
  wrongInputs: [
    { input: { id: "usr_1" }, path: "segment" },
    { input: { segment: 7 }, path: "id" },
  ],
  batches: [
    {
      inputs: [
        { segment: 7, email: "a@b.co" },
        { segment: 7, email: "b@b.co" },
        { segment: 7, email: "a@b.co" },
      ],
      exchange: { request: segment(change, "email", ["a@b.co", "b@b.co"]), reply: done },
    },
  ],
})

export const cases: ConnectorCases = {
  connection: (at) => customerio({ siteId: "site1", apiKey: secret("CIO_KEY"), baseUrl: at }),
  secrets: { CIO_KEY: key },
  wrongSettings: [
    { connection: customerio({ apiKey: secret("A") } as never), path: "siteId", says: /customerio needs "siteId"/ },
    {
      connection: customerio({ siteId: "site1", apiKey: "in-clear" as never }),
      path: "apiKey",
      says: /secret\("NAME"\)/,
    },
    {
      connection: customerio({ siteId: "site1", apiKey: secret("A"), region: "de" as never }),
      path: "region",
      says: /"us" \| "eu"/,
    },
  ],
  answers: {
    permanent: {
      reply: { status: 400, body: { errors: [invalid] } },
      kind: "rejected",
      permanent: true,
      says: /HTTP 400: identifiers: identifiers is required/,
    },
    transient: { reply: { status: 503, body: "" }, kind: "server_error", permanent: false },
    rateLimited: {
      reply: { status: 429, body: "" },
      kind: "rate_limited",
      permanent: false,
      retryAfterMs: 3000,
    },
    authFailed: {
      reply: { status: 401, body: { meta: { error: "Unauthorized request" } } },
      kind: "auth_failed",
      permanent: true,
      says: /HTTP 401: Unauthorized request/,
    },
    malformed: { reply: { status: 200, body: "<html>maintenance</html>" }, kind: "server_error", permanent: false },
  },
  test: {
    request: { method: "GET", path: "/api/v1/accounts/region", headers: headersOfGet },
    reply: { status: 200, body: { url: "track.customer.io", data_center: "us", environment_id: 1, region: "us" } },
    says: /of the region us/,
  },
  actions: {
    "contact.upsert": {
      input: { id: "usr_1", attributes: { email: "ada@example.com", plan: "pro" } },
      exchange: [
        {
          request: batch([
            {
              identifiers: { id: "usr_1" },
              action: "identify",
              timestamp,
              attributes: { email: "ada@example.com", plan: "pro" },
            },
          ]),
          reply: done,
        },
      ],
      wrongInputs: [...wrongPeople, ...wrongAttributes],
      more: [
        { name: "too large as a whole", reply: { status: 413, body: "" }, kind: "rejected", permanent: true },
        {
          name: "a 207 that is none",
          reply: { status: 207, body: "<html>" },
          kind: "server_error",
          permanent: false,
        },
      ],
      batches: [
        {
          inputs: [{ id: "usr_1" }, { email: "not an address" }, { cio_id: "a3000001", attributes: { plan: "pro" } }],
          exchange: {
            request: batch([
              { identifiers: { id: "usr_1" }, action: "identify", timestamp, attributes: {} },
              { identifiers: { email: "not an address" }, action: "identify", timestamp, attributes: {} },
              { identifiers: { cio_id: "a3000001" }, action: "identify", timestamp, attributes: { plan: "pro" } },
            ]),
            reply: {
              status: 207,
              body: { errors: [{ batch_index: 1, reason: "invalid", field: "email", message: "not an address" }] },
            },
          },
          outcomes: ["delivered", "dead", "delivered"],
        },
      ],
    },
    "contact.update": {
      input: { email: "ada@example.com", attributes: { plan: "pro" } },
      exchange: [
        {
          request: batch([
            {
              identifiers: { email: "ada@example.com" },
              action: "identify",
              timestamp,
              attributes: { plan: "pro", _update: true },
            },
          ]),
          reply: done,
        },
      ],
      wrongInputs: [...wrongPeople, ...wrongAttributes, { input: { id: "usr_1" }, path: "attributes" }],
      batches: [
        {
          inputs: [
            { id: "usr_1", attributes: { plan: "pro" } },
            { id: "usr_2", attributes: { plan: "free" } },
          ],
          exchange: {
            request: batch([
              {
                identifiers: { id: "usr_1" },
                action: "identify",
                timestamp,
                attributes: { plan: "pro", _update: true },
              },
              {
                identifiers: { id: "usr_2" },
                action: "identify",
                timestamp,
                attributes: { plan: "free", _update: true },
              },
            ]),
            reply: done,
          },
        },
      ],
    },
    "contact.delete": {
      input: { id: "usr_1" },
      exchange: [{ request: batch([{ identifiers: { id: "usr_1" }, action: "delete" }]), reply: done }],
      wrongInputs: wrongPeople,
      batches: [
        {
          inputs: [{ id: "usr_1" }, { id: "usr_2" }],
          exchange: {
            request: batch([
              { identifiers: { id: "usr_1" }, action: "delete" },
              { identifiers: { id: "usr_2" }, action: "delete" },
            ]),
            reply: done,
          },
        },
      ],
    },
    "event.track": {
      input: { id: "usr_1", name: "purchase", data: { price: 23.45 }, message: { reply_to: "shop@example.com" } },
      exchange: [
        {
          request: batch([
            {
              identifiers: { id: "usr_1" },
              action: "event",
              name: "purchase",
              id: ulids[0],
              timestamp,
              attributes: { price: 23.45, reply_to: "shop@example.com" },
            },
          ]),
          reply: done,
        },
      ],
      wrongInputs: [
        ...wrongEvents,
        { input: { name: "purchase" }, path: "id" },
        { input: { id: "usr_1", name: "purchase", data: { x: "y".repeat(32_000) } }, path: "at most 32000 bytes" },
      ],
      batches: [
        {
          inputs: [
            { id: "usr_1", name: "purchase" },
            { id: "usr_1", name: "purchase" },
          ],
          exchange: {
            request: batch(
              ulids.map((id) => ({
                identifiers: { id: "usr_1" },
                action: "event",
                name: "purchase",
                id,
                timestamp,
                attributes: {},
              })),
            ),
            reply: { status: 207, body: { errors: [{ batch_index: 0, reason: "invalid", field: "timestamp" }] } },
          },
          outcomes: ["dead", "delivered"],
        },
      ],
    },
    "event.trackAnonymous": {
      input: { anonymous_id: "anon_1", name: "watched_video", data: { video: "intro" } },
      exchange: [
        {
          request: {
            method: "POST",
            path: "/api/v1/events",
            headers,
            body: {
              name: "watched_video",
              anonymous_id: "anon_1",
              id: ulids[0],
              timestamp,
              data: { video: "intro" },
            },
          },
          reply: done,
        },
      ],
      wrongInputs: [...wrongEvents, { input: { name: "watched_video" }, path: "anonymous_id" }],
      more: [
        {
          name: "a refusal in the older form",
          reply: { status: 400, body: { meta: { errors: ["name can not be empty"] } } },
          kind: "rejected",
          permanent: true,
          says: /HTTP 400: name can not be empty/,
        },
      ],
    },
    "segment.add": segmentCase("add"),
    "segment.remove": segmentCase("remove"),
  },
}
