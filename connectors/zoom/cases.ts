/**
 * What Zoom's connector is held to. Answers are of the forms that Zoom documents, or shows in its forum.
 */
import { secret } from "../../src/index.ts"
import type { ConnectorCases } from "../../test/conformance/cases.ts"
import { zoom } from "./index.ts"

const accessToken = "eyJzdiI6IjAwMDAwMSJ9.not-a-real-one"
const headersOfGet = { accept: "application/json", authorization: `Bearer ${accessToken}` }
const headers = { ...headersOfGet, "content-type": "application/json" }

const error = (status: number, code: number, message: string, more: object = {}) => ({
  status,
  body: { code, message, ...more },
})

const added = {
  status: 201,
  body: { id: 85_746_065, registrant_id: "fdgsfh2ey82fuh", join_url: "https://zoom.us/w/85746065", topic: "Demo" },
}

const day = 86_400_000
const untilMidnight = () => day - (Date.now() % day)
const isoIn = (now: number, ms: number) => new Date(now + ms).toISOString().replace(/\.\d+Z/, "Z")

const answers = [
  {
    name: "the three adds of one registrant",
    reply: error(
      429,
      429,
      "You have exceeded the daily rate limit of (3) for Add meeting registrant API requests for the registrant (ada@example.com). You can resume these API requests at GMT 00:00:00.",
    ),
    kind: "rejected" as const,
    permanent: false,
    get retryAfterMs() {
      return untilMidnight()
    },
    says: /for the registrant/,
  },
  {
    name: "the account's day",
    reply: (now: number) => ({
      ...error(429, 429, "You have reached the maximum daily rate limit for this API."),
      headers: {
        "x-ratelimit-category": "Light",
        "x-ratelimit-type": "Daily-limit",
        "x-ratelimit-limit": "6000",
        "x-ratelimit-remaining": "0",
        "retry-after": isoIn(now, 7_200_000),
      },
    }),
    kind: "rate_limited" as const,
    permanent: false,
    retryAfterMs: 7_200_000,
  },
  {
    name: "the account's day, without a time",
    reply: {
      ...error(429, 429, "You have reached the maximum daily rate limit for this API."),
      headers: { "x-ratelimit-type": "Daily-limit" },
    },
    kind: "rate_limited" as const,
    permanent: false,
    get retryAfterMs() {
      return untilMidnight()
    },
  },
  {
    name: "another change under way",
    reply: error(429, 429, "Too many concurrent requests. A request to disassociate this user has already been made."),
    kind: "rejected" as const,
    permanent: false,
  },
  {
    name: "a conflict",
    reply: error(409, 409, "Another request is in progress"),
    kind: "rejected" as const,
    permanent: false,
  },
  {
    name: "300, which is no redirect",
    reply: error(300, 300, "Validation Failed.", { errors: [{ field: "email", message: "Invalid field." }] }),
    kind: "rejected" as const,
    permanent: true,
    says: /HTTP 300: Validation Failed\. \(code 300\); email: Invalid field\./,
  },
  {
    name: "no such meeting",
    reply: error(404, 3001, "Meeting does not exist: 85746065."),
    kind: "rejected" as const,
    permanent: true,
  },
  {
    name: "a scope that the app lacks",
    reply: error(400, 4711, "Invalid access token, does not contain scopes:[meeting:write:registrant]"),
    kind: "auth_failed" as const,
    permanent: true,
  },
]

const bothWays = [
  { input: { email: "a@b.co", first_name: "Ada" }, path: "meeting" },
  { input: { meeting: "1", webinar: "2", email: "a@b.co", first_name: "Ada" }, path: "meeting" },
  { input: { meeting: "857 4606 5", email: "a@b.co", first_name: "Ada" }, path: "meeting" },
  { input: { meeting: 85_746_065, email: "a@b.co", first_name: "Ada" }, path: "meeting" },
  { input: { webinar: "1", email: "x".repeat(129), first_name: "Ada" }, path: "email" },
]

const app = { ZOOM_CLIENT_ID: "client-id", ZOOM_CLIENT_SECRET: "client-secret" }

export const cases: ConnectorCases = {
  connection: (at) => zoom({ auth: "oauth", baseUrl: `${at}/v2` }),
  secrets: app,
  token: { accessToken, kept: {} },
  wrongSettings: [
    { connection: zoom({} as never), path: "auth", says: /zoom needs "auth"/ },
    { connection: zoom({ auth: "token" as never }), path: "auth", says: /"oauth"/ },
    {
      connection: zoom({ auth: { clientId: "id", clientSecret: "in-clear" as never } }),
      path: "auth.clientSecret",
      says: /secret\("NAME"\)/,
    },
    {
      connection: zoom({ auth: { clientId: "id", clientSecret: secret("S"), grant: "client_credentials" } }),
      path: "auth.tokenParams",
      says: /account_id/,
    },
  ],
  answers: {
    permanent: {
      reply: error(400, 3043, "Meeting has reached maximum attendee capacity."),
      kind: "rejected",
      permanent: true,
      says: /HTTP 400: Meeting has reached maximum attendee capacity\. \(code 3043\)/,
    },
    transient: { reply: error(503, 5000, "down"), kind: "server_error", permanent: false },
    rateLimited: {
      reply: (now) => ({
        ...error(429, 429, "You have reached the maximum per-second rate limit for this API. Try again later."),
        headers: {
          "x-ratelimit-category": "Light",
          "x-ratelimit-type": "QPS",
          "x-ratelimit-remaining": "0",
          "x-ratelimit-reset": String(Math.ceil(now / 1000) + 5),
        },
      }),
      kind: "rate_limited",
      permanent: false,
      retryAfterMs: 5000,
    },
    authFailed: {
      // Renewing it fails here, and that is what is told.
      reply: error(401, 124, "Access token is expired."),
      kind: "auth_failed",
      permanent: true,
    },
    malformed: { reply: { status: 201, body: "<html>" }, kind: "server_error", permanent: false },
  },
  test: {
    request: { method: "GET", path: "/v2/users/me", headers: headersOfGet },
    reply: { status: 200, body: { id: "z8d", email: "host@acme.dev", account_id: "AbC123" } },
    says: /^host@acme\.dev of account AbC123$/,
  },
  lists: {
    meetings: {
      request: { method: "GET", path: "/v2/users/me/meetings?type=upcoming&page_size=300", headers: headersOfGet },
      reply: {
        status: 200,
        body: {
          next_page_token: "",
          meetings: [{ id: 85_746_065_123, topic: "Demo", start_time: "2026-02-01T09:00:00Z" }],
        },
      },
      items: [{ id: "85746065123", name: "Demo (2026-02-01T09:00:00Z)" }],
    },
    webinars: {
      request: { method: "GET", path: "/v2/users/me/webinars?page_size=300", headers: headersOfGet },
      reply: { status: 200, body: { next_page_token: "", webinars: [{ id: 95_204_914_252, topic: "Launch" }] } },
      items: [{ id: "95204914252", name: "Launch" }],
    },
  },
  actions: {
    "registrant.add": {
      input: {
        meeting: "85746065",
        email: "ada@example.com",
        first_name: "Ada",
        org: "Acme",
        custom_questions: [{ title: "Plan", value: "pro" }],
        auto_approve: true,
        occurrences: ["1648194360000", "1648280760000"],
      },
      exchange: [
        {
          request: {
            method: "POST",
            path: "/v2/meetings/85746065/registrants?occurrence_ids=1648194360000%2C1648280760000",
            headers,
            body: {
              email: "ada@example.com",
              first_name: "Ada",
              org: "Acme",
              custom_questions: [{ title: "Plan", value: "pro" }],
              auto_approve: true,
            },
          },
          reply: added,
        },
      ],
      wrongInputs: [...bothWays, { input: { meeting: "1", email: "a@b.co" }, path: "first_name" }],
      more: answers,
    },
    "registrant.cancel": {
      input: {
        webinar: "95204914252",
        email: "ada@example.com",
        registrant: "fdgsfh2ey82fuh",
        occurrence: "1648194360000",
      },
      exchange: [
        {
          request: {
            method: "PUT",
            path: "/v2/webinars/95204914252/registrants/status?occurrence_id=1648194360000",
            headers,
            body: { action: "cancel", registrants: [{ id: "fdgsfh2ey82fuh", email: "ada@example.com" }] },
          },
          reply: { status: 204 },
        },
      ],
      wrongInputs: bothWays,
      more: answers,
    },
  },
  ways: [
    {
      name: "a server-to-server app, of a webinar",
      connection: (at) =>
        zoom({
          auth: {
            grant: "client_credentials",
            clientId: secret("ZOOM_CLIENT_ID"),
            clientSecret: secret("ZOOM_CLIENT_SECRET"),
            tokenParams: { account_id: "AbC123" },
          },
          baseUrl: `${at}/v2`,
        }),
      secrets: app,
      token: { accessToken, kept: { api_url: "https://api-eu.zoom.us" } },
      action: "registrant.add",
      input: { webinar: "95204914252", email: "ada@example.com", first_name: "Ada", last_name: "Lovelace" },
      exchange: [
        {
          request: {
            method: "POST",
            path: "/v2/webinars/95204914252/registrants",
            headers,
            body: { email: "ada@example.com", first_name: "Ada", last_name: "Lovelace" },
          },
          reply: added,
        },
      ],
    },
  ],
}
