/**
 * Operations over HTTP: retrying or cancelling many deliveries, or only counting them; how far that has come; stopping it.
 */
import * as Effect from "effect/Effect"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Result from "effect/Result"
import type { Identity } from "../accounts/keys.ts"
import { limits } from "../config/defaults.ts"
import { Operations } from "../log/operations.ts"
import type { LogUnavailable, Unusable } from "../model/errors.ts"
import type { WorkspaceId } from "../model/ids.ts"
import { operationIdPattern } from "../model/ids.ts"
import { shownCount, shownOperation } from "../model/operation.ts"
import { Operator } from "./acts.ts"
import { actorOf } from "./authenticate.ts"
import { readBody } from "./body.ts"
import { isWithin, within } from "./bounds.ts"
import { makeFinder } from "./find-connection.ts"
import { parseJson } from "./json.ts"
import { listOf, namePage, pageByName } from "./pages.ts"
import { inputProblem, problem, problemResponse } from "./problem.ts"
import { readQuery } from "./query.ts"

type Response = HttpServerResponse.HttpServerResponse

interface Params {
  readonly workspace: WorkspaceId
  readonly operation: string
}

/** The handlers. They answer every failure themselves. */
export const makeOperations = Effect.gen(function* () {
  const { find } = yield* makeFinder
  const operations = yield* Operations
  const operator = yield* Operator

  const begin = Effect.fnUntraced(function* (
    request: HttpServerRequest,
    { workspace }: { readonly workspace: WorkspaceId },
  ): Effect.fn.Return<Response> {
    const found = find(request, "operate", workspace)
    if (Result.isFailure(found)) return problemResponse(found.failure)
    const body = yield* readBody(request, limits.operationBodyBytes)
    if (Result.isFailure(body)) return problemResponse(body.failure)
    const value = parseJson(body.success)
    if (Result.isFailure(value)) return problemResponse(problem(400, value.failure))
    const asked = operator.check(value.success, workspace)
    if (Result.isFailure(asked)) return problemResponse(inputProblem(400, asked.failure))
    const { identity } = found.success
    const filter = within(identity, asked.success.filter)
    if (Result.isFailure(filter)) return problemResponse(filter.failure)
    if (asked.success.preview) return yield* answered(Effect.map(operator.preview(filter.success), shownCount))
    const begun = operations.begin({ ...asked.success, filter: filter.success }, actorOf(identity, request))
    return yield* answered(Effect.map(begun, shownOperation), 202)
  })

  const list = Effect.fnUntraced(function* (
    request: HttpServerRequest,
    { workspace }: { readonly workspace: WorkspaceId },
  ): Effect.fn.Return<Response> {
    const found = find(request, "read", workspace)
    if (Result.isFailure(found)) return problemResponse(found.failure)
    const query = readQuery(request.url, namePage)
    if (Result.isFailure(query)) return problemResponse(query.failure)
    return yield* answered(
      Effect.map(operations.list(workspace), (all) => {
        const seen = all.filter(({ filter }) => isWithin(found.success.identity, filter))
        const { records, next } = pageByName(seen, ({ id }) => id, query.success, -1)
        return listOf(query.success.limit, next, records.map(shownOperation))
      }),
    )
  })

  const show = Effect.fnUntraced(function* (
    request: HttpServerRequest,
    { workspace, operation }: Params,
  ): Effect.fn.Return<Response> {
    const found = find(request, "read", workspace)
    if (Result.isFailure(found)) return problemResponse(found.failure)
    return yield* answered(
      Effect.map(known(operation, workspace, found.success.identity), (one) =>
        one === undefined ? undefined : shownOperation(one),
      ),
    )
  })

  const stop = Effect.fnUntraced(function* (
    request: HttpServerRequest,
    { workspace, operation }: Params,
  ): Effect.fn.Return<Response> {
    const found = find(request, "operate", workspace)
    if (Result.isFailure(found)) return problemResponse(found.failure)
    const { identity } = found.success
    const actor = actorOf(identity, request)
    const stopped = Effect.flatMap(known(operation, workspace, identity), (one) =>
      one === undefined ? Effect.succeed(undefined) : Effect.map(operations.stop(one, actor), shownOperation),
    )
    return yield* answered(stopped)
  })

  /** What is no id is nobody's: it becomes part of a subject. */
  const known = (id: string, workspace: WorkspaceId, identity: Identity) =>
    operationIdPattern.test(id)
      ? Effect.map(operations.find(id, workspace), (one) =>
          one !== undefined && isWithin(identity, one.filter) ? one : undefined,
        )
      : Effect.succeed(undefined)

  return { begin, list, show, stop }
})

/** @param asked `undefined`: there is no such operation */
const answered = (asked: Effect.Effect<object | undefined, LogUnavailable | Unusable>, status = 200) =>
  Effect.match(asked, {
    onSuccess: (body) =>
      body === undefined
        ? problemResponse(problem(404, "the workspace has no such operation"))
        : HttpServerResponse.jsonUnsafe(body, { status }),
    onFailure: (error) =>
      error._tag === "Unusable"
        ? problemResponse({ ...problem(429, error.message), headers: { "retry-after": "60" } })
        : problemResponse({
            status: 503,
            message: `the log did not answer: look at the workspace's operations before it is asked for again (${error.reason})`,
            headers: { "retry-after": "1" },
          }),
  })
