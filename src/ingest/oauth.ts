/**
 * OAuth over HTTP: beginning a consent with a key, the link's page, and the callback that vendors send browsers to. Flows that are begun
 * here end here; the command line has a callback of its own.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Result from "effect/Result"
import { limits } from "../config/defaults.ts"
import { connectionName, type ConnectionRef } from "../model/connection-state.ts"
import type { LogUnavailable, Unusable } from "../model/errors.ts"
import { Consent, linkEnds, type Departure } from "../secrets/consent.ts"
import { digest, oauthOf } from "../secrets/oauth.ts"
import { actorOf, callerOf } from "./authenticate.ts"
import { readBody } from "./body.ts"
import { makeFinder } from "./find-connection.ts"
import { connectedPage, oauthPaths, type Page, pageHeaders, renderPage } from "./page.ts"
import { problem, problemResponse } from "./problem.ts"

/** Where this server is for browsers, and where else they may be sent in the end. */
export class PublicAddress extends Context.Service<
  PublicAddress,
  {
    /** Without a slash at its end. Known when the server listens. */
    readonly url: () => string
    /** Origins. */
    readonly returnTo: ReadonlyArray<string>
  }
>()("meshes/PublicAddress") {}

type Response = HttpServerResponse.HttpServerResponse

/** The handlers. They answer every failure themselves. */
export const makeOAuth = Effect.gen(function* () {
  const { findConnection } = yield* makeFinder
  const consent = yield* Consent
  const address = yield* PublicAddress

  const redirectUri = () => `${address.url()}${oauthPaths.callback}`

  /** JSON with a link for whoever is to say yes; or, for a browser that asks itself, the way to the vendor. */
  const authorize = Effect.fnUntraced(function* (request: HttpServerRequest, ref: ConnectionRef) {
    const found = findConnection(request, "operate", ref)
    if (Result.isFailure(found)) return problemResponse(found.failure)
    const { identity, plan } = found.success
    const oauth = oauthOf(plan)
    if (oauth?.grant !== "authorization_code") {
      const why = oauth === undefined ? "it does not use OAuth" : "its app is let in by itself"
      return problemResponse(problem(400, `nobody has to authorize the connection: ${why}`))
    }
    const returnTo = new URL(request.url, "http://runtime").searchParams.get("return_to") ?? undefined
    if (returnTo !== undefined && !mayReturnTo(returnTo, address)) {
      const message = `return_to is a URL of ${new URL(address.url()).origin}, or of an origin that MESHES_RETURN_TO lists`
      return problemResponse(problem(400, message))
    }
    const { by, key } = actorOf(identity, request)
    const asked = { by, ...(key === undefined ? {} : { key }), ...(returnTo === undefined ? {} : { returnTo }) }
    if (!wantsPage(request)) {
      const ends = linkEnds()
      const session = yield* consent.offer(plan, asked)
      if (Result.isFailure(session)) return problemResponse(problem(400, session.failure))
      const url = `${address.url()}${oauthPaths.begin}?session=${encodeURIComponent(session.success)}`
      return HttpServerResponse.jsonUnsafe(
        { url, expires_at: new Date(ends).toISOString() },
        { headers: { "cache-control": "no-store" } },
      )
    }
    return yield* Effect.map(consent.begin(plan, asked, redirectUri()), (begun) =>
      Result.isFailure(begun) ? problemResponse(problem(400, begun.failure)) : depart(begun.success, address),
    )
  }, answering)

  /** Changes nothing, so that whatever looks at links before people do does not use them up. */
  const link = Effect.fnUntraced(function* (request: HttpServerRequest) {
    const session = new URL(request.url, "http://runtime").searchParams.get("session") ?? ""
    const found = yield* consent.look(session)
    if (Result.isFailure(found)) return pageResponse(410, { title: "This link is over", paragraphs: [found.failure] })
    return pageResponse(200, {
      title: `Connect ${found.success.connection}`,
      paragraphs: [
        `You are about to let the connection ${connectionName(found.success)} of Meshes use an account of yours, as ${found.success.by} asks.`,
        "Go on only if you know that workspace: whatever it sends will be done in your name.",
      ],
      button: { label: "Go on", fields: { session } },
    })
  }, answeringPage)

  const open = Effect.fnUntraced(function* (request: HttpServerRequest) {
    // Browsers say where a form came from: no other site can send somebody's browser on its way.
    if (request.headers["origin"] !== new URL(address.url()).origin) {
      return pageResponse(403, {
        title: "Not from here",
        paragraphs: ["Open the link itself, and use the button on its page."],
      })
    }
    const body = yield* readBody(request, limits.linkBodyBytes)
    const session = Result.isFailure(body) ? null : new URLSearchParams(body.success.toString()).get("session")
    const begun = yield* consent.take(session ?? "", redirectUri())
    return Result.isFailure(begun)
      ? pageResponse(410, { title: "Not connected", paragraphs: [begun.failure] })
      : depart(begun.success, address)
  }, answeringPage)

  const callback = Effect.fnUntraced(function* (request: HttpServerRequest) {
    const query = new URL(request.url, "http://runtime").searchParams
    const state = query.get("state")
    const finished = yield* consent.finish(
      { state, code: query.get("code"), error: query.get("error"), description: query.get("error_description") },
      (known) => request.cookies[cookieName(known)],
      callerOf(request),
    )
    if (Result.isFailure(finished)) {
      return pageResponse(400, { title: "Not connected", paragraphs: [finished.failure] })
    }
    const { connection, returnTo } = finished.success
    const headers = { "set-cookie": cookie(state!, "", 0, address) }
    return returnTo === undefined
      ? pageResponse(200, connectedPage(connection), headers)
      : HttpServerResponse.empty({ status: 303, headers: { ...pageHeaders, ...headers, location: returnTo } })
  }, answeringPage)

  const disconnect = Effect.fnUntraced(function* (request: HttpServerRequest, ref: ConnectionRef) {
    const found = findConnection(request, "operate", ref)
    if (Result.isFailure(found)) return problemResponse(found.failure)
    const { identity, plan } = found.success
    if (oauthOf(plan) === undefined) return problemResponse(problem(400, "the connection does not use OAuth"))
    const ended = yield* consent.end(plan, actorOf(identity, request))
    return ended.found
      ? HttpServerResponse.jsonUnsafe({
          confirmed: ended.unconfirmed === undefined,
          ...(ended.unconfirmed === undefined ? {} : { unconfirmed: ended.unconfirmed }),
        })
      : problemResponse(problem(404, "the connection is not authorized"))
  }, answering)

  return { authorize, link, open, callback, disconnect }
})

const wantsPage = ({ headers }: HttpServerRequest): boolean =>
  (headers["accept"] ?? "").split(",").some((one) => one.trim().split(";", 1)[0] === "text/html")

type Address = PublicAddress["Service"]

const mayReturnTo = (returnTo: string, { url, returnTo: allowed }: Address): boolean =>
  URL.canParse(returnTo) && [new URL(url()).origin, ...allowed].includes(new URL(returnTo).origin)

const depart = ({ url, state, nonce }: Departure, address: Address): Response =>
  HttpServerResponse.empty({
    status: 303,
    headers: {
      ...pageHeaders,
      location: url,
      "set-cookie": cookie(state, nonce, limits.authorizationMs / 1000, address),
    },
  })

/** One for each state: flows in several windows do not disturb each other. */
const cookieName = (state: string): string => `meshes_oauth_${digest(state).slice(0, 16)}`

/** `Lax`: the way back from the vendor is a navigation that another site begins, and brings it along. */
const cookie = (state: string, value: string, seconds: number, { url }: Address): string => {
  const { protocol, pathname } = new URL(`${url()}${oauthPaths.callback}`)
  const secure = protocol === "https:" ? "; Secure" : ""
  return `${cookieName(state)}=${value}; Path=${pathname}; Max-Age=${seconds}; HttpOnly; SameSite=Lax${secure}`
}

const pageResponse = (status: number, page: Page, headers: { readonly [name: string]: string } = {}): Response =>
  HttpServerResponse.text(renderPage(page), {
    status,
    contentType: pageHeaders["content-type"],
    headers: { ...pageHeaders, ...headers },
  })

type Failure = LogUnavailable | Unusable

const wordsOf = (error: Failure): string =>
  error._tag === "Unusable" ? error.message : `the log does not answer now: try again (${error.reason})`

const answering = (effect: Effect.Effect<Response, Failure>): Effect.Effect<Response> =>
  Effect.catch(effect, (error) => Effect.succeed(problemResponse(problem(503, wordsOf(error)))))

/** What is not the person's to mend is for the log alone. */
const answeringPage = (effect: Effect.Effect<Response, Failure>): Effect.Effect<Response> =>
  Effect.catch(effect, (error) =>
    Effect.as(
      Effect.logError(`an authorization could not go on: ${error.message}`),
      pageResponse(503, {
        title: "Not now",
        paragraphs: ["Meshes cannot do that at the moment. Try again in a while."],
      }),
    ),
  )
