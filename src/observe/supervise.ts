/**
 * Keeps a loop alive: whatever ends it, other than the runtime's own end, it is begun again, for ever, with growing waits.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { limits } from "../config/defaults.ts"
import { Health } from "./health.ts"

/** @param name the loop's name in `/readyz`, logs and metrics: `route.3`, `deliver.12` */
export const supervise = <E, R>(
  name: string,
  loop: Effect.Effect<unknown, E, R>,
): Effect.Effect<never, never, R | Health> =>
  Effect.gen(function* () {
    const health = yield* Health
    let delay: number = limits.restartDelayMs
    for (;;) {
      const begun = performance.now()
      const exit = yield* Effect.exit(loop)
      if (Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)) return yield* Effect.interrupt
      const reason = Exit.isFailure(exit) ? String(Cause.squash(exit.cause)) : "it ended"
      health.failed(name, reason)
      yield* Effect.logWarning(`the loop ${name} stopped and is begun again: ${reason}`)
      if (performance.now() - begun > limits.restartDelayMaxMs) delay = limits.restartDelayMs
      yield* Effect.sleep(delay)
      delay = Math.min(delay * 2, limits.restartDelayMaxMs)
    }
  })
