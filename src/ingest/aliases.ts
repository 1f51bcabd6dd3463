/**
 * Calls about an event that do not name its workspace: the key's own, or the only one of those it may see that has such an event.
 */
import * as Effect from "effect/Effect"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import { allows, Keys, type Identity, type Scope } from "../accounts/keys.ts"
import { CurrentPlan } from "../config/current-plan.ts"
import { limits } from "../config/defaults.ts"
import { History } from "../history/history.ts"
import type { AttemptPosition } from "../history/overview.ts"
import { makeActs } from "./acts.ts"
import { answered } from "./answer.ts"
import { authenticate } from "./authenticate.ts"
import { aboutOf, isBound } from "./bounds.ts"
import { listResponse, positionCursor, positionPage } from "./pages.ts"
import { inputProblem, problem } from "./problem.ts"
import { readQuery, textReader } from "./query.ts"
import { eventAttemptRecord } from "./records.ts"

interface Target {
  readonly event: string
  readonly rule?: string
}

const attemptReaders = { workspace: textReader, ...positionPage<AttemptPosition>("attempts", 4) }

/** The handlers. They answer every failure themselves. */
export const makeAliases = Effect.gen(function* () {
  const keys = yield* Keys
  const current = yield* CurrentPlan
  const history = yield* History
  const { retryEvent } = yield* makeActs

  const workspaceOf = Effect.fnUntraced(function* (
    identity: Identity,
    scope: Scope,
    event: string,
    named: string | undefined,
  ) {
    const candidates = named === undefined ? yield* history.workspacesOf(event) : [named]
    const seen = candidates.filter((id) => allows(identity, scope, id) && current.get().workspaces.has(id))
    if (seen.length > 1) {
      const message = `is missing: ${seen.length} workspaces have an event of this id, ${seen.slice(0, 10).join(", ")}: say which`
      return yield* Effect.fail(inputProblem(400, [{ path: ["workspace"], message }], ["query"]))
    }
    const [workspace] = seen
    if (workspace === undefined) return yield* Effect.fail(notThere)
    const hidden = isBound(identity) && (yield* history.event(workspace, event, aboutOf(identity))) === undefined
    return hidden ? yield* Effect.fail(notThere) : workspace
  })

  const attempts = (request: HttpServerRequest, { event, rule }: Target) =>
    answered(
      Effect.gen(function* () {
        const identity = yield* Effect.fromResult(authenticate(keys, request.headers, "read"))
        const query = yield* Effect.fromResult(readQuery(request.url, attemptReaders))
        const workspace = yield* workspaceOf(identity, "read", event, query.workspace)
        const about = aboutOf(identity)
        if ((yield* history.event(workspace, event, about)) === undefined) return yield* Effect.fail(notThere)
        const { limit = limits.pageRecordsDefault, cursor: after } = query
        const found = yield* history.attempts({ workspace, event, rule, after, limit: limit + 1, ...about })
        const page = found.slice(0, limit)
        const next = found.length > limit ? positionCursor("attempts", page.at(-1)!.position) : undefined
        const shown = page.map((view) => eventAttemptRecord(view, isBound(identity)))
        return listResponse(limit, next, shown)
      }),
    )

  const retry = (request: HttpServerRequest, { event, rule }: Required<Target>) =>
    answered(
      Effect.gen(function* () {
        const identity = yield* Effect.fromResult(authenticate(keys, request.headers, "operate"))
        const query = yield* Effect.fromResult(readQuery(request.url, { workspace: textReader }))
        const workspace = yield* workspaceOf(identity, "operate", event, query.workspace)
        return yield* retryEvent(request, { workspace, event, rule })
      }),
    )

  return { attempts, retry }
})

const notThere = problem(
  404,
  "no workspace that the key may see has such an event, or it has no deliveries by such a rule",
)
