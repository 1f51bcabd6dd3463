/**
 * Whether whoever asks is known and may do such a thing at all; whether they may do it in a workspace is asked where that is known.
 */
import * as Result from "effect/Result"
import { allows, type Identity, type Keys, type Scope } from "../accounts/keys.ts"
import { type Problem, problem } from "./problem.ts"

export const authenticate = (
  keys: Keys["Service"],
  headers: { readonly [name: string]: string | undefined },
  scope: Scope,
): Result.Result<Identity, Problem> => {
  const identity = keys.authenticate(headers)
  if (Result.isFailure(identity)) {
    const message =
      identity.failure === "missing"
        ? "no key was sent: send it as Authorization: Bearer <key>, or X-Meshes-Publishable-Key"
        : "the key is not known here"
    return Result.fail({ status: 401, message, headers: { "www-authenticate": "Bearer" } })
  }
  return allows(identity.success, scope)
    ? Result.succeed(identity.success)
    : Result.fail(problem(403, `the key ${identity.success.name} may not ${scope}`))
}
