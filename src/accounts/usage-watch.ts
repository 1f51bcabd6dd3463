/**
 * How much of the plans' limits is used, looked at beside the routing of events: workspaces are warned of it, and what comes in over NATS,
 * where nobody can be refused before it is stored, is refused once the limit was seen to be reached.
 *
 * It is looked at rarely while limits are far, and every `limits.usageWatchMs` near one, so that many events come late by NATS may pass.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { CurrentPlan } from "../config/current-plan.ts"
import { limits } from "../config/defaults.ts"
import { logTime } from "../log/log-time.ts"
import { UsageLog, usagePlace } from "../log/usage-log.ts"
import type { WorkspaceId } from "../model/ids.ts"
import { endOfMonth, monthOf, percentOf, warningPercents, type Month, type UsageScope } from "../model/usage.ts"
import { Health } from "../observe/health.ts"
import { supervise } from "../observe/supervise.ts"
import { scopeOf } from "./scope.ts"

/** What is known here of a scope's month. */
interface Watched {
  scope: UsageScope
  readonly month: Month
  used: number
  /** Events routed here since it was looked at. */
  routed: number
  /** `undefined`: it was not yet. By `performance.now()`. */
  lookedAt: number | undefined
  /** Percents that the workspaces were told of. */
  readonly warned: Set<number>
  /** The limit was reached at this sequence of `EVENTS`, or before. */
  reachedAt: number | undefined
}

export class UsageWatch extends Context.Service<
  UsageWatch,
  {
    /** An event is routed here. */
    readonly routed: (workspace: WorkspaceId) => void
    /** Why an event that nobody admitted is refused; `undefined`: it is not. @param seq its sequence in `EVENTS` */
    readonly refusal: (workspace: WorkspaceId, seq: number) => string | undefined
  }
>()("meshes/UsageWatch") {
  static readonly layer = Layer.effect(
    UsageWatch,
    Effect.gen(function* () {
      const usage = yield* UsageLog
      const current = yield* CurrentPlan
      const health = yield* Health
      const watched = new Map<string, Watched>()

      const find = (workspace: WorkspaceId): Watched | undefined => {
        const scope = scopeOf(current.get(), workspace)
        if (scope === undefined) return undefined
        const month = monthOf(logTime())
        const place = usagePlace(scope, month)
        let known = watched.get(place)
        if (known?.scope !== scope) {
          // Another limit is reached at another time.
          known = { scope, month, used: 0, routed: 0, lookedAt: undefined, warned: new Set(), reachedAt: undefined }
          watched.set(place, known)
        }
        return known
      }

      const look = Effect.fnUntraced(function* (one: Watched) {
        const { scope, month } = one
        one.routed = 0
        const { record } = yield* usage.read(scope, month)
        one.used = (yield* usage.tally(scope, month, record)).used
        one.lookedAt = performance.now()
        const percent = percentOf(one.used, scope.limit)
        if (scope.hard && percent >= 100) one.reachedAt ??= yield* usage.last
        for (const reached of warningPercents) {
          if (percent < reached || one.warned.has(reached)) continue
          for (const workspace of scope.workspaces) {
            yield* usage.warn(
              {
                workspace,
                ...(scope.kind === "account" ? { account: scope.name } : {}),
                metric: "events",
                used: one.used,
                limit: scope.limit,
                percent: reached,
                resets_at: new Date(endOfMonth(month)).toISOString(),
              },
              month,
            )
          }
          one.warned.add(reached)
        }
      })

      health.expect("usage")
      const looking = Effect.gen(function* () {
        for (;;) {
          health.beat("usage")
          const month = monthOf(logTime())
          for (const [place, one] of watched) {
            if (one.month !== month) watched.delete(place)
            else if (isDue(one)) yield* look(one)
          }
          yield* Effect.sleep(limits.usageWatchMs)
        }
      })
      yield* Effect.forkScoped(supervise("usage", looking))
      return {
        routed: (workspace) => {
          const one = find(workspace)
          if (one !== undefined) one.routed++
        },
        refusal: (workspace, seq) => {
          const { scope, reachedAt } = find(workspace) ?? {}
          return scope === undefined || reachedAt === undefined || seq <= reachedAt
            ? undefined
            : `the ${scope.limit} events a month of the ${scope.kind} ${scope.name} are used up`
        },
      }
    }),
  )
}

/** Some were routed since, and so many of what is left till the next thing to tell that it may be there. */
const isDue = ({ scope, used, routed, lookedAt, warned }: Watched): boolean => {
  if (lookedAt === undefined) return true
  const next = warningPercents.find((percent) => !warned.has(percent))
  if (next === undefined || routed === 0) return false
  const left = (scope.limit * next) / 100 - used
  return routed >= left / 4 || performance.now() - lookedAt >= limits.usageWatchMaxMs
}
