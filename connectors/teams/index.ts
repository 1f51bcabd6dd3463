/**
 * Microsoft Teams: messages to a channel or chat, by an incoming webhook: of a workflow (Power Automate), or of the older connectors.
 */
import * as Schema from "effect/Schema"
import { defineConnector, makeJudge, SecretField, type Verdict } from "../../src/index.ts"

const settings = Schema.Struct({
  webhookUrl: SecretField.annotate({
    description:
      'The address that the workflow "when a Teams webhook request is received" shows, or an incoming webhook\'s of the older kind.',
  }),
})

/** Teams' bound of a message, in bytes. */
const messageBytesMax = 28 * 1024
/** The oldest version of Adaptive Cards that Teams shows everywhere. */
const cardVersion = "1.4"

interface Content {
  readonly text?: string
  readonly title?: string
  readonly card?: { readonly [name: string]: unknown }
}

/** Workflows take nothing but cards, the older webhooks take them as well. */
const messageOf = ({ text, title, card }: Content): string => {
  const block = (words: string, more: object) => ({ type: "TextBlock", text: words, wrap: true, ...more })
  const body = [
    ...(title === undefined ? [] : [block(title, { weight: "Bolder", size: "Medium" })]),
    ...(text === undefined ? [] : [block(text, {})]),
  ]
  const content = {
    $schema: "http://adaptivecards.io/schemas/adaptive-card.json",
    version: cardVersion,
    ...(card ?? { body }),
    type: "AdaptiveCard",
  }
  return JSON.stringify({
    type: "message",
    attachments: [{ contentType: "application/vnd.microsoft.card.adaptive", contentUrl: null, content }],
  })
}

const Message = Schema.Struct({
  text: Schema.optionalKey(
    Schema.NonEmptyString.annotate({ description: "The message, in the Markdown that cards know." }),
  ),
  title: Schema.optionalKey(Schema.NonEmptyString.annotate({ description: "Above the text, in bold." })),
  card: Schema.optionalKey(
    Schema.Record(Schema.String, Schema.Unknown)
      .pipe(
        Schema.check(
          Schema.makeFilter(({ type }: { readonly type?: unknown }) =>
            type === undefined || type === "AdaptiveCard" ? undefined : 'an Adaptive Card, of type "AdaptiveCard"',
          ),
        ),
      )
      .annotate({ description: "An Adaptive Card, instead of text and title." }),
  ),
}).pipe(
  Schema.check(
    Schema.makeFilter((message: Content) => {
      if ((message.card === undefined) === (message.text === undefined))
        return { path: ["text"], issue: "give either text or card" }
      if (message.card !== undefined && message.title !== undefined)
        return { path: ["title"], issue: "a card has its own title; leave it out" }
      return Buffer.byteLength(messageOf(message)) > messageBytesMax
        ? {
            path: [message.card === undefined ? "text" : "card"],
            issue: `a message of at most ${messageBytesMax} bytes, which is what Teams takes`,
          }
        : undefined
    }),
  ),
)

const second = 1000

/** Words of workflows, where they say more than the status. */
const meanings: { readonly [code: string]: Verdict } = {
  WorkflowNotFound: { kind: "rejected", permanent: true, gone: true },
  // Somebody switched it off: until they switch it on again, nothing is taken.
  WorkflowTriggerIsNotEnabled: { kind: "rejected", permanent: true },
}

/** An older webhook answers 200, and says in words that Teams behind it refused. */
const relayed = /delivery failed with error.*?HTTP error (\d{3})/is

const relayedVerdict = (body: string): Verdict => {
  const status = Number(relayed.exec(body)?.[1] ?? 500)
  const message = body
  if (status === 429) return { kind: "rate_limited", message }
  return status >= 500 ? { kind: "server_error", message } : { kind: "rejected", permanent: true, message }
}

export const teams = defineConnector({
  name: "teams",
  title: "Microsoft Teams",
  description: "Messages to a channel or chat, as text or as an Adaptive Card.",
  docs: "https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/add-incoming-webhook",
  settings,
  limits: {
    rateLimit: { limit: 4, per: "1 second" },
    says: "4 requests a second to a webhook; workflows have a number a day besides, by the licence of their owner",
  },
  outcome: makeJudge({
    verdict: ({ status, body, json }) => {
      if (status >= 400) return meanings[json?.error?.code]
      if (/delivery failed/i.test(body)) return relayedVerdict(body)
      // A workflow says nothing or what its owner wants, an older webhook says 1: neither shows a page.
      return body.trimStart().startsWith("<")
        ? { kind: "server_error", message: "an answer that is none of Teams'" }
        : undefined
    },
    message: ({ json, body }) => json?.error?.message ?? body,
    blindWaitMs: 10 * second,
  }),
  checkResolved: ({ webhookUrl }: { readonly webhookUrl: string }) =>
    URL.canParse(webhookUrl) && /^https?:/.test(webhookUrl)
      ? []
      : [{ path: ["webhookUrl"], message: "the secret is not a URL such as Teams shows for a webhook" }],
  defaultAction: "message.post",
  actions: {
    "message.post": {
      title: "Post a message",
      description: "Teams knows no repeats: an attempt whose answer was lost may post the message twice.",
      docs: "https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using",
      input: Message,
      example: { title: "New lead", text: "**Ada** signed up: ada@example.com" },
      repeat: "again",
      request: (message, { settings }) => ({
        method: "POST",
        url: settings.webhookUrl,
        // Without the charset an older webhook counts two bytes for each.
        headers: { "content-type": "application/json; charset=utf-8" },
        body: messageOf(message),
      }),
    },
  },
})
