/**
 * Nothing that was accepted is lost, whatever is killed: 5,000 events to three destinations each, with `kill -9` of the runtime, then of
 * nats-server, at 20 random moments of the flow; fewer of both in a short run.
 */
import { expect, test } from "vitest"
import { startDestination } from "../support/destination.ts"
import { startNats, type TestNats } from "../support/nats.ts"
import { makeRandom, seedOf } from "../support/random.ts"
import { adminKey, startRuntime, type TestRuntime } from "../support/runtime.ts"
import { inWhole } from "../support/scale.ts"
import { freePort } from "../support/nats.ts"

const events = inWhole(5000, 1500)
const kills = inWhole(20, 5)
const fanOut = 3
const bulk = 25

/** Publishes every event until it is accepted, a bulk at a time, however often the runtime goes away meanwhile. */
const publishAll = async (http: string): Promise<ReadonlySet<string>> => {
  const accepted = new Set<string>()
  for (let first = 0; first < events; first += bulk) {
    const batch = Array.from({ length: bulk }, (_, i) => ({
      id: `order-${first + i}`,
      type: "order.placed",
      workspace: "acme",
      payload: { number: first + i },
    }))
    while (!batch.every(({ id }) => accepted.has(id))) {
      try {
        const response = await fetch(`${http}/api/v1/events/bulk`, {
          method: "POST",
          headers: { "content-type": "application/json", authorization: `Bearer ${adminKey}` },
          body: JSON.stringify(batch.filter(({ id }) => !accepted.has(id))),
        })
        const { records } = (await response.json()) as { records?: ReadonlyArray<{ event?: { id: string } }> }
        for (const { event } of records ?? []) if (event !== undefined) accepted.add(event.id)
      } catch {
        // The runtime is away: nobody knows whether it has this bulk. The ids make the repeat harmless.
      }
      if (!batch.every(({ id }) => accepted.has(id))) await new Promise((next) => setTimeout(next, 20))
    }
  }
  return accepted
}

const run = async (what: string, strike: (around: { runtime: TestRuntime; nats: TestNats }) => Promise<void>) => {
  const random = makeRandom(seedOf(what))
  await using nats = await startNats()
  const distinct = new Set<string>()
  await using destination = await startDestination(({ headers }) => {
    distinct.add(String(headers["webhook-id"]))
    return 200
  })
  const names = ["a", "b", "c"]
  await using runtime = await startRuntime({
    natsUrl: nats.url,
    port: await freePort(),
    env: { MESHES_LOG_LEVEL: "error" },
    config: `export default defineConfig({ workspaces: { acme: {
      connections: { ${names.map((name) => `${name}: webhook({ url: "${destination.url}/${name}", allowPrivateNetwork: true, retry: { attempts: 20, initial: "100 milli", factor: 1.5, max: "2 seconds" } })`).join(", ")} },
      rules: { ${names.map((name) => `${name}: { on: "order.>", actions: [{ connection: "${name}" }] }`).join(", ")} },
    } } })`,
  })
  const moments = Array.from({ length: kills }, () => Math.floor(random() * events * fanOut * 0.95)).toSorted(
    (a, b) => a - b,
  )
  const publishing = publishAll(runtime.http())
  for (const moment of moments) {
    await destination.until(() => distinct.size >= moment)
    await strike({ runtime, nats })
  }
  const accepted = await publishing
  expect(accepted.size).toBe(events)
  await destination.until(() => distinct.size >= events * fanOut)

  const sent = new Map<string, Set<string>>()
  for (const { path, headers } of destination.received) {
    const key = `${String(headers["x-meshes-event-id"])}${path}`
    sent.set(key, (sent.get(key) ?? new Set()).add(String(headers["webhook-id"])))
  }
  for (const id of accepted)
    for (const name of names) expect(sent.get(`${id}/${name}`)?.size, `${id} to ${name}`).toBe(1)
  expect(distinct.size).toBe(events * fanOut)
  const repeats = destination.received.length - distinct.size
  console.info(
    `${what}: ${accepted.size} events, ${distinct.size} deliveries, ${kills} kills, ${repeats} repeats (each under its first id)`,
  )

  const listed = async () => {
    const { stdout } = await runtime.meshes("deliveries", "ls", "--limit", "20000", "--json")
    return (JSON.parse(stdout || '{ "records": [] }') as { records: ReadonlyArray<{ event: string; rule: string }> })
      .records
  }
  while ((await listed()).length < events * fanOut) await new Promise((next) => setTimeout(next, 100))
  const records = await listed()
  expect(new Set(records.map(({ event, rule }) => `${event}/${rule}`)).size).toBe(records.length)
  expect(records.length).toBe(events * fanOut)
}

test("kill -9 of the runtime at any moment loses nothing and creates nothing twice", { timeout: 300_000 }, () =>
  run("kill -9 of the runtime", async ({ runtime }) => {
    await runtime.kill("SIGKILL")
    await runtime.start()
  }),
)

test("kill -9 of nats-server at any moment loses nothing and creates nothing twice", { timeout: 300_000 }, () =>
  run("kill -9 of nats-server", async ({ nats }) => {
    await nats.kill("SIGKILL")
    await nats.restart()
  }),
)
