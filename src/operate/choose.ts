/**
 * Which deliveries an operation is over: what the history says of them, a page at a time, the latest first.
 */
import * as Effect from "effect/Effect"
import { limits } from "../config/defaults.ts"
import { History } from "../history/history.ts"
import type { DeliveryView } from "../history/views.ts"
import { logTime } from "../log/log-time.ts"
import { LogUnavailable } from "../model/errors.ts"
import { nothingDone, type OperationFilter, type OperationProgress } from "../model/operation.ts"
import { matchesType } from "../model/type-pattern.ts"

/** Where a delivery stands in the history: the same on every replica. */
export type Cursor = readonly [created: number, tie: number]

/**
 * @param created all that the log stored before is waited for
 * @param use given each page, and where the next one begins; `undefined`: it is the last
 */
export const forEachPage = <E, R>(
  { status, type, ...filter }: OperationFilter & { readonly event?: string },
  { after, limit }: { readonly after: Cursor | undefined; readonly limit: number },
  created: number,
  use: (views: ReadonlyArray<DeliveryView>, next: Cursor | undefined) => Effect.Effect<void, E, R>,
): Effect.Effect<void, LogUnavailable | E, R | History> =>
  Effect.gen(function* () {
    const history = yield* History
    yield* caughtUp(created)
    for (let from = after; ;) {
      const { records, next } = yield* history.deliveries({ ...filter, statuses: status, after: from, limit })
      const views = type === undefined ? records : records.filter((view) => matchesType(type, view.type))
      yield* use(views, next)
      if (next === undefined) return
      from = next
    }
  })

/** Waits until the history has all that the log stored before: it follows a moment behind. */
export const caughtUp = Effect.fnUntraced(function* (time: number): Effect.fn.Return<void, LogUnavailable, History> {
  const history = yield* History
  const until = performance.now() + limits.instructionWaitMs
  while ((yield* history.progress).upTo < time) {
    if (performance.now() > until) return yield* new LogUnavailable(behind)
    yield* Effect.sleep(limits.readyPollMs)
  }
})

/** How many deliveries a filter leaves, by connection; what the log stored before `created` is among them. */
export const countThose = Effect.fnUntraced(function* (
  filter: OperationFilter,
  created: number = logTime(),
): Effect.fn.Return<OperationProgress, LogUnavailable, History> {
  let progress = nothingDone
  const page = { after: undefined, limit: limits.operationPreviewPage }
  yield* forEachPage(filter, page, created, (views) =>
    Effect.sync(() => void (progress = counted(progress, views, views.length))),
  )
  return progress
})

/** @param looked at, so many */
export const counted = (
  before: OperationProgress,
  done: ReadonlyArray<DeliveryView>,
  looked: number,
): OperationProgress => {
  const connections: { [connection: string]: number } = { ...before.connections }
  for (const { connection } of done) connections[connection] = (connections[connection] ?? 0) + 1
  return {
    ...before,
    deliveries: before.deliveries + done.length,
    skipped: before.skipped + looked - done.length,
    connections,
  }
}

const behind = { operation: "choosing deliveries", reason: "the history is behind the log", stored: "no" as const }
