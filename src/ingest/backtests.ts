/**
 * Backtests over HTTP: what rules would make of past events. Nothing is sent. Long work: on request it tells how far it has come, and it
 * ends when whoever asked hangs up.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Queue from "effect/Queue"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import { allows, type Identity } from "../accounts/keys.ts"
import { limits } from "../config/defaults.ts"
import type { WorkspacePlan } from "../config/plan.ts"
import { Audit } from "../log/audit.ts"
import type { Issue, LogUnavailable, Unusable } from "../model/errors.ts"
import type { WorkspaceId } from "../model/ids.ts"
import { answered } from "./answer.ts"
import type { BacktestRecord } from "./api-trying.ts"
import { actorOf } from "./authenticate.ts"
import { readBody } from "./body.ts"
import { makeFinder } from "./find-connection.ts"
import { parseJson } from "./json.ts"
import { bug, inputProblem, type Problem, problem, problemBody, unavailable } from "./problem.ts"

type Told = typeof BacktestRecord.Type

type Progress = (events: number, of: number) => void

/** Given by whoever puts the process together: it is decided and shown where events are routed and sent. */
export class Backtester extends Context.Service<
  Backtester,
  {
    readonly check: (
      value: unknown,
      workspace: WorkspacePlan,
    ) => Effect.Effect<
      Result.Result<
        {
          /** Its answer tells of what events hold, even without examples. */
          readonly looks: boolean
          readonly examples: number
          readonly run: (examples: number, progress: Progress) => Effect.Effect<Told, LogUnavailable | Unusable>
        },
        ReadonlyArray<Issue>
      >
    >
  }
>()("meshes/Backtester") {}

const lines = "application/x-ndjson"

/** The handler. It answers every failure itself. */
export const makeBacktests = Effect.gen(function* () {
  const { find } = yield* makeFinder
  const backtester = yield* Backtester
  const audit = yield* Audit
  const running = new Set<WorkspaceId>()

  /** Why none can begin now. */
  const full = (workspace: WorkspaceId): Problem | undefined => {
    if (running.has(workspace)) return later("a backtest of the workspace is under way: wait for its end")
    return running.size < limits.backtestsRunning
      ? undefined
      : later("too many backtests are under way: try again later")
  }
  const inTurn = <A, E>(workspace: WorkspaceId, work: Effect.Effect<A, E>): Effect.Effect<A, E | Problem> =>
    Effect.acquireUseRelease(
      Effect.suspend(() => {
        const why = full(workspace)
        return why === undefined ? Effect.sync(() => void running.add(workspace)) : Effect.fail(why)
      }),
      () => work,
      () => Effect.sync(() => running.delete(workspace)),
    )

  return (request: HttpServerRequest, { workspace }: { readonly workspace: WorkspaceId }) =>
    answered(
      Effect.gen(function* () {
        const { identity, workspace: plan } = yield* Effect.fromResult(find(request, "operate", workspace))
        const body = yield* Effect.fromResult(yield* readBody(request, limits.backtestBodyBytes))
        const value = body.length === 0 ? Result.succeed({}) : parseJson(body)
        const given = yield* Effect.fromResult(Result.mapError(value, (why) => problem(400, why)))
        const checked = yield* backtester.check(given, plan)
        const asked = yield* Effect.fromResult(Result.mapError(checked, (issues) => inputProblem(400, issues)))
        const mayLook = allows(identity, "payload:read", workspace)
        if (asked.looks && !mayLook) return yield* Effect.fail(blind(identity))
        const why = full(workspace)
        if (why !== undefined) return yield* Effect.fail(why)
        if (mayLook && (asked.looks || asked.examples > 0)) {
          const act = { what: "payload.viewed", target: workspace, workspaces: [workspace] } as const
          yield* audit.write(actorOf(identity, request), { ...act, detail: "a backtest looked at events" })
        }
        const work = (progress: Progress) =>
          asked.run(mayLook ? asked.examples : 0, progress).pipe(
            Effect.map((told) => (mayLook ? told : withoutReasons(told))),
            Effect.mapError((failure) =>
              failure._tag === "Unusable" ? problem(400, failure.message) : unavailable(failure),
            ),
            (one) => inTurn(workspace, one),
          )
        return request.headers["accept"]?.includes(lines) === true
          ? streamed(work)
          : HttpServerResponse.jsonUnsafe(yield* work(() => {}))
      }),
    )
})

/** One line after another, until the work is over. Whoever reads no further interrupts it. */
const streamed = (work: (progress: Progress) => Effect.Effect<Told, Problem>) =>
  HttpServerResponse.stream(
    Stream.callback<Uint8Array>((queue) => {
      const say = (line: object) => Queue.offerUnsafe(queue, Buffer.from(`${JSON.stringify(line)}\n`))
      let told = Number.NEGATIVE_INFINITY
      const progress: Progress = (events, of) => {
        const now = performance.now()
        if (now - told < limits.backtestToldEveryMs) return
        told = now
        say({ progress: { events, of } })
      }
      return work(progress).pipe(
        Effect.match({
          onSuccess: (result) => say({ result }),
          onFailure: (failure) => say({ problem: problemBody(failure) }),
        }),
        Effect.catchCauseIf(
          (cause) => !Cause.hasInterruptsOnly(cause),
          (cause) =>
            Effect.logError("a backtest ended in a bug", cause).pipe(
              Effect.map(() => say({ problem: problemBody(bug) })),
            ),
        ),
        Effect.andThen(Queue.end(queue)),
      )
    }),
    { contentType: lines },
  )

/** A rule's failure repeats what the event holds. */
const withoutReasons = (told: Told): Told => ({
  ...told,
  failures: told.failures.map(({ rule, events }) => ({ rule, events })),
})

const later = (message: string): Problem => ({ ...problem(429, message), headers: { "retry-after": "5" } })

const blind = ({ name }: Identity): Problem =>
  problem(
    403,
    `the key ${name} may not see what events hold (payload:read), so it may not choose by it: leave rules and expression out`,
  )
