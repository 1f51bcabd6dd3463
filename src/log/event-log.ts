/**
 * Where accepted events go: appended to `EVENTS` by group commit, and only then acknowledged to the publisher.
 *
 * While batches are being stored the next one gathers; when nothing is under way a batch of one goes at once. Each event carries its
 * workspace and id as `Nats-Msg-Id`, so a batch whose answer got lost is simply sent again: what is there already is recognised.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import { limits } from "../config/defaults.ts"
import { LogUnavailable } from "../model/errors.ts"
import type { Event } from "../model/event.ts"
import type { EventId, EventType, WorkspaceId } from "../model/ids.ts"
import { errorCodes, publishBatch, type Message } from "./batch.ts"
import { Nats, reasonOf, type NatsShape } from "./connection.ts"
import { createdHeader, readStored } from "./stored.ts"
import { streams, subjects } from "./topology.ts"

/** Ids that are asked about in one batch. */
const knownAtOnce = 100

export interface Entry {
  readonly workspace: WorkspaceId
  readonly type: EventType
  /** The idempotency key within the workspace: a second event with it, within `limits.idempotencyWindowMs`, is a duplicate. */
  readonly id: EventId
  /** When it was accepted, in milliseconds. */
  readonly created: number
  /** The canonical envelope (`encodeEvent`). */
  readonly body: Uint8Array
}

export interface Appended {
  /** `true`: an event of this id is already in the log, and this one was dropped. */
  readonly duplicate: boolean
  /** Sequence in `EVENTS`, of the earlier one when it is a duplicate. */
  readonly seq: number
}

export class EventLog extends Context.Service<
  EventLog,
  {
    /** Succeeds when the log has it on disk. Fails at once when the log is away or `limits.appendQueue` events wait. */
    readonly append: (entry: Entry) => Effect.Effect<Appended, LogUnavailable>
    /** The same for many at once, with one answer each, in order. Entries of one id: the first is stored, the others are its duplicates. */
    readonly appendAll: (
      entries: ReadonlyArray<Entry>,
    ) => Effect.Effect<ReadonlyArray<Result.Result<Appended, LogUnavailable>>>
    /** Which of these are in the log already, as far as it remembers ids: `append` would call them duplicates. Nothing is stored. */
    readonly known: (entries: ReadonlyArray<Entry>) => Effect.Effect<ReadonlyArray<boolean>, LogUnavailable>
    /** The event at a sequence as it was first accepted: what a duplicate is answered with. */
    readonly read: (
      seq: number,
    ) => Effect.Effect<{ readonly event: Event; readonly created: number } | undefined, LogUnavailable>
  }
>()("meshes/EventLog") {
  static readonly layer = Layer.effect(
    EventLog,
    Effect.gen(function* () {
      const nats = yield* Nats
      const append = makeAppender(nats)
      const one = (entry: Entry) =>
        Effect.callback<Result.Result<Appended, LogUnavailable>>((resume) => {
          append(entry, (result) => resume(Effect.succeed(result)))
        })
      const all = (entries: ReadonlyArray<Entry>) =>
        Effect.callback<ReadonlyArray<Result.Result<Appended, LogUnavailable>>>((resume) => {
          const results = new Array<Result.Result<Appended, LogUnavailable>>(entries.length)
          let waiting = entries.length
          if (waiting === 0) return resume(Effect.succeed(results))
          entries.forEach((entry, i) =>
            append(entry, (result) => {
              results[i] = result
              if (--waiting === 0) resume(Effect.succeed(results))
            }),
          )
        })
      return EventLog.of({
        append: (entry) => Effect.flatMap(one(entry), Effect.fromResult),
        appendAll: all,
        known: (entries) =>
          Effect.tryPromise({ try: () => known(nats, entries), catch: (cause) => unavailable(reasonOf(cause), "no") }),
        read: (seq) =>
          Effect.tryPromise({
            try: () => readStored(nats, seq),
            catch: (cause) => unavailable(reasonOf(cause), "no"),
          }),
      })
    }),
  )
}

/** Refuses the batch that it comes with: no stream has this name. */
const never = { headers: "Nats-Expected-Stream: none\r\n", body: new Uint8Array() }

/** Asks by batches that cannot be stored: what the log says first is that there is a duplicate among them. */
const known = async (nats: NatsShape, entries: ReadonlyArray<Entry>): Promise<ReadonlyArray<boolean>> => {
  const anyOf = async (some: ReadonlyArray<Entry>): Promise<boolean> => {
    const { subject } = messageOf(some[0]!)
    const result = await publishBatch(nats.nc, [...some.map(messageOf), { ...never, subject }])
    if (result._tag === "Unknown") throw new Error(result.reason)
    return result._tag === "Refused" && result.code === errorCodes.duplicateInBatch
  }
  const found: Array<boolean> = []
  for (let from = 0; from < entries.length; from += knownAtOnce) {
    const some = entries.slice(from, from + knownAtOnce)
    const any = await anyOf(some)
    found.push(...(any ? await Promise.all(some.map((entry) => anyOf([entry]))) : some.map(() => false)))
  }
  return found
}

const unavailable = (reason: string, stored: "no" | "unknown") =>
  new LogUnavailable({ operation: "storing an event", reason, stored })

type Answer = (result: Result.Result<Appended, LogUnavailable>) => void

interface Waiting {
  readonly message: Message
  readonly deadline: number
  readonly answer: Answer
  /** It was sent once and nobody knows what became of it. */
  unsure: boolean
}

const makeAppender = (nats: NatsShape) => {
  let queue: Array<Waiting> = []
  let inFlight = 0
  let woken = false

  const wake = () => {
    if (woken) return
    woken = true
    // At the end of the turn, so that requests read together are stored together.
    setImmediate(() => {
      woken = false
      flush()
    })
  }

  const flush = () => {
    while (
      queue.length > 0 &&
      (inFlight === 0 || (inFlight < limits.batchesInFlight && queue.length >= limits.batchMessages / 2))
    ) {
      const group = takeGroup()
      inFlight++
      void store(group).finally(() => {
        inFlight--
        wake()
      })
    }
  }

  const takeGroup = (): Array<Waiting> => {
    let bytes = 0
    let count = 0
    while (count < queue.length && count < limits.batchMessages) {
      bytes += queue[count]!.message.body.length
      if (count > 0 && bytes > limits.batchBytes) break
      count++
    }
    const group = queue.slice(0, count)
    queue = count === queue.length ? [] : queue.slice(count)
    return group
  }

  const store = async (given: Array<Waiting>): Promise<void> => {
    // Whoever waited for these was answered, and counts on it that they are not sent any more.
    const group = given.filter((waiting) => performance.now() < waiting.deadline)
    if (group.length < given.length) {
      for (const late of given.filter((waiting) => !group.includes(waiting)))
        fail(late, `it was not sent within ${limits.acceptTimeoutMs} ms`)
    }
    if (group.length === 0) return
    if (!nats.connected()) return again(group, "the connection to NATS is down")
    const messages = group.map((waiting) => waiting.message)
    const result = await publishBatch(nats.nc, messages)
    if (result._tag === "Stored") {
      if (group.length === 1) return succeed(group[0]!, result.lastSeq, result.duplicate)
      const first = result.lastSeq - group.length + 1
      group.forEach((waiting, i) => waiting.answer(Result.succeed({ duplicate: false, seq: first + i })))
      return
    }
    if (result._tag === "Unknown") {
      for (const waiting of group) waiting.unsure = true
      return again(group, result.reason)
    }
    if (group.length > 1 && result.code === errorCodes.duplicateInBatch) return storeSingly(group)
    for (const waiting of group) fail(waiting, result.reason)
  }

  /** One of them is in the log already, which refuses the whole batch: each gets its own answer. */
  const storeSingly = async (group: Array<Waiting>): Promise<void> => {
    await Promise.all(
      group.map(async (waiting) => {
        const result = await publishBatch(nats.nc, [waiting.message])
        if (result._tag === "Stored") return succeed(waiting, result.lastSeq, result.duplicate)
        if (result._tag === "Refused") return fail(waiting, result.reason)
        waiting.unsure = true
        return again([waiting], result.reason)
      }),
    )
  }

  /** A duplicate of something whose fate was unknown may be that very thing. */
  const succeed = async (waiting: Waiting, seq: number, duplicate: boolean): Promise<void> => {
    let repeated = duplicate
    if (duplicate && waiting.unsure) {
      const stored = await nats.jsm.direct.getMessage(streams.events, { seq }).catch(() => null)
      if (stored !== null && Buffer.compare(stored.data, waiting.message.body) === 0) repeated = false
    }
    waiting.answer(Result.succeed({ duplicate: repeated, seq }))
  }

  const fail = (waiting: Waiting, reason: string) =>
    waiting.answer(Result.fail(unavailable(reason, waiting.unsure ? "unknown" : "no")))

  /** What was never sent is refused at once; what may be stored is tried again until its deadline. */
  const again = (group: Array<Waiting>, reason: string): void => {
    const now = performance.now()
    const keep: Array<Waiting> = []
    for (const waiting of group) {
      if (waiting.unsure && now < waiting.deadline) keep.push(waiting)
      else fail(waiting, reason)
    }
    if (keep.length > 0) {
      setTimeout(() => {
        queue = [...keep, ...queue]
        wake()
      }, limits.natsReconnectWaitMs)
    }
  }

  return (entry: Entry, answer: Answer): void => {
    if (!nats.connected()) return answer(Result.fail(unavailable("the connection to NATS is down", "no")))
    if (queue.length >= limits.appendQueue) {
      return answer(Result.fail(unavailable(`${limits.appendQueue} events are waiting to be stored`, "no")))
    }
    queue.push({
      message: messageOf(entry),
      deadline: performance.now() + limits.acceptTimeoutMs,
      answer,
      unsure: false,
    })
    wake()
  }
}

const messageOf = (entry: Entry): Message => ({
  subject: subjects.event(entry.workspace, entry.type),
  body: entry.body,
  headers: `Nats-Msg-Id: ${entry.workspace}/${entry.id}\r\nMeshes-Envelope: 1\r\n${createdHeader}: ${entry.created}\r\n`,
})
