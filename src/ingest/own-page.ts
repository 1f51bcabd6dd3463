/**
 * Requests that a browser's cookie speaks for. A browser sends it along whichever page asks, so what changes something counts only when it
 * comes from a page of this very origin: by what the browser itself says of that (Fetch Metadata, `Sec-Fetch-Site`), which no page can
 * set; and where it says nothing, as over plain HTTP, by `Origin`.
 */
import * as Effect from "effect/Effect"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import type * as HttpServerResponse from "effect/http/HttpServerResponse"
import { cookieIn, sessionTokenIn } from "../accounts/session-token.ts"
import { Sessions } from "../accounts/sessions.ts"
import { problem, problemResponse, unavailable } from "./problem.ts"

type Response = HttpServerResponse.HttpServerResponse

/** Change nothing, whoever asks. */
const safeMethods: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"])

/**
 * Before a request is routed: its session is known here, and if a cookie is what it comes with, it comes from where it may.
 *
 * @param publicUrl how browsers reach the server
 */
export const makeSessionCheck = (publicUrl: () => string) =>
  Effect.map(
    Sessions,
    ({ know }) =>
      <E, R>(request: HttpServerRequest, route: Effect.Effect<Response, E, R>): Effect.Effect<Response, E, R> => {
        const { headers, method } = request
        if (sessionTokenIn(headers) === undefined) return route
        if (cookieIn(headers) !== undefined && !safeMethods.has(method) && !isOwnPage(headers, publicUrl()))
          return Effect.succeed(problemResponse(problem(403, notOwnPage)))
        return Effect.matchEffect(know(headers), {
          onSuccess: () => route,
          onFailure: (error) => Effect.succeed(problemResponse(unavailable(error))),
        })
      },
  )

export const notOwnPage =
  "a browser's session may do that only from a page of this origin, and the browser does not say that it is one: " +
  "send a key as Authorization: Bearer <key>, or set MESHES_PUBLIC_URL to where browsers find this server"

type Headers = { readonly [name: string]: string | undefined }

/** Whether the browser says that a page of this server asks. */
export const isOwnPage = (headers: Headers, publicUrl: string): boolean => {
  const site = headers["sec-fetch-site"]
  if (site !== undefined) return site === "same-origin"
  const { origin } = headers
  return (
    origin !== undefined &&
    (origin === new URL(publicUrl).origin || origin === `${schemeOf(headers)}://${headers["host"]}`)
  )
}

/** As the browser wrote it, where a proxy says so. A page cannot set that header without being asked whether it may. */
export const schemeOf = (headers: Headers): string =>
  headers["x-forwarded-proto"]?.split(",", 1)[0]!.trim() === "https" ? "https" : "http"
