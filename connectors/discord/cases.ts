/**
 * What Discord's connector is held to. Answers are of the forms that Discord documents.
 */
import { expect } from "vitest"
import { secret } from "../../src/index.ts"
import type { ConnectorCases } from "../../test/conformance/cases.ts"
import { discord } from "./index.ts"

const token = "MTE0.not-a-real-one"
const headersOfGet = { accept: "application/json", authorization: `Bot ${token}` }
const headers = { ...headersOfGet, "content-type": "application/json" }

const error = (status: number, code: number, message: string) => ({ status, body: { code, message } })

const message = { status: 200, body: { id: "1001", channel_id: "112233445566778899", content: "New lead" } }

export const cases: ConnectorCases = {
  connection: (at) =>
    discord({
      token: secret("DISCORD_TOKEN"),
      channel: "112233445566778899",
      guild: "998877665544332211",
      baseUrl: at,
    }),
  secrets: { DISCORD_TOKEN: token },
  wrongSettings: [
    { connection: discord({}), path: "", says: /discord needs "webhookUrl", or "token"/ },
    {
      connection: discord({ webhookUrl: secret("A"), token: secret("B") }),
      path: "",
      says: /takes one of "webhookUrl", "token"; leave the others out/,
    },
    {
      connection: discord({ webhookUrl: secret("A"), channel: "112233445566778899" }),
      path: "channel",
      says: /a webhook stands for one channel; leave channel out/,
    },
    {
      connection: discord({ webhookUrl: "https://discord.com/api/webhooks/1/in-clear" as never }),
      path: "webhookUrl",
      says: /secret\("NAME"\)/,
    },
  ],
  answers: {
    permanent: {
      reply: error(400, 50_035, "Invalid Form Body"),
      kind: "rejected",
      permanent: true,
      says: /HTTP 400: Invalid Form Body \(50035\)/,
    },
    transient: { reply: { status: 502, body: "<html>" }, kind: "server_error", permanent: false },
    rateLimited: {
      reply: {
        status: 429,
        headers: {
          "retry-after": "65",
          "x-ratelimit-remaining": "0",
          "x-ratelimit-reset-after": "64.57",
          "x-ratelimit-scope": "user",
        },
        body: { message: "You are being rate limited.", retry_after: 64.57, global: false },
      },
      kind: "rate_limited",
      permanent: false,
      retryAfterMs: 65_000,
    },
    authFailed: { reply: error(401, 0, "401: Unauthorized"), kind: "auth_failed", permanent: true },
    malformed: { reply: { status: 200, body: "<html>" }, kind: "server_error", permanent: false },
  },
  test: {
    request: { method: "GET", path: "/users/@me", headers: headersOfGet },
    reply: { status: 200, body: { id: "1", username: "meshes" } },
    says: /the bot meshes/,
  },
  lists: {
    channels: {
      request: { method: "GET", path: "/guilds/998877665544332211/channels", headers: headersOfGet },
      reply: {
        status: 200,
        body: [
          { id: "112233445566778899", type: 0, name: "sales" },
          { id: "112233445566778900", type: 2, name: "Voice" },
        ],
      },
      items: [{ id: "112233445566778899", name: "#sales" }],
    },
  },
  actions: {
    "message.post": {
      input: { content: "New lead", embeds: [{ title: "Ada" }] },
      exchange: [
        {
          request: {
            method: "POST",
            path: "/channels/112233445566778899/messages",
            headers,
            body: {
              content: "New lead",
              embeds: [{ title: "Ada" }],
              allowed_mentions: { parse: [] },
              nonce: expect.stringMatching(/^[\w-]{25}$/),
              enforce_nonce: true,
            },
          },
          reply: message,
        },
      ],
      wrongInputs: [
        { input: {}, path: "content" },
        { input: { content: "x".repeat(2001) }, path: "content" },
        { input: { embeds: Array.from({ length: 11 }, () => ({ title: "x" })) }, path: "embeds" },
        {
          input: { embeds: [{ description: "x".repeat(4000) }, { fields: [{ name: "n", value: "x".repeat(2000) }] }] },
          path: "embeds",
        },
        { input: { content: "hi", username: "Discord news" }, path: "username" },
        { input: { content: "hi", allowed_mentions: { parse: ["all"] } }, path: "allowed_mentions" },
        // Of a webhook.
        { input: { content: "hi", username: "Sales" }, path: "username" },
      ],
      more: [
        {
          name: "a limit told in the body alone",
          reply: { status: 429, body: { message: "You are being rate limited.", retry_after: 1.5 } },
          kind: "rate_limited",
          permanent: false,
          retryAfterMs: 1500,
        },
        {
          name: "a limit told by the time until it is renewed",
          reply: { status: 429, headers: { "x-ratelimit-reset-after": "2.25" } },
          kind: "rate_limited",
          permanent: false,
          retryAfterMs: 2250,
        },
        {
          name: "a limit of the network before Discord, which says nothing",
          reply: { status: 429, body: "error code: 1015" },
          kind: "rate_limited",
          permanent: false,
          retryAfterMs: 60_000,
        },
        {
          name: "a channel that the bot may not write to",
          reply: error(403, 50_013, "Missing Permissions"),
          kind: "auth_failed",
          permanent: true,
        },
        { name: "no such channel", reply: error(404, 10_003, "Unknown Channel"), kind: "rejected", permanent: true },
        {
          name: "a request that is too large",
          reply: error(413, 40_005, "Request entity too large"),
          kind: "rejected",
          permanent: true,
        },
      ],
    },
  },
  ways: [
    {
      name: "a webhook",
      connection: () => discord({ webhookUrl: secret("DISCORD_URL") }),
      secrets: (at) => ({ DISCORD_URL: `${at}/api/webhooks/42/a-b_c` }),
      action: "message.post",
      input: { content: "hi", username: "Sales", thread_id: "77", allowed_mentions: { parse: ["users"] } },
      exchange: [
        {
          request: {
            method: "POST",
            path: "/api/webhooks/42/a-b_c?wait=true&thread_id=77",
            headers: { accept: "application/json", "content-type": "application/json" },
            body: { content: "hi", username: "Sales", allowed_mentions: { parse: ["users"] } },
          },
          reply: message,
        },
      ],
    },
  ],
}
