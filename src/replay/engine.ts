/**
 * Goes on with all tasks of a kind that are running, in the one replica that holds their lease: a few of a workspace at a time, each
 * begun again from its checkpoint whatever ended it.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberMap from "effect/FiberMap"
import * as Layer from "effect/Layer"
import * as Semaphore from "effect/Semaphore"
import { limits } from "../config/defaults.ts"
import { Leases, units } from "../log/leases.ts"
import { Replays } from "../log/replays.ts"
import type { Tasks } from "../log/tasks.ts"
import type { LogUnavailable } from "../model/errors.ts"
import type { Task } from "../model/task.ts"
import { runReplay } from "./run.ts"

/** Runs the replays while they are this replica's. */
export const replayLayer = Layer.effectDiscard(
  Effect.gen(function* () {
    const leases = yield* Leases
    const replays = yield* Replays
    const all = runAll(replays, {
      turn: ({ filter }) => filter.workspace,
      atOnce: limits.replaysRunning,
      run: runReplay,
    })
    yield* Effect.forkScoped(leases.whileHeld(units.replays, all))
  }),
)

export interface Running<One, R> {
  /** Those of the same take turns. */
  readonly turn: (task: One) => string | undefined
  /** So many of a turn go on at once. */
  readonly atOnce: number
  /** Ends when the task is over. Whatever fails ends it too: it is gone on with by calling it again. */
  readonly run: (task: One) => Effect.Effect<void, LogUnavailable, R>
}

/** Never ends by itself: for a unit's loop. */
export const runAll = <One extends Task<One["progress"]>, R>(
  tasks: Pick<Tasks<One>, "watch">,
  { turn, atOnce, run }: Running<One, R>,
) =>
  Effect.gen(function* () {
    const turns = new Map<string | undefined, Semaphore.Semaphore>()
    const turnOf = (task: One): Semaphore.Semaphore => {
      const name = turn(task)
      let found = turns.get(name)
      if (found === undefined) turns.set(name, (found = Semaphore.makeUnsafe(atOnce)))
      return found
    }
    const fork = yield* FiberMap.runtime(yield* FiberMap.make<string, void, never>())<R>()
    // One that was stopped notices by itself: nothing more of it can be committed.
    return yield* tasks.watch((task) => {
      if (task.state !== "running") return
      fork(task.id, Semaphore.withPermit(turnOf(task), untilOver(task, run)), { onlyIfMissing: true })
    })
  }).pipe(Effect.scoped)

const untilOver = <One extends Task<One["progress"]>, R>(
  task: One,
  run: Running<One, R>["run"],
): Effect.Effect<void, never, R> =>
  Effect.gen(function* () {
    for (let delay: number = limits.restartDelayMs; ; delay = Math.min(delay * 2, limits.restartDelayMaxMs)) {
      const exit = yield* Effect.exit(run(task))
      if (Exit.isSuccess(exit)) return
      if (Cause.hasInterruptsOnly(exit.cause)) return yield* Effect.interrupt
      yield* Effect.logInfo(`${task.id} is gone on with: ${String(Cause.squash(exit.cause))}`)
      yield* Effect.sleep(delay)
    }
  })
