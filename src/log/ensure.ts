/**
 * Makes the streams and consumers at start, or checks the ones that are there. A stream of another shape is reported and left as it is:
 * changing a stream that holds somebody's deliveries is a person's decision.
 */
import { AckPolicy, type ConsumerConfig, type StreamConfig } from "@nats-io/jetstream"
import { nanos } from "@nats-io/nats-core"
import * as Effect from "effect/Effect"
import { limits } from "../config/defaults.ts"
import { Unusable } from "../model/errors.ts"
import { Nats, reasonOf, type NatsShape } from "./connection.ts"
import { streamShapes, streams, subjects, type StreamShape } from "./topology.ts"

/** Settings that the product relies on. An operator may choose the others (age, size, replicas, window) as the site needs. */
const reliedOn = [
  "subjects",
  "subject_transform",
  "retention",
  "storage",
  "allow_atomic",
  "allow_direct",
  "allow_rollup_hdrs",
  "allow_msg_schedules",
  "allow_msg_ttl",
] as const satisfies ReadonlyArray<keyof StreamConfig>

export const ensureTopology = Effect.gen(function* () {
  const nats = yield* Nats
  for (const shape of streamShapes()) yield* ensureStream(nats, shape)
  for (let shard = 0; shard < limits.shards; shard++) yield* ensureShard(nats, shard)
})

/** The vault's stream alone: secrets may be set before a runtime was ever started. */
export const ensureVault = Effect.gen(function* () {
  const shape = streamShapes().find(({ name }) => name === streams.vault)!
  yield* ensureStream(yield* Nats, shape)
})

const ensureStream = (nats: NatsShape, shape: StreamShape) =>
  Effect.gen(function* () {
    const existing = yield* describeStream(nats, shape.name)
    if (existing === undefined) {
      yield* ask(`making the stream ${shape.name}`, () => nats.jsm.streams.add(shape))
      return
    }
    const differences = differencesOf(shape, existing)
    if (differences.length > 0) {
      return yield* new Unusable({
        message:
          `the stream ${shape.name} exists with another shape and was left as it is:\n` +
          differences.map((line) => `  ${line}`).join("\n") +
          "\nUse another NATS account or server for Meshes, or change or remove that stream yourself.",
      })
    }
  })

const describeStream = (nats: NatsShape, name: string) =>
  ask(`looking up the stream ${name}`, async () => {
    try {
      return (await nats.jsm.streams.info(name)).config
    } catch (cause) {
      if (isMissing(cause)) return undefined
      throw cause
    }
  })

/** What differs between the shape that is needed and the stream that is there, a line each. */
export const differencesOf = (shape: StreamShape, existing: StreamConfig): ReadonlyArray<string> =>
  reliedOn.flatMap((key) => {
    const [wanted, found] = [normal(shape[key]), normal(existing[key])]
    return wanted === found ? [] : [`${key}: needed ${wanted}, found ${found}`]
  })

const normal = (value: unknown): string => {
  if (value === undefined || value === null) return "false"
  return JSON.stringify(Array.isArray(value) ? value.toSorted() : value)
}

export const shardConsumer = (shard: number): string => `shard-${shard}`

/** The group whose pinned client is a shard's owner. */
export const ownerGroup = "owner"

/** Makes or updates the consumer that a shard's ready work is read by. */
export const ensureShard = (nats: NatsShape, shard: number) =>
  ask(`making the consumer ${shardConsumer(shard)}`, () =>
    ensureConsumer(nats, {
      durable_name: shardConsumer(shard),
      filter_subject: subjects.deliverShard(shard),
      ack_policy: AckPolicy.Explicit,
      ack_wait: nanos(limits.ackWaitMs),
      max_ack_pending: limits.shardInFlight,
      // One client at a time is given the shard's deliveries, whatever the replicas believe.
      priority_groups: [ownerGroup],
      priority_policy: "pinned_client",
      priority_timeout: nanos(limits.pinTimeoutMs),
    }),
  )

/** Makes a consumer of `DELIVERIES` unless one of that name is there; its bounds are ours to update. */
export const ensureConsumer = async (nats: NatsShape, config: Partial<ConsumerConfig> & { durable_name: string }) => {
  try {
    await nats.jsm.consumers.add(streams.deliveries, config)
  } catch (cause) {
    if (!/already (exists|in use)/i.test(reasonOf(cause))) throw cause
    await nats.jsm.consumers.update(streams.deliveries, config.durable_name, config)
  }
}

/** The stream is not there. */
export const isMissing = (cause: unknown): boolean =>
  (cause as { status?: number; code?: number }).status === 404 ||
  (cause as { code?: number }).code === 404 ||
  /stream not found/i.test(reasonOf(cause))

const ask = <A>(what: string, run: () => Promise<A>): Effect.Effect<A, Unusable> =>
  Effect.tryPromise({
    try: run,
    catch: (cause) => new Unusable({ message: `${what} failed: ${reasonOf(cause)}` }),
  })
