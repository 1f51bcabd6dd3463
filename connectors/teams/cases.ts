/**
 * What Teams' connector is held to. Answers are of the forms that workflows and the older webhooks give.
 */
import { secret } from "../../src/index.ts"
import type { ConnectorCases } from "../../test/conformance/cases.ts"
import { teams } from "./index.ts"

const workflow =
  "/workflows/86ffea63/triggers/manual/paths/invoke?api-version=1&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=not-a-real-one"
const headers = { "content-type": "application/json; charset=utf-8" }

const messageOf = (content: object) => ({
  type: "message",
  attachments: [
    {
      contentType: "application/vnd.microsoft.card.adaptive",
      contentUrl: null,
      content: {
        $schema: "http://adaptivecards.io/schemas/adaptive-card.json",
        version: "1.4",
        type: "AdaptiveCard",
        ...content,
      },
    },
  ],
})

/** Of an older webhook: 200 all the same. */
const relayed = (status: number) => ({
  status: 200,
  headers: { "content-type": "text/plain" },
  body: `Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error ${status} with ContextId tcid=3,server=DB3,cv=x..`,
})

const ofWorkflow = (status: number, code: string, message: string) => ({ status, body: { error: { code, message } } })

export const cases: ConnectorCases = {
  connection: () => teams({ webhookUrl: secret("TEAMS_URL") }),
  secrets: (at) => ({ TEAMS_URL: `${at}${workflow}` }),
  wrongSettings: [
    { connection: teams({} as never), path: "webhookUrl", says: /teams needs "webhookUrl"/ },
    { connection: teams({ webhookUrl: "https://in-clear" as never }), path: "webhookUrl", says: /secret\("NAME"\)/ },
    {
      connection: teams({ webhookUrl: secret("A"), baseUrl: "https://x.example" }),
      path: "baseUrl",
      says: /teams has no base URL/,
    },
  ],
  answers: {
    permanent: {
      reply: ofWorkflow(400, "TriggerInputSchemaMismatch", "The input body does not fit the trigger's schema."),
      kind: "rejected",
      permanent: true,
      says: /HTTP 400: The input body does not fit/,
    },
    transient: { reply: ofWorkflow(502, "NoResponse", "no response"), kind: "server_error", permanent: false },
    rateLimited: {
      reply: { status: 429, headers: { "retry-after": "20" }, body: { error: { code: "TooManyRequests" } } },
      kind: "rate_limited",
      permanent: false,
      retryAfterMs: 20_000,
    },
    authFailed: {
      reply: ofWorkflow(401, "DirectApiAuthorizationRequired", "The request must be authenticated."),
      kind: "auth_failed",
      permanent: true,
    },
    malformed: { reply: { status: 200, body: "<html>sign in" }, kind: "server_error", permanent: false },
  },
  actions: {
    "message.post": {
      input: { title: "New lead", text: "**Ada**" },
      exchange: [
        {
          request: {
            method: "POST",
            path: workflow,
            headers,
            body: messageOf({
              body: [
                { type: "TextBlock", text: "New lead", wrap: true, weight: "Bolder", size: "Medium" },
                { type: "TextBlock", text: "**Ada**", wrap: true },
              ],
            }),
          },
          reply: { status: 202 },
        },
      ],
      wrongInputs: [
        { input: {}, path: "text" },
        { input: { text: "a", card: { body: [] } }, path: "text" },
        { input: { title: "a", card: { body: [] } }, path: "title" },
        { input: { card: { type: "MessageCard" } }, path: "card" },
        { input: { text: "x".repeat(28 * 1024) }, path: "text" },
        // Bytes, not characters.
        { input: { card: { body: [{ type: "TextBlock", text: "€".repeat(10_000) }] } }, path: "card" },
      ],
      more: [
        {
          name: "too many behind an older webhook",
          reply: relayed(429),
          kind: "rate_limited",
          permanent: false,
          retryAfterMs: 10_000,
        },
        {
          name: "too large behind an older webhook",
          reply: relayed(413),
          kind: "rejected",
          permanent: true,
          says: /HTTP error 413/,
        },
        { name: "Teams unwell behind an older webhook", reply: relayed(500), kind: "server_error", permanent: false },
        {
          name: "a failure of an older webhook without a status",
          reply: { status: 200, body: "Webhook message delivery failed with error: timeout" },
          kind: "server_error",
          permanent: false,
        },
        {
          name: "an older webhook that misses something",
          reply: { status: 400, body: "Summary or Text is required." },
          kind: "rejected",
          permanent: true,
          says: /HTTP 400: Summary or Text is required\./,
        },
        {
          name: "an older webhook that was removed",
          reply: { status: 410, body: "gone" },
          kind: "rejected",
          permanent: true,
        },
        {
          name: "a workflow that was removed",
          reply: ofWorkflow(404, "WorkflowNotFound", "The workflow could not be found."),
          kind: "rejected",
          permanent: true,
        },
        {
          name: "a workflow that is switched off",
          reply: ofWorkflow(400, "WorkflowTriggerIsNotEnabled", "not enabled"),
          kind: "rejected",
          permanent: true,
        },
        { name: "taken by an older webhook", reply: { status: 200, body: "1" }, kind: "delivered", permanent: true },
      ],
    },
  },
  ways: [
    {
      name: "an older webhook, with a card",
      connection: () => teams({ webhookUrl: secret("TEAMS_URL") }),
      secrets: (at) => ({ TEAMS_URL: `${at}/webhookb2/1@2/IncomingWebhook/3/4` }),
      action: "message.post",
      input: { card: { version: "1.5", body: [{ type: "TextBlock", text: "hi" }] } },
      exchange: [
        {
          request: {
            method: "POST",
            path: "/webhookb2/1@2/IncomingWebhook/3/4",
            headers,
            body: messageOf({ version: "1.5", body: [{ type: "TextBlock", text: "hi" }] }),
          },
          reply: { status: 200, headers: { "content-type": "text/plain" }, body: "1" },
        },
      ],
    },
  ],
}
