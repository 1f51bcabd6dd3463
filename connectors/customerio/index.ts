/**
 * Customer.io, by its Track API: people, their events and manual segments.
 */
import { createHash } from "node:crypto"
import * as Schema from "effect/Schema"
import {
  defineConnector,
  makeJudge,
  path,
  SecretField,
  type ActionContext,
  type Answer,
  type BatchItem,
  type Outcome,
} from "../../src/index.ts"

const settings = Schema.Struct({
  /** The workspace's site id. */
  siteId: Schema.NonEmptyString.annotate({ description: "The workspace's site id." }),
  /** The Track API key that belongs to it. */
  apiKey: SecretField.annotate({ description: "The Track API key that belongs to it." }),
  /** Where the workspace is: keys of one region are unknown in the other. Default: `us`. */
  region: Schema.optionalKey(
    Schema.Literals(["us", "eu"]).annotate({ description: "Where the workspace is. Default: us." }),
  ),
})

// Customer.io's bounds. What is over them is refused, or cut without a word.
const itemBytesMax = 32_000
/** What a request adds to an input, at the most: names of fields, the event's id and time. */
const itemBytesAdded = 150
const batchBytesMax = 500_000
const batchItemsMax = 1000
const identifierBytesMax = 150
const eventNameBytesMax = 100
const attributesMax = 300
const attributeNameBytesMax = 150
const attributeValueBytesMax = 1000
const segmentPeopleMax = 1000

const bytesOf = (value: unknown): number =>
  Buffer.byteLength(typeof value === "string" ? value : (JSON.stringify(value) ?? ""))

/** A text that is not empty and has so many bytes at the most. */
const text = (max: number) =>
  Schema.NonEmptyString.pipe(
    Schema.check(Schema.makeFilter((value: string) => bytesOf(value) <= max || `at most ${max} bytes`)),
  )

const Values = Schema.Record(Schema.String, Schema.Unknown)

const Attributes = Values.annotate({
  description:
    "Attributes of the person; times are Unix seconds, an empty text takes an attribute away. Others stay as they are.",
}).pipe(
  Schema.check(
    Schema.makeFilter((attributes: { readonly [name: string]: unknown }) => [
      ...(Object.keys(attributes).length > attributesMax ? [`at most ${attributesMax} attributes`] : []),
      ...Object.entries(attributes).flatMap(([name, value]) => [
        ...(bytesOf(name) > attributeNameBytesMax
          ? [{ path: [name], issue: `a name has at most ${attributeNameBytesMax} bytes` }]
          : []),
        ...(typeof value === "string" && bytesOf(value) > attributeValueBytesMax
          ? [{ path: [name], issue: `a text has at most ${attributeValueBytesMax} bytes` }]
          : []),
      ]),
    ]),
  ),
)

/** They say who gets the mail that an event sets off, and from whom. */
const addressing = ["recipient", "from_address", "reply_to"]

const Data = Values.annotate({ description: "What messages and campaigns can refer to." }).pipe(
  Schema.check(
    Schema.makeFilter((data: object) =>
      addressing
        .filter((name) => Object.hasOwn(data, name))
        .map((name) => ({ path: [name], issue: "it would change where mail goes: rename it, or say it in `message`" })),
    ),
  ),
)

const identifiers = {
  id: Schema.optionalKey(text(identifierBytesMax).annotate({ description: "Your own id of the person." })),
  email: Schema.optionalKey(text(identifierBytesMax).annotate({ description: "Their address, instead of an id." })),
  cio_id: Schema.optionalKey(
    text(identifierBytesMax).annotate({ description: "Customer.io's id of the person, instead of yours." }),
  ),
}
interface Identifiers {
  readonly id?: string
  readonly email?: string
  readonly cio_id?: string
}

const identifierOf = ({ id, email, cio_id }: Identifiers): Identifiers =>
  id !== undefined ? { id } : email !== undefined ? { email } : { cio_id: cio_id! }

/** One identifier, and no more bytes than Customer.io takes. */
const fits = Schema.makeFilter((input: Identifiers) =>
  [input.id, input.email, input.cio_id].filter((one) => one !== undefined).length !== 1
    ? { path: ["id"], issue: "give one of id, email and cio_id" }
    : isSmall(input),
)
const isSmall = (input: object) =>
  bytesOf(input) <= itemBytesMax - itemBytesAdded ||
  `at most ${itemBytesMax} bytes, of which the request itself takes ${itemBytesAdded}`

const Person = Schema.Struct({ ...identifiers, attributes: Schema.optionalKey(Attributes) })
type Person = typeof Person.Type

const event = {
  name: text(eventNameBytesMax).annotate({ description: "The event's name, by which campaigns know it." }),
  data: Schema.optionalKey(Data),
  message: Schema.optionalKey(
    Schema.Struct({
      recipient: Schema.optionalKey(Schema.NonEmptyString.annotate({ description: "Who gets it." })),
      from_address: Schema.optionalKey(Schema.NonEmptyString.annotate({ description: "Whom it is from." })),
      reply_to: Schema.optionalKey(Schema.NonEmptyString.annotate({ description: "Who gets the answer." })),
    }).annotate({ description: "Who gets the mail that the event sets off, and from whom, instead of what it says." }),
  ),
}

const judge = makeJudge({
  message: ({ json }) => {
    const [first] = json?.errors ?? json?.meta?.errors ?? []
    return typeof first === "object" && first !== null ? wordsOf(first) : (first ?? json?.meta?.error)
  },
  verdict: ({ status, body, json }) =>
    status < 300 && body !== "" && json === undefined
      ? { kind: "server_error", message: "an answer that is none of Customer.io's" }
      : undefined,
  // Nothing says how long; the limit is counted in windows of three seconds.
  blindWaitMs: 3000,
})

const wordsOf = ({ reason, field, message }: any): string =>
  [field, message ?? reason].filter((word) => typeof word === "string" && word !== "").join(": ")

type Context = Pick<ActionContext<unknown>, "delivery" | "event">

const unixOf = ({ event: { time } }: Context): number => Math.floor(Date.parse(time) / 1000)

const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

/**
 * By which Customer.io knows a repeat: a ULID of the event's time (48 bits) and 80 bits of the delivery's id, the same on every attempt.
 */
const ulidOf = ({ delivery, event: { time } }: Context): string => {
  const random = createHash("sha256").update(delivery.id).digest().subarray(0, 10).toString("hex")
  let rest = (BigInt(Math.max(0, Date.parse(time))) << 80n) | BigInt(`0x${random}`)
  let out = ""
  for (let i = 0; i < 26; i++) {
    out = alphabet[Number(rest & 31n)]! + out
    rest >>= 5n
  }
  return out
}

/** Changes of people, many in one call. `of` says what is done to one. */
const people = <Input extends Identifiers>(of: (input: Input, context: Context) => object) => ({
  batch: {
    max: batchItemsMax,
    maxBytes: batchBytesMax - batchItemsMax * itemBytesAdded,
    request: (items: ReadonlyArray<BatchItem<any, Input>>) => ({
      method: "POST" as const,
      path: "/api/v2/batch",
      json: {
        batch: items.map(({ input, context }) => ({
          type: "person",
          identifiers: identifierOf(input),
          ...of(input, context),
        })),
      },
    }),
    outcomes: ({ status, json }: Answer, items: ReadonlyArray<unknown>): ReadonlyArray<Outcome> | undefined => {
      if (status !== 207 || !Array.isArray(json?.errors)) return undefined
      const errors = new Map<number, any>(json.errors.map((error: any) => [error?.batch_index, error]))
      return items.map((_, i): Outcome => {
        const error = errors.get(i)
        return error === undefined
          ? { kind: "delivered", message: `HTTP ${status}`, status }
          : { kind: "rejected", permanent: true, status, message: `HTTP ${status}: ${wordsOf(error)}` }
      })
    },
  },
})

/** Two changes of one person do not go in the same call. */
const personOf = (input: Identifiers): string => JSON.stringify(identifierOf(input)).toLowerCase()
const changes = <Input extends Identifiers>(of: (input: Input, context: Context) => object) => {
  const { batch } = people(of)
  return { batch: { ...batch, apart: personOf }, repeat: "natural" as const }
}

const SegmentChange = Schema.Struct({
  segment: Schema.Int.annotate({ description: "The number of a manual segment, which its page shows under Usage." }),
  ...identifiers,
}).pipe(Schema.check(fits))
type SegmentChange = typeof SegmentChange.Type

const changeSegment = (change: "add" | "remove") => ({
  input: SegmentChange,
  example: { segment: 7, id: "usr_1" },
  docs: "https://docs.customer.io/api/track/#tag/track_segments",
  repeat: "natural" as const,
  batch: {
    max: segmentPeopleMax,
    together: (input: SegmentChange) => `${input.segment} ${Object.keys(identifierOf(input))[0]}`,
    request: (items: ReadonlyArray<BatchItem<any, SegmentChange>>) => {
      const of = items.map(({ input }) => Object.entries(identifierOf(input))[0]!)
      return {
        method: "POST" as const,
        path: path`/api/v1/segments/${items[0]!.input.segment}/${`${change}_customers`}`,
        query: { id_type: of[0]![0] },
        json: { ids: [...new Set(of.map(([, value]) => value))] },
      }
    },
  },
})

const hosts = { us: "https://track.customer.io", eu: "https://track-eu.customer.io" }

export const customerio = defineConnector({
  name: "customerio",
  title: "Customer.io",
  description: "People, their attributes, events and manual segments.",
  docs: "https://docs.customer.io/api/track/",
  settings,
  baseUrl: ({ region = "us" }: { readonly region?: "us" | "eu" }) => hosts[region],
  auth: [{ kind: "basic", username: "siteId", password: "apiKey" }],
  limits: {
    rateLimit: { limit: 1000, per: "1 second" },
    says: "1,000 requests a second; over it data may be dropped. A 429 does not say how long to wait",
  },
  outcome: judge,
  test: {
    request: () => ({ method: "GET", path: "/api/v1/accounts/region" }),
    says: ({ json }) => `Customer.io knows the key, of the region ${json?.region ?? "that is set"}`,
  },
  defaultAction: "contact.upsert",
  actions: {
    "contact.upsert": {
      title: "Create or update a person",
      description: "By your id, address or Customer.io's id. Many go in one call.",
      docs: "https://docs.customer.io/api/track/#operation/batch",
      input: Person.pipe(Schema.check(fits)),
      example: { id: "usr_1", attributes: { email: "ada@example.com", plan: "pro" } },
      ...changes(({ attributes = {} }: Person, context) => ({
        action: "identify",
        // An older change that arrives later undoes no newer one.
        timestamp: unixOf(context),
        attributes,
      })),
    },
    "contact.update": {
      title: "Update a person's attributes",
      description:
        "One who is not there is not made, and Customer.io does not say that there was nobody. Many go in one call.",
      docs: "https://docs.customer.io/api/track/#operation/batch",
      input: Schema.Struct({ ...identifiers, attributes: Attributes }).pipe(Schema.check(fits)),
      example: { id: "usr_1", attributes: { plan: "pro" } },
      ...changes(({ attributes = {} }: Person, context) => ({
        action: "identify",
        timestamp: unixOf(context),
        attributes: { ...attributes, _update: true },
      })),
    },
    "contact.delete": {
      title: "Delete a person",
      description: "With all that Customer.io knows of them; they may come back by a later event. Many go in one call.",
      docs: "https://docs.customer.io/api/track/#operation/batch",
      input: Schema.Struct(identifiers).pipe(Schema.check(fits)),
      example: { id: "usr_1" },
      ...changes(() => ({ action: "delete" })),
    },
    "event.track": {
      title: "Track an event of a person",
      description: "Customer.io drops a repeat by an id that is made of the delivery's. Many go in one call.",
      docs: "https://docs.customer.io/api/track/#operation/batch",
      input: Schema.Struct({ ...identifiers, ...event }).pipe(Schema.check(fits)),
      example: { id: "usr_1", name: "purchase", data: { price: 23.45 } },
      repeat: "key",
      ...people(({ name, data, message }: Identifiers & EventInput, context) => ({
        action: "event",
        name,
        id: ulidOf(context),
        timestamp: unixOf(context),
        attributes: { ...data, ...message },
      })),
    },
    "event.trackAnonymous": {
      title: "Track an event of somebody unknown",
      description:
        "Who gets it once a person has the anonymous_id. Customer.io drops a repeat by an id that is made of the delivery's.",
      docs: "https://docs.customer.io/api/track/#operation/trackAnonymous",
      input: Schema.Struct({
        anonymous_id: text(identifierBytesMax).annotate({ description: "A cookie's value, or the like." }),
        ...event,
      }).pipe(Schema.check(Schema.makeFilter(isSmall))),
      example: { anonymous_id: "anon_1", name: "watched_video", data: { video: "intro" } },
      repeat: "key",
      request: ({ anonymous_id, name, data, message }, context) => ({
        method: "POST",
        path: "/api/v1/events",
        json: {
          name,
          anonymous_id,
          id: ulidOf(context),
          timestamp: unixOf(context),
          data: { ...data, ...message },
        },
      }),
    },
    "segment.add": {
      title: "Add a person to a manual segment",
      description: "Of workspaces where people have one kind of identifier. Many go in one call.",
      ...changeSegment("add"),
    },
    "segment.remove": {
      title: "Remove a person from a manual segment",
      description: "Of workspaces where people have ids. Many go in one call.",
      ...changeSegment("remove"),
    },
  },
})

interface EventInput {
  readonly name: string
  readonly data?: { readonly [name: string]: unknown }
  readonly message?: { readonly recipient?: string; readonly from_address?: string; readonly reply_to?: string }
}
