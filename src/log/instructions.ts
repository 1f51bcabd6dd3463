/**
 * Instructions to lanes, in the log beside the deliveries that they are about (`model/instruction.ts`): giving them, what came of them,
 * and for a shard's owner all that there are, before it sends anything, and then each new one.
 */
import { AckPolicy, DeliverPolicy } from "@nats-io/jetstream"
import { nanos, nuid } from "@nats-io/nats-core"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { limits } from "../config/defaults.ts"
import type { ConnectionRef } from "../model/connection-state.ts"
import type { DeliveryState } from "../model/delivery.ts"
import { LogUnavailable } from "../model/errors.ts"
import type { DeliveryId } from "../model/ids.ts"
import type { Instruction } from "../model/instruction.ts"
import { errorCodes, publishBatch, type Message } from "./batch.ts"
import { Nats, reasonOf, type NatsShape } from "./connection.ts"
import { nextMessages } from "./direct.ts"
import { logTime } from "./log-time.ts"
import { openPull, type Pull } from "./pull.ts"
import { shardOf, streams, subjects } from "./topology.ts"

/** Which delivery an instruction is about. */
export interface Target extends ConnectionRef {
  readonly delivery: DeliveryId
}

/** An instruction as it stands in the log. */
export interface Given extends Target {
  readonly seq: number
  readonly instruction: Instruction
}

export class Instructions extends Context.Service<
  Instructions,
  {
    /** Stores it in place of an earlier one about the same delivery. */
    readonly give: (target: Target, instruction: Instruction) => Effect.Effect<void, LogUnavailable>
    /** What came of it; `undefined`: nothing yet, after `limits.instructionWaitMs`. */
    readonly result: (target: Target) => Effect.Effect<DeliveryState | undefined, LogUnavailable>
    /** Resolves when the listener was told of all that there are; then it is told of each new one. */
    readonly feed: (
      shard: number,
      listener: { readonly onGiven: (given: Given) => void; readonly onGone: (reason: string) => void },
    ) => Promise<Pull>
    /** Says what came of it, unless another was given since. Rejects when the log is away. */
    readonly settle: (given: Given, result: DeliveryState) => Promise<void>
    /** Makes the retry of a delivery that waits for its time ready now. Rejects when the log is away. */
    readonly bringForward: (target: Target) => Promise<void>
    /** The first sequence of what waits for a connection; what was given before may be forgotten. `Infinity`: nothing waits. */
    readonly oldest: (ref: ConnectionRef) => Promise<number>
    /** Removes those about deliveries of a connection, up to and without a sequence. */
    readonly forget: (ref: ConnectionRef, before: number) => Promise<void>
  }
>()("meshes/Instructions") {
  static readonly layer = Layer.effect(
    Instructions,
    Effect.map(Nats, (nats) =>
      Instructions.of({
        give: (target, instruction) =>
          attempt(`giving an instruction about ${target.delivery}`, () =>
            put(nats, instructionOf(target, instruction)),
          ),
        result: (target) => attempt(`looking what became of ${target.delivery}`, () => awaitResult(nats, target)),
        feed: (shard, listener) => openFeed(nats, shard, listener),
        settle: (given, result) =>
          put(nats, instructionOf(given, { ...given.instruction, result }, given.seq), errorCodes.wrongLastSequence),
        bringForward: (target) => bringForward(nats, target),
        oldest: (ref) => oldest(nats, ref),
        forget: async ({ workspace, connection }, before) => {
          const filter = subjects.instruction(shardOf(workspace, connection), workspace, connection, "*")
          await nats.jsm.streams.purge(streams.deliveries, { filter, seq: before })
        },
      }),
    ),
  )
}

const attempt = <A>(operation: string, run: () => Promise<A>): Effect.Effect<A, LogUnavailable> =>
  Effect.tryPromise({
    try: run,
    catch: (cause) => new LogUnavailable({ operation, reason: reasonOf(cause), stored: "unknown" }),
  })

const subjectOf = ({ workspace, connection, delivery }: Target): string =>
  subjects.instruction(shardOf(workspace, connection), workspace, connection, delivery)

/** @param after only if the last one about this delivery has this sequence */
export const instructionOf = (target: Target, instruction: Instruction, after?: number): Message => ({
  subject: subjectOf(target),
  body: Buffer.from(JSON.stringify(instruction)),
  headers: "Nats-Rollup: sub\r\n" + (after === undefined ? "" : `Nats-Expected-Last-Subject-Sequence: ${after}\r\n`),
})

/** @param harmless what the log may refuse it for */
const put = async (nats: NatsShape, message: Message, harmless?: number): Promise<void> => {
  const result = await publishBatch(nats.nc, [message])
  if (result._tag === "Stored" || (result._tag === "Refused" && result.code === harmless)) return
  throw new Error(result.reason)
}

const awaitResult = async (nats: NatsShape, target: Target): Promise<DeliveryState | undefined> => {
  const until = performance.now() + limits.instructionWaitMs
  for (let delay: number = limits.readyPollMs; ; delay = Math.min(delay * 2, limits.natsReconnectWaitMs)) {
    const message = await nats.jsm.streams.getMessage(streams.deliveries, { last_by_subj: subjectOf(target) })
    const result = message?.json<Instruction>().result
    if (result !== undefined || performance.now() > until) return result
    await new Promise((resolve) => setTimeout(resolve, delay))
  }
}

const openFeed = async (
  nats: NatsShape,
  shard: number,
  listener: { readonly onGiven: (given: Given) => void; readonly onGone: (reason: string) => void },
): Promise<Pull> => {
  const consumer = `instructions-${shard}-${nuid.next()}`
  const { num_pending } = await nats.jsm.consumers.add(streams.deliveries, {
    name: consumer,
    filter_subject: subjects.instruction(shard, "*", "*", "*"),
    deliver_policy: DeliverPolicy.LastPerSubject,
    ack_policy: AckPolicy.None,
    mem_storage: true,
    num_replicas: 1,
    inactive_threshold: nanos(limits.pullExpiresMs * 2),
  })
  let expected = 1
  let known: (missing: string | undefined) => void = () => {}
  // One that was forgotten in between does not come.
  const timer = setTimeout(() => known("the log did not answer in time"), limits.batchTimeoutMs)
  const all = new Promise<string | undefined>((resolve) => (known = resolve)).finally(() => clearTimeout(timer))
  const gone = (reason: string) => {
    known(reason)
    listener.onGone(reason)
  }
  const pull = openPull(nats, {
    stream: streams.deliveries,
    consumer,
    window: limits.readerPrefetch,
    onMessage: ({ subject, data, seq, consumerSeq }) => {
      if (consumerSeq !== expected) {
        pull.close()
        return gone("an instruction was lost on the way")
      }
      const [, , workspace, connection, delivery] = subject.split(".") as [string, string, string, string, string]
      listener.onGiven({ workspace, connection, delivery, seq, instruction: JSON.parse(Buffer.from(data).toString()) })
      if (expected++ === num_pending) known(undefined)
      pull.done(1)
    },
    onGone: gone,
  })
  const close = () => {
    pull.close()
    if (nats.connected()) void nats.jsm.consumers.delete(streams.deliveries, consumer).catch(() => {})
  }
  if (num_pending === 0) known(undefined)
  const missing = await all
  if (missing === undefined) return { ...pull, close }
  close()
  throw new Error(missing)
}

/** In place of its schedule, unless that was fired or replaced meanwhile: then there is nothing to bring forward. */
const bringForward = async (nats: NatsShape, { workspace, connection, delivery }: Target): Promise<void> => {
  const shard = shardOf(workspace, connection)
  const subject = subjects.due(shard, workspace, connection, delivery)
  const waiting = await nats.jsm.streams.getMessage(streams.deliveries, { last_by_subj: subject })
  if (waiting === null) return
  const now: Message = {
    subject,
    body: waiting.data,
    headers:
      `Nats-Expected-Last-Subject-Sequence: ${waiting.seq}\r\n` +
      `Nats-Schedule: @at ${new Date(logTime()).toISOString()}\r\n` +
      `Nats-Schedule-Target: ${subjects.deliver(shard, workspace, connection)}\r\n`,
  }
  await put(nats, now, errorCodes.wrongLastSequence)
}

const oldest = async (nats: NatsShape, { workspace, connection }: ConnectionRef): Promise<number> => {
  const shard = shardOf(workspace, connection)
  const waiting = [
    subjects.deliver(shard, workspace, connection),
    subjects.parked(shard, workspace, connection),
    subjects.ordered(shard, workspace, connection, ">"),
  ]
  const first = await Promise.all(waiting.map((subject) => nextMessages(nats, streams.deliveries, subject, 1, 1)))
  return Math.min(Number.POSITIVE_INFINITY, ...first.flat().map(({ seq }) => seq))
}
