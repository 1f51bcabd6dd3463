/**
 * Goes on with all operations that are running, in the one replica that holds their lease; of a workspace, one after the other.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Leases, units } from "../log/leases.ts"
import { Operations } from "../log/operations.ts"
import { runAll } from "../replay/engine.ts"
import { runOperation } from "./run.ts"

/** Runs the operations while they are this replica's. */
export const operationLayer = Layer.effectDiscard(
  Effect.gen(function* () {
    const leases = yield* Leases
    const operations = yield* Operations
    const all = runAll(operations, { turn: ({ filter }) => filter.workspace, atOnce: 1, run: runOperation })
    yield* Effect.forkScoped(leases.whileHeld(units.operations, all))
  }),
)
