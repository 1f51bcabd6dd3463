/**
 * The secrets of a workspace over HTTP: set, listed by name, removed, and never shown. All of it is for admins of the workspace.
 */
import * as Effect from "effect/Effect"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Result from "effect/Result"
import { byOf } from "../accounts/identity.ts"
import { type Identity, Keys } from "../accounts/keys.ts"
import { CurrentPlan } from "../config/current-plan.ts"
import { limits } from "../config/defaults.ts"
import { Audit, type Act } from "../log/audit.ts"
import type { LogUnavailable, Unusable } from "../model/errors.ts"
import { secretNamePattern } from "../model/secret-ref.ts"
import { placeName, type Place } from "../model/vault-place.ts"
import { Vault, type VaultConflict } from "../secrets/vault.ts"
import { actorOf, findWorkspace } from "./authenticate.ts"
import { readBody } from "./body.ts"
import { parseJson } from "./json.ts"
import { listResponse, namePage, pageByName } from "./pages.ts"
import { type Problem, problem, problemResponse } from "./problem.ts"
import { readQuery } from "./query.ts"
import { timeText } from "./records.ts"

type Response = HttpServerResponse.HttpServerResponse

/** The handlers of the secrets' calls. They answer every failure themselves, and none with a value. */
export const makeSecrets = Effect.gen(function* () {
  const keys = yield* Keys
  const current = yield* CurrentPlan
  const vault = yield* Vault
  const audit = yield* Audit

  const find = (request: HttpServerRequest, workspace: string) =>
    findWorkspace(keys, current.get(), request.headers, "admin", workspace)

  const findPlace = (
    request: HttpServerRequest,
    { workspace, name }: { readonly workspace: string; readonly name: string },
  ): Result.Result<{ readonly identity: Identity; readonly place: Place }, Problem> =>
    Result.flatMap(find(request, workspace), ({ identity }) =>
      secretNamePattern.test(name)
        ? Result.succeed({ identity, place: { kind: "secret" as const, workspace, name } })
        : Result.fail(
            problem(400, "the name of a secret is letters, digits and _, not beginning with a digit, at most 128"),
          ),
    )

  const list = (request: HttpServerRequest, { workspace }: { readonly workspace: string }): Effect.Effect<Response> => {
    const asked = Result.flatMap(find(request, workspace), () => readQuery(request.url, namePage))
    if (Result.isFailure(asked)) return Effect.succeed(problemResponse(asked.failure))
    return Effect.match(vault.list("secret", workspace), {
      onSuccess: (all) => {
        const { records, next } = pageByName(all, ({ place }) => place.name, asked.success)
        return listResponse(
          asked.success.limit,
          next,
          records.map(({ place, at, key }) => ({ name: place.name, workspace, at: timeText(at), key })),
        )
      },
      onFailure: (error) => problemResponse(refusal(error)),
    })
  }

  const set = Effect.fnUntraced(function* (
    request: HttpServerRequest,
    params: { readonly workspace: string; readonly name: string },
  ) {
    const found = findPlace(request, params)
    if (Result.isFailure(found)) return problemResponse(found.failure)
    const value = valueIn(yield* readBody(request, limits.secretBodyBytes))
    if (Result.isFailure(value)) return problemResponse(value.failure)
    const { place, identity } = found.success
    const first = audit.write(actorOf(identity, request), actOn("secret.set", place))
    return yield* answered(
      vault.write(place, value.success, { first }),
      `${placeName(place)} was set by ${byOf(identity)}`,
    )
  })

  const remove = Effect.fnUntraced(function* (
    request: HttpServerRequest,
    params: { readonly workspace: string; readonly name: string },
  ) {
    const found = findPlace(request, params)
    if (Result.isFailure(found)) return problemResponse(found.failure)
    const { place, identity } = found.success
    const known = vault.get(place)
    if (Result.isSuccess(known) && known.success === undefined) {
      return problemResponse(problem(404, "no such secret is set in the vault"))
    }
    const told = audit.write(actorOf(identity, request), actOn("secret.removed", place))
    return yield* answered(
      Effect.andThen(told, vault.remove(place)),
      `${placeName(place)} was removed by ${byOf(identity)}`,
    )
  })

  return { list, set, remove }
})

/** What is done to a secret, for the audit. */
export const actOn = (what: "secret.set" | "secret.removed", { name, workspace }: Place): Act => ({
  what,
  target: name,
  workspaces: [workspace],
})

const answered = (
  change: Effect.Effect<unknown, LogUnavailable | Unusable | VaultConflict>,
  line: string,
): Effect.Effect<Response> =>
  Effect.andThen(change, Effect.logInfo(line)).pipe(
    Effect.match({
      onSuccess: () => HttpServerResponse.empty({ status: 204 }),
      onFailure: (error) => problemResponse(refusal(error)),
    }),
  )

/** Without a key ring it says what to set; otherwise repeating it is harmless, whatever became of the first. */
const refusal = (error: LogUnavailable | Unusable | VaultConflict): Problem =>
  error._tag === "Unusable"
    ? problem(503, error.message)
    : {
        status: 503,
        message: `the log does not answer now: send it again (${error.message})`,
        headers: { "retry-after": "1" },
      }

/** Says nothing of what was sent: it is a secret, whatever its form. */
const valueIn = (body: Result.Result<Buffer, Problem>): Result.Result<string, Problem> => {
  if (Result.isFailure(body)) return Result.fail(body.failure)
  const parsed = Result.getOrUndefined(parseJson(body.success))
  const { value, ...rest } = Object(parsed) as { readonly value?: unknown }
  if (typeof value !== "string" || value === "" || !value.isWellFormed() || Object.keys(rest).length > 0) {
    return Result.fail(problem(400, 'the body is { "value": "…" }: JSON with one text that is not empty'))
  }
  const bytes = Buffer.byteLength(value)
  return bytes <= limits.secretBytes
    ? Result.succeed(value)
    : Result.fail(problem(413, `the value has ${bytes} bytes, at most ${limits.secretBytes} are kept of a secret`))
}
