/**
 * The command line's own callback: a server on this machine for one authorization, and the browser that is opened for it. Only a browser
 * on this machine can come back here, and only with the state that this process has made.
 */
import { spawn } from "node:child_process"
import { createServer, type Server, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import * as Effect from "effect/Effect"
import { type Page, oauthPaths, pageHeaders, renderPage } from "../ingest/page.ts"
import { Unusable } from "../model/errors.ts"

/** A browser that came back, and waits for a page. */
export interface Arrival {
  readonly code: string | null
  readonly error: string | null
  /** Ends when the browser has it. */
  readonly answer: (status: number, page: Page) => Effect.Effect<void>
}

export interface Callback {
  readonly redirectUri: string
  /** The first that comes with the right state. */
  readonly arrival: Effect.Effect<Arrival>
}

const host = "127.0.0.1"

/** @param port 0: any free one */
export const openCallback = (port: number, state: string) =>
  Effect.gen(function* () {
    let arrived: (arrival: Arrival) => void
    const arrival = new Promise<Arrival>((resolve) => (arrived = resolve))
    const server = yield* Effect.acquireRelease(listen(port), (open) =>
      Effect.promise(
        () =>
          new Promise((closed) => {
            open.close(closed)
            // Those too that a browser opened in case it would need them.
            open.closeAllConnections()
          }),
      ),
    )
    const redirectUri = `http://${host}:${(server.address() as AddressInfo).port}${oauthPaths.callback}`
    let taken = false
    server.on("request", (request, response) => {
      const url = new URL(request.url ?? "", redirectUri)
      if (url.pathname !== oauthPaths.callback || url.searchParams.get("state") !== state || taken) {
        const page = {
          title: "Not connected",
          paragraphs: ["This is not what the command waits for. Use the address that it printed."],
        }
        return write(response, 400, page)
      }
      taken = true
      const { searchParams } = url
      arrived({
        code: searchParams.get("code"),
        error: searchParams.get("error"),
        answer: (status, page) =>
          Effect.callback<void>((resume) => {
            response.once("close", () => resume(Effect.void))
            write(response, status, page)
          }),
      })
    })
    return { redirectUri, arrival: Effect.promise(() => arrival) } satisfies Callback
  })

const listen = (port: number): Effect.Effect<Server, Unusable> =>
  Effect.callback((resume) => {
    const server = createServer()
    server.once("error", ({ code }: NodeJS.ErrnoException) =>
      resume(
        new Unusable({
          message: `cannot listen on ${host}:${port} for the callback (${code}): choose another port with --port, and enter its address at the vendor`,
        }),
      ),
    )
    server.listen(port, host, () => resume(Effect.succeed(server)))
  })

const write = (response: ServerResponse, status: number, page: Page): void =>
  void response.writeHead(status, { ...pageHeaders, connection: "close" }).end(renderPage(page))

/** Opens the person's browser there, if this machine has one; the address was printed in any case. */
export const openBrowser = (url: string): void => {
  const [command, ...args] =
    process.platform === "darwin"
      ? ["open", url]
      : process.platform === "win32"
        ? ["rundll32", "url.dll,FileProtocolHandler", url]
        : ["xdg-open", url]
  const child = spawn(command!, args, { stdio: "ignore", detached: true })
  child.on("error", () => undefined)
  child.unref()
}
