/**
 * An event log in memory that can be told to hold its answers back, to fail, or to go silent.
 */
import { Deferred, Effect, Layer, Result } from "effect"
import { type Appended, type Entry, EventLog } from "../../../src/log/event-log.ts"
import type { LogUnavailable } from "../../../src/model/errors.ts"
import type { Event } from "../../../src/model/event.ts"

export interface MemoryLog {
  readonly layer: Layer.Layer<EventLog>
  readonly entries: Array<Entry>
  /** Appends that were asked for and are not answered yet. */
  waiting: number
  /** While set, nothing is answered until it is done. */
  gate: Deferred.Deferred<void> | undefined
  /** Decides which appends fail. */
  failure: (entry: Entry) => LogUnavailable | undefined
}

export const decode = (entry: Entry): Event => JSON.parse(Buffer.from(entry.body).toString()) as Event

export const makeMemoryLog = (): MemoryLog => {
  const entries: Array<Entry> = []
  const places = new Map<string, number>()
  const put = (entry: Entry): Result.Result<Appended, LogUnavailable> => {
    const failure = log.failure(entry)
    if (failure !== undefined) return Result.fail(failure)
    const key = `${entry.workspace}/${entry.id}`
    const before = places.get(key)
    if (before !== undefined) return Result.succeed({ duplicate: true, seq: before })
    entries.push(entry)
    places.set(key, entries.length)
    return Result.succeed({ duplicate: false, seq: entries.length })
  }
  const appendAll = (all: ReadonlyArray<Entry>) =>
    Effect.gen(function* () {
      log.waiting++
      if (log.gate !== undefined) yield* Deferred.await(log.gate)
      return all.map(put)
    }).pipe(Effect.ensuring(Effect.sync(() => log.waiting--)))
  const log: MemoryLog = {
    entries,
    waiting: 0,
    gate: undefined,
    failure: () => undefined,
    layer: Layer.succeed(EventLog, {
      append: (entry) => Effect.flatMap(appendAll([entry]), ([answer]) => Effect.fromResult(answer!)),
      appendAll,
      known: (all) => Effect.succeed(all.map(({ workspace, id }) => places.has(`${workspace}/${id}`))),
      read: (seq) =>
        Effect.sync(() => {
          const entry = entries[seq - 1]
          return entry === undefined ? undefined : { event: decode(entry), created: entry.created }
        }),
    }),
  }
  return log
}
