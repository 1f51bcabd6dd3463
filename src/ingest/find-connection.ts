/**
 * The workspace and the connection that a request is about, for a key that may do such a thing there.
 */
import * as Effect from "effect/Effect"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as Result from "effect/Result"
import { allows, type Identity, Keys, type Scope } from "../accounts/keys.ts"
import { CurrentPlan } from "../config/current-plan.ts"
import type { ConnectionPlan, WorkspacePlan } from "../config/plan.ts"
import type { ConnectionRef } from "../model/connection-state.ts"
import { authenticate } from "./authenticate.ts"
import { type Problem, problem } from "./problem.ts"

export interface Found {
  readonly identity: Identity
  readonly workspace: WorkspacePlan
}

export const makeFinder = Effect.gen(function* () {
  const keys = yield* Keys
  const current = yield* CurrentPlan

  const find = (request: HttpServerRequest, scope: Scope, id: string): Result.Result<Found, Problem> => {
    const identity = authenticate(keys, request.headers, scope)
    if (Result.isFailure(identity)) return Result.fail(identity.failure)
    // The same answer for a workspace that is another's and for one that is not there.
    if (!allows(identity.success, scope, id)) {
      return Result.fail(problem(403, `the key ${identity.success.name} may not ${scope} in that workspace`))
    }
    const workspace = current.get().workspaces.get(id)
    return workspace === undefined
      ? Result.fail(problem(404, "there is no such workspace: the config declares the workspaces"))
      : Result.succeed({ identity: identity.success, workspace })
  }

  const findConnection = (
    request: HttpServerRequest,
    scope: Scope,
    { workspace, connection }: ConnectionRef,
  ): Result.Result<Found & { readonly plan: ConnectionPlan }, Problem> =>
    Result.flatMap(find(request, scope, workspace), (found) => {
      const plan = found.workspace.connections.get(connection)
      return plan === undefined
        ? Result.fail(problem(404, "the workspace has no such connection"))
        : Result.succeed({ ...found, plan })
    })

  return { find, findConnection }
})
