/**
 * API keys over HTTP: made, listed, revoked. An admin's key that is bound to workspaces finds keys of these alone, and what it is told of
 * others is what it is told of keys that are not there.
 */
import * as Effect from "effect/Effect"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Result from "effect/Result"
import { checkNewKey, issueKey, manages, noRoom, type NewKey } from "../accounts/issue.ts"
import { called } from "../accounts/identity.ts"
import { allows, Keys, type Identity } from "../accounts/keys.ts"
import { apiTermNames } from "../config/check-key.ts"
import { CurrentPlan } from "../config/current-plan.ts"
import { limits } from "../config/defaults.ts"
import { IssuedKeys } from "../log/issued-keys.ts"
import { shownKey } from "../model/key.ts"
import { actorOf, authenticate } from "./authenticate.ts"
import { readBody } from "./body.ts"
import { parseJson } from "./json.ts"
import { listResponse, namePage, pageByName } from "./pages.ts"
import { inputProblem, type Problem, problem, problemResponse, unavailable } from "./problem.ts"
import { readQuery, textReader } from "./query.ts"

/** The handlers. They answer every failure themselves. */
export const makeKeys = Effect.gen(function* () {
  const keys = yield* Keys
  const issued = yield* IssuedKeys
  const current = yield* CurrentPlan

  const asAdmin = (request: HttpServerRequest) => authenticate(keys, request.headers, "admin")

  const create = Effect.fnUntraced(function* (request: HttpServerRequest) {
    const identity = asAdmin(request)
    if (Result.isFailure(identity)) return problemResponse(identity.failure)
    const body = yield* readBody(request, limits.keyBodyBytes)
    const asked = Result.flatMap(Result.flatMap(body, newKeyIn), (key) => withinReach(key, identity.success))
    if (Result.isFailure(asked)) return problemResponse(asked.failure)
    const { workspaces = [] } = asked.success
    const missing = workspaces.findIndex((id) => !current.get().workspaces.has(id))
    if (missing >= 0) {
      const message = "there is no such workspace: the config declares the workspaces"
      return problemResponse(inputProblem(400, [{ path: ["workspaces", missing], message }]))
    }
    const full = noRoom(issued.list(), workspaces)
    if (full !== undefined) return problemResponse(problem(429, full))
    const actor = actorOf(identity.success, request)
    const { key, record } = issueKey(asked.success, actor.by)
    return yield* Effect.match(issued.create(record, actor), {
      onSuccess: () =>
        HttpServerResponse.jsonUnsafe(
          { ...shownKey({ key: record }), key },
          { status: 201, headers: { "cache-control": "no-store" } },
        ),
      onFailure: (error) => problemResponse(unavailable(error, "nobody has a key of it, send it again")),
    })
  })

  const list = (request: HttpServerRequest): Effect.Effect<HttpServerResponse.HttpServerResponse> =>
    Effect.sync(() => {
      const identity = asAdmin(request)
      if (Result.isFailure(identity)) return problemResponse(identity.failure)
      const query = readQuery(request.url, { workspace: textReader, ...namePage })
      if (Result.isFailure(query)) return problemResponse(query.failure)
      const { workspace, limit } = query.success
      if (workspace !== undefined && !allows(identity.success, "admin", workspace)) {
        return problemResponse(notThere(identity.success))
      }
      const found = issued
        .list()
        .filter(({ key }) => manages(identity.success, key))
        .filter(({ key }) => workspace === undefined || key.workspaces?.includes(workspace) === true)
      const { records, next } = pageByName(found, ({ key }) => key.id, query.success)
      return listResponse(limit, next, records.map(shownKey))
    })

  const revoke = Effect.fnUntraced(function* (request: HttpServerRequest, { id }: { readonly id: string }) {
    const identity = asAdmin(request)
    if (Result.isFailure(identity)) return problemResponse(identity.failure)
    const found = issued.list().find(({ key }) => key.id === id && manages(identity.success, key))
    if (found === undefined) {
      return problemResponse(problem(404, "there is no such key among those that were made while the runtime ran"))
    }
    return yield* Effect.match(issued.revoke(found.key, actorOf(identity.success, request)), {
      onSuccess: () => HttpServerResponse.empty({ status: 204 }),
      onFailure: (error) => problemResponse(unavailable(error)),
    })
  })

  return { create, list, revoke }
})

const newKeyIn = (body: Buffer): Result.Result<NewKey, Problem> => {
  const value = parseJson(body)
  if (Result.isFailure(value)) return Result.fail(problem(400, value.failure))
  return Result.mapError(checkNewKey(value.success, apiTermNames), (issues) => inputProblem(400, issues))
}

/** A key for the asker's own workspaces: for all of them where none is named. */
const withinReach = (key: NewKey, identity: Identity): Result.Result<NewKey, Problem> => {
  if (identity.workspaces === undefined) return Result.succeed(key)
  const workspaces = key.workspaces ?? [...identity.workspaces]
  return workspaces.every((id) => allows(identity, "admin", id))
    ? Result.succeed({ ...key, workspaces })
    : Result.fail(notThere(identity))
}

/** The same for a workspace that is another's and for one that is not there. */
const notThere = (identity: Identity): Problem => problem(403, `${called(identity)} may not admin in that workspace`)
