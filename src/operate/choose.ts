/**
 * Which deliveries an operation is over: what the history says of them, a page at a time, the latest first.
 */
import * as Effect from "effect/Effect"
import { limits } from "../config/defaults.ts"
import { History } from "../history/history.ts"
import type { DeliveryView } from "../history/views.ts"
import { LogUnavailable } from "../model/errors.ts"
import type { OperationFilter } from "../model/operation.ts"
import { matchesType } from "../model/type-pattern.ts"

/** Where a delivery stands in the history: the same on every replica. */
export type Cursor = readonly [created: number, tie: number]

/**
 * @param created all that the log stored before is waited for: the history follows a moment behind
 * @param use given each page, and where the next one begins; `undefined`: it is the last
 */
export const forEachPage = <E, R>(
  { status, type, ...filter }: OperationFilter,
  { after, limit }: { readonly after: Cursor | undefined; readonly limit: number },
  created: number,
  use: (views: ReadonlyArray<DeliveryView>, next: Cursor | undefined) => Effect.Effect<void, E, R>,
): Effect.Effect<void, LogUnavailable | E, R | History> =>
  Effect.gen(function* () {
    const history = yield* History
    const until = performance.now() + limits.instructionWaitMs
    while ((yield* history.progress).upTo < created) {
      if (performance.now() > until) return yield* new LogUnavailable(behind)
      yield* Effect.sleep(limits.readyPollMs)
    }
    for (let from = after; ;) {
      const { records, next } = yield* history.deliveries({ ...filter, statuses: status, after: from, limit })
      const views = type === undefined ? records : records.filter((view) => matchesType(type, view.type))
      yield* use(views, next)
      if (next === undefined) return
      from = next
    }
  })

const behind = { operation: "choosing deliveries", reason: "the history is behind the log", stored: "no" as const }
