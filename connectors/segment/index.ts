/**
 * Segment: what people do, who they are, their groups and pages, by the HTTP tracking API.
 */
import * as Schema from "effect/Schema"
import { defineConnector, makeJudge, SecretField, untilUnix, type BatchItem } from "../../src/index.ts"

const settings = Schema.Struct({
  writeKey: SecretField.annotate({ description: "The write key of a server or HTTP API source." }),
  region: Schema.optionalKey(
    Schema.Literals(["us", "eu"]).annotate({
      description: "Where the workspace is. What is sent to the wrong one is taken, and lost. Default: us.",
    }),
  ),
})

/** A call is dropped in silence beyond 32 kB; this leaves room for its type, time and id. */
const inputBytesMax = 31_500
/** Segment takes 2,500 in one call, and here no more are gathered. */
const batchMax = 1000
/** Segment takes 500 kB in one call: less what each gets beside its input, up to 130 bytes. */
const batchBytesMax = 500_000 - batchMax * 130

const Facts = Schema.Record(Schema.String, Schema.Unknown)

/** What every call may have. */
const common = {
  userId: Schema.optionalKey(Schema.NonEmptyString.annotate({ description: "Your id of the person." })),
  anonymousId: Schema.optionalKey(
    Schema.NonEmptyString.annotate({ description: "Of somebody whose id is not known, instead or as well." }),
  ),
  timestamp: Schema.optionalKey(
    Schema.NonEmptyString.annotate({ description: "When it happened: ISO 8601. Default: the event's time." }),
  ),
  context: Schema.optionalKey(
    Facts.annotate({ description: "Circumstances by Segment's names: ip, locale, campaign…" }),
  ),
  integrations: Schema.optionalKey(Facts.annotate({ description: "Destinations that are to get it, or are not." })),
}

interface Who {
  readonly userId?: string
  readonly anonymousId?: string
}

/** Segment says 200 to what it drops, so everything is looked at here. */
const whole = [
  Schema.makeFilter(({ userId, anonymousId }: Who) =>
    userId === undefined && anonymousId === undefined
      ? { path: ["userId"], issue: "give userId, anonymousId or both" }
      : undefined,
  ),
  Schema.makeFilter((input: object) => {
    const bytes = Buffer.byteLength(JSON.stringify(input))
    return bytes > inputBytesMax ? `${bytes} bytes, and Segment takes ${inputBytesMax} at the most` : undefined
  }),
] as const

const judge = makeJudge({
  verdict: ({ status, json }) => {
    if (status !== 200 || json?.success === true) return undefined
    return json?.success === false
      ? { kind: "rejected", permanent: true }
      : { kind: "server_error", message: "an answer that is none of Segment's" }
  },
  message: ({ json }) => json?.message ?? json?.error?.message,
  wait: ({ header, now }) => untilUnix(header("x-ratelimit-reset"), now),
  blindWaitMs: 1000,
})

type Kind = "track" | "identify" | "group" | "page"

/** All kinds go by the batch address, alone or together: it takes them as the addresses of each kind do. */
const callsOf = <Input extends { readonly timestamp?: string }>(type: Kind) => ({
  repeat: "key" as const,
  batch: {
    max: batchMax,
    maxBytes: batchBytesMax,
    request: (items: ReadonlyArray<BatchItem<any, Input>>) => ({
      method: "POST" as const,
      path: "/batch",
      json: {
        batch: items.map(({ input, context: { event, delivery } }) => ({
          type,
          // Segment drops what has the id of another, whoever sent that: no other program's ids look like this.
          messageId: `meshes-${delivery.id}`,
          timestamp: event.time,
          ...input,
        })),
      },
    }),
  },
})

export const segment = defineConnector({
  name: "segment",
  title: "Segment",
  description: "What people do, who they are, their groups and pages, for all of a workspace's destinations.",
  docs: "https://www.twilio.com/docs/segment/connections/sources/catalog/libraries/server/http-api",
  settings,
  baseUrl: ({ region }: { readonly region?: string }) =>
    region === "eu" ? "https://events.eu1.segmentapis.com/v1" : "https://api.segment.io/v1",
  auth: [{ kind: "basic", username: "writeKey", password: { always: "" } }],
  limits: { says: "1,000 events a second of a workspace are advised; beyond it Segment may delay them, or answer 429" },
  outcome: judge,
  defaultAction: "event.track",
  actions: {
    "event.track": {
      title: "Track an event",
      description: "Something that somebody did. Many go in one call; Segment drops a repeat.",
      docs: "https://www.twilio.com/docs/segment/connections/spec/track",
      input: Schema.Struct({
        ...common,
        event: Schema.NonEmptyString.annotate({ description: "Its name: Order Completed." }),
        properties: Schema.optionalKey(Facts.annotate({ description: "What is to be known of it." })),
      }).pipe(Schema.check(...whole)),
      example: { userId: "usr_1", event: "Order Completed", properties: { total: 120 } },
      ...callsOf("track"),
    },
    "contact.upsert": {
      title: "Identify a person",
      description: "Sets traits of somebody; others stay. Many go in one call; Segment drops a repeat.",
      docs: "https://www.twilio.com/docs/segment/connections/spec/identify",
      input: Schema.Struct({
        ...common,
        traits: Schema.optionalKey(Facts.annotate({ description: "By Segment's names where it has them: email…" })),
      }).pipe(Schema.check(...whole)),
      example: { userId: "usr_1", traits: { email: "ada@example.com", plan: "pro" } },
      ...callsOf("identify"),
    },
    "group.add": {
      title: "Add a person to a group",
      description: "Such as an account, with the group's traits. Many go in one call; Segment drops a repeat.",
      docs: "https://www.twilio.com/docs/segment/connections/spec/group",
      input: Schema.Struct({
        ...common,
        groupId: Schema.NonEmptyString.annotate({ description: "Your id of the group." }),
        traits: Schema.optionalKey(Facts.annotate({ description: "Of the group." })),
      }).pipe(Schema.check(...whole)),
      example: { userId: "usr_1", groupId: "acc_1", traits: { name: "Acme", plan: "pro" } },
      ...callsOf("group"),
    },
    "page.track": {
      title: "Track a page view",
      description: "A page that somebody saw. Many go in one call; Segment drops a repeat.",
      docs: "https://www.twilio.com/docs/segment/connections/spec/page",
      input: Schema.Struct({
        ...common,
        name: Schema.optionalKey(Schema.NonEmptyString.annotate({ description: "The page's name." })),
        category: Schema.optionalKey(Schema.NonEmptyString.annotate({ description: "What kind of page it is." })),
        properties: Schema.optionalKey(
          Facts.annotate({ description: "By Segment's names: url, path, title, referrer." }),
        ),
      }).pipe(Schema.check(...whole)),
      example: { userId: "usr_1", name: "Pricing", properties: { url: "https://acme.dev/pricing" } },
      ...callsOf("page"),
    },
  },
})
