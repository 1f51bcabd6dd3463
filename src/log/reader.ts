/**
 * Reading the log for people: the command line's `tail`, `deliveries`, `dead`. Reads only what it is asked for, never acknowledges.
 */
import { AckPolicy, DeliverPolicy } from "@nats-io/jetstream"
import { nanos, nuid } from "@nats-io/nats-core"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import { limits } from "../config/defaults.ts"
import { decodeDelivery, type Delivery } from "../model/delivery.ts"
import { LogUnavailable } from "../model/errors.ts"
import type { DeliveryRevived } from "../model/record.ts"
import { publishBatch, type Message } from "./batch.ts"
import { Nats, reasonOf, type NatsShape } from "./connection.ts"
import { logTime, serverTime } from "./log-time.ts"
import { openPull } from "./pull.ts"
import { streams } from "./topology.ts"
import { readyMessage, recordsOf } from "./work.ts"

export interface StoredMessage {
  readonly seq: number
  readonly subject: string
  /** When the log stored it, in milliseconds. */
  readonly time: number
  readonly data: Uint8Array
}

export class LogReader extends Context.Service<
  LogReader,
  {
    /** Messages in order, from a sequence or a time; ends at the last one stored at the call unless `follow`. */
    readonly scan: (
      stream: "EVENTS" | "DELIVERIES" | "DEAD" | "HISTORY",
      options: {
        readonly subject?: string
        readonly fromSeq?: number
        readonly fromTime?: number
        /** Only what is stored from now on; goes on for ever. */
        readonly follow?: boolean
      },
    ) => Stream.Stream<StoredMessage, LogUnavailable>
    /** The last message of an exact subject. */
    readonly last: (
      stream: "EVENTS" | "DELIVERIES" | "DEAD" | "HISTORY",
      subject: string,
    ) => Effect.Effect<StoredMessage | undefined, LogUnavailable>
    /** First and last sequence and the number of messages: for progress. */
    readonly extent: (
      stream: "EVENTS" | "DELIVERIES" | "DEAD" | "HISTORY",
    ) => Effect.Effect<{ readonly first: number; readonly last: number; readonly count: number }, LogUnavailable>
    /**
     * Puts a dead delivery back to work: ready message and history record stored, then the dead letter removed. `false`: it is not there.
     *
     * @param subject of its letter; a `*` stands for any connection or workspace
     */
    readonly revive: (subject: string, by: string) => Effect.Effect<boolean, LogUnavailable>
  }
>()("meshes/LogReader") {
  static readonly layer = Layer.effect(
    LogReader,
    Effect.map(Nats, (nats) =>
      LogReader.of({
        scan: (stream, options) => scan(nats, stream, options),
        last: (stream, subject) =>
          attempt(`reading ${subject}`, async () => {
            const message = await nats.jsm.direct.getMessage(stream, { last_by_subj: subject })
            return message === null
              ? undefined
              : { seq: message.seq, subject: message.subject, time: message.time.getTime(), data: message.data }
          }),
        extent: (stream) => extent(nats, stream),
        revive: (subject, by) => attempt(`reviving ${subject}`, () => revive(nats, subject, by)),
      }),
    ),
  )
}

type StreamName = Parameters<LogReader["Service"]["scan"]>[0]

const attempt = <A>(operation: string, run: () => Promise<A>): Effect.Effect<A, LogUnavailable> =>
  Effect.tryPromise({
    try: run,
    catch: (cause) => new LogUnavailable({ operation, reason: reasonOf(cause), stored: "unknown" }),
  })

const extent = (nats: NatsShape, stream: StreamName) =>
  attempt(`looking at ${stream}`, async () => {
    const { state } = await nats.jsm.streams.info(stream)
    return { first: state.first_seq, last: state.last_seq, count: state.messages }
  })

const scan: (
  nats: NatsShape,
  stream: StreamName,
  options: Parameters<LogReader["Service"]["scan"]>[1],
) => Stream.Stream<StoredMessage, LogUnavailable> = (nats, stream, options) =>
  Stream.unwrap(
    Effect.gen(function* () {
      const consumer = `reader-${nuid.next()}`
      const info = yield* Effect.acquireRelease(
        attempt(`reading ${stream}`, () =>
          nats.jsm.consumers.add(stream, {
            name: consumer,
            ack_policy: AckPolicy.None,
            mem_storage: true,
            num_replicas: 1,
            inactive_threshold: nanos(limits.pullExpiresMs * 2),
            ...(options.subject === undefined ? {} : { filter_subject: options.subject }),
            ...startOf(options),
          }),
        ),
        () => Effect.promise(() => nats.jsm.consumers.delete(stream, consumer).catch(() => false)),
      )
      let left = options.follow === true ? Number.POSITIVE_INFINITY : info.num_pending
      if (left === 0) return Stream.empty
      const queue = yield* Queue.unbounded<StoredMessage, LogUnavailable | Cause.Done>()
      // What was read and not yet taken is bounded by the window: room is given back as the stream is consumed.
      const pull = yield* Effect.acquireRelease(
        Effect.sync(() =>
          openPull(nats, {
            stream,
            consumer,
            window: limits.readerPrefetch,
            onMessage: (message) => {
              Queue.offerUnsafe(queue, {
                seq: message.seq,
                subject: message.subject,
                time: message.time,
                data: message.data,
              })
              if (--left === 0) Queue.endUnsafe(queue)
            },
            onGone: (reason) =>
              Queue.failCauseUnsafe(
                queue,
                Cause.fail(new LogUnavailable({ operation: `reading ${stream}`, reason, stored: "no" })),
              ),
          }),
        ),
        (open) => Effect.sync(() => open.close()),
      )
      return Stream.fromQueue(queue).pipe(Stream.tap(() => Effect.sync(() => pull.done(1))))
    }),
  )

const startOf = (options: Parameters<LogReader["Service"]["scan"]>[1]) => {
  if (options.fromSeq !== undefined) {
    return { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: Math.max(1, options.fromSeq) }
  }
  if (options.fromTime !== undefined) {
    return { deliver_policy: DeliverPolicy.StartTime, opt_start_time: serverTime(options.fromTime) }
  }
  return { deliver_policy: options.follow === true ? DeliverPolicy.New : DeliverPolicy.All }
}

/** A dead delivery as it is sent again. It has lost its place in the order when it died, and gave way to those behind it. */
export const revivedOf = (dead: Delivery): Delivery => {
  const { last: _, next: __, key: ___, ...before } = dead
  return { ...before, state: "pending", attempt: 0, manual: (before.manual ?? 0) + 1 }
}

/**
 * The ready message carries the dead letter's sequence as its id, so that reviving it twice (a crash before the letter is removed, two
 * operators at once) makes one.
 */
const revive = async (nats: NatsShape, subject: string, by: string): Promise<boolean> => {
  const letter = await nats.jsm.streams.getMessage(streams.dead, { last_by_subj: subject })
  const decoded = letter === null ? undefined : decodeDelivery(letter.data)
  if (letter === null || decoded === undefined) return false
  const delivery = revivedOf(decoded.delivery)
  const { workspace, connection } = delivery
  // Before it is sent: its first attempt comes after this.
  const at = logTime()
  await store(nats, {
    ...readyMessage(delivery, decoded.event),
    headers: `Nats-Msg-Id: revive.${letter.seq}\r\n`,
  })
  const record: DeliveryRevived = {
    kind: "delivery.revived",
    at,
    delivery: delivery.id,
    event: delivery.event,
    workspace,
    connection,
    by,
  }
  for (const message of recordsOf("operate", [record])) await store(nats, message)
  await nats.jsm.streams.deleteMessage(streams.dead, letter.seq, false)
  return true
}

const store = async (nats: NatsShape, message: Message): Promise<void> => {
  const result = await publishBatch(nats.nc, [message])
  if (result._tag !== "Stored") throw new Error(result.reason)
}
