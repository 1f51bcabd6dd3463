/**
 * A checkpoint in `DELIVERIES` that is stored in the same atomic batch as the deliveries that it accounts for, and only if the checkpoint
 * before it is still the last one. So a writer that died, slept or was replaced finds its batch refused as a whole.
 *
 * The checkpoint's body also holds the history records of its batch. They are written to `HISTORY` after the commit and before the
 * next one; a writer that starts writes those of the last checkpoint again. So the history misses nothing, and records nothing that
 * was not committed.
 */
import * as Effect from "effect/Effect"
import { LogUnavailable } from "../model/errors.ts"
import type { HistoryRecord } from "../model/record.ts"
import { publishBatch, type BatchResult, type Message } from "./batch.ts"
import { reasonOf, type NatsShape } from "./connection.ts"
import { streams, subjects } from "./topology.ts"

export interface Checkpoint {
  readonly records: ReadonlyArray<HistoryRecord>
}

/** Whose checkpoint it is. */
export interface Writer {
  readonly subject: string
  /** What comes after `history.` in the subject of its records. */
  readonly history: string
  /** Its name in errors and in the ids of its records: `route.3`. */
  readonly name: string
}

/** Stores the deliveries and the checkpoint, all or nothing, then its records. At most `limits.batchMessages - 1` deliveries. */
export type Commit<A extends Checkpoint> = (
  checkpoint: A,
  deliveries: ReadonlyArray<Message>,
) => Effect.Effect<void, LogUnavailable>

/** The last checkpoint and its own sequence in `DELIVERIES`; `undefined`: there is none. */
export const readCheckpoint = <A extends Checkpoint>(
  nats: NatsShape,
  { subject, name }: Writer,
): Effect.Effect<{ readonly stored: number; readonly checkpoint: A } | undefined, LogUnavailable> =>
  Effect.tryPromise({
    try: async () => {
      const query = { last_by_subj: subject }
      // A direct get may be answered by a server that lags behind: that there is none, the leader has to say.
      const message =
        (await nats.jsm.direct.getMessage(streams.deliveries, query)) ??
        (await nats.jsm.streams.getMessage(streams.deliveries, query))
      return message === null ? undefined : { stored: message.seq, checkpoint: message.json<A>() }
    },
    catch: failure(`reading the checkpoint of ${name}`),
  })

/** @param lastStored the sequence of the checkpoint that the first commit follows; 0: it is the first */
export const makeCommit = <A extends Checkpoint>(nats: NatsShape, writer: Writer, lastStored: number): Commit<A> => {
  let stored = lastStored
  return Effect.fnUntraced(function* (checkpoint, deliveries) {
    const message: Message = {
      subject: writer.subject,
      body: Buffer.from(JSON.stringify(checkpoint)),
      headers: `Nats-Expected-Last-Subject-Sequence: ${stored}\r\nNats-Rollup: sub\r\n`,
    }
    const result = yield* publish(nats, [message, ...deliveries])
    if (result._tag !== "Stored") {
      return yield* new LogUnavailable({
        operation: `committing ${writer.name}`,
        reason: result.reason,
        stored: result._tag === "Refused" ? "no" : "unknown",
      })
    }
    stored = result.lastSeq - deliveries.length
    yield* storeRecords(nats, writer, stored, checkpoint.records)
  })
}

/** @param stored the sequence of the checkpoint that the records are of: it makes them the same when they are written again */
export const storeRecords = Effect.fnUntraced(function* (
  nats: NatsShape,
  { history, name }: Writer,
  stored: number,
  records: ReadonlyArray<HistoryRecord>,
) {
  if (records.length === 0) return
  const result = yield* publish(nats, [
    {
      subject: subjects.history(history),
      body: Buffer.from(JSON.stringify(records)),
      headers: `Nats-Msg-Id: ${name}.${stored}\r\n`,
    },
  ])
  if (result._tag !== "Stored") return yield* failure(`recording what ${name} did`)(new Error(result.reason))
})

const failure = (operation: string) => (cause: unknown) =>
  new LogUnavailable({ operation, reason: reasonOf(cause), stored: "unknown" })

const publish = (nats: NatsShape, messages: ReadonlyArray<Message>): Effect.Effect<BatchResult> =>
  Effect.promise(() => publishBatch(nats.nc, messages))
