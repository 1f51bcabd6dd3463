/**
 * What the faults befall: replicas of the runtime on one nats-server, each behind a link and a clock of its own, and destinations, each
 * behind a link of its own. All requests to all destinations go to one HTTP server here, which tells the oracle.
 */
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { makeClock, type TestClock } from "../support/clock.ts"
import { freePort, startNats, type TestNats } from "../support/nats.ts"
import { startProxy, type Proxy } from "../support/proxy.ts"
import { startRuntime, type TestRuntime } from "../support/runtime.ts"
import { configOf, connectionOf, makeRoutes, workspaceNames, type Route, type SentBody } from "./estate.ts"
import { makeOracle, type Oracle } from "./oracle.ts"

/** A small share of requests fails for no reason, so that retries are always under way. */
const failuresPerThousand = 10
/** How long a runtime may take to be ready again once nothing is wrong any more. */
const readyMaxMs = 60_000

export interface Replica {
  readonly name: string
  readonly http: string
  readonly runtime: TestRuntime
  /** To NATS. */
  readonly link: Proxy
  readonly clock: TestClock
  /** `false` while a test has it killed. */
  alive: boolean
}

export interface World {
  readonly nats: TestNats
  readonly replicas: ReadonlyArray<Replica>
  readonly routes: ReadonlyArray<Route>
  /** Links to the destinations, by `<workspace>/<connection>`. */
  readonly links: ReadonlyMap<string, Proxy>
  /** Connections whose destination answers 503 now. */
  readonly flapping: Set<string>
  readonly oracle: Oracle
  /** Destinations hang up on whom they are not answering; resolves when no connection to any is open. */
  readonly hangUp: () => Promise<void>
  /** Resolves when every replica that should be alive says that it is ready. */
  readonly ready: () => Promise<void>
  readonly [Symbol.asyncDispose]: () => Promise<void>
}

export interface WorldOptions {
  readonly replicas: number
  readonly workspaces: number
  readonly ordering?: boolean
  /** How long a destination takes to answer. Default: no time. */
  readonly answerAfterMs?: number
  /** Default: `failuresPerThousand`. */
  readonly failuresPerThousand?: number
}

export const startWorld = async (options: WorldOptions): Promise<World> => {
  await using stack = new AsyncDisposableStack()
  const routes = makeRoutes(workspaceNames(options.workspaces), options.ordering)
  const nats = stack.use(await startNats())
  const oracle = makeOracle(routes, nats.url)
  const flapping = new Set<string>()
  const server = await startServer(options, oracle, flapping)
  stack.defer(() => close(server))
  const links = new Map<string, Proxy>()
  for (const connection of new Set(routes.map(connectionOf))) {
    links.set(connection, stack.use(await startProxy({ port: (server.address() as AddressInfo).port })))
  }
  const config = configOf(routes, (connection) => `http://127.0.0.1:${links.get(connection)!.port}`)
  const replicas: Array<Replica> = []
  for (let i = 0; i < options.replicas; i++) replicas.push(await startReplica(`r${i}`, config, nats, stack))
  const rest = stack.move()
  return {
    nats,
    replicas,
    routes,
    links,
    flapping,
    oracle,
    hangUp: async () => {
      while ([...links.values()].some((link) => link.open() > 0)) {
        server.closeIdleConnections()
        await new Promise((next) => setTimeout(next, 50))
      }
    },
    ready: async () => {
      for (const replica of replicas) if (replica.alive) await becomesReady(replica)
    },
    [Symbol.asyncDispose]: () => rest.disposeAsync(),
  }
}

const startReplica = async (
  name: string,
  config: string,
  nats: TestNats,
  stack: AsyncDisposableStack,
): Promise<Replica> => {
  const link = stack.use(await startProxy({ port: nats.port }))
  const clock = stack.use(await makeClock())
  const port = await freePort()
  const runtime = stack.use(
    await startRuntime({
      config,
      natsUrl: `nats://127.0.0.1:${link.port}`,
      port,
      env: { MESHES_LOG_LEVEL: "warn", ...clock.env },
    }),
  )
  return { name, http: `http://127.0.0.1:${port}`, runtime, link, clock, alive: true }
}

const becomesReady = async ({ name, http, runtime }: Replica): Promise<void> => {
  const begun = performance.now()
  let said = "nothing"
  for (;;) {
    try {
      process.kill(runtime.pid(), 0)
    } catch {
      throw new Error(`replica ${name} ended by itself:\n${runtime.stderr().slice(-4000)}`)
    }
    try {
      const answer = await fetch(`${http}/readyz`, { signal: AbortSignal.timeout(5000) })
      if (answer.status === 200) return void (await answer.text())
      said = await answer.text()
    } catch (error) {
      said = String(error)
    }
    if (performance.now() - begun > readyMaxMs) {
      throw new Error(
        `replica ${name} is not ready after ${readyMaxMs / 1000} s; it says ${said}\n${runtime.stderr().slice(-4000)}`,
      )
    }
    await new Promise((next) => setTimeout(next, 100))
  }
}

const startServer = async (options: WorldOptions, oracle: Oracle, flapping: ReadonlySet<string>): Promise<Server> => {
  const perThousand = options.failuresPerThousand ?? failuresPerThousand
  const server = createServer((request, response) => {
    const chunks: Array<Buffer> = []
    request.on("data", (chunk: Buffer) => chunks.push(chunk))
    request.on("error", () => {}) // cut before it was whole: it never arrived
    request.on("end", () => {
      const [, workspace = "", connection = ""] = request.url!.split("/")
      const webhookId = String(request.headers["webhook-id"])
      const attempt = String(request.headers["x-meshes-attempt"])
      const fails = flapping.has(`${workspace}/${connection}`) || hashOf(`${webhookId}${attempt}`) % 1000 < perThousand
      const status = fails ? 503 : 200
      oracle.arrived({
        workspace,
        connection,
        webhookId,
        event: String(request.headers["x-meshes-event-id"]),
        body: JSON.parse(Buffer.concat(chunks).toString()) as SentBody,
        status,
      })
      if (options.answerAfterMs === undefined) response.writeHead(status).end()
      else setTimeout(() => response.writeHead(status).end(), options.answerAfterMs)
    })
  })
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening))
  return server
}

const close = async (server: Server): Promise<void> => {
  server.closeAllConnections()
  await new Promise((closed) => server.close(closed))
}

/** The same for the same text: which requests fail is no matter of timing. */
const hashOf = (text: string): number => {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash >>> 0
}
