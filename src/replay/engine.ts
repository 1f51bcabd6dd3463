/**
 * Goes on with all replays that are running, in the one replica that holds their lease: a few of a workspace at a time, each begun again
 * from its checkpoint whatever ended it.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberMap from "effect/FiberMap"
import * as Layer from "effect/Layer"
import * as Semaphore from "effect/Semaphore"
import type { CurrentPlan } from "../config/current-plan.ts"
import { limits } from "../config/defaults.ts"
import { Leases, units } from "../log/leases.ts"
import type { Past } from "../log/past.ts"
import { Replays } from "../log/replays.ts"
import type { Replay } from "../model/replay.ts"
import { runReplay } from "./run.ts"

/** Runs the replays while they are this replica's. */
export const replayLayer = Layer.effectDiscard(
  Effect.gen(function* () {
    const leases = yield* Leases
    yield* Effect.forkScoped(leases.whileHeld(units.replays, Effect.scoped(runAll)))
  }),
)

const runAll = Effect.gen(function* () {
  const replays = yield* Replays
  const turns = new Map<string | undefined, Semaphore.Semaphore>()
  const turnOf = ({ filter: { workspace } }: Replay): Semaphore.Semaphore => {
    let turn = turns.get(workspace)
    if (turn === undefined) turns.set(workspace, (turn = Semaphore.makeUnsafe(limits.replaysRunning)))
    return turn
  }
  const run = yield* FiberMap.runtime(yield* FiberMap.make<string, void, never>())<Replays | Past | CurrentPlan>()
  return yield* replays.watch({
    // One that was stopped notices by itself: nothing more of it can be committed.
    onReplay: (replay) => {
      if (replay.state !== "running") return
      run(replay.id, Semaphore.withPermit(turnOf(replay), untilOver(replay)), { onlyIfMissing: true })
    },
    onKnown: () => {},
  })
})

const untilOver = (replay: Replay): Effect.Effect<void, never, Replays | Past | CurrentPlan> =>
  Effect.gen(function* () {
    for (let delay: number = limits.restartDelayMs; ; delay = Math.min(delay * 2, limits.restartDelayMaxMs)) {
      const exit = yield* Effect.exit(runReplay(replay))
      if (Exit.isSuccess(exit)) return
      if (Cause.hasInterruptsOnly(exit.cause)) return yield* Effect.interrupt
      yield* Effect.logInfo(`the replay ${replay.id} is gone on with: ${String(Cause.squash(exit.cause))}`)
      yield* Effect.sleep(delay)
    }
  })
