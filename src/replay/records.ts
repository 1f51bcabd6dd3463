/**
 * The history's records since a time, those that a router has not yet written included.
 */
import * as Effect from "effect/Effect"
import { type Pace, unpaced } from "../config/in-turns.ts"
import { recordsIn } from "../history/records.ts"
import type { Past } from "../log/past.ts"
import { subjects } from "../log/topology.ts"
import { Unusable, type LogUnavailable } from "../model/errors.ts"
import type { HistoryRecord } from "../model/record.ts"

/** `HISTORY` messages read at once: each holds many records, and events are routed and sent between two pages. */
const pageMessages = 20

/** Clocks of server and runtime differ a little. */
const clockSlackMs = 5000

/**
 * @param from milliseconds since 1970; absent: all
 * @param enough looked at now and then: whether to read no further, or why it cannot be gone on with, as `Unusable`
 * @param options `writers`: whose records are read, as in `subjects.history`; default: all
 * @returns when the oldest record was stored that the history still has; 0: nothing was ever forgotten
 */
export const forEachRecord = Effect.fnUntraced(function* (
  past: Past["Service"],
  from: number | undefined,
  use: (record: HistoryRecord) => void,
  enough: () => boolean | string,
  { writers = ">", pace = unpaced }: { readonly writers?: string; readonly pace?: Pace | undefined } = {},
): Effect.fn.Return<number, LogUnavailable | Unusable> {
  // In this order: what was decided by now is among the routers' records, or in the history up to its end.
  const routed = yield* past.routed
  const { last, since } = yield* past.extent("HISTORY")
  const begin = from === undefined ? 1 : yield* past.since("HISTORY", from - clockSlackMs)
  for (let next = begin; next <= last;) {
    const page = yield* past.next("HISTORY", subjects.history(writers), next, pageMessages)
    if (page.length === 0) break
    for (const message of page) {
      yield* Effect.promise(() => pace(() => recordsIn(message).forEach(use)))
    }
    const found = enough()
    if (typeof found === "string") return yield* new Unusable({ message: found })
    if (found) return since
    next = page.at(-1)!.seq + 1
  }
  for (const { records } of routed) records.forEach(use)
  return since
})
