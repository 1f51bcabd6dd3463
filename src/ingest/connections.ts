/**
 * The connections of a workspace over HTTP: how they are, pausing and resuming them.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Result from "effect/Result"
import { limits } from "../config/defaults.ts"
import type { ConnectionPlan } from "../config/plan.ts"
import { ConnectionStates, ConnectionSwitch } from "../log/connections.ts"
import { shownState, switched, type ConnectionRef, type ConnectionState } from "../model/connection-state.ts"
import { knownAuthorization, refOf, shownAuthorization } from "../secrets/authorization.ts"
import { oauthOf } from "../secrets/oauth.ts"
import { Vault } from "../secrets/vault.ts"
import { actorOf } from "./authenticate.ts"
import { readBody } from "./body.ts"
import { makeFinder } from "./find-connection.ts"
import { parseJson } from "./json.ts"
import { type Problem, problem, problemResponse, unavailable } from "./problem.ts"

type Response = HttpServerResponse.HttpServerResponse

const stateNames: ReadonlyArray<string> = ["closed", "open", "paused"]

/** The handlers of the connections' calls. They answer every failure themselves. */
export const makeConnections = Effect.gen(function* () {
  const { find, findConnection } = yield* makeFinder
  const states = yield* ConnectionStates
  const vault = yield* Vault
  const lever = yield* ConnectionSwitch
  const clock = yield* Clock.Clock

  const list = (request: HttpServerRequest, { workspace }: { readonly workspace: string }): Effect.Effect<Response> =>
    Effect.sync(() => {
      const found = find(request, "read", workspace)
      if (Result.isFailure(found)) return problemResponse(found.failure)
      const wanted = new URL(request.url, "http://runtime").searchParams.get("state")
      if (wanted !== null && !stateNames.includes(wanted)) {
        return problemResponse(problem(400, `state is one of ${stateNames.join(", ")}`))
      }
      const records = [...found.success.workspace.connections.values()]
        .map((plan) => recordOf(plan, states.get({ workspace, connection: plan.id })))
        .filter(({ state }) => wanted === null || state === wanted)
      return HttpServerResponse.jsonUnsafe({ count: records.length, records })
    })

  const show = (request: HttpServerRequest, place: ConnectionRef): Effect.Effect<Response> =>
    Effect.sync(() => {
      const found = findConnection(request, "read", place)
      return Result.isFailure(found)
        ? problemResponse(found.failure)
        : HttpServerResponse.jsonUnsafe({
            ...recordOf(found.success.plan, states.get(place)),
            ...authorizationOf(found.success.plan),
          })
    })

  /** Nothing where it uses none, or the vault cannot open it. */
  const authorizationOf = (plan: ConnectionPlan) => {
    const known =
      oauthOf(plan) === undefined ? undefined : Result.getOrUndefined(knownAuthorization(vault, refOf(plan)))
    if (known === undefined) return {}
    return { authorization: known === "none" ? null : shownAuthorization(known) }
  }

  const turn = (to: "paused" | "closed") =>
    Effect.fnUntraced(function* (request: HttpServerRequest, place: ConnectionRef) {
      const found = findConnection(request, "operate", place)
      if (Result.isFailure(found)) return problemResponse(found.failure)
      const reason = reasonIn(yield* readBody(request, limits.pauseBodyBytes))
      if (Result.isFailure(reason)) return problemResponse(reason.failure)
      const actor = actorOf(found.success.identity, request)
      return yield* lever
        .change(
          place,
          (before) => switched(before, to, actor.by, reason.success, clock.currentTimeMillisUnsafe()),
          actor,
        )
        .pipe(
          Effect.match({
            onSuccess: (state) => HttpServerResponse.jsonUnsafe(recordOf(found.success.plan, state)),
            onFailure: (error) => problemResponse(unavailable(error)),
          }),
        )
    })

  return { list, show, pause: turn("paused"), resume: turn("closed") }
})

const reasonIn = (body: Result.Result<Buffer, Problem>): Result.Result<string, Problem> => {
  if (Result.isFailure(body)) return Result.fail(body.failure)
  if (body.success.length === 0) return Result.succeed("")
  const value = parseJson(body.success)
  if (Result.isFailure(value)) return Result.fail(problem(400, value.failure))
  const { reason = "", ...rest } = Object(value.success) as { readonly reason?: unknown }
  if (typeof value.success !== "object" || Array.isArray(value.success) || Object.keys(rest).length > 0) {
    return Result.fail(problem(400, 'the body is nothing, or { "reason": "…" }'))
  }
  return typeof reason === "string" && reason.length <= limits.pauseReasonCharacters
    ? Result.succeed(reason)
    : Result.fail(problem(400, `reason is a text of at most ${limits.pauseReasonCharacters} characters`))
}

const recordOf = (plan: ConnectionPlan, state: ConnectionState | undefined) => ({
  id: plan.id,
  workspace: plan.workspace,
  connector: plan.connection.connector.name,
  ...shownState(state),
})
