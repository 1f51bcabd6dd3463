/**
 * Browsers that publish with a publishable key. A browser asks first (a preflight, which carries no key) and is let through when some
 * publishable key welcomes its page's origin; what counts is the request itself, which the key that it carries must allow. Nothing but
 * the publishing calls can be read by pages of other origins.
 */
import * as Effect from "effect/Effect"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Result from "effect/Result"
import { allowsOrigin, type Keys } from "../accounts/keys.ts"
import { limits } from "../config/defaults.ts"
import { problem, problemResponse } from "./problem.ts"

type Response = HttpServerResponse.HttpServerResponse

export const publishingPaths: ReadonlyArray<string> = ["/api/v1/events", "/api/v1/events/bulk"]

/** What publishers send beside what every page may. */
const requestHeaders = [
  "authorization",
  "content-type",
  "idempotency-key",
  "traceparent",
  "x-meshes-publishable-key",
  ...["id", "source", "specversion", "subject", "time", "type", "workspace"].map((name) => `ce-${name}`),
].join(", ")

/** The answer to a preflight of a publishing call; `undefined`: it is none. */
export const preflight = (keys: Keys["Service"], { method, url, headers }: HttpServerRequest): Response | undefined => {
  const { origin } = headers
  if (method !== "OPTIONS" || origin === undefined || headers["access-control-request-method"] === undefined) return
  if (!publishingPaths.includes(url.split("?", 1)[0]!)) return
  if (!keys.welcomes(origin)) {
    return problemResponse({ ...problem(403, "no publishable key lets pages of this origin publish"), headers: vary })
  }
  return HttpServerResponse.empty({
    status: 204,
    headers: {
      ...readableBy(origin),
      "access-control-allow-methods": "POST",
      "access-control-allow-headers": requestHeaders,
      "access-control-max-age": String(limits.preflightMs / 1000),
    },
  })
}

/** Lets pages read the answers that they may: a key's own pages; and, where no key was known, those that some key welcomes. */
export const forPages =
  (keys: Keys["Service"], handle: (request: HttpServerRequest) => Effect.Effect<Response>) =>
  (request: HttpServerRequest): Effect.Effect<Response> => {
    const { origin } = request.headers
    if (origin === undefined) return handle(request)
    return Effect.map(handle(request), (response) => {
      const identity = keys.authenticate(request.headers)
      const readable = Result.isSuccess(identity) ? allowsOrigin(identity.success, origin) : keys.welcomes(origin)
      return HttpServerResponse.setHeaders(response, readable ? readableBy(origin) : vary)
    })
  }

const vary = { vary: "Origin" }

const readableBy = (origin: string) => ({
  ...vary,
  "access-control-allow-origin": origin,
  "access-control-expose-headers": "retry-after",
})
