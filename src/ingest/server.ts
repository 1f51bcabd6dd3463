/**
 * The HTTP server: the API's routes, health, metrics, reference and the dashboard.
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import type { HttpServerError } from "effect/http/HttpServerError"
import { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import { HttpApiSchemaError } from "effect/http-api/HttpApiError"
import * as Layer from "effect/Layer"
import { isTagged } from "effect/Predicate"
import type { Admission } from "../accounts/admission.ts"
import { Keys } from "../accounts/keys.ts"
import type { Sessions } from "../accounts/sessions.ts"
import type { CurrentPlan } from "../config/current-plan.ts"
import type { Audit } from "../log/audit.ts"
import type { ConnectionStates, ConnectionSwitch } from "../log/connections.ts"
import type { History } from "../history/history.ts"
import type { EventLog } from "../log/event-log.ts"
import type { IssuedKeys } from "../log/issued-keys.ts"
import type { Operations } from "../log/operations.ts"
import type { Replays } from "../log/replays.ts"
import { Unusable } from "../model/errors.ts"
import type { Health } from "../observe/health.ts"
import type { Consent } from "../secrets/consent.ts"
import type { SettingsResolver } from "../secrets/settings-resolver.ts"
import type { Vault } from "../secrets/vault.ts"
import type { Operator } from "./acts.ts"
import { Api } from "./api.ts"
import type { Backtester } from "./backtests.ts"
import type { Checks } from "./checks.ts"
import { preflight } from "./cors.ts"
import { makeExpiredWatch } from "./expired.ts"
import type { Explainer } from "./explain.ts"
import type { Catalog } from "./integrations.ts"
import { PublicAddress } from "./oauth.ts"
import { bug, problem, problemResponse } from "./problem.ts"
import type { Replayer } from "./replays.ts"
import { makeSite } from "./site.ts"
import { routes } from "./routes.ts"
import { makeSessionCheck } from "./own-page.ts"
import { letGo, listen, reachable } from "./listen.ts"
import { makeFrame } from "./sessions.ts"

/** Where the server listens, once it does: the port is known even if any was asked for. */
export class IngestAddress extends Context.Service<
  IngestAddress,
  { readonly host: string; readonly port: number; readonly url: string }
>()("meshes/IngestAddress") {}

/**
 * @param options `port` 0: any free one; `publicUrl`: how browsers reach it, where that is not the address it listens on. Fails with
 *   `Unusable` when it cannot listen there.
 */
export const ingestLayer = (options: {
  readonly host: string
  readonly port: number
  readonly publicUrl?: string
  readonly returnTo?: ReadonlyArray<string>
}): Layer.Layer<
  IngestAddress,
  Unusable,
  | Admission
  | EventLog
  | Audit
  | Health
  | Keys
  | Sessions
  | IssuedKeys
  | CurrentPlan
  | ConnectionStates
  | ConnectionSwitch
  | Consent
  | Vault
  | Checks
  | Catalog
  | Audit
  | Replays
  | Replayer
  | Explainer
  | Backtester
  | SettingsResolver
  | History
  | Operator
  | Operations
> =>
  Layer.effect(
    IngestAddress,
    Effect.gen(function* () {
      let url = ""
      const address = { url: () => options.publicUrl ?? url, returnTo: options.returnTo ?? [] }
      const app = yield* HttpRouter.toHttpEffect(Layer.provide(routes, Layer.succeed(PublicAddress, address))).pipe(
        // Its own limit of a step is below what an id may have, and its answer to more is 405: what is asked for says what it takes.
        Effect.provideService(HttpRouter.RouterConfig, { maxParamLength: Number.MAX_SAFE_INTEGER }),
      )
      const { http, port, server } = yield* listen(options)
      url = `http://${reachable(options.host)}:${port}`
      const keys = yield* Keys
      const watchExpired = yield* makeExpiredWatch
      const checkSession = yield* makeSessionCheck(address.url)
      const site = makeSite()
      const frame = yield* makeFrame(site)
      const answering = Effect.flatMap(HttpServerRequest, (request) => {
        const answer = preflight(keys, request) ?? site.answer(request)
        if (answer !== undefined) return Effect.succeed(answer)
        const framed = frame(request)
        if (framed !== undefined) return framed
        const whole = Effect.catchCause(app, answerFailure)
        const answered = aliased.test(request.url)
          ? Effect.provideService(whole, HttpServerRequest, request.modify({ url: `/api/v1${request.url}` }))
          : whole
        return checkSession(
          request,
          Effect.tap(answered, (response) => watchExpired(request, response)),
        )
      })
      yield* http.serve(answering)
      yield* Effect.addFinalizer(() => Effect.sync(() => letGo(server)))
      return { host: options.host, port, url }
    }),
  ).pipe(Layer.provide(NodeHttpServer.layerHttpServices))

/** Paths that clients of another product know without what ours begin with. */
const aliased = /^\/(?:workspaces|events)\//

/** Which methods each path knows, for what no route took. */
const methodsOf = (path: string): ReadonlyArray<string> => {
  if (path === "/openapi.json" || path === "/docs") return ["GET", "HEAD"]
  return Object.values(Api.groups).flatMap((group) =>
    Object.values(group.endpoints)
      .filter((endpoint) => fits(endpoint.path, path))
      .flatMap(({ method }) => (method === "GET" ? ["GET", "HEAD"] : [method])),
  )
}

/** `:name` stands for one step of a path. */
const fits = (pattern: string, path: string): boolean => {
  const wanted = pattern.split("/")
  const steps = path.split("/")
  return wanted.length === steps.length && wanted.every((step, i) => step.startsWith(":") || step === steps[i])
}

/** What no handler answered: a path or method that is not there, or a bug. */
const answerFailure = (
  cause: Cause.Cause<unknown>,
): Effect.Effect<HttpServerResponse.HttpServerResponse, unknown, HttpServerRequest> => {
  if (Cause.hasInterruptsOnly(cause)) return Effect.failCause(cause)
  const error = Cause.squash(cause)
  // Handlers read everything else by themselves.
  if (HttpApiSchemaError.is(error)) {
    return Effect.succeed(problemResponse(problem(400, "the query is not well-formed: give each parameter once")))
  }
  if (!isTagged(error, "HttpServerError") || !isTagged((error as HttpServerError).reason, "RouteNotFound")) {
    return Effect.as(Effect.logError("a request ended in a bug", cause), problemResponse(bug))
  }
  return Effect.map(HttpServerRequest, (request) => {
    const path = request.url.split("?", 1)[0]!
    const methods = methodsOf(path)
    if (methods.length === 0) {
      return problemResponse(problem(404, `there is nothing at ${JSON.stringify(path.slice(0, 200))}: see /docs`))
    }
    const allow = methods.join(", ")
    return problemResponse({ status: 405, message: `${path} takes ${allow}`, headers: { allow } })
  })
}
