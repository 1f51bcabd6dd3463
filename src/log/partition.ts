/**
 * One partition of `EVENTS` as its router sees it: events in order, and the fenced commit (`fenced.ts`) that makes routing exactly-once
 * (DESIGN §3).
 */
import { AckPolicy, DeliverPolicy, ReplayPolicy } from "@nats-io/jetstream"
import { nanos, nuid } from "@nats-io/nats-core"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { limits } from "../config/defaults.ts"
import { LogUnavailable } from "../model/errors.ts"
import type { HistoryRecord } from "../model/record.ts"
import type { Message } from "./batch.ts"
import { Nats, reasonOf, type NatsShape } from "./connection.ts"
import { makeCommit, readCheckpoint, storeRecords, type Checkpoint, type Writer } from "./fenced.ts"
import { openPull, type Pulled } from "./pull.ts"
import { streams, subjects } from "./topology.ts"

/** How far routing has come: every event up to `seq` is accounted for, and of the next one all deliveries up to `after`. */
export interface Position {
  /** Sequence in `EVENTS`; 0 before the first. */
  readonly seq: number
  /** Key of the last delivery made of event `seq + 1`, when its fan-out spans batches. */
  readonly after?: string
}

export interface RouterCheckpoint extends Position, Checkpoint {}

/** The checkpoint of the router of a partition. */
export const routerOf = (partition: number): Writer => ({
  subject: subjects.checkpoint(partition),
  history: `route.${partition}`,
  name: `route.${partition}`,
})

export interface Partition {
  readonly position: Position
  /** The next events, in order, as many as there are up to `max`; empty when none came for `waitMs`. */
  readonly take: (max: number, waitMs: number) => Effect.Effect<ReadonlyArray<Pulled>, LogUnavailable>
  /** Stores the deliveries and the position, all or nothing, then their records. At most `limits.batchMessages - 1` deliveries. */
  readonly commit: (
    position: Position,
    deliveries: ReadonlyArray<Message>,
    records: ReadonlyArray<HistoryRecord>,
  ) => Effect.Effect<void, LogUnavailable>
  /** `true` when the log holds nothing for this partition beyond `seq`. */
  readonly nothingAfter: (seq: number) => Effect.Effect<boolean, LogUnavailable>
}

export class Partitions extends Context.Service<
  Partitions,
  {
    /** Opens a partition where its last checkpoint says. Whatever fails ends it: open it again. */
    readonly open: (partition: number) => Effect.Effect<Partition, LogUnavailable, Scope.Scope>
  }
>()("meshes/Partitions") {
  static readonly layer = Layer.effect(
    Partitions,
    Effect.map(Nats, (nats) => Partitions.of({ open: (partition) => openPartition(nats, partition) })),
  )
}

const failure = (operation: string) => (cause: unknown) =>
  new LogUnavailable({ operation, reason: reasonOf(cause), stored: "unknown" })

const openPartition = Effect.fnUntraced(function* (nats: NatsShape, partition: number) {
  const router = routerOf(partition)
  const { stored, checkpoint } = (yield* readCheckpoint<RouterCheckpoint>(nats, router)) ?? {
    stored: 0,
    checkpoint: { seq: 0, records: [] },
  }
  yield* storeRecords(nats, router, stored, checkpoint.records)
  const events = yield* readFrom(nats, partition, checkpoint.seq + 1)
  const commit = makeCommit<RouterCheckpoint>(nats, router, stored)
  return {
    position: checkpoint,
    take: events.take,
    commit: (position, deliveries, records) => commit({ ...position, records }, deliveries),
    nothingAfter: (seq) =>
      Effect.tryPromise({
        try: async () => {
          const message = await nats.jsm.direct.getMessage(streams.events, {
            last_by_subj: subjects.partition(partition),
          })
          return message === null || message.seq <= seq
        },
        catch: failure(`looking for events of partition ${partition}`),
      }),
  } satisfies Partition
})

/** An ordered, bounded read of the partition: what came waits in `buffer` until it is taken. */
const readFrom = (nats: NatsShape, partition: number, from: number) =>
  Effect.acquireRelease(
    Effect.tryPromise({
      try: () => startReading(nats, partition, from),
      catch: failure(`reading partition ${partition}`),
    }),
    (reading) => Effect.promise(reading.close),
  )

const startReading = async (nats: NatsShape, partition: number, from: number) => {
  const consumer = `router-${partition}-${nuid.next()}`
  await nats.jsm.consumers.add(streams.events, {
    name: consumer,
    filter_subject: subjects.partition(partition),
    deliver_policy: DeliverPolicy.StartSequence,
    opt_start_seq: from,
    ack_policy: AckPolicy.None,
    replay_policy: ReplayPolicy.Instant,
    mem_storage: true,
    num_replicas: 1,
    inactive_threshold: nanos(limits.pullExpiresMs * 2),
  })
  let buffer: Array<Pulled> = []
  let expected = 1
  let given = 0
  let broken: string | undefined
  let wake: (() => void) | undefined
  const pull = openPull(nats, {
    stream: streams.events,
    consumer,
    window: limits.routerPrefetch,
    onMessage: (message) => {
      if (message.consumerSeq !== expected) broken = `message ${expected} was lost on the way`
      expected = message.consumerSeq + 1
      buffer.push(message)
      wake?.()
    },
    onGone: (reason) => {
      broken = reason
      wake?.()
    },
  })

  const take: Partition["take"] = (max, waitMs) =>
    Effect.callback((resume) => {
      let answered = false
      const answer = () => {
        // Once: what a second answer took from the buffer would be given to nobody.
        if (answered) return
        answered = true
        clearTimeout(timer)
        wake = undefined
        if (broken !== undefined) {
          return resume(
            new LogUnavailable({ operation: `reading partition ${partition}`, reason: broken, stored: "no" }),
          )
        }
        const taken = buffer.length <= max ? buffer : buffer.slice(0, max)
        buffer = buffer.length <= max ? [] : buffer.slice(max)
        if (taken.length === 0) return resume(Effect.succeed(taken))
        if (taken[0]!.consumerSeq !== given + 1) {
          broken = `message ${given + 1} was lost here`
          return resume(
            new LogUnavailable({ operation: `reading partition ${partition}`, reason: broken, stored: "no" }),
          )
        }
        given = taken.at(-1)!.consumerSeq
        pull.done(taken.length)
        resume(Effect.succeed(taken))
      }
      const timer = setTimeout(answer, waitMs)
      if (buffer.length > 0 || broken !== undefined) return answer()
      // At the end of the turn, so that what arrives in one packet is taken together.
      wake = () => void setImmediate(answer)
      return Effect.sync(() => {
        answered = true
        clearTimeout(timer)
        wake = undefined
      })
    })

  const close = async () => {
    pull.close()
    if (nats.connected()) await nats.jsm.consumers.delete(streams.events, consumer).catch(() => {})
  }
  return { take, close }
}
