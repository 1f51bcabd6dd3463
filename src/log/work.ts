/**
 * The deliveries of a shard: reading what is ready, and storing what came of it before it is acknowledged.
 *
 * A commit stores, side by side, the retries (schedules in `DELIVERIES`), the dead letters and one `HISTORY` message; each is written
 * again until the log has it. All three may be repeated safely: a schedule and a dead letter replace the earlier one of the same
 * delivery, and records are facts.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { AckPolicy } from "@nats-io/jetstream"
import { nanos } from "@nats-io/nats-core"
import { limits } from "../config/defaults.ts"
import { encodeDelivery, type Delivery } from "../model/delivery.ts"
import { LogUnavailable } from "../model/errors.ts"
import type { HistoryRecord } from "../model/record.ts"
import { errorCodes, intoBatches, publishBatch, type Message } from "./batch.ts"
import { Nats, reasonOf, type NatsShape } from "./connection.ts"
import { ensureConsumer, ensureShard, ownerGroup, shardConsumer } from "./ensure.ts"
import { openPull, type Pull, type Pulled } from "./pull.ts"
import { readStored } from "./stored.ts"
import { shardOf, streams, subjects } from "./topology.ts"

/** A delivery with its event's bytes, when those travel with it. */
export interface Carried {
  readonly delivery: Delivery
  readonly event: Uint8Array | undefined
}

export interface Outcomes {
  /** Their `next` says when they are due. Those that keep their order stay in the log as they are (`lane-log.ts`). */
  readonly retries: ReadonlyArray<Carried>
  readonly dead: ReadonlyArray<Carried>
  readonly records: ReadonlyArray<HistoryRecord>
}

interface Listener {
  readonly onMessage: (message: Pulled) => void
  readonly onGone: (reason: string) => void
}

export class Work extends Context.Service<
  Work,
  {
    /** Ready deliveries of a shard, at most `window` of them unfinished. */
    readonly pull: (shard: number, window: number, listener: Listener) => Pull
    /** Lets the next owner be given the shard's deliveries at once, rather than when the last one's time is over. */
    readonly unpin: (shard: number) => Promise<void>
    /** Makes sure that the shard's consumer is there. */
    readonly prepare: (shard: number) => Effect.Effect<void, LogUnavailable>
    /** Resolves when all of it is stored; tries until then. */
    readonly commit: (outcomes: Outcomes) => Promise<void>
    /** Puts deliveries aside for a lane that cannot take them. Resolves when stored; rejects when not known to be. */
    readonly park: (
      shard: number,
      workspace: string,
      connection: string,
      messages: ReadonlyArray<{ readonly seq: number; readonly body: Uint8Array }>,
    ) => Promise<void>
    /** Lanes of a shard for which deliveries are parked, and how many. */
    readonly parked: (
      shard: number,
    ) => Effect.Effect<
      ReadonlyArray<{ readonly workspace: string; readonly connection: string; readonly count: number }>,
      LogUnavailable
    >
    /** Reads what was parked for a lane, in order. */
    readonly pullParked: (
      shard: number,
      workspace: string,
      connection: string,
      window: number,
      listener: Listener,
    ) => Promise<Pull>
    /** Removes what is finished of a lane's parked deliveries; gives how many are left, taken or not. */
    readonly sweepParked: (shard: number, workspace: string, connection: string) => Promise<number>
    /** Forgets the consumer that `pullParked` made. */
    readonly endParked: (shard: number, workspace: string, connection: string) => Promise<void>
    /** Removes a shard's finished deliveries from the log. */
    readonly sweep: (shard: number) => Effect.Effect<void, LogUnavailable>
    /** Takes back a scheduled retry of a delivery that has meanwhile ended. */
    readonly unschedule: (delivery: Pick<Delivery, "workspace" | "connection" | "id">) => Promise<void>
    /** `true` when the shard has ready work that nobody holds. */
    readonly waiting: (shard: number) => Effect.Effect<boolean, LogUnavailable>
    /** The envelope of a large event, by its sequence. */
    readonly event: (seq: number) => Promise<Uint8Array | undefined>
  }
>()("meshes/Work") {
  static readonly layer = Layer.effect(
    Work,
    Effect.map(Nats, (nats) =>
      Work.of({
        pull: (shard, window, listener) =>
          openPull(nats, {
            stream: streams.deliveries,
            consumer: shardConsumer(shard),
            group: ownerGroup,
            window,
            ...listener,
          }),
        unpin: (shard) => unpin(nats, shardConsumer(shard)),
        prepare: (shard) =>
          Effect.mapError(ensureShard(nats, shard), (error) => unavailable(`preparing shard ${shard}`, error)),
        commit: (outcomes) => commit(nats, outcomes),
        park: (shard, workspace, connection, messages) => {
          const subject = subjects.parked(shard, workspace, connection)
          return storeOnce(
            nats,
            messages.map(({ seq, body }) => ({ subject, body, headers: `Nats-Msg-Id: park.${seq}\r\n` })),
          )
        },
        parked: (shard) =>
          Effect.tryPromise({
            try: () => listParked(nats, shard),
            catch: (cause) => unavailable(`listing what is parked in shard ${shard}`, cause),
          }),
        pullParked: (shard, workspace, connection, window, listener) =>
          pullParked(nats, shard, workspace, connection, window, listener),
        endParked: async (shard, workspace, connection) => {
          await nats.jsm.consumers
            .delete(streams.deliveries, parkedConsumer(shard, workspace, connection))
            .catch(() => {})
        },
        sweepParked: (shard, workspace, connection) =>
          sweep(nats, parkedConsumer(shard, workspace, connection), subjects.parked(shard, workspace, connection)),
        sweep: (shard) =>
          Effect.tryPromise({
            try: () => sweep(nats, shardConsumer(shard), subjects.deliverShard(shard)),
            catch: (cause) => unavailable(`sweeping shard ${shard}`, cause),
          }),
        unschedule: async ({ workspace, connection, id }) => {
          const filter = subjects.due(shardOf(workspace, connection), workspace, connection, id)
          await nats.jsm.streams.purge(streams.deliveries, { filter })
        },
        waiting: (shard) =>
          Effect.tryPromise({
            try: async () => (await nats.jsm.consumers.info(streams.deliveries, shardConsumer(shard))).num_pending > 0,
            catch: (cause) => unavailable(`looking for work of shard ${shard}`, cause),
          }),
        event: async (seq) => (await readStored(nats, seq))?.envelope,
      }),
    ),
  )
}

const unavailable = (operation: string, cause: unknown) =>
  new LogUnavailable({ operation, reason: reasonOf(cause), stored: "unknown" })

const commit = async (nats: NatsShape, { retries, dead, records }: Outcomes): Promise<void> => {
  await Promise.all([
    untilStored(nats, retries.filter(({ delivery }) => delivery.key === undefined).map(scheduleOf)),
    untilStored(nats, dead.map(deadOf)),
    untilStored(nats, recordsOf("deliver", records)),
  ])
}

/** The message of a delivery that may be sent, where its lane looks for it. The event goes along unless it is referred to. */
export const readyMessage = (delivery: Delivery, event: Uint8Array): Message => {
  const { workspace, connection, key } = delivery
  const shard = shardOf(workspace, connection)
  return {
    subject:
      key === undefined
        ? subjects.deliver(shard, workspace, connection)
        : subjects.ordered(shard, workspace, connection, key),
    body: encodeDelivery(delivery, delivery.source === undefined ? event : undefined),
  }
}

const scheduleOf = ({ delivery, event }: Carried): Message => {
  const { workspace, connection, id } = delivery
  const shard = shardOf(workspace, connection)
  return {
    subject: subjects.due(shard, workspace, connection, id),
    body: encodeDelivery(delivery, event),
    headers:
      `Nats-Schedule: @at ${new Date(delivery.next ?? 0).toISOString()}\r\n` +
      `Nats-Schedule-Target: ${subjects.deliver(shard, workspace, connection)}\r\n`,
  }
}

const deadOf = ({ delivery, event }: Carried): Message => ({
  subject: subjects.dead(delivery.workspace, delivery.connection, delivery.id),
  body: encodeDelivery(delivery, event),
})

/** History messages of some records, each well under the server's `max_payload`. */
export const recordsOf = (writer: string, records: ReadonlyArray<HistoryRecord>): ReadonlyArray<Message> => {
  const messages: Array<Message> = []
  let lines: Array<string> = []
  let length = 0
  const close = () => {
    if (lines.length > 0)
      messages.push({ subject: subjects.history(writer), body: Buffer.from(`[${lines.join(",")}]`) })
    lines = []
    length = 0
  }
  for (const record of records) {
    const line = JSON.stringify(record)
    if (length + line.length > limits.historyMessageCharacters) close()
    lines.push(line)
    length += line.length
  }
  close()
  return messages
}

/** Stores messages that carry an id, each once, in as many batches as it takes; rejects at the first that is not known to be stored. */
const storeOnce = async (nats: NatsShape, messages: ReadonlyArray<Message>): Promise<void> => {
  for (const batch of intoBatches(messages)) {
    const result = await publishBatch(nats.nc, batch)
    if (result._tag === "Stored") continue
    // One of them is there from an attempt whose answer got lost: each on its own is recognised.
    const repeated = result._tag === "Refused" && result.code === errorCodes.duplicateInBatch && batch.length > 1
    if (!repeated) throw new Error(result.reason)
    for (const message of batch) await storeOnce(nats, [message])
  }
}

/** The same, again and again until it is done: for what must not be given up and may be repeated. */
const untilStored = async (nats: NatsShape, messages: ReadonlyArray<Message>): Promise<void> => {
  for (const batch of intoBatches(messages)) {
    let delay: number = limits.restartDelayMs
    for (;;) {
      if (nats.connected() && (await publishBatch(nats.nc, batch))._tag === "Stored") break
      if (nats.nc.isClosed()) throw new Error("the connection to NATS was closed")
      await new Promise((resolve) => setTimeout(resolve, delay))
      delay = Math.min(delay * 2, limits.restartDelayMaxMs)
    }
  }
}

/**
 * Removes the messages that a consumer is through with, up to the first that it is not, and gives how many are left to it. One purge
 * for many messages: as a work queue the stream would pay an fsync for each.
 */
const sweep = async (nats: NatsShape, consumer: string, filter: string): Promise<number> => {
  const info = await nats.jsm.consumers.info(streams.deliveries, consumer)
  const floor = info.ack_floor.stream_seq
  if (floor > 0) await nats.jsm.streams.purge(streams.deliveries, { filter, seq: floor + 1 })
  return info.num_pending + info.num_ack_pending
}

const unpin = async (nats: NatsShape, consumer: string): Promise<void> => {
  if (!nats.connected()) return
  const subject = `$JS.API.CONSUMER.UNPIN.${streams.deliveries}.${consumer}`
  await nats.nc
    .request(subject, JSON.stringify({ group: ownerGroup }), { timeout: limits.batchTimeoutMs })
    .catch(() => {})
}

const parkedConsumer = (shard: number, workspace: string, connection: string) =>
  `parked-${shard}-${workspace}-${connection}`

const pullParked = async (
  nats: NatsShape,
  shard: number,
  workspace: string,
  connection: string,
  window: number,
  listener: Listener,
): Promise<Pull> => {
  const consumer = parkedConsumer(shard, workspace, connection)
  await ensureConsumer(nats, {
    durable_name: consumer,
    filter_subject: subjects.parked(shard, workspace, connection),
    ack_policy: AckPolicy.Explicit,
    ack_wait: nanos(limits.ackWaitMs),
    max_ack_pending: limits.parkedInFlight,
    inactive_threshold: nanos(limits.parkedConsumerIdleMs),
  })
  return openPull(nats, { stream: streams.deliveries, consumer, window, ...listener })
}

const listParked = async (nats: NatsShape, shard: number) => {
  const info = await nats.jsm.streams.info(streams.deliveries, { subjects_filter: `parked.${shard}.>` })
  return Object.entries(info.state.subjects ?? {}).map(([subject, count]) => {
    const [, , workspace, connection] = subject.split(".")
    return { workspace: workspace!, connection: connection!, count }
  })
}
