/**
 * Goes on with all operations that are running, in the one replica that holds their lease; of a workspace, one after the other.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { History } from "../history/history.ts"
import { Leases, units } from "../log/leases.ts"
import { Operations } from "../log/operations.ts"
import type { LogUnavailable } from "../model/errors.ts"
import { nothingDone, type OperationFilter, type OperationProgress } from "../model/operation.ts"
import { limits } from "../config/defaults.ts"
import { logTime } from "../log/log-time.ts"
import { runAll } from "../replay/engine.ts"
import { forEachPage } from "./choose.ts"
import { counted, runOperation } from "./run.ts"

/** Runs the operations while they are this replica's. */
export const operationLayer = Layer.effectDiscard(
  Effect.gen(function* () {
    const leases = yield* Leases
    const operations = yield* Operations
    const all = runAll(operations, { turn: ({ filter }) => filter.workspace, atOnce: 1, run: runOperation })
    yield* Effect.forkScoped(leases.whileHeld(units.operations, all))
  }),
)

/** How many deliveries an operation would be over that is begun now. */
export const previewOperation = Effect.fnUntraced(function* (
  filter: OperationFilter,
): Effect.fn.Return<OperationProgress, LogUnavailable, History> {
  let progress = nothingDone
  const page = { after: undefined, limit: limits.operationPreviewPage }
  yield* forEachPage(filter, page, logTime(), (views) =>
    Effect.sync(() => void (progress = counted(progress, views, views.length))),
  )
  return progress
})
