/**
 * Usage over HTTP: counted by the history, held against the limits of the plan as it is now.
 */
import * as Effect from "effect/Effect"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Result from "effect/Result"
import { Keys, type Identity } from "../accounts/keys.ts"
import { scopeOf } from "../accounts/scope.ts"
import { CurrentPlan } from "../config/current-plan.ts"
import type { Plan, WorkspacePlan } from "../config/plan.ts"
import { History } from "../history/history.ts"
import type { UsageView } from "../history/usage.ts"
import { logTime } from "../log/log-time.ts"
import type { WorkspaceId } from "../model/ids.ts"
import { endOfMonth, monthOf, monthPattern, noUsage, percentOf, startOfMonth, type Month } from "../model/usage.ts"
import { authenticate, findWorkspace } from "./authenticate.ts"
import { type Problem, problem, problemResponse, unavailable } from "./problem.ts"

type Response = HttpServerResponse.HttpServerResponse

/** The handlers of the calls about usage. They answer every failure themselves. */
export const makeUsage = Effect.gen(function* () {
  const keys = yield* Keys
  const current = yield* CurrentPlan
  const history = yield* History

  /** What is said beside the numbers of a month. */
  const about = (month: Month) =>
    Effect.map(history.progress, ({ upTo, since }) => ({
      as_of: timeOf(upTo),
      ...(since > startOfMonth(month) ? { incomplete_before: timeOf(since) } : {}),
    }))

  const list = (request: HttpServerRequest): Effect.Effect<Response> =>
    Effect.gen(function* () {
      const identity = authenticate(keys, request.headers, "read")
      if (Result.isFailure(identity)) return problemResponse(identity.failure)
      const month = monthIn(request)
      if (Result.isFailure(month)) return problemResponse(month.failure)
      const plan = current.get()
      const { workspaces } = identity.success
      const seen = [...plan.workspaces.values()].filter(({ id }) => workspaces?.has(id) ?? true)
      const asked = new Set(seen.flatMap(({ id }) => countedTogether(plan, id)))
      const usage = byWorkspace(yield* history.usage([...asked], month.success))
      const records = seen.map((workspace) => recordOf(plan, identity.success, workspace, month.success, usage))
      return HttpServerResponse.jsonUnsafe({
        month: month.success,
        count: records.length,
        records,
        ...(yield* about(month.success)),
      })
    }).pipe(answered)

  const show = (request: HttpServerRequest, { workspace }: { readonly workspace: string }): Effect.Effect<Response> =>
    Effect.gen(function* () {
      const plan = current.get()
      const found = findWorkspace(keys, plan, request.headers, "read", workspace)
      if (Result.isFailure(found)) return problemResponse(found.failure)
      const month = monthIn(request)
      if (Result.isFailure(month)) return problemResponse(month.failure)
      const usage = byWorkspace(yield* history.usage(countedTogether(plan, workspace), month.success))
      const months = yield* history.usage([workspace])
      return HttpServerResponse.jsonUnsafe({
        ...recordOf(plan, found.success.identity, found.success.workspace, month.success, usage),
        months: months.map(({ events, deliveries, attempts, ...one }) => ({
          month: one.month,
          events,
          deliveries,
          attempts,
        })),
        ...(yield* about(month.success)),
      })
    }).pipe(answered)

  return { list, show }
})

const answered = Effect.match({
  onSuccess: (response: Response) => response,
  onFailure: (error: Parameters<typeof unavailable>[0]) => problemResponse(unavailable(error)),
})

const timeOf = (ms: number): string => new Date(ms).toISOString()

const monthIn = (request: HttpServerRequest): Result.Result<Month, Problem> => {
  const month = new URL(request.url, "http://runtime").searchParams.get("month") ?? monthOf(logTime())
  return monthPattern.test(month)
    ? Result.succeed(month)
    : Result.fail(problem(400, "month is a year and a month, such as 2026-11"))
}

/** The workspaces whose events count against one limit with those of this one. */
const countedTogether = (plan: Plan, workspace: WorkspaceId): ReadonlyArray<WorkspaceId> =>
  scopeOf(plan, workspace)?.workspaces ?? [workspace]

const byWorkspace = (usage: ReadonlyArray<UsageView>): ReadonlyMap<WorkspaceId, UsageView> =>
  new Map(usage.map((one) => [one.workspace, one]))

const recordOf = (
  plan: Plan,
  { workspaces: visible }: Identity,
  { id, account }: WorkspacePlan,
  month: Month,
  usage: ReadonlyMap<WorkspaceId, UsageView>,
) => {
  const { events, deliveries, attempts } = usage.get(id) ?? noUsage
  const planName = account === undefined ? undefined : plan.accounts?.get(account)?.plan
  const limited = scopeOf(plan, id)
  // What others have used of a pool would tell that they are there.
  const scope = limited?.workspaces.every((one) => visible?.has(one) ?? true) ? limited : undefined
  const used = scope?.workspaces.reduce((sum, one) => sum + (usage.get(one)?.events ?? 0), 0) ?? 0
  return {
    workspace: id,
    ...(account === undefined ? {} : { account }),
    ...(planName === undefined ? {} : { plan: planName }),
    month,
    events,
    deliveries,
    attempts,
    ...(scope === undefined
      ? {}
      : {
          limit: {
            metric: "events",
            pooled: scope.kind === "account",
            used,
            limit: scope.limit,
            percent: percentOf(used, scope.limit),
            overage: scope.hard ? "reject" : "allow",
            resets_at: timeOf(endOfMonth(month)),
          },
        }),
  }
}
