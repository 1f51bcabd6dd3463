/**
 * What an event would do, over HTTP. Nothing is stored, and nothing is sent.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Result from "effect/Result"
import { limits } from "../config/defaults.ts"
import type { Issue } from "../model/errors.ts"
import type { WorkspaceId } from "../model/ids.ts"
import { answered } from "./answer.ts"
import { readBody } from "./body.ts"
import { makeFinder } from "./find-connection.ts"
import { parseJson } from "./json.ts"
import { inputProblem, problem } from "./problem.ts"

/** Given by whoever puts the process together: it is decided and shown where events are routed and sent. */
export class Explainer extends Context.Service<
  Explainer,
  {
    /** As the contract's `Explanation`. @param given as a publisher would send it */
    readonly explain: (
      given: unknown,
      workspace: WorkspaceId,
    ) => Effect.Effect<Result.Result<object, ReadonlyArray<Issue>>>
  }
>()("meshes/Explainer") {}

/** The handler. It answers every failure itself. */
export const makeExplain = Effect.gen(function* () {
  const { find } = yield* makeFinder
  const explainer = yield* Explainer

  return (request: HttpServerRequest, { workspace }: { readonly workspace: WorkspaceId }) =>
    answered(
      Effect.gen(function* () {
        yield* Effect.fromResult(find(request, "read", workspace))
        const body = yield* Effect.fromResult(yield* readBody(request, limits.eventBytes))
        const given = yield* Effect.fromResult(Result.mapError(parseJson(body), (why) => problem(400, why)))
        const named = (Object(given) as { readonly workspace?: unknown }).workspace ?? workspace
        if (named !== workspace) {
          const message = "is not the workspace of the address: leave it out"
          return yield* Effect.fail(inputProblem(400, [{ path: ["workspace"], message }]))
        }
        const explained = yield* explainer.explain(given, workspace)
        return yield* Effect.fromResult(
          Result.mapBoth(explained, {
            onSuccess: (shown) => HttpServerResponse.jsonUnsafe(shown),
            onFailure: (issues) => inputProblem(400, issues),
          }),
        )
      }),
    )
})
