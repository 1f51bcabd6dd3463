/**
 * The connections of a workspace over HTTP: how they are, pausing and resuming them.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Result from "effect/Result"
import { allows, type Identity } from "../accounts/keys.ts"
import { limits } from "../config/defaults.ts"
import type { ConnectionPlan } from "../config/plan.ts"
import { History } from "../history/history.ts"
import type { ContactView } from "../history/overview.ts"
import { ConnectionStates, ConnectionSwitch } from "../log/connections.ts"
import { runtime, shownState, switched, type ConnectionRef, type ConnectionState } from "../model/connection-state.ts"
import { knownAuthorization, refOf, shownAuthorization } from "../secrets/authorization.ts"
import { oauthOf } from "../secrets/oauth.ts"
import { SettingsResolver } from "../secrets/settings-resolver.ts"
import { Vault } from "../secrets/vault.ts"
import { answered } from "./answer.ts"
import { actorOf } from "./authenticate.ts"
import { readBody } from "./body.ts"
import { isBound } from "./bounds.ts"
import { makeFinder } from "./find-connection.ts"
import { parseJson } from "./json.ts"
import { listResponse, namePage, pageByName } from "./pages.ts"
import { type Problem, problem, problemResponse, unavailable } from "./problem.ts"
import { noQuery, oneOfReader, readQuery, textReader } from "./query.ts"
import { contactRecord } from "./records.ts"

const listReaders = { state: oneOfReader(["closed", "open", "paused"]), connector: textReader, ...namePage }

/** The handlers of the connections' calls. They answer every failure themselves. */
export const makeConnections = Effect.gen(function* () {
  const { asked, findConnection } = yield* makeFinder
  const states = yield* ConnectionStates
  const vault = yield* Vault
  const resolver = yield* SettingsResolver
  const lever = yield* ConnectionSwitch
  const history = yield* History
  const clock = yield* Clock.Clock

  /** How they do, as far as the history is there to tell, and not to whoever is bound to a resource: it is of all that they carry. */
  const contacts = (identity: Identity, workspace: string, plans: ReadonlyArray<ConnectionPlan>) => {
    const asked = history.contacts(
      workspace,
      plans.map(({ id }) => id),
    )
    const none: ReadonlyArray<ContactView> = []
    return isBound(identity) ? Effect.succeed(none) : Effect.orElseSucceed(asked, () => none)
  }

  const list = (request: HttpServerRequest, { workspace }: { readonly workspace: string }) =>
    answered(
      Effect.gen(function* () {
        const { query, ...found } = yield* asked(request, { workspace }, listReaders)
        const stateOf = (plan: ConnectionPlan) => states.get({ workspace, connection: plan.id })
        const wanted = [...found.workspace.connections.values()].filter(
          (plan) =>
            (query.state === undefined || (stateOf(plan)?.state ?? "closed") === query.state) &&
            (query.connector === undefined || plan.connection.connector.name === query.connector),
        )
        const { records, next } = pageByName(wanted, ({ id }) => id, query)
        const how = yield* contacts(found.identity, workspace, records)
        return listResponse(
          query.limit,
          next,
          records.map((plan, i) => recordOf(plan, stateTo(found.identity, stateOf(plan)), how[i])),
        )
      }),
    )

  const show = (request: HttpServerRequest, place: ConnectionRef) =>
    answered(
      Effect.gen(function* () {
        const { identity, plan } = yield* Effect.fromResult(findConnection(request, "read", place))
        yield* Effect.fromResult(readQuery(request.url, noQuery))
        const [how] = yield* contacts(identity, place.workspace, [plan])
        const seesSecrets = allows(identity, "admin", plan.workspace) && !isBound(identity)
        const secrets = seesSecrets ? { secrets: resolver.secrets(plan) } : {}
        const state = stateTo(identity, states.get(place))
        return HttpServerResponse.jsonUnsafe({ ...recordOf(plan, state, how), ...authorizationOf(plan), ...secrets })
      }),
    )

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

/** Why the runtime changed it is the word of some delivery, which may be about another resource than the one that somebody is bound to. */
const stateTo = (identity: Identity, state: ConnectionState | undefined): ConnectionState | undefined =>
  state?.by === runtime && isBound(identity) ? { ...state, reason: "" } : state

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

const recordOf = (plan: ConnectionPlan, state: ConnectionState | undefined, contact?: ContactView) => ({
  id: plan.id,
  workspace: plan.workspace,
  connector: plan.connection.connector.name,
  ...shownState(state),
  ...(contact === undefined ? {} : contactRecord(contact)),
})
