/**
 * Listening for clients, with a limit on everything that they can hold open.
 *
 * It stops in order: no new connection, then the requests under way to their end, then, after `limits.shutdownMs`, whatever is left.
 */
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as Effect from "effect/Effect"
import { limits } from "../config/defaults.ts"
import { Unusable } from "../model/errors.ts"

/** How often, while the server closes, connections that have become idle are closed. */
const idleClosedEveryMs = 50

export const listen = Effect.fnUntraced(function* (options: { readonly host: string; readonly port: number }) {
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
export const letGo = (server: Server): void => {
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
export const reachable = (host: string): string =>
  host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "[::1]" : host.includes(":") ? `[${host}]` : host
