/**
 * Asking vendors on behalf of people: whether a connection works, and what there is to choose from.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Result from "effect/Result"
import type { ConnectionPlan } from "../config/plan.ts"
import { Audit } from "../log/audit.ts"
import type { ConnectionRef } from "../model/connection-state.ts"
import type { Outcome } from "../model/outcome.ts"
import { actorOf } from "./authenticate.ts"
import { makeFinder } from "./find-connection.ts"
import { problem, problemResponse, unavailable } from "./problem.ts"

/** Makes calls as a connection. Given by whoever puts the process together: calls are made where deliveries are. */
export class Checks extends Context.Service<
  Checks,
  {
    readonly test: (connection: ConnectionPlan) => Effect.Effect<{ readonly outcome: Outcome; readonly says: string }>
    readonly choices: (
      connection: ConnectionPlan,
      list: string,
    ) => Effect.Effect<Result.Result<ReadonlyArray<{ readonly id: string; readonly name: string }>, Outcome>>
  }
>()("meshes/Checks") {}

type Response = HttpServerResponse.HttpServerResponse

/** The handlers. They answer every failure themselves. */
export const makeChecks = Effect.gen(function* () {
  const { findConnection } = yield* makeFinder
  const checks = yield* Checks
  const audit = yield* Audit

  const test = Effect.fnUntraced(function* (request: HttpServerRequest, place: ConnectionRef) {
    const found = findConnection(request, "operate", place)
    if (Result.isFailure(found)) return problemResponse(found.failure)
    const { plan, identity } = found.success
    const act = { what: "connection.tested", target: plan.id, workspaces: [plan.workspace] } as const
    const told = yield* Effect.result(audit.write(actorOf(identity, request), act))
    if (Result.isFailure(told)) return problemResponse(unavailable(told.failure))
    return HttpServerResponse.jsonUnsafe(testedOf(plan, yield* checks.test(plan)))
  })

  const choices = Effect.fnUntraced(function* (
    request: HttpServerRequest,
    { list, ...place }: ConnectionRef & { readonly list: string },
  ): Effect.fn.Return<Response> {
    const found = findConnection(request, "operate", place)
    if (Result.isFailure(found)) return problemResponse(found.failure)
    const { plan } = found.success
    const { name, lists = {} } = plan.connection.connector
    if (!Object.hasOwn(lists, list)) {
      const known = Object.keys(lists).join(", ")
      const there = known === "" ? "" : `; it has ${known}`
      return problemResponse(problem(404, `${name} has no list ${JSON.stringify(list.slice(0, 100))}${there}`))
    }
    const records = yield* checks.choices(plan, list)
    return Result.isFailure(records)
      ? problemResponse(problem(502, records.failure.message))
      : HttpServerResponse.jsonUnsafe({ count: records.success.length, records: records.success })
  })

  return { test, choices }
})

/** What a test came to, as it is shown. */
export const testedOf = (
  plan: ConnectionPlan,
  { outcome, says }: { readonly outcome: Outcome; readonly says: string },
) => ({
  workspace: plan.workspace,
  connection: plan.id,
  connector: plan.connection.connector.name,
  works: outcome.kind === "delivered",
  says,
  outcome: outcome.kind,
  ...(outcome.status === undefined ? {} : { status: outcome.status }),
})
