/**
 * `meshes start --workers`: several processes that are one runtime to whoever is outside.
 */
import { execFile } from "node:child_process"
import { once } from "node:events"
import { readFile } from "node:fs/promises"
import { request as httpRequest } from "node:http"
import { createServer, connect, type AddressInfo, type Socket } from "node:net"
import { join } from "node:path"
import { promisify } from "node:util"
import { expect, test, vi } from "vitest"
import { startDestination } from "../support/destination.ts"
import { historyWith } from "../support/history.ts"
import { startNats, type TestNats } from "../support/nats.ts"
import { answer, startReceiver, type Exchange } from "../support/receiver.ts"
import { adminKey, startRuntime, type TestRuntime } from "../support/runtime.ts"
import { isAlive } from "../support/alive.ts"

// Each test starts three processes or more.
vi.setConfig({ testTimeout: 180_000 })

const configFor = (url: string): string => `export default defineConfig({ workspaces: { acme: {
  connections: { erp: webhook({ url: "${url}", allowPrivateNetwork: true, retry: { attempts: 50, initial: "100 milli", factor: 1 } }) },
  rules: { all: { on: ">", actions: [{ connection: "erp" }] } } } } })`

/** @param nats absent: the embedded server */
const two = (nats: TestNats | undefined, config: string, more: { readonly [name: string]: string } = {}) =>
  startRuntime({
    config,
    env: { MESHES_WORKERS: "2", MESHES_LOG_LEVEL: "error", ...more },
    ...(nats === undefined ? {} : { natsUrl: nats.url }),
  })

/** Children of a process, by id and command line. */
const childrenOf = async (parent: number): Promise<ReadonlyArray<{ readonly pid: number; readonly args: string }>> => {
  const { stdout } = await promisify(execFile)("ps", ["-A", "-o", "pid=,ppid=,args="])
  return stdout.split("\n").flatMap((line) => {
    const [, pid, ppid, args] = /^ *(\d+) +(\d+) +(.*)$/.exec(line) ?? []
    return Number(ppid) === parent ? [{ pid: Number(pid), args: args! }] : []
  })
}

const workersOf = async (runtime: TestRuntime): Promise<ReadonlyArray<number>> =>
  (await childrenOf(runtime.pid())).filter(({ args }) => args.includes(" start ")).map(({ pid }) => pid)

const pause = (): Promise<void> => new Promise((next) => void setTimeout(next, 20))

const until = async (holds: () => boolean | Promise<boolean>): Promise<void> => {
  while (!(await holds())) await pause()
}

/** Over a connection of its own, so that each worker has its turn; status 0 when there was no answer. */
const ask = (
  url: string,
  options: { readonly method?: string; readonly key?: string; readonly event?: unknown } = {},
) =>
  new Promise<{ readonly status: number; readonly text: string }>((done) => {
    const body = options.event === undefined ? undefined : JSON.stringify(options.event)
    const sent = httpRequest(
      url,
      {
        agent: false,
        method: body === undefined ? "GET" : "POST",
        headers: { authorization: `Bearer ${options.key ?? adminKey}`, "content-type": "application/json" },
        // A worker that was stopped or killed with a connection in its hands never answers it.
        signal: AbortSignal.timeout(10_000),
      },
      (response) => {
        let text = ""
        response.setEncoding("utf8").on("data", (part: string) => void (text += part))
        response.once("close", () => done({ status: response.complete ? (response.statusCode ?? 0) : 0, text }))
      },
    )
    sent.once("error", () => done({ status: 0, text: "" }))
    sent.end(body)
  })

const publish = (runtime: TestRuntime, id: string, payload: unknown = {}) =>
  ask(`${runtime.http()}/api/v1/events`, { event: { id, type: "order.placed", workspace: "acme", payload } })

const isReady = async (runtime: TestRuntime): Promise<boolean> => (await ask(`${runtime.http()}/readyz`)).status === 200

test("two workers share one port, and the connections of one end with it while those of the other go on", async () => {
  await using destination = await startDestination()
  await using nats = await startNats()
  await using runtime = await two(nats, configFor(destination.url))
  const pids = await workersOf(runtime)
  expect(pids.length).toBe(2)
  const { hostname, port } = new URL(runtime.http())
  const serve = async (socket: Socket): Promise<boolean> => {
    const answered = new Promise<boolean>((tell) => {
      socket.once("data", (bytes) => tell(bytes.toString().startsWith("HTTP/1.1 200")))
      socket.once("close", () => tell(false))
    })
    socket.write(`GET /healthz HTTP/1.1\r\nhost: ${hostname}\r\n\r\n`)
    return answered
  }
  const sockets = Array.from({ length: 8 }, () => connect(Number(port), hostname).on("error", () => undefined))
  expect(await Promise.all(sockets.map(serve))).toEqual(sockets.map(() => true))
  const firstToEnd = Promise.race(sockets.map((socket) => once(socket, "close")))
  process.kill(pids[0]!, "SIGKILL")
  await firstToEnd
  const served = (await Promise.all(sockets.map((socket) => !socket.destroyed && serve(socket)))).filter(Boolean).length
  expect(served).toBeGreaterThan(0)
  expect(served).toBeLessThan(sockets.length)
  for (const socket of sockets) socket.destroy()
})

test("a worker that is killed comes back, and nothing that was accepted is lost", async () => {
  await using destination = await startDestination()
  await using nats = await startNats()
  await using runtime = await two(nats, configFor(destination.url), { MESHES_LOG_LEVEL: "warn" })
  const count = 200
  const accepted = async (first: number): Promise<void> => {
    for (let i = first; i < count; i += 4) {
      // Nobody knows what became of an event without an answer; its id makes the repeat harmless.
      await until(async () => [200, 201].includes((await publish(runtime, `kept-${i}`)).status))
    }
  }
  const publishing = Promise.all([0, 1, 2, 3].map(accepted))
  for (let kills = 1; kills <= 3; kills++) {
    await destination.until((received) => received.length > kills * 20)
    const victim = (await workersOf(runtime))[kills % 2]!
    process.kill(victim, "SIGKILL")
    await until(async () => !isAlive(victim) && (await workersOf(runtime)).length === 2)
    await until(() => isReady(runtime))
  }
  await publishing
  const events = new Set<string>()
  await destination.until((received) => {
    for (const { headers } of received) events.add(String(headers["x-meshes-event-id"]))
    return Array.from({ length: count }, (_, i) => `kept-${i}`).every((id) => events.has(id))
  })
  expect(runtime.stderr().match(/worker [12] ended \(signal SIGKILL\) and is started again/g)?.length).toBe(3)
})

/** A runtime that has made its only request, and a destination that has not yet answered it. */
const withOneUnderWay = async (
  nats: TestNats | undefined,
  use: (around: { readonly held: Exchange; readonly runtime: TestRuntime }) => Promise<void>,
) => {
  const asked = Promise.withResolvers<Exchange>()
  await using receiver = await startReceiver({ choose: (_, before) => (before === 0 ? asked.resolve : answer(200)) })
  await using runtime = await two(nats, configFor(receiver.url))
  expect((await publish(runtime, "held")).status).toBe(201)
  await use({ held: await asked.promise, runtime })
}

test("SIGTERM ends every worker in order, then the embedded server, and leaves no process", async () => {
  await withOneUnderWay(undefined, async ({ held, runtime }) => {
    const children = await childrenOf(runtime.pid())
    expect(children.length).toBe(3)
    const ended = runtime.kill("SIGTERM")
    await until(async () => (await childrenOf(runtime.pid())).length < 3)
    answer(200)(held)
    expect(await ended).toBe(0)
    expect(children.filter(({ pid }) => isAlive(pid))).toEqual([])
    await runtime.start()
    await until(async () => {
      const { stdout } = await runtime.meshes("deliveries", "ls", "--json")
      return JSON.parse(stdout).records[0]?.status === "completed"
    })
  })
})

test("a second signal leaves at once, and leaves no worker", async () => {
  await using nats = await startNats()
  await withOneUnderWay(nats, async ({ runtime }) => {
    const pids = await workersOf(runtime)
    const ended = runtime.kill("SIGTERM")
    await until(async () => (await workersOf(runtime)).length < 2)
    process.kill(runtime.pid(), "SIGTERM")
    expect(await ended).toBe(130)
    await until(() => !pids.some(isAlive))
  })
})

test("kill -9 of the primary takes the workers with it, which finish what they have begun", async () => {
  await using nats = await startNats()
  await withOneUnderWay(nats, async ({ held, runtime }) => {
    const pids = await workersOf(runtime)
    await runtime.kill("SIGKILL")
    // The worker that has nothing to do ends; the other waits for its answer.
    await until(() => pids.filter(isAlive).length < 2)
    expect(pids.filter(isAlive).length).toBe(1)
    answer(200)(held)
    await until(() => !pids.some(isAlive))
    const history = await historyWith(nats.url, ({ state }) => state === "delivered")
    expect(history.filter(({ kind }) => kind === "delivery.attempted").length).toBe(1)
  })
})

test("metrics are the sum of all workers, whichever is asked, and do not go down when one is killed", async () => {
  await using destination = await startDestination()
  await using nats = await startNats()
  await using runtime = await two(nats, configFor(destination.url))
  for (let i = 0; i < 10; i++) expect((await publish(runtime, `counted-${i}-${runtime.pid()}`)).status).toBe(201)
  const metrics = async (): Promise<string> => (await ask(`${runtime.http()}/metrics`)).text
  for (let asked = 0; asked < 3; asked++) {
    let text = ""
    await until(async () => (text = await metrics()).includes("\nmeshes_events_accepted_total 10\n"))
    expect(text).toContain('\nmeshes_accept_seconds_bucket{le="+Inf"} 10\n')
    const types = text.split("\n").filter((line) => line.startsWith("# TYPE"))
    expect(new Set(types).size).toBe(types.length)
  }
  const [victim] = await workersOf(runtime)
  process.kill(victim!, "SIGKILL")
  await until(async () => !isAlive(victim!) && (await isReady(runtime)))
  expect(await metrics()).toContain("\nmeshes_events_accepted_total 10\n")
})

test("readiness names each worker's loops, and the worker that is stopped, until it goes on", async () => {
  await using destination = await startDestination()
  await using nats = await startNats()
  await using runtime = await two(nats, configFor(destination.url))
  const readiness = async () => {
    const { status, text } = await ask(`${runtime.http()}/readyz`)
    return { status, loops: status === 0 ? [] : (JSON.parse(text).loops as ReadonlyArray<any>) }
  }
  let all = await readiness()
  await until(async () => (all = await readiness()).status === 200)
  expect(all.loops.map(({ name }) => name)).toEqual(expect.arrayContaining(["worker 1: members", "worker 2: members"]))
  const [stopped] = await workersOf(runtime)
  process.kill(stopped!, "SIGSTOP")
  await until(async () => {
    const { status, loops } = await readiness()
    const silent = loops.find(({ failure }) => failure === "it does not answer")
    if (silent === undefined) return false
    expect(status).toBe(503)
    expect(silent).toMatchObject({ name: expect.stringMatching(/^worker [12]$/), alive: false })
    return true
  })
  process.kill(stopped!, "SIGCONT")
  await until(() => isReady(runtime))
})

test("an admin key that is made is shown once and opens every worker; the note names the primary", async () => {
  await using destination = await startDestination()
  await using nats = await startNats()
  await using runtime = await two(nats, configFor(destination.url), { MESHES_ADMIN_KEY: "" })
  const note = JSON.parse(await readFile(join(runtime.folder, "data/runtime.json"), "utf8"))
  expect(note).toMatchObject({ pid: runtime.pid(), http: runtime.http() })
  for (let i = 0; i < 4; i++) {
    const event = { type: "order.placed", workspace: "acme", payload: {} }
    expect((await ask(`${runtime.http()}/api/v1/events`, { key: note.adminKey, event })).status).toBe(201)
  }
  expect(await runtime.kill("SIGTERM")).toBe(0)
  expect(runtime.stdout()).not.toContain(note.adminKey)
})

test("what workers print comes through in whole lines", async () => {
  const count = 40
  await using nats = await startNats()
  await using runtime = await two(
    nats,
    `export default defineConfig({ workspaces: { acme: {
      connections: { log: console({}) }, rules: { all: { on: ">", actions: [{ connection: "log" }] } } } } })`,
  )
  const long = "é".repeat(50_000)
  await Promise.all(Array.from({ length: count }, (_, i) => publish(runtime, `long-${i}-end`, { long })))
  await until(() =>
    Array.from({ length: count }, (_, i) => `long-${i}-end`).every((id) => runtime.stdout().includes(id)),
  )
  expect(await runtime.kill("SIGTERM")).toBe(0)
  for (const line of runtime.stdout().trimEnd().split("\n")) {
    const { event, line: printed } = JSON.parse(line)
    if (event === "printed") expect(printed).toContain(long)
  }
})

test("what no worker can do is told once, with status 1; a number of workers that cannot be, with status 2", async () => {
  await using destination = await startDestination()
  await using nats = await startNats()
  await using runtime = await two(nats, configFor(destination.url))
  await runtime.kill("SIGTERM")
  const taken = createServer().listen(0, "127.0.0.1")
  await once(taken, "listening")
  const { port } = taken.address() as AddressInfo
  const refused = await runtime.meshes("start", "--port", String(port))
  taken.close()
  expect(refused.status).toBe(1)
  expect(refused.stderr.match(/cannot listen on/g)?.length).toBe(1)
  const wrong = await runtime.meshes("start", "--config", "nowhere.config.ts")
  expect(wrong.status).toBe(1)
  expect(wrong.stderr.match(/there is no such file/g)?.length).toBe(1)
  for (const workers of ["0", "65"]) {
    const { status, stderr } = await runtime.meshes("start", "--workers", workers)
    expect(status).toBe(2)
    expect(stderr).toContain("--workers")
  }
})
