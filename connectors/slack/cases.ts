/**
 * What Slack's connector is held to. Answers are of the forms that Slack documents.
 */
import { secret } from "../../src/index.ts"
import type { ConnectorCases } from "../../test/conformance/cases.ts"
import { slack } from "./index.ts"

const token = "xoxb-1234-not-a-real-one"
const headersOfGet = { accept: "application/json", authorization: `Bearer ${token}` }
const headers = { ...headersOfGet, "content-type": "application/json; charset=utf-8" }

const refused = (error: string) => ({ status: 200, body: { ok: false, error } })

export const cases: ConnectorCases = {
  connection: (at) => slack({ token: secret("SLACK_TOKEN"), channel: "C1", baseUrl: at }),
  secrets: { SLACK_TOKEN: token },
  wrongSettings: [
    { connection: slack({}), path: "", says: /slack needs "webhookUrl", or "token", or auth: "oauth"/ },
    {
      connection: slack({ webhookUrl: secret("A"), channel: "C1" }),
      path: "channel",
      says: /a webhook stands for one channel/,
    },
    {
      connection: slack({ webhookUrl: "https://hooks.slack.com/in-clear" as never }),
      path: "webhookUrl",
      says: /secret\("NAME"\)/,
    },
  ],
  answers: {
    permanent: { reply: refused("channel_not_found"), kind: "rejected", permanent: true, says: /channel_not_found/ },
    transient: { reply: refused("internal_error"), kind: "server_error", permanent: false },
    rateLimited: {
      reply: { status: 429, headers: { "retry-after": "30" }, body: { ok: false, error: "ratelimited" } },
      kind: "rate_limited",
      permanent: false,
      retryAfterMs: 30_000,
    },
    authFailed: { reply: refused("invalid_auth"), kind: "auth_failed", permanent: true },
    malformed: { reply: { status: 200, body: "<html>" }, kind: "server_error", permanent: false },
  },
  test: {
    request: {
      method: "POST",
      path: "/auth.test",
      headers: { ...headers, "content-type": "application/json" },
      body: {},
    },
    reply: { status: 200, body: { ok: true, team: "Acme", user: "meshes" } },
    says: /meshes of Acme/,
  },
  lists: {
    channels: {
      request: {
        method: "GET",
        path: "/conversations.list?exclude_archived=true&limit=1000&types=public_channel%2Cprivate_channel",
        headers: headersOfGet,
      },
      reply: { status: 200, body: { ok: true, channels: [{ id: "C1", name: "sales" }] } },
      items: [{ id: "C1", name: "#sales" }],
    },
  },
  actions: {
    "message.post": {
      input: { text: "New lead", blocks: [{ type: "divider" }] },
      exchange: [
        {
          request: {
            method: "POST",
            path: "/chat.postMessage",
            headers,
            body: { channel: "C1", text: "New lead", blocks: [{ type: "divider" }] },
          },
          reply: { status: 200, body: { ok: true, channel: "C1", ts: "1503435956.000247" } },
        },
      ],
      wrongInputs: [
        { input: {}, path: "text" },
        { input: { text: "x".repeat(40_001) }, path: "text" },
        { input: { blocks: [] }, path: "blocks" },
      ],
      more: [
        {
          name: "a limit told in the body, without a header",
          reply: refused("ratelimited"),
          kind: "rate_limited",
          permanent: false,
          retryAfterMs: 30_000,
        },
        { name: "a token that was taken back", reply: refused("token_revoked"), kind: "auth_failed", permanent: true },
        { name: "a word that is new", reply: refused("something_new"), kind: "rejected", permanent: true },
      ],
    },
  },
  ways: [
    {
      name: "an incoming webhook",
      connection: (at) => slack({ webhookUrl: secret("SLACK_URL"), baseUrl: at }),
      secrets: (at) => ({ SLACK_URL: `${at}/services/T1/B1/x1` }),
      action: "message.post",
      input: { text: "hi" },
      exchange: [
        {
          request: {
            method: "POST",
            path: "/services/T1/B1/x1",
            headers: { "content-type": "application/json" },
            body: { text: "hi" },
          },
          reply: { status: 200, headers: { "content-type": "text/plain" }, body: "ok" },
        },
      ],
    },
    {
      name: "OAuth",
      connection: (at) => slack({ auth: "oauth", channel: "C2", baseUrl: at }),
      secrets: { SLACK_CLIENT_ID: "client-id", SLACK_CLIENT_SECRET: "client-secret" },
      token: { accessToken: "xoxe-access-token", kept: {} },
      action: "message.post",
      input: { text: "hi", channel: "C9" },
      exchange: [
        {
          request: {
            method: "POST",
            path: "/chat.postMessage",
            headers: { ...headers, authorization: "Bearer xoxe-access-token" },
            body: { channel: "C9", text: "hi" },
          },
          reply: { status: 200, body: { ok: true } },
        },
      ],
    },
  ],
}
