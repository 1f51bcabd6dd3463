/**
 * What GitHub's connector is held to. Answers are of the forms that GitHub documents.
 */
import { secret } from "../../src/index.ts"
import type { ConnectorCases } from "../../test/conformance/cases.ts"
import { github } from "./index.ts"

const token = "github_pat_11AA-not-a-real-one"
const headersOfGet = {
  accept: "application/vnd.github+json",
  "x-github-api-version": "2022-11-28",
  authorization: `Bearer ${token}`,
}
const headers = { ...headersOfGet, "content-type": "application/json" }

const error = (message: string, more: object = {}) => ({
  message,
  documentation_url: "https://docs.github.com",
  ...more,
})
const unixIn = (now: number, ms: number) => String(Math.ceil((now + ms) / 1000))

export const cases: ConnectorCases = {
  connection: (at) => github({ token: secret("GITHUB_TOKEN"), repository: "acme/shop", baseUrl: at }),
  secrets: { GITHUB_TOKEN: token },
  wrongSettings: [
    { connection: github({}), path: "", says: /github needs "token", or auth: "oauth"/ },
    { connection: github({ token: "in-clear" as never }), path: "token", says: /secret\("NAME"\)/ },
    { connection: github({ token: secret("A"), repository: "acme" }), path: "repository", says: /acme/ },
    { connection: github({ token: secret("A"), repository: "acme/.." }), path: "repository", says: /acme/ },
  ],
  answers: {
    permanent: {
      reply: {
        status: 422,
        body: error("Validation Failed", { errors: [{ resource: "Issue", field: "title", code: "missing_field" }] }),
      },
      kind: "rejected",
      permanent: true,
      says: /HTTP 422: Validation Failed; title missing_field/,
    },
    transient: { reply: { status: 502, body: "<html>Unicorn!" }, kind: "server_error", permanent: false },
    rateLimited: {
      reply: (now) => ({
        status: 403,
        headers: { "x-ratelimit-remaining": "0", "x-ratelimit-reset": unixIn(now, 90_000) },
        body: error("API rate limit exceeded for user ID 1."),
      }),
      kind: "rate_limited",
      permanent: false,
      retryAfterMs: 90_000,
    },
    authFailed: { reply: { status: 401, body: error("Bad credentials") }, kind: "auth_failed", permanent: true },
    // Of a dispatch that was taken GitHub says nothing: only the status counts.
    malformed: { reply: { status: 404, body: "<html>" }, kind: "rejected", permanent: true },
  },
  test: {
    request: { method: "GET", path: "/repos/acme/shop", headers: headersOfGet },
    reply: { status: 200, body: { full_name: "acme/shop", permissions: { push: true } } },
    says: /acme\/shop$/,
  },
  lists: {
    repositories: {
      request: { method: "GET", path: "/user/repos?sort=full_name&per_page=100&page=1", headers: headersOfGet },
      reply: { status: 200, body: [{ full_name: "acme/shop" }] },
      items: [{ id: "acme/shop", name: "acme/shop" }],
    },
    workflows: {
      request: { method: "GET", path: "/repos/acme/shop/actions/workflows?per_page=100&page=1", headers: headersOfGet },
      reply: { status: 200, body: { total_count: 1, workflows: [{ id: 161_335, name: "Deploy" }] } },
      items: [{ id: "161335", name: "Deploy" }],
    },
    labels: {
      request: { method: "GET", path: "/repos/acme/shop/labels?per_page=100&page=1", headers: headersOfGet },
      reply: { status: 200, body: [{ name: "billing", color: "f29513" }] },
      items: [{ id: "billing", name: "billing" }],
    },
  },
  actions: {
    "event.dispatch": {
      input: { event_type: "order-paid", client_payload: { id: "evt_1", order: { number: 1042 } } },
      exchange: [
        {
          request: {
            method: "POST",
            path: "/repos/acme/shop/dispatches",
            headers,
            body: { event_type: "order-paid", client_payload: { id: "evt_1", order: { number: 1042 } } },
          },
          reply: { status: 204 },
        },
      ],
      wrongInputs: [
        { input: {}, path: "event_type" },
        { input: { event_type: "x".repeat(101) }, path: "event_type" },
        {
          input: { event_type: "x", client_payload: Object.fromEntries([..."abcdefghijk"].map((key) => [key, 1])) },
          path: "client_payload",
        },
        { input: { event_type: "x", client_payload: { a: "x".repeat(64 * 1024) } }, path: "client_payload" },
        { input: { event_type: "x", repository: "../admin" }, path: "repository" },
      ],
      more: [
        {
          name: "a secondary limit with a wait",
          reply: {
            status: 403,
            headers: { "retry-after": "45", "x-ratelimit-remaining": "4999" },
            body: error("You have exceeded a secondary rate limit."),
          },
          kind: "rate_limited",
          permanent: false,
          retryAfterMs: 45_000,
        },
        {
          name: "a secondary limit without a wait",
          reply: (now) => ({
            status: 429,
            headers: { "x-ratelimit-remaining": "4999", "x-ratelimit-reset": unixIn(now, 3_000_000) },
            body: error("You have exceeded a secondary rate limit."),
          }),
          kind: "rate_limited",
          permanent: false,
          retryAfterMs: 60_000,
        },
        {
          name: "a token that may not write",
          reply: { status: 403, body: error("Resource not accessible by personal access token") },
          kind: "auth_failed",
          permanent: true,
        },
        {
          name: "no repository, or none that the token may see",
          reply: { status: 404, body: error("Not Found") },
          kind: "rejected",
          permanent: true,
        },
      ],
    },
    "workflow.dispatch": {
      input: { workflow: "deploy.yml", ref: "main", inputs: { environment: "staging", dry: true } },
      exchange: [
        {
          request: {
            method: "POST",
            path: "/repos/acme/shop/actions/workflows/deploy.yml/dispatches",
            headers,
            body: { ref: "main", inputs: { environment: "staging", dry: true } },
          },
          reply: { status: 204 },
        },
      ],
      wrongInputs: [
        { input: { workflow: "deploy.yml" }, path: "ref" },
        { input: { workflow: "", ref: "main" }, path: "workflow" },
        {
          input: {
            workflow: 1,
            ref: "main",
            inputs: Object.fromEntries(Array.from({ length: 26 }, (_, i) => [`i${i}`, 1])),
          },
          path: "inputs",
        },
      ],
    },
    "issue.create": {
      input: { repository: "acme/docs", title: "Payment failed", body: "Order 1042", labels: ["billing"] },
      exchange: [
        {
          request: {
            method: "POST",
            path: "/repos/acme/docs/issues",
            headers,
            body: { title: "Payment failed", body: "Order 1042", labels: ["billing"] },
          },
          reply: { status: 201, body: { number: 7, html_url: "https://github.com/acme/docs/issues/7" } },
        },
      ],
      wrongInputs: [
        { input: { title: "" }, path: "title" },
        { input: { title: "x".repeat(257) }, path: "title" },
        { input: { title: "x", body: "x".repeat(65_537) }, path: "body" },
        { input: { title: "x", assignees: Array.from({ length: 11 }, () => "a") }, path: "assignees" },
      ],
      more: [
        {
          name: "issues are switched off",
          reply: { status: 410, body: error("Issues has been disabled in this repository.") },
          kind: "rejected",
          permanent: true,
        },
        {
          name: "unwell for a moment",
          reply: { status: 503, body: error("Service unavailable") },
          kind: "server_error",
          permanent: false,
        },
      ],
    },
  },
  ways: [
    {
      name: "OAuth",
      connection: (at) => github({ auth: "oauth", baseUrl: at }),
      secrets: { GITHUB_CLIENT_ID: "client-id", GITHUB_CLIENT_SECRET: "client-secret" },
      token: { accessToken: "gho_access-token", kept: {} },
      action: "event.dispatch",
      input: { repository: "acme/shop", event_type: "x" },
      exchange: [
        {
          request: {
            method: "POST",
            path: "/repos/acme/shop/dispatches",
            headers: { ...headers, authorization: "Bearer gho_access-token" },
            body: { event_type: "x" },
          },
          reply: { status: 204 },
        },
      ],
    },
    {
      name: "an Enterprise Server",
      connection: (at) => github({ token: secret("GITHUB_TOKEN"), baseUrl: `${at}/api/v3` }),
      secrets: { GITHUB_TOKEN: token },
      action: "workflow.dispatch",
      input: { repository: "acme/shop", workflow: 161_335, ref: "v1" },
      exchange: [
        {
          request: {
            method: "POST",
            path: "/api/v3/repos/acme/shop/actions/workflows/161335/dispatches",
            headers,
            body: { ref: "v1" },
          },
          reply: { status: 204 },
        },
      ],
    },
  ],
}
