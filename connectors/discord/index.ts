/**
 * Discord: messages to a channel, by a webhook or as a bot.
 */
import { createHash } from "node:crypto"
import * as Schema from "effect/Schema"
import { defineConnector, makeJudge, path, SecretField, UnfitInput, type Verdict } from "../../src/index.ts"

const settings = Schema.Struct({
  webhookUrl: Schema.optionalKey(
    SecretField.annotate({ description: "A webhook's address: it stands for one channel." }),
  ),
  token: Schema.optionalKey(SecretField.annotate({ description: "A bot's token, without the word `Bot`." })),
  channel: Schema.optionalKey(
    Schema.NonEmptyString.annotate({
      description: "The id of the channel of a bot's messages that name none. A webhook has its own.",
    }),
  ),
  guild: Schema.optionalKey(
    Schema.NonEmptyString.annotate({
      description: "The id of the server whose channels a bot's messages are for, to pick one from a list.",
    }),
  ),
})

interface DiscordSettings {
  readonly webhookUrl?: string
  readonly channel?: string
  readonly guild?: string
}

/** Longer texts are refused by Discord. */
const contentMax = 2000
const embedsMax = 10
/** Of all texts in all embeds of a message. */
const embedCharactersMax = 6000
const usernameMax = 80
const nonceMax = 25

/** Of a text channel and of one for announcements. */
const textChannels = new Set([0, 5])

const Part = Schema.Record(Schema.String, Schema.Unknown)
const Ids = Schema.Array(Schema.NonEmptyString).pipe(Schema.check(Schema.isMaxLength(100)))

interface Embed {
  readonly title?: unknown
  readonly description?: unknown
  readonly fields?: unknown
  readonly footer?: { readonly text?: unknown }
  readonly author?: { readonly name?: unknown }
}

const charactersOf = (embed: Embed): number => {
  const fields: ReadonlyArray<any> = Array.isArray(embed.fields) ? embed.fields : []
  const texts = [embed.title, embed.description, embed.footer?.text, embed.author?.name]
  for (const field of fields) texts.push(field?.name, field?.value)
  return texts.reduce<number>((sum, text) => sum + (typeof text === "string" ? text.length : 0), 0)
}

const Message = Schema.Struct({
  content: Schema.optionalKey(
    Schema.NonEmptyString.pipe(Schema.check(Schema.isMaxLength(contentMax))).annotate({
      description: "The message, in Discord's Markdown.",
    }),
  ),
  embeds: Schema.optionalKey(
    Schema.Array(Part)
      .pipe(
        Schema.check(
          Schema.isMinLength(1),
          Schema.isMaxLength(embedsMax),
          Schema.makeFilter((embeds: ReadonlyArray<Embed>) =>
            embeds.reduce((sum, embed) => sum + charactersOf(embed), 0) > embedCharactersMax
              ? `at most ${embedCharactersMax} characters in all embeds together`
              : undefined,
          ),
        ),
      )
      .annotate({ description: "Framed parts with title, description, fields." }),
  ),
  components: Schema.optionalKey(Schema.Array(Part).annotate({ description: "Buttons with links and the like." })),
  allowed_mentions: Schema.optionalKey(
    Schema.Struct({
      parse: Schema.optionalKey(Schema.Array(Schema.Literals(["roles", "users", "everyone"]))),
      roles: Schema.optionalKey(Ids),
      users: Schema.optionalKey(Ids),
      replied_user: Schema.optionalKey(Schema.Boolean),
    }).annotate({ description: "Whom mentions in the texts may notify. Default: nobody." }),
  ),
  flags: Schema.optionalKey(
    Schema.Int.annotate({ description: "4: links are shown without previews; 4096: nobody is notified." }),
  ),
  tts: Schema.optionalKey(Schema.Boolean.annotate({ description: "Read aloud." })),
  username: Schema.optionalKey(
    Schema.NonEmptyString.pipe(
      Schema.check(
        Schema.isMaxLength(usernameMax),
        Schema.makeFilter((name: string) =>
          /discord|clyde/i.test(name) ? 'a name without "discord" and "clyde", which Discord refuses' : undefined,
        ),
      ),
    ).annotate({ description: "Of a webhook: who the message is from, instead of its own name." }),
  ),
  avatar_url: Schema.optionalKey(
    Schema.NonEmptyString.annotate({ description: "Of a webhook: the sender's picture." }),
  ),
  thread_id: Schema.optionalKey(
    Schema.NonEmptyString.annotate({ description: "Of a webhook: a thread of its channel to post in." }),
  ),
  thread_name: Schema.optionalKey(
    Schema.NonEmptyString.annotate({ description: "Of a webhook of a forum: the thread to begin." }),
  ),
  channel: Schema.optionalKey(
    Schema.NonEmptyString.annotate({
      description: "Of a bot: the channel's or thread's id. Default: the connection's.",
      choices: "channels",
    }),
  ),
  message_reference: Schema.optionalKey(
    Schema.Struct({ message_id: Schema.NonEmptyString }).annotate({ description: "Of a bot: the message answered." }),
  ),
}).pipe(
  Schema.check(
    Schema.makeFilter(
      (message: { readonly content?: unknown; readonly embeds?: unknown; readonly components?: unknown }) =>
        message.content === undefined && message.embeds === undefined && message.components === undefined
          ? { path: ["content"], issue: "give content, embeds or components" }
          : undefined,
    ),
  ),
)

const ofWebhooks = ["username", "avatar_url", "thread_id", "thread_name"] as const
const ofBots = ["channel", "message_reference"] as const

const refuse = (message: object, names: ReadonlyArray<string>, whose: string): void => {
  const given = names.find((name) => Object.hasOwn(message, name))
  if (given !== undefined) throw new UnfitInput(`${given} is for ${whose}; leave it out of the mapping`)
}

/** The same for every attempt of a delivery: Discord then posts it once. */
const nonceOf = (delivery: string): string =>
  createHash("sha256").update(delivery).digest("base64url").slice(0, nonceMax)

const second = 1000
const minute = 60 * second

const secondsOf = (value: unknown): number | undefined => {
  const seconds = value === undefined || value === "" ? Number.NaN : Number(value)
  return Number.isFinite(seconds) ? Math.ceil(seconds * second) : undefined
}

/** Discord's own codes, where they say more than the status. */
const meanings: { readonly [code: number]: Verdict } = {
  // The webhook was removed. To go on asking for it gets one's address banned.
  10015: { kind: "rejected", permanent: true, gone: true },
  50027: { kind: "auth_failed", permanent: true },
}

export const discord = defineConnector({
  name: "discord",
  title: "Discord",
  description: "Messages to a channel or thread.",
  docs: "https://discord.com/developers/docs/resources/webhook",
  settings,
  baseUrl: "https://discord.com/api/v10",
  auth: [
    { kind: "custom", settings: ["webhookUrl"], description: "The webhook's address is the secret." },
    { kind: "apiKey", setting: "token", in: "header", name: "authorization", prefix: "Bot " },
  ],
  limits: {
    rateLimit: { limit: 30, per: "1 minute" },
    says: "about 5 messages in 2 seconds and 30 a minute to a channel; answers say what is left, and a 429 how long to wait",
  },
  outcome: makeJudge({
    verdict: ({ status, json }) =>
      status >= 400
        ? meanings[json?.code]
        : json === undefined
          ? { kind: "server_error", message: "an answer that is none of Discord's" }
          : undefined,
    message: ({ json }) => (json?.message === undefined ? undefined : `${json.message} (${json.code ?? "no code"})`),
    wait: ({ json, header }) => secondsOf(json?.retry_after) ?? secondsOf(header("x-ratelimit-reset-after")),
    allowance: ({ header }) => {
      const remaining = header("x-ratelimit-remaining")
      const resetMs = secondsOf(header("x-ratelimit-reset-after"))
      return remaining === undefined || resetMs === undefined ? undefined : { remaining: Number(remaining), resetMs }
    },
    blindWaitMs: minute,
  }),
  check: ({ webhookUrl, channel, guild }) =>
    webhookUrl === undefined
      ? []
      : Object.entries({ channel, guild }).flatMap(([name, value]) =>
          value === undefined ? [] : [{ path: [name], message: `a webhook stands for one channel; leave ${name} out` }],
        ),
  checkResolved: ({ webhookUrl }: DiscordSettings) =>
    webhookUrl === undefined || /^https?:\/\/[^/]+\/(?:.*\/)?webhooks\/\d+\/[\w-]+$/.test(webhookUrl)
      ? []
      : [
          {
            path: ["webhookUrl"],
            message: "the secret is not an address such as https://discord.com/api/webhooks/<id>/<token>",
          },
        ],
  test: {
    request: ({ webhookUrl }: DiscordSettings) =>
      webhookUrl === undefined
        ? { method: "GET", path: "/users/@me" }
        : { method: "GET", url: webhookUrl, headers: { accept: "application/json" } },
    says: ({ json }) => (json?.channel_id === undefined ? `the bot ${json?.username}` : `the webhook ${json.name}`),
  },
  lists: {
    channels: {
      title: "Channels",
      request: ({ guild }: DiscordSettings) => {
        if (guild === undefined) throw new UnfitInput("a list of channels needs the setting guild and a bot's token")
        return { method: "GET", path: path`/guilds/${guild}/channels` }
      },
      items: ({ json }) =>
        (Array.isArray(json) ? json : [])
          .filter(({ type }: any) => textChannels.has(type))
          .map(({ id, name }: any) => ({ id: String(id), name: `#${name}` })),
    },
  },
  defaultAction: "message.post",
  actions: {
    "message.post": {
      title: "Post a message",
      description:
        "A bot's repeat is dropped by Discord for some minutes, by the delivery's id. A webhook knows no repeats: an attempt whose answer was lost may post the message twice.",
      docs: "https://discord.com/developers/docs/resources/message#create-message",
      input: Message,
      example: { content: "New lead: ada@example.com" },
      repeat: "again",
      request: (input, { settings, delivery }) => {
        const { webhookUrl } = settings
        const { channel, thread_id, ...rest } = input
        const message = { ...rest, allowed_mentions: rest.allowed_mentions ?? { parse: [] } }
        if (webhookUrl !== undefined) {
          refuse(input, ofBots, "bots")
          const url = new URL(webhookUrl)
          // Without it Discord does not say whether the message was stored.
          url.searchParams.set("wait", "true")
          if (thread_id !== undefined) url.searchParams.set("thread_id", thread_id)
          return {
            method: "POST",
            url: url.href,
            headers: { accept: "application/json", "content-type": "application/json" },
            body: JSON.stringify(message),
          }
        }
        refuse(input, ofWebhooks, "webhooks")
        const to = channel ?? settings.channel
        if (to === undefined) throw new UnfitInput("no channel: give channel in the mapping or on the connection")
        return {
          method: "POST",
          path: path`/channels/${to}/messages`,
          json: { ...message, nonce: nonceOf(delivery.id), enforce_nonce: true },
        }
      },
    },
  },
})
