/**
 * Sessions for pages that frame ours, over HTTP: a server of the customer's mints one with an admin's key, the framed page launches it, and
 * refreshes its token before that is over.
 */
import * as Effect from "effect/Effect"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as Result from "effect/Result"
import { allows, called } from "../accounts/identity.ts"
import { Keys } from "../accounts/keys.ts"
import { checkMinting } from "../accounts/minting.ts"
import { type Launched, Sessions } from "../accounts/sessions.ts"
import { CurrentPlan } from "../config/current-plan.ts"
import { limits } from "../config/defaults.ts"
import { shownSession } from "../model/session.ts"
import { answered } from "./answer.ts"
import { Api } from "./api.ts"
import { actorOf, authenticate, callerOf, findWorkspace, identified, notKnownProblem } from "./authenticate.ts"
import { readBody } from "./body.ts"
import { parseJson } from "./json.ts"
import { PublicAddress } from "./oauth.ts"
import { listResponse, namePage, pageByName } from "./pages.ts"
import { inputProblem, problem } from "./problem.ts"
import { readQuery, textReader } from "./query.ts"
import { timeText } from "./records.ts"
import type { Site } from "./site.ts"

export const sessionsGroup = HttpApiBuilder.group(Api, "sessions", (handlers) =>
  Effect.map(makeSessions, ({ mint, launch, refresh, list, end }) =>
    handlers
      .handleRaw("mint", ({ request }) => mint(request))
      .handleRaw("launch", ({ request }) => launch(request))
      .handleRaw("refresh", ({ request }) => refresh(request))
      .handleRaw("list", ({ request }) => list(request))
      .handleRaw("end", ({ request, params }) => end(request, params)),
  ),
)

/** The page of a minted session, which pages of that session's origins may frame, and no others. `undefined`: another was asked for. */
export const makeFrame = (site: Site) =>
  Effect.map(Sessions, ({ launchOrigins }) => (request: HttpServerRequest) => {
    const [path, query] = request.url.split("?", 2)
    if (path !== embedPath || (request.method !== "GET" && request.method !== "HEAD")) return undefined
    const launch = new URLSearchParams(query).get("launch") ?? ""
    return Effect.map(launchOrigins(launch), (origins) => site.embedded(request, origins))
  })

const embedPath = "/embed"

const noStore = { "cache-control": "no-store" }

/** The handlers. They answer every failure themselves. */
const makeSessions = Effect.gen(function* () {
  const keys = yield* Keys
  const sessions = yield* Sessions
  const current = yield* CurrentPlan
  const address = yield* PublicAddress

  const bodyOf = (request: HttpServerRequest) =>
    Effect.map(readBody(request, limits.sessionBodyBytes), (body) =>
      Result.flatMap(body, (bytes) => Result.mapError(parseJson(bytes), (message) => problem(400, message))),
    )

  const mint = (request: HttpServerRequest) =>
    answered(
      Effect.gen(function* () {
        const minter = yield* Effect.fromResult(authenticate(keys, request.headers, "admin"))
        // It would outlive what it comes from, or be passed on for ever.
        if (minter.kind === "embed")
          return yield* Effect.fail(problem(403, `${called(minter)} may not mint others: mint them with a key`))
        const value = yield* Effect.fromResult(yield* bodyOf(request))
        const terms = yield* Effect.fromResult(
          Result.mapError(checkMinting(value), (issues) => inputProblem(400, issues)),
        )
        yield* Effect.fromResult(findWorkspace(keys, current.get(), request.headers, "admin", terms.workspace))
        const minted = yield* sessions.mint(minter, terms, actorOf(minter, request))
        if (Result.isFailure(minted)) {
          const advice = "end some that nobody uses, or wait until they are over"
          return yield* Effect.fail(
            problem(429, `no more sessions of the workspace "${terms.workspace}" are kept: ${advice}`),
          )
        }
        const { session, launch } = minted.success
        return HttpServerResponse.jsonUnsafe(
          {
            ...shownSession(session),
            launch_url: `${address.url()}${embedPath}?launch=${launch}`,
            launch_expires_at: timeText(session.launch!.ends),
          },
          { status: 201, headers: noStore },
        )
      }),
    )

  const launch = (request: HttpServerRequest) =>
    answered(
      Effect.gen(function* () {
        const value = yield* Effect.fromResult(yield* bodyOf(request))
        const text = (value as { readonly launch?: unknown } | null)?.launch
        if (typeof text !== "string" || text === "")
          return yield* Effect.fail(inputProblem(400, [{ path: ["launch"], message: "expected a text" }]))
        const launched = yield* sessions.launch(text, callerOf(request))
        if (launched === undefined) return yield* Effect.fail({ ...notKnownProblem("over"), message: launchOver })
        return tokenResponse(launched)
      }),
    )

  const refresh = (request: HttpServerRequest) =>
    answered(
      Effect.gen(function* () {
        const identity = yield* Effect.fromResult(identified(keys, request.headers))
        if (identity.kind !== "embed")
          return yield* Effect.fail(problem(403, `${called(identity)} has no token to refresh: minted sessions do`))
        const launched = yield* sessions.refresh(identity)
        return launched === undefined ? yield* Effect.fail(notKnownProblem("over")) : tokenResponse(launched)
      }),
    )

  const list = (request: HttpServerRequest) =>
    answered(
      Effect.gen(function* () {
        const admin = yield* Effect.fromResult(authenticate(keys, request.headers, "admin"))
        const query = yield* Effect.fromResult(readQuery(request.url, { workspace: textReader, ...namePage }))
        const { workspace, limit } = query
        if (workspace !== undefined && !allows(admin, "admin", workspace))
          return yield* Effect.fail(problem(403, `${called(admin)} may not admin in that workspace`))
        const found = sessions
          .list(admin)
          .filter(({ embed }) => workspace === undefined || embed.workspace === workspace)
        const { records, next } = pageByName(found, ({ id }) => id, query)
        return listResponse(limit, next, records.map(shownSession))
      }),
    )

  const end = (request: HttpServerRequest, { id }: { readonly id: string }) =>
    answered(
      Effect.gen(function* () {
        const admin = yield* Effect.fromResult(authenticate(keys, request.headers, "admin"))
        const found = sessions.list(admin).find((session) => session.id === id)
        if (found === undefined) return yield* Effect.fail(problem(404, "there is no such session, or it is over"))
        yield* sessions.end(id, [found.embed.workspace], actorOf(admin, request))
        return HttpServerResponse.empty({ status: 204 })
      }),
    )

  return { mint, launch, refresh, list, end }
})

/** The same whether there ever was one. */
const launchOver = `the launch was used already, or is older than ${limits.launchMs / 1000} seconds: mint another session`

const tokenResponse = ({ session, token, ends, identity }: Launched) =>
  HttpServerResponse.jsonUnsafe(
    { ...shownSession(session), token, token_expires_at: timeText(Math.min(ends, identity.expires ?? ends)) },
    { headers: noStore },
  )
