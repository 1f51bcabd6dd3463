/**
 * A plan's events a month over two replicas: exactly as many are stored as are allowed, whoever publishes, repeats or dies.
 */
import { connect } from "@nats-io/transport-node"
import { jetstreamManager } from "@nats-io/jetstream"
import { expect, test } from "vitest"
import { monthOf, endOfMonth } from "../../src/model/usage.ts"
import { startNats, type TestNats } from "../support/nats.ts"
import { adminKey, startRuntime, type TestRuntime } from "../support/runtime.ts"

const limit = 1000

const configFor = (plan: string, workspaces: ReadonlyArray<string> = ["acme"]): string =>
  `export default defineConfig({ plans: { small: { eventsPerMonth: ${limit}, ${plan} } }, accounts: { one: { plan: "small" } },
  workspaces: { ${workspaces.map((id) => `"${id}": { account: "one" }`).join(", ")}, free: {} } })`

const replicas = async (nats: TestNats, config: string) => {
  const options = { natsUrl: nats.url, config, env: { MESHES_LOG_LEVEL: "warn" } }
  const [one, two] = await Promise.all([startRuntime(options), startRuntime(options)])
  return {
    one: one!,
    two: two!,
    [Symbol.asyncDispose]: async () => {
      await one![Symbol.asyncDispose]()
      await two![Symbol.asyncDispose]()
    },
  }
}

interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: any
}

const post = async (runtime: TestRuntime, path: string, body: unknown): Promise<Answer> => {
  const response = await fetch(`${runtime.http()}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${adminKey}` },
    body: JSON.stringify(body),
  })
  return { status: response.status, headers: response.headers, body: await response.json() }
}

const eventOf = (workspace: string, id?: string) => ({
  type: "order.placed",
  workspace,
  payload: {},
  ...(id === undefined ? {} : { id }),
})

/** Status by status: of single events, and of the records of bulks (201 where it was accepted). */
type Counts = { [status: number]: number }

const count = (counts: Counts, status: number): void => void (counts[status] = (counts[status] ?? 0) + 1)

const publishOne = async (counts: Counts, runtime: TestRuntime, workspace: string, id?: string) => {
  const answer = await post(runtime, "/api/v1/events", eventOf(workspace, id))
  count(counts, answer.status)
  return answer
}

const publishMany = async (counts: Counts, runtime: TestRuntime, workspaces: ReadonlyArray<string>) => {
  const answer = await post(
    runtime,
    "/api/v1/events/bulk",
    workspaces.map((workspace) => eventOf(workspace)),
  )
  expect(answer.status === 201 || answer.status === 207).toBe(true)
  for (const record of answer.body.records) count(counts, record.event === undefined ? record.status : 201)
  return answer
}

/** How many events of these workspaces the log has. */
const stored = async (nats: TestNats, workspaces: ReadonlyArray<string>): Promise<number> => {
  const nc = await connect({ servers: nats.url })
  try {
    const jsm = await jetstreamManager(nc)
    let sum = 0
    for (const workspace of workspaces) {
      const { state } = await jsm.streams.info("EVENTS", { subjects_filter: `evt.*.${workspace}.order.>` })
      sum += Object.values(state.subjects ?? {}).reduce((all, one) => all + one, 0)
    }
    return sum
  } finally {
    await nc.close()
  }
}

const times = (n: number): ReadonlyArray<number> => Array.from({ length: n }, (_, i) => i)

test(
  "concurrent publishers over two replicas get exactly the limit, whether one by one or in bulk",
  { timeout: 60_000 },
  async () => {
    await using nats = await startNats()
    await using both = await replicas(nats, configFor(""))
    const counts: Counts = {}
    // Eight publishers, 1,400 tries: four send single events, four bulks of 25.
    await Promise.all(
      times(8).map(async (publisher) => {
        const runtime = publisher % 2 === 0 ? both.one : both.two
        if (publisher < 4) for (const _ of times(100)) await publishOne(counts, runtime, "acme")
        else
          for (const _ of times(10))
            await publishMany(
              counts,
              runtime,
              times(25).map(() => "acme"),
            )
      }),
    )
    expect(counts).toEqual({ 201: limit, 429: 400 })
    expect(await stored(nats, ["acme"])).toBe(limit)

    const refused = await post(both.two, "/api/v1/events", eventOf("acme"))
    const resets = endOfMonth(monthOf(Date.now()))
    expect(refused.status).toBe(429)
    expect(refused.body).toMatchObject({
      status: 429,
      title: "Limit reached",
      resets_at: new Date(resets).toISOString(),
    })
    expect(refused.body.message).toContain("the 1000 events a month of the account one are used up")
    const seconds = Number(refused.headers.get("retry-after"))
    expect(Math.abs(seconds - (resets - Date.now()) / 1000)).toBeLessThan(10)
    const bulk = await publishMany({}, both.one, ["free", "acme"])
    expect(bulk.status).toBe(207)
    expect(bulk.body.records[1]).toMatchObject({ status: 429, resets_at: new Date(resets).toISOString() })
  },
)

test("repeats do not count, and are answered as such when nothing is left", { timeout: 60_000 }, async () => {
  await using nats = await startNats()
  await using both = await replicas(nats, configFor(""))
  const counts: Counts = {}
  const ids = times(40)
  await Promise.all(
    [both.one, both.two, both.one].map(async (runtime) => {
      for (const id of ids) await publishOne(counts, runtime, "acme", `id-${id}`)
    }),
  )
  expect(counts).toEqual({ 201: 40, 200: 80 })
  for (const _ of times(5))
    await publishMany(
      counts,
      both.two,
      times(200).map(() => "acme"),
    )
  expect(counts).toEqual({ 201: limit, 200: 80, 429: 40 })
  expect((await publishOne(counts, both.one, "acme", "id-7")).body).toMatchObject({
    duplicate: true,
    event: { id: "id-7" },
  })
  expect((await publishOne(counts, both.one, "acme", "id-new")).status).toBe(429)
  expect(await stored(nats, ["acme"])).toBe(limit)
})

test(
  "what a killed replica had reserved is given back, and nothing beyond the limit is stored",
  { timeout: 60_000 },
  async () => {
    await using nats = await startNats()
    await using both = await replicas(nats, configFor(""))
    const counts: Counts = {}
    let left = 600
    const publishing = Promise.all(
      times(8).map(async (publisher) => {
        const runtime = publisher % 2 === 0 ? both.one : both.two
        while (left-- > 0) await publishOne(counts, runtime, "acme").catch(() => undefined)
      }),
    )
    while (left > 300) await new Promise((next) => setTimeout(next, 5))
    await both.one.kill("SIGKILL")
    await publishing
    // The other goes on to the end, as patiently as it is told.
    for (;;) {
      const answer = await publishOne(counts, both.two, "acme")
      if (answer.status === 201) continue
      expect(answer.status).toBe(429)
      const seconds = Number(answer.headers.get("retry-after"))
      if (seconds > 60) break
      await new Promise((next) => setTimeout(next, seconds * 1000))
    }
    expect(await stored(nats, ["acme"])).toBe(limit)
    // What was answered is stored; of what the killed one was storing, nobody knows but the log.
    expect(counts[201]).toBeLessThanOrEqual(limit)
  },
)

test(
  "usage is pooled over an account's workspaces, or each workspace's own; allowed overage is not refused",
  { timeout: 60_000 },
  async () => {
    const tries = async (plan: string) => {
      await using nats = await startNats()
      const workspaces = ["acme", "acme-test"]
      await using both = await replicas(nats, configFor(plan, workspaces))
      const counts: Counts = {}
      await Promise.all(
        [both.one, both.two].map(async (runtime, i) => {
          for (const _ of times(6))
            await publishMany(
              counts,
              runtime,
              times(200).map((n) => workspaces[(n + i) % 2]!),
            )
        }),
      )
      return { counts, stored: await stored(nats, workspaces) }
    }
    const [pooled, apart, allowed] = await Promise.all([
      tries(""),
      tries(`usage: "workspace"`),
      tries(`overage: "allow"`),
    ])
    expect(pooled).toEqual({ counts: { 201: limit, 429: 2400 - limit }, stored: limit })
    expect(apart).toEqual({ counts: { 201: 2 * limit, 429: 400 }, stored: 2 * limit })
    expect(allowed).toEqual({ counts: { 201: 2400 }, stored: 2400 })
  },
)
