/**
 * How much happens, over HTTP, and how everything stands: over the workspaces that whoever asks may see.
 */
import * as Effect from "effect/Effect"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as Result from "effect/Result"
import { Keys, type Identity } from "../accounts/keys.ts"
import { CurrentPlan } from "../config/current-plan.ts"
import { limits } from "../config/defaults.ts"
import type { ActivityView } from "../history/activity.ts"
import { History } from "../history/history.ts"
import { logTime } from "../log/log-time.ts"
import { activityBy } from "../model/activity.ts"
import { Api } from "./api.ts"
import { answered, asOf } from "./answer.ts"
import { makeAttention } from "./attention.ts"
import { authenticate } from "./authenticate.ts"
import { makeFinder } from "./find-connection.ts"
import { inputProblem, problem, type Problem } from "./problem.ts"
import { noQuery, oneOfReader, type QueryOf, readQuery, textReader, timeReader } from "./query.ts"
import { timeText } from "./records.ts"

const minute = 60_000
const hour = 60 * minute
const day = 24 * hour

const period = { from: timeReader, to: timeReader }
const seriesReaders = { workspace: textReader, connection: textReader, rule: textReader, ...period }
const partsReaders = { by: oneOfReader(activityBy), ...period }

/** The handlers. They answer every failure themselves. */
const makeActivity = Effect.gen(function* () {
  const { find, asked } = yield* makeFinder
  const keys = yield* Keys
  const current = yield* CurrentPlan
  const history = yield* History
  const attention = yield* makeAttention

  const overview = (request: HttpServerRequest) =>
    answered(
      Effect.gen(function* () {
        const identity = yield* Effect.fromResult(authenticate(keys, request.headers, "read"))
        yield* Effect.fromResult(readQuery(request.url, noQuery))
        const workspaces = seenBy(identity)
        const about = yield* asOf(history)
        const to = ceil(logTime(), minute)
        const filter = { workspaces, from: to - hour, to, stepMs: minute, minutes: true }
        const { shown, more } = yield* attention(identity)
        return HttpServerResponse.jsonUnsafe({
          workspaces: workspaces?.length ?? current.get().workspaces.size,
          backlog: yield* history.backlog(workspaces),
          last_hour: sumOf(yield* history.activity(filter)),
          attention: shown,
          attention_more: more,
          ...about,
        })
      }),
    )

  /** `undefined`: all there are. */
  const seenBy = ({ workspaces }: Identity): ReadonlyArray<string> | undefined =>
    workspaces && [...workspaces].filter((id) => current.get().workspaces.has(id))

  const series = (request: HttpServerRequest) =>
    answered(
      Effect.gen(function* () {
        const identity = yield* Effect.fromResult(authenticate(keys, request.headers, "read"))
        const query = yield* Effect.fromResult(readQuery(request.url, seriesReaders))
        const { workspace, connection, rule } = query
        if (workspace !== undefined) yield* Effect.fromResult(find(request, "read", workspace))
        else if (connection !== undefined || rule !== undefined) return yield* Effect.fail(ofNoWorkspace)
        const workspaces = workspace === undefined ? seenBy(identity) : [workspace]
        const range = yield* Effect.fromResult(rangeOf(query, logTime(), workspaces?.length ?? 1))
        const about = yield* asOf(history)
        const found = new Map(
          (yield* history.activity({ workspaces, connection, rule, ...range })).map((one) => [one.at, one]),
        )
        const whole = connection === undefined && rule === undefined
        const buckets = []
        for (let at = range.from; at < range.to; at += range.stepMs) {
          const { events, delivered, retried, dead } = found.get(at) ?? nothing
          buckets.push({ at: timeText(at), ...(whole ? { events } : {}), delivered, retried, dead })
        }
        return HttpServerResponse.jsonUnsafe({ ...rangeRecord(range), ...about, buckets })
      }),
    )

  const parts = (request: HttpServerRequest, place: { readonly workspace: string }) =>
    answered(
      Effect.gen(function* () {
        const { query } = yield* asked(request, place, partsReaders)
        const range = yield* Effect.fromResult(rangeOf(query, logTime()))
        const about = yield* asOf(history)
        const found = yield* history.activityParts({ ...place, by: query.by ?? "rule", ...range })
        const records = found.map(({ last, ...part }) => ({ ...part, last_at: timeText(last) }))
        return HttpServerResponse.jsonUnsafe({ ...rangeRecord(range), ...about, records })
      }),
    )

  return { overview, series, parts }
})

export const activity = HttpApiBuilder.group(Api, "activity", (handlers) =>
  Effect.map(makeActivity, ({ overview, series, parts }) =>
    handlers
      .handleRaw("overview", ({ request }) => overview(request))
      .handleRaw("series", ({ request }) => series(request))
      .handleRaw("parts", ({ request, params }) => parts(request, params)),
  ),
)

const nothing = { events: 0, delivered: 0, retried: 0, dead: 0 }

const sumOf = (views: ReadonlyArray<ActivityView>): typeof nothing => {
  const sum = { ...nothing }
  for (const { events, delivered, retried, dead } of views) {
    sum.events += events
    sum.delivered += delivered
    sum.retried += retried
    sum.dead += dead
  }
  return sum
}

const ofNoWorkspace = inputProblem(
  400,
  [{ path: ["workspace"], message: "is missing: connections and rules are a workspace's" }],
  ["query"],
)

interface Range {
  readonly from: number
  readonly to: number
  readonly stepMs: number
  readonly minutes: boolean
}

const rangeRecord = ({ from, to, stepMs }: Range) => ({
  from: timeText(from),
  to: timeText(to),
  step_seconds: stepMs / 1000,
})

/** Of minutes and hours, all that a day can be divided into evenly, and days. */
const steps = [1, 5, 15, 30, 60, 120, 180, 360, 720].map((one) => one * minute).concat(day, 2 * day, 7 * day)

const floor = (at: number, step: number): number => Math.floor(at / step) * step
const ceil = (at: number, step: number): number => Math.ceil(at / step) * step

/** The time that is asked for, in whole steps. @param workspaces how many are looked at for each */
const rangeOf = (query: QueryOf<typeof period>, now: number, workspaces = 1): Result.Result<Range, Problem> => {
  const { to = now } = query
  const { from = to - day } = query
  const issue = (path: "from" | "to", message: string) =>
    Result.fail(inputProblem(400, [{ path: [path], message }], ["query"]))
  if (from >= to) return issue("from", "is not earlier than to (now, when it is left out): nothing lies between them")
  if (to - from > limits.activityRangeMs) {
    return issue("from", `is more than ${limits.activityRangeMs / day} days before to (now, when it is left out)`)
  }
  const minutes =
    from >= now - limits.activityMinutesMs + hour && (workspaces * (to - from)) / minute <= limits.activityLooks
  if ((workspaces * (to - from)) / hour > limits.activityLooks) return Result.fail(tooMany(workspaces))
  const stepMs = steps.find((step) => (to - from) / step <= limits.activitySteps && (minutes || step >= hour))!
  return Result.succeed({ from: floor(from, stepMs), to: ceil(to, stepMs), stepMs, minutes: minutes && stepMs < hour })
}

const tooMany = (workspaces: number): Problem =>
  problem(400, `the key sees ${workspaces} workspaces, too many for so long a time: ask for one, or for less`)
