/**
 * Tells the log each config that comes into force and each that is refused, one after the other, as soon as the log takes it.
 */
import { hostname } from "node:os"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Result from "effect/Result"
import type { Applied, PlanHolder, Refused } from "../config/current-plan.ts"
import { limits } from "../config/defaults.ts"
import { letGoOf } from "../config/load.ts"
import { sectionsOf } from "../config/summary.ts"
import type { LogUnavailable } from "../model/errors.ts"
import { AppliedConfig } from "./applied-config.ts"

export const tellConfigs = (current: PlanHolder) =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const log = yield* AppliedConfig
      const news = yield* Queue.sliding<Effect.Effect<void, LogUnavailable>>(limits.configsUntold)
      const from = hostname()
      const applied = ({ plan: { revision }, config, at, by }: Applied) =>
        Effect.andThen(
          log.tell({ revision, at, by, from }, () => sectionsOf(config)),
          Effect.sync(() => letGoOf(config)),
        )
      const refused = (one: Refused) => log.refused({ ...one, revision: current.get().revision, from })
      yield* Effect.acquireRelease(
        Effect.sync(() => [
          current.listen(() => Queue.offerUnsafe(news, applied(current.applied()))),
          current.listenRefused((one) => Queue.offerUnsafe(news, refused(one))),
        ]),
        (stops) => Effect.sync(() => stops.forEach((stop) => stop())),
      )
      Queue.offerUnsafe(news, applied(current.applied()))
      const tell = Effect.gen(function* () {
        const next = yield* Queue.take(news)
        for (;;) {
          const told = yield* Effect.result(next)
          if (Result.isSuccess(told)) return
          yield* Effect.logWarning(`the log does not know of the config in force yet: ${told.failure.message}`)
          yield* Effect.sleep(limits.restartDelayMaxMs)
        }
      })
      yield* Effect.forkScoped(Effect.forever(tell))
    }),
  )
