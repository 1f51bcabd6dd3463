/**
 * Whether whoever asks is known and may do such a thing: at all, or in a workspace where that is known from the address.
 */
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import { byOf, called } from "../accounts/identity.ts"
import { allows, type Identity, type Keys, type NotKnown, type Scope } from "../accounts/keys.ts"
import { limits } from "../config/defaults.ts"
import type { Plan, WorkspacePlan } from "../config/plan.ts"
import type { Actor } from "../model/record.ts"
import { type Problem, problem } from "./problem.ts"

export const authenticate = (
  keys: Keys["Service"],
  headers: { readonly [name: string]: string | undefined },
  scope: Scope,
): Result.Result<Identity, Problem> => {
  const identity = identified(keys, headers)
  if (Result.isFailure(identity)) return Result.fail(identity.failure)
  return allows(identity.success, scope)
    ? Result.succeed(identity.success)
    : Result.fail(problem(403, `${called(identity.success)} may not ${scope}`))
}

/** Whoever asks, whatever they may do. */
export const identified = (
  keys: Keys["Service"],
  headers: { readonly [name: string]: string | undefined },
): Result.Result<Identity, Problem> => Result.mapError(keys.authenticate(headers), notKnownProblem)

export const notKnownProblem = (why: NotKnown): Problem => ({
  status: 401,
  message: notKnown[why],
  headers: { "www-authenticate": "Bearer" },
})

const notKnown: { readonly [Why in NotKnown]: string } = {
  missing: "no key was sent: send it as Authorization: Bearer <key>, or X-Meshes-Publishable-Key",
  unknown: "the key is not known here",
  expired: "the key has expired: ask an admin for another",
  over: "the session is over: sign in again, or launch another",
}

/** Whoever asks, as the audit tells of them. */
export const actorOf = (identity: Identity, request: HttpServerRequest): Actor => ({
  by: byOf(identity),
  ...(identity.id === undefined ? {} : { key: identity.id }),
  ...callerOf(request),
})

export const callerOf = ({ remoteAddress, headers }: HttpServerRequest): Pick<Actor, "from" | "agent"> => ({
  ...(Option.isNone(remoteAddress) ? {} : { from: remoteAddress.value }),
  ...(headers["user-agent"] === undefined ? {} : { agent: headers["user-agent"].slice(0, limits.agentCharacters) }),
})

/** The workspace of a call about one, if whoever asks may do that there. */
export const findWorkspace = (
  keys: Keys["Service"],
  plan: Plan,
  headers: { readonly [name: string]: string | undefined },
  scope: Scope,
  id: string,
): Result.Result<{ readonly identity: Identity; readonly workspace: WorkspacePlan }, Problem> => {
  const identity = authenticate(keys, headers, scope)
  if (Result.isFailure(identity)) return Result.fail(identity.failure)
  const workspace = allows(identity.success, scope, id) ? plan.workspaces.get(id) : undefined
  // The same answer for a workspace that is another's and for one that is not there.
  return workspace === undefined
    ? Result.fail(problem(404, "there is no such workspace that the key may see: the config declares the workspaces"))
    : Result.succeed({ identity: identity.success, workspace })
}
