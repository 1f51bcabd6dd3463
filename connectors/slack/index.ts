/**
 * Slack: messages to a channel, by an incoming webhook or as a bot.
 */
import * as Schema from "effect/Schema"
import { defineConnector, makeJudge, OAuthField, SecretField, UnfitInput, type Verdict } from "../../src/index.ts"

const settings = Schema.Struct({
  /** An incoming webhook's address: it stands for one channel. */
  webhookUrl: Schema.optionalKey(
    SecretField.annotate({ description: "An incoming webhook's address: it stands for one channel." }),
  ),
  /** A bot's token, `xoxb-…`. */
  token: Schema.optionalKey(SecretField.annotate({ description: "A bot's token, `xoxb-…`." })),
  /** `"oauth"`, with the app's id and secret in SLACK_CLIENT_ID and SLACK_CLIENT_SECRET, or `{ clientId, clientSecret }`. */
  auth: Schema.optionalKey(
    OAuthField.annotate({
      description: `\`"oauth"\`, with the app's id and secret in SLACK_CLIENT_ID and SLACK_CLIENT_SECRET, or \`{ clientId, clientSecret }\`.`,
    }),
  ),
  /** The channel of messages that name none: its id, or a user's. A webhook has its own. */
  channel: Schema.optionalKey(
    Schema.NonEmptyString.annotate({
      description: "The channel of messages that name none: its id, or a user's. A webhook has its own.",
    }),
  ),
})

interface SlackSettings {
  readonly webhookUrl?: string
  readonly channel?: string
}

/** Longer texts are refused by Slack. */
const textMax = 40_000
const blocksMax = 50
const attachmentsMax = 100

const Part = Schema.Record(Schema.String, Schema.Unknown)

/** Slack's words for what went wrong, where they are not a refusal for good. */
const meanings: { readonly [word: string]: Verdict } = {
  ratelimited: { kind: "rate_limited" },
  rate_limited: { kind: "rate_limited" },
  message_limit_exceeded: { kind: "rate_limited" },
  accesslimited: { kind: "rate_limited" },
  internal_error: { kind: "server_error" },
  fatal_error: { kind: "server_error" },
  service_unavailable: { kind: "server_error" },
  request_timeout: { kind: "server_error" },
  team_added_to_org: { kind: "server_error" },
  rollup_error: { kind: "server_error" },
  token_expired: { kind: "auth_failed", tokenRefused: true },
  not_authed: { kind: "auth_failed" },
  invalid_auth: { kind: "auth_failed" },
  account_inactive: { kind: "auth_failed" },
  token_revoked: { kind: "auth_failed" },
  no_permission: { kind: "auth_failed" },
  missing_scope: { kind: "auth_failed" },
  org_login_required: { kind: "auth_failed" },
  ekm_access_denied: { kind: "auth_failed" },
  // Of a webhook: it will never take anything again.
  no_service: { kind: "rejected", permanent: true, gone: true },
  no_active_hooks: { kind: "rejected", permanent: true, gone: true },
  team_disabled: { kind: "rejected", permanent: true, gone: true },
}

const judge = makeJudge({
  verdict: ({ status, json, body }) => {
    // A webhook answers with a word; the Web API with 200 and `ok`.
    const failed = json === undefined ? status >= 400 && /^[a-z_]+$/.test(body.trim()) : json.ok === false
    if (failed) {
      const word = json === undefined ? body.trim() : String(json.error)
      return { kind: "rejected", permanent: true, ...meanings[word], message: word, ...waits(word) }
    }
    if (status === 200 && json?.ok !== true && body.trim() !== "ok")
      return { kind: "server_error", message: "an answer that is none of Slack's" }
    return undefined
  },
  blindWaitMs: 30_000,
})

/** A kind that is worth another try is not permanent. */
const waits = (word: string): Partial<Verdict> => {
  const kind = meanings[word]?.kind
  return kind === "rate_limited" || kind === "server_error" ? { permanent: false } : {}
}

export const slack = defineConnector({
  name: "slack",
  title: "Slack",
  description: "Messages to a channel or a person.",
  docs: "https://docs.slack.dev/messaging",
  settings,
  baseUrl: "https://slack.com/api",
  auth: [
    { kind: "custom", settings: ["webhookUrl"], description: "The webhook's address is the secret." },
    { kind: "bearer", setting: "token" },
    {
      kind: "oauth2",
      grant: "authorization_code",
      authorizeUrl: "https://slack.com/oauth/v2/authorize",
      tokenUrl: "https://slack.com/api/oauth.v2.access",
      revokeUrl: "https://slack.com/api/auth.revoke",
      scopes: ["chat:write", "channels:read"],
      scopeSeparator: ",",
      refusedIn: (answer) => (answer["ok"] === false ? String(answer["error"]) : undefined),
      clientId: "SLACK_CLIENT_ID",
      clientSecret: "SLACK_CLIENT_SECRET",
    },
  ],
  limits: {
    rateLimit: { limit: 1, per: "1 second" },
    says: "about one message a second to a channel, with short bursts; 429 says in Retry-After how long to wait",
  },
  outcome: judge,
  check: ({ webhookUrl, channel }) =>
    webhookUrl !== undefined && channel !== undefined
      ? [{ path: ["channel"], message: "a webhook stands for one channel; leave channel out" }]
      : [],
  checkResolved: ({ webhookUrl }: SlackSettings) =>
    webhookUrl === undefined || URL.canParse(webhookUrl)
      ? []
      : [{ path: ["webhookUrl"], message: "the secret is not a URL such as Slack shows for an incoming webhook" }],
  test: {
    request: ({ webhookUrl }: SlackSettings) =>
      webhookUrl === undefined
        ? { method: "POST", path: "/auth.test", json: {} }
        : // Without a text nothing is posted, and Slack says so only to those who know the address.
          { method: "POST", url: webhookUrl, headers: { "content-type": "application/json" }, body: "{}" },
    outcome: (response, now) => {
      const outcome = judge(response, now)
      return /no_text|invalid_payload/.test(outcome.message)
        ? { kind: "delivered", message: outcome.message, status: response.status }
        : outcome
    },
    says: ({ json }) =>
      json?.team === undefined ? "the webhook is there; nothing was posted" : `${json.user} of ${json.team}`,
  },
  lists: {
    channels: {
      title: "Channels",
      request: () => ({
        method: "GET",
        path: "/conversations.list",
        query: { exclude_archived: true, limit: 1000, types: "public_channel,private_channel" },
      }),
      items: ({ json }) => (json?.channels ?? []).map((one: any) => ({ id: one.id, name: `#${one.name}` })),
      next: ({ json }) => {
        const cursor = json?.response_metadata?.next_cursor
        return typeof cursor === "string" && cursor !== ""
          ? {
              method: "GET",
              path: "/conversations.list",
              query: { exclude_archived: true, limit: 1000, types: "public_channel,private_channel", cursor },
            }
          : undefined
      },
    },
  },
  defaultAction: "message.post",
  actions: {
    "message.post": {
      title: "Post a message",
      description: "Slack knows no repeats: an attempt whose answer was lost may post the message twice.",
      docs: "https://docs.slack.dev/reference/methods/chat.postMessage",
      input: Schema.Struct({
        text: Schema.optionalKey(
          Schema.NonEmptyString.pipe(Schema.check(Schema.isMaxLength(textMax))).annotate({
            description: "The message, or what notifications show of the blocks.",
          }),
        ),
        blocks: Schema.optionalKey(
          Schema.Array(Part)
            .pipe(Schema.check(Schema.isMinLength(1), Schema.isMaxLength(blocksMax)))
            .annotate({ description: "Block Kit." }),
        ),
        attachments: Schema.optionalKey(Schema.Array(Part).pipe(Schema.check(Schema.isMaxLength(attachmentsMax)))),
        channel: Schema.optionalKey(
          Schema.NonEmptyString.annotate({ description: "Default: the connection's.", choices: "channels" }),
        ),
        thread_ts: Schema.optionalKey(Schema.String.annotate({ description: "The message that this one answers." })),
        unfurl_links: Schema.optionalKey(Schema.Boolean),
      }).pipe(
        Schema.check(
          Schema.makeFilter(
            (message: { readonly text?: string; readonly blocks?: unknown; readonly attachments?: unknown }) =>
              message.text === undefined && message.blocks === undefined && message.attachments === undefined
                ? { path: ["text"], issue: "give text, blocks or attachments" }
                : undefined,
          ),
        ),
      ),
      example: { text: "New lead: ada@example.com" },
      repeat: "again",
      request: ({ channel, ...message }, { settings }) => {
        if (settings.webhookUrl !== undefined) {
          return {
            method: "POST",
            url: settings.webhookUrl,
            headers: { "content-type": "application/json" },
            body: JSON.stringify(message),
          }
        }
        const to = channel ?? settings.channel
        if (to === undefined) throw new UnfitInput("no channel: give channel in the mapping or on the connection")
        return {
          method: "POST",
          path: "/chat.postMessage",
          // Without the charset Slack warns about it in every answer.
          headers: { "content-type": "application/json; charset=utf-8" },
          json: { channel: to, ...message },
        }
      },
    },
  },
})
