/**
 * Signing in and out over HTTP, and who is asking. A browser keeps the session in a cookie that no script can read and no other site's
 * page sends.
 */
import * as Effect from "effect/Effect"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as Result from "effect/Result"
import type { Identity } from "../accounts/identity.ts"
import { Keys } from "../accounts/keys.ts"
import { type NotLetIn, Sessions } from "../accounts/sessions.ts"
import { Checker } from "../config/check-shape.ts"
import { limits } from "../config/defaults.ts"
import { logTime } from "../log/log-time.ts"
import { sessionCookie } from "../model/session.ts"
import { answered } from "./answer.ts"
import { Api } from "./api.ts"
import { actorOf, callerOf, identified, notKnownProblem } from "./authenticate.ts"
import { readBody } from "./body.ts"
import { parseJson } from "./json.ts"
import { PublicAddress } from "./oauth.ts"
import { isOwnPage, notOwnPage, schemeOf } from "./own-page.ts"
import { inputProblem, type Problem, problem } from "./problem.ts"
import { timeText } from "./records.ts"

export const signInGroup = HttpApiBuilder.group(Api, "signIn", (handlers) =>
  Effect.map(makeSignIn, ({ signIn, signOut, me }) =>
    handlers
      .handleRaw("signIn", ({ request }) => signIn(request))
      .handleRaw("signOut", ({ request }) => signOut(request))
      .handleRaw("me", ({ request }) => me(request)),
  ),
)

/** The handlers. They answer every failure themselves. */
const makeSignIn = Effect.gen(function* () {
  const keys = yield* Keys
  const sessions = yield* Sessions
  const address = yield* PublicAddress

  /** `Secure` where the browser came over https, as far as can be known behind a proxy. */
  const cookie = (request: HttpServerRequest, value: string, seconds: number): string => {
    const secure = address.url().startsWith("https:") || schemeOf(request.headers) === "https" ? "; Secure" : ""
    return `${sessionCookie}=${value}; Path=/; Max-Age=${seconds}; HttpOnly; SameSite=Strict${secure}`
  }

  const signIn = (request: HttpServerRequest) =>
    answered(
      Effect.gen(function* () {
        // Another site's page cannot sign a person in as somebody else. What is no browser says nothing of pages.
        const { origin, "sec-fetch-site": site } = request.headers
        if ((origin !== undefined || site !== undefined) && !isOwnPage(request.headers, address.url()))
          return yield* Effect.fail(problem(403, notOwnPage))
        const body = yield* Effect.fromResult(yield* readBody(request, limits.sessionBodyBytes))
        const asked = yield* Effect.fromResult(credentialIn(body))
        const caller = callerOf(request)
        const found = yield* asked.key === undefined
          ? sessions.redeem(asked.link, caller)
          : sessions.signIn(asked.key, caller)
        if (Result.isFailure(found)) return yield* Effect.fail(refusal(found.failure, asked.key === undefined))
        const { identity, token, ends } = found.success
        const until = Math.min(ends, identity.expires ?? ends)
        return HttpServerResponse.jsonUnsafe(whoIs(identity), {
          headers: {
            "cache-control": "no-store",
            "set-cookie": cookie(request, token, Math.max(0, Math.floor((until - logTime()) / 1000))),
          },
        })
      }),
    )

  const signOut = (request: HttpServerRequest) =>
    answered(
      Effect.gen(function* () {
        const identity = yield* Effect.fromResult(identified(keys, request.headers))
        const { session, workspaces } = identity
        if (session === undefined)
          return yield* Effect.fail(problem(400, "nobody is signed in by a key that is sent with each request"))
        yield* sessions.end(session, workspaces === undefined ? undefined : [...workspaces], actorOf(identity, request))
        return HttpServerResponse.empty({ status: 204, headers: { "set-cookie": cookie(request, "", 0) } })
      }),
    )

  const me = (request: HttpServerRequest) =>
    answered(
      Effect.map(Effect.fromResult(identified(keys, request.headers)), (identity) =>
        HttpServerResponse.jsonUnsafe(whoIs(identity), { headers: { "cache-control": "no-store" } }),
      ),
    )

  return { signIn, signOut, me }
})

const whoIs = ({ kind, name, scopes, workspaces, expires, account, role, resource, resource_id }: Identity) => ({
  ...{ name, kind, scopes: [...scopes] },
  workspaces: workspaces === undefined ? undefined : [...workspaces].toSorted(),
  ...{ account, role, resource, resource_id },
  expires_at: expires === undefined ? undefined : timeText(expires),
})

const fields = ["key", "link"] as const

type Credential =
  | { readonly key: string; readonly link?: undefined }
  | { readonly key?: undefined; readonly link: string }

/** What is wrong is told without what was sent. */
const credentialIn = (body: Buffer): Result.Result<Credential, Problem> => {
  const value = parseJson(body)
  if (Result.isFailure(value)) return Result.fail(problem(400, value.failure))
  const check = new Checker()
  const given = check.object(value.success, [], fields)
  const [field, ...more] = fields.filter((one) => given?.[one] !== undefined)
  if (given !== undefined && (field === undefined || more.length > 0)) check.note([], 'give either "key" or "link"')
  if (field !== undefined && (typeof given![field] !== "string" || given![field] === ""))
    check.note([field], "expected a text")
  return check.issues.length > 0
    ? Result.fail(inputProblem(400, check.issues))
    : Result.succeed({ [field!]: given![field!] } as Credential)
}

const refusal = (why: NotLetIn, byLink: boolean): Problem => {
  if (why === "blind")
    return problem(403, 'the key may not look around here: one with the scope "read" signs in, and no publishable one')
  if (why === "full") return problem(429, "too many are signed in by that key: sign out where it is no longer needed")
  return byLink ? { ...notKnownProblem(why), message: linkOver } : notKnownProblem(why)
}

/** The same whether there ever was one. */
const linkOver = `the link was used already, or is older than ${limits.memberLinkMs / 60_000} minutes: ask for another`
