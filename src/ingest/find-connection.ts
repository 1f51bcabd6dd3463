/**
 * The workspace and the connection that a request is about, for a key that may do such a thing there.
 */
import * as Effect from "effect/Effect"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as Result from "effect/Result"
import { Keys, type Scope } from "../accounts/keys.ts"
import { CurrentPlan } from "../config/current-plan.ts"
import type { ConnectionRef } from "../model/connection-state.ts"
import { findWorkspace } from "./authenticate.ts"
import { problem } from "./problem.ts"
import { readQuery, type Readers } from "./query.ts"

export const makeFinder = Effect.gen(function* () {
  const keys = yield* Keys
  const current = yield* CurrentPlan

  const find = (request: HttpServerRequest, scope: Scope, workspace: string) =>
    findWorkspace(keys, current.get(), request.headers, scope, workspace)

  const findConnection = (request: HttpServerRequest, scope: Scope, { workspace, connection }: ConnectionRef) =>
    Result.flatMap(find(request, scope, workspace), (found) => {
      const plan = found.workspace.connections.get(connection)
      return plan === undefined
        ? Result.fail(problem(404, "the workspace has no such connection"))
        : Result.succeed({ ...found, plan })
    })

  /** For calls that read: the workspace, and what the query asks for. */
  const asked = <R extends Readers>(
    request: HttpServerRequest,
    { workspace }: { readonly workspace: string },
    readers: R,
  ) =>
    Effect.fromResult(
      Result.flatMap(find(request, "read", workspace), (found) =>
        Result.map(readQuery(request.url, readers), (query) => ({ ...found, query })),
      ),
    )

  return { find, findConnection, asked }
})
