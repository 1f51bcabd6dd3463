/**
 * Replicas over one log: each unit of work has one owner, rate limits are the connection's and not the replica's, and a replica whose log
 * does not answer says which of its loops stand still.
 */
import { expect, test } from "vitest"
import { limits } from "../../src/config/defaults.ts"
import { startDestination } from "../support/destination.ts"
import { startNats } from "../support/nats.ts"
import { adminKey, startRuntime, type TestRuntime } from "../support/runtime.ts"

const units = limits.partitions + limits.shards

interface Loop {
  readonly name: string
  readonly alive: boolean
}

const readiness = async (
  runtime: TestRuntime,
): Promise<{ readonly status: number; readonly loops: ReadonlyArray<Loop> }> => {
  const response = await fetch(`${runtime.http()}/readyz`)
  return { status: response.status, loops: ((await response.json()) as { loops: ReadonlyArray<Loop> }).loops }
}

const unitsOf = async (runtime: TestRuntime): Promise<ReadonlyArray<string>> =>
  (await readiness(runtime)).loops.map(({ name }) => name).filter((name) => /^(?:route|deliver)\.\d+$/.test(name))

const until = async (holds: () => Promise<boolean>): Promise<void> => {
  while (!(await holds())) await new Promise((next) => setTimeout(next, 50))
}

const configFor = (url: string, options = ""): string => `export default defineConfig({ workspaces: { acme: {
  connections: { erp: webhook({ url: "${url}", allowPrivateNetwork: true, ${options} }) },
  rules: { all: { on: "order.placed", actions: [{ connection: "erp" }] } } } } })`

const publish = async (runtime: TestRuntime, count: number) => {
  const events = Array.from({ length: count }, () => ({ type: "order.placed", workspace: "acme", payload: {} }))
  const response = await fetch(`${runtime.http()}/api/v1/events/bulk`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${adminKey}` },
    body: JSON.stringify(events),
  })
  expect(response.status).toBe(201)
}

test(
  "each router and shard is run by one replica, and moves when a replica comes or goes",
  { timeout: 120_000 },
  async () => {
    await using nats = await startNats()
    await using destination = await startDestination()
    const options = { natsUrl: nats.url, config: configFor(destination.url), env: { MESHES_LOG_LEVEL: "error" } }
    await using one = await startRuntime(options)
    await until(async () => (await unitsOf(one)).length === units)
    await using two = await startRuntime(options)
    const shared = async () => {
      const [first, second] = [await unitsOf(one), await unitsOf(two)]
      return (
        second.length > 0 && first.length + second.length === units && new Set([...first, ...second]).size === units
      )
    }
    await until(shared)
    await two.kill("SIGTERM")
    await until(async () => (await unitsOf(one)).length === units)
    await two.start()
    await until(shared)
    await one.kill("SIGKILL")
    await until(async () => (await unitsOf(two)).length === units)
  },
)

test("a rate limit is the connection's, over two replicas and through a takeover", { timeout: 120_000 }, async () => {
  const limit = 20
  await using nats = await startNats()
  const arrivals: Array<number> = []
  await using destination = await startDestination(() => {
    arrivals.push(performance.now())
    return 200
  })
  const config = configFor(destination.url, `rateLimit: { limit: ${limit}, per: "1 second" }`)
  const options = { natsUrl: nats.url, config, env: { MESHES_LOG_LEVEL: "error" } }
  await using one = await startRuntime(options)
  await using two = await startRuntime(options)
  await publish(one, 60)
  await publish(two, 60)
  await destination.until((received) => received.length >= 50)
  const owner = (await unitsOf(one)).length > 0 ? one : two
  await owner.kill("SIGKILL")
  await publish(owner === one ? two : one, 60)
  await destination.until((received) => new Set(received.map(({ headers }) => headers["webhook-id"])).size >= 180)
  // A bucket of one period's worth: from any arrival on, no more than that and what has been filled in since. One for what was on its way.
  arrivals.forEach((from, i) => {
    arrivals.slice(i).forEach((at, count) => {
      expect(count + 1, `in ${Math.round(at - from)} ms`).toBeLessThanOrEqual(
        limit + ((at - from) / 1000) * limit * 1.2 + 5,
      )
    })
  })
})

test(
  "a replica whose log does not answer is not ready, and names the loops that stand still",
  { timeout: 120_000 },
  async () => {
    await using nats = await startNats()
    await using runtime = await startRuntime({
      natsUrl: nats.url,
      config: configFor("http://127.0.0.1:9"),
      env: { MESHES_LOG_LEVEL: "none" },
    })
    process.kill(nats.pid(), "SIGSTOP")
    try {
      await until(async () => {
        const { status, loops } = await readiness(runtime)
        const still = loops.filter(({ alive }) => !alive).map(({ name }) => name)
        expect(status).toBe(still.length === 0 ? 200 : 503)
        return ["members", "connections", "route.0", "deliver.0"].every((name) => still.includes(name))
      })
    } finally {
      process.kill(nats.pid(), "SIGCONT")
    }
    await until(async () => (await readiness(runtime)).status === 200)
  },
)
