/**
 * The HTTP server: the API's routes, health, metrics and reference, with a limit on everything that a client can hold open.
 *
 * It stops in order: no new connection, then the requests under way to their end, then, after `limits.shutdownMs`, whatever is left.
 */
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
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
import { limits } from "../config/defaults.ts"
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

/** How often, while the server closes, connections that have become idle are closed. */
const idleClosedEveryMs = 50

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
      const app = yield* HttpRouter.toHttpEffect(Layer.provide(routes, Layer.succeed(PublicAddress, address)))
      const { http, port, server } = yield* listen(options)
      url = `http://${reachable(options.host)}:${port}`
      const keys = yield* Keys
      const watchExpired = yield* makeExpiredWatch
      const site = makeSite()
      const checkSession = yield* makeSessionCheck(address.url)
      const answering = Effect.flatMap(HttpServerRequest, (request) => {
        const answer = preflight(keys, request) ?? site.answer(request)
        if (answer !== undefined) return Effect.succeed(answer)
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

const listen = Effect.fnUntraced(function* (options: { readonly host: string; readonly port: number }) {
  const server = createServer({
    headersTimeout: limits.requestHeadersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    connectionsCheckingInterval: limits.connectionsCheckedEveryMs,
    keepAliveTimeout: limits.keepAliveMs,
  })
  server.maxConnections = limits.connections
  const http = yield* NodeHttpServer.make(() => server, {
    host: options.host,
    port: options.port,
    gracefulShutdownTimeout: limits.shutdownMs,
  }).pipe(Effect.mapError((error) => cannotListen(options, error.cause)))
  // Runs after the wait for requests under way and before the wait for the server's end, which an idle client could hold up for ever.
  yield* Effect.addFinalizer(() => Effect.sync(() => server.closeAllConnections()))
  return { http, port: (server.address() as AddressInfo).port, server }
})

/** While the server closes: a connection that ends its last request then is kept alive by its client, and would hold up the end. */
const letGo = (server: Server): void => {
  const timer = setInterval(() => server.closeIdleConnections(), idleClosedEveryMs)
  server.once("close", () => clearInterval(timer))
}

const cannotListen = (options: { readonly host: string; readonly port: number }, cause: unknown): Unusable => {
  const code = (cause as NodeJS.ErrnoException).code
  const where = `${options.host}:${options.port}`
  const advice =
    code === "EADDRINUSE"
      ? "something listens there already: stop it, or choose another port (--port, MESHES_PORT; 0 takes any free one)"
      : code === "EACCES"
        ? "it is not allowed: choose a port above 1023 (--port, MESHES_PORT)"
        : `${(cause as Error).message}: check the address (MESHES_HOST) and the port (MESHES_PORT)`
  return new Unusable({ message: `cannot listen on ${where}: ${advice}` })
}

/** The address as a client on this machine would write it. */
const reachable = (host: string): string =>
  host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "[::1]" : host.includes(":") ? `[${host}]` : host

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
