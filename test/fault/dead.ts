/**
 * A dead destination with a great many deliveries waiting for it, beside a healthy one: what the healthy one notices, what memory it
 * costs, and whether all arrive, in order where that was asked for, once the destination is there.
 */
import { readFile } from "node:fs/promises"
import { createServer } from "node:http"
import { freePort, startNats } from "../support/nats.ts"
import { startDestination } from "../support/destination.ts"
import { adminKey, startRuntime, type TestRuntime } from "../support/runtime.ts"
import { orderingIsThere } from "./estate.ts"

const bulkEvents = 500
/** Ordered deliveries keep their order within one of so many accounts. */
const accounts = 100
/** The healthy connection's events. */
const eventsPerSecond = 100
/** How long nothing may arrive before what waits is taken for lost. */
const stillnessMaxMs = 120_000

export interface DeadOptions {
  readonly waiting: number
  /** How long the healthy connection's latency is measured, each time. */
  readonly measureMs: number
  readonly ordering?: boolean
  readonly say: (line: string) => void
}

export interface DeadSummary {
  /** Of the healthy connection, from publishing to arrival, in milliseconds. */
  readonly alone: Latency
  readonly beside: Latency
  /** Deliveries that arrived at the destination that was dead; each is counted once. */
  readonly arrived: number
  /** Of them, how many arrived for the first time after one of their account that was published later. */
  readonly outOfOrder: number
  readonly repeats: number
}

interface Latency {
  readonly p50: number
  readonly p99: number
}

export const runDead = async (options: DeadOptions): Promise<DeadSummary> => {
  const { say, waiting, ordering = orderingIsThere } = options
  const ages: Array<number> = []
  await using nats = await startNats()
  await using healthy = await startDestination(({ body }) => {
    ages.push(performance.now() - (JSON.parse(body) as { readonly sent: number }).sent)
    return 200
  })
  // Nothing listens there until it recovers.
  const port = await freePort()
  // 100 attempts outlast the time that it is dead.
  const retry = `{ attempts: 100, initial: "500 milli", factor: 2, max: "10 seconds" }`
  await using runtime = await startRuntime({
    natsUrl: nats.url,
    env: { MESHES_LOG_LEVEL: "warn" },
    config: `export default defineConfig({ workspaces: { acme: {
      connections: {
        healthy: webhook({ url: "${healthy.url}", allowPrivateNetwork: true }),
        dead: webhook({ url: "http://127.0.0.1:${port}", allowPrivateNetwork: true, retry: ${retry}${ordering ? `, ordering: { key: "payload.account" }` : ""} }) },
      rules: {
        healthy: { on: "ping", actions: [{ connection: "healthy", map: { sent: "payload.sent" } }] },
        dead: { on: "order", actions: [{ connection: "dead", map: { n: "payload.n" } }] } } } } })`,
  })
  const memory = async (when: string) => say(`${when}: ${await residentMiB(runtime)} MiB resident`)
  const measure = async (count = Math.round((options.measureMs / 1000) * eventsPerSecond)): Promise<Latency> => {
    ages.length = 0
    const before = healthy.received.length
    await publishEvenly(runtime, count)
    await healthy.until((received) => received.length >= before + count)
    return latencyOf(ages)
  }

  await measure() // the code is compiled as it runs
  await memory("at rest")
  const alone = await measure()
  say(`healthy alone: ${shown(alone)}`)
  await publishOrders(runtime, waiting)
  await memory(`${waiting} deliveries to the dead one published`)
  // Events of a workspace are routed in order: the first one after them arrives when they are all decided.
  say(`all routed ${((await measure(1)).p50 / 1000).toFixed(1)} s later`)
  const beside = await measure()
  say(`healthy beside ${waiting} waiting for the dead one: ${shown(beside)}`)
  await memory("after that")

  await using recovered = await startRecovered(port)
  const begun = performance.now()
  await recovered.arrive(waiting)
  const seconds = (performance.now() - begun) / 1000
  say(`recovered: ${waiting} arrived in ${seconds.toFixed(1)} s, ${Math.round(waiting / seconds)}/s`)
  await memory("at the end")
  const { firsts, repeats } = recovered
  const last = new Map<number, number>()
  const outOfOrder = firsts.filter((n) => {
    const before = last.get(n % accounts) ?? -1
    last.set(n % accounts, n)
    return n < before
  }).length
  return { alone, beside, arrived: firsts.length, outOfOrder, repeats: repeats() }
}

const headers = { "content-type": "application/json", authorization: `Bearer ${adminKey}` }

const post = async (url: string, body: unknown): Promise<void> => {
  const answer = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) })
  if (answer.status !== 201) throw new Error(`${url} answered ${answer.status}: ${await answer.text()}`)
  await answer.arrayBuffer()
}

/** One bulk after the other, so that the log's order is theirs. */
const publishOrders = async (runtime: TestRuntime, count: number): Promise<void> => {
  for (let first = 0; first < count; first += bulkEvents) {
    const length = Math.min(bulkEvents, count - first)
    const events = Array.from({ length }, (_, i) => ({ type: "order", workspace: "acme", payload: orderOf(first + i) }))
    await post(`${runtime.http()}/api/v1/events/bulk`, events)
  }
}

const publishEvenly = async (runtime: TestRuntime, count: number): Promise<void> => {
  const begun = performance.now()
  const posts: Array<Promise<void>> = []
  while (posts.length < count) {
    const due = Math.min(count, Math.floor(((performance.now() - begun) / 1000) * eventsPerSecond))
    while (posts.length < due) {
      const event = { type: "ping", workspace: "acme", payload: { sent: performance.now() } }
      posts.push(post(`${runtime.http()}/api/v1/events`, event))
    }
    await new Promise((next) => setTimeout(next, 2))
  }
  await Promise.all(posts)
}

const orderOf = (n: number) => ({ n, account: `a${n % accounts}` })

const latencyOf = (ages: ReadonlyArray<number>): Latency => {
  const sorted = ages.toSorted((a, b) => a - b)
  return { p50: sorted[Math.floor(sorted.length * 0.5)]!, p99: sorted[Math.floor(sorted.length * 0.99)]! }
}

const shown = ({ p50, p99 }: Latency): string => `p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`

const residentMiB = async (runtime: TestRuntime): Promise<number> => {
  const status = await readFile(`/proc/${runtime.pid()}/status`, "utf8")
  return Math.round(Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)![1]) / 1024)
}

/** The destination that was dead, on its port again. */
const startRecovered = async (port: number) => {
  const firsts: Array<number> = []
  const known = new Set<string>()
  let repeats = 0
  let movedAt = performance.now()
  const server = createServer((request, response) => {
    const chunks: Array<Buffer> = []
    request.on("data", (chunk: Buffer) => chunks.push(chunk))
    request.on("end", () => {
      const id = String(request.headers["webhook-id"])
      if (known.has(id)) repeats++
      else {
        known.add(id)
        firsts.push((JSON.parse(Buffer.concat(chunks).toString()) as { readonly n: number }).n)
        movedAt = performance.now()
      }
      response.end()
    })
  })
  await new Promise<void>((listening, fail) => {
    server.once("error", fail)
    server.listen(port, "127.0.0.1", listening)
  })
  return {
    firsts,
    repeats: () => repeats,
    arrive: async (count: number) => {
      while (known.size < count) {
        if (performance.now() - movedAt > stillnessMaxMs) {
          throw new Error(`${known.size} of ${count} arrived, then none for ${stillnessMaxMs / 1000} s`)
        }
        await new Promise((next) => setTimeout(next, 20))
      }
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((closed) => server.close(closed))
    },
  }
}
