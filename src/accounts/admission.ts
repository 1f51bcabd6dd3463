/**
 * Whether an event may still be stored by its plan's limit (`eventsPerMonth`, `overage: "reject"`): asked before it is, so that the log
 * never holds more than is allowed. Workspaces without such a limit pay nothing for it.
 *
 * A repeat of an event that is stored is answered as ever, also when nothing is left.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import { CurrentPlan } from "../config/current-plan.ts"
import { type Appended, type Entry, EventLog } from "../log/event-log.ts"
import { Leases } from "../log/leases.ts"
import { logTime } from "../log/log-time.ts"
import { UsageLog, usagePlace } from "../log/usage-log.ts"
import type { LogUnavailable } from "../model/errors.ts"
import { endOfMonth, LimitReached, monthOf, type Month, type UsageScope } from "../model/usage.ts"
import { Departures, Quota, type Taken } from "./quota.ts"
import { scopeOf } from "./scope.ts"

/** Why an event was not stored. */
export type Refusal = LogUnavailable | LimitReached
type Answers = ReadonlyArray<Result.Result<Appended, Refusal>>

export class Admission extends Context.Service<
  Admission,
  {
    /** As `EventLog.append`, of what is allowed. */
    readonly append: (entry: Entry) => Effect.Effect<Appended, Refusal>
    readonly appendAll: (entries: ReadonlyArray<Entry>) => Effect.Effect<Answers>
  }
>()("meshes/Admission") {
  static readonly layer = Layer.effect(
    Admission,
    Effect.gen(function* () {
      const log = yield* EventLog
      const usage = yield* UsageLog
      const replicas = yield* Leases
      const current = yield* CurrentPlan
      const gone = new Departures()
      const quotas = new Map<string, Quota>()
      let month: Month = ""

      const quotaOf = (scope: UsageScope): Quota => {
        const now = monthOf(logTime())
        // What was granted of the month before is of no use to anybody.
        if (now !== month) quotas.clear()
        month = now
        const place = usagePlace(scope, month)
        let quota = quotas.get(place)
        if (quota === undefined) quotas.set(place, (quota = new Quota(usage, replicas, gone, scope, month)))
        else quota.scope = scope
        return quota
      }
      const stopListening = usage.listen((place, record) => quotas.get(place)?.changed(record))
      yield* Effect.addFinalizer(() =>
        Effect.promise(async () => {
          stopListening()
          await Promise.all([...quotas.values()].map((quota) => quota.close()))
        }),
      )

      const hardScopeOf = ({ workspace }: Entry): UsageScope | undefined => {
        const scope = scopeOf(current.get(), workspace)
        return scope?.hard === true ? scope : undefined
      }

      /** Stores what there is room for, the first of them, and tells the quota what became of it. */
      const appendWithin = (scope: UsageScope, entries: ReadonlyArray<Entry>): Effect.Effect<Answers> =>
        Effect.uninterruptibleMask((restore) =>
          Effect.gen(function* () {
            const quota = quotaOf(scope)
            const { count, short } = yield* Effect.callback<Taken>((resume) =>
              quota.take(entries.length, (taken) => resume(Effect.succeed(taken))),
            )
            const answers = yield* restore(log.appendAll(entries.slice(0, count))).pipe(
              Effect.onExit((exit) =>
                Effect.sync(() => {
                  if (Exit.isSuccess(exit)) for (const answer of exit.value) quota.settle(1, fateOf(answer))
                  else quota.settle(count, "unknown")
                }),
              ),
            )
            if (count === entries.length) return answers
            return [...answers, ...(yield* restore(refuse(scope, entries.slice(count), short)))]
          }),
        )

      const refuse = Effect.fnUntraced(function* (
        scope: UsageScope,
        entries: ReadonlyArray<Entry>,
        short: Taken["short"],
      ): Effect.fn.Return<Answers> {
        const failed = (refusal: Refusal) => entries.map(() => Result.fail(refusal))
        if (typeof short === "object") return failed(short)
        const known = yield* Effect.result(log.known(entries))
        if (Result.isFailure(known)) return failed(known.failure)
        const refusal = new LimitReached({
          limit: scope.limit,
          resets: endOfMonth(month),
          reserved: short === "reserved",
          whose: `${scope.kind} ${scope.name}`,
        })
        const answer = (entry: Entry, i: number): Effect.Effect<Answers[number]> =>
          known.success[i] === true ? Effect.result(log.append(entry)) : Effect.succeed(Result.fail(refusal))
        return yield* Effect.forEach(entries, answer)
      })

      const appendAll = (entries: ReadonlyArray<Entry>) => {
        const byScope = Map.groupBy(entries, hardScopeOf)
        if (byScope.size === 0 || (byScope.size === 1 && byScope.has(undefined))) return log.appendAll(entries)
        return Effect.map(
          Effect.forEach(
            byScope,
            ([scope, some]): Effect.Effect<Answers> =>
              scope === undefined ? log.appendAll(some) : appendWithin(scope, some),
            { concurrency: "unbounded" },
          ),
          (answers) => {
            const found = new Map<Entry, Result.Result<Appended, Refusal>>()
            for (const [i, some] of [...byScope.values()].entries())
              for (const [at, entry] of some.entries()) found.set(entry, answers[i]![at]!)
            return entries.map((entry) => found.get(entry)!)
          },
        )
      }

      return Admission.of({
        append: (entry) => {
          const scope = hardScopeOf(entry)
          return scope === undefined
            ? log.append(entry)
            : Effect.flatMap(appendWithin(scope, [entry]), ([answer]) => Effect.fromResult(answer!))
        },
        appendAll,
      })
    }),
  )
}

const fateOf = (answer: Result.Result<Appended, LogUnavailable>): "stored" | "not stored" | "unknown" =>
  Result.isSuccess(answer)
    ? answer.success.duplicate
      ? "not stored"
      : "stored"
    : answer.failure.stored === "no"
      ? "not stored"
      : "unknown"
