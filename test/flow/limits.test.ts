/**
 * A plan's events a month over two replicas: exactly as many are stored as are allowed, whoever publishes, repeats or dies.
 */
import { connect } from "@nats-io/transport-node"
import { jetstreamManager } from "@nats-io/jetstream"
import { afterAll, beforeAll, expect, test } from "vitest"
import { monthOf, endOfMonth } from "../../src/model/usage.ts"
import { historyOnce } from "../support/history.ts"
import { startNats, type TestNats } from "../support/nats.ts"
import { adminKey, startRuntime, type TestRuntime } from "../support/runtime.ts"

const limit = 1000

/** One account for each test, with two workspaces: `<account>` and `<account>-test`. */
const config = `
const accounts = { cap: "small", repeats: "small", killed: "small", intake: "small", pooled: "small", apart: "apart", allowed: "allowed", mine: "apart", over: "allowed" }
const workspaces = Object.keys(accounts).flatMap((account) => [account, account + "-test"].map((id) => [id, { account }]))
export default defineConfig({
  plans: {
    small: { eventsPerMonth: ${limit} },
    apart: { eventsPerMonth: ${limit}, usage: "workspace" },
    allowed: { eventsPerMonth: ${limit}, overage: "allow" },
  },
  accounts: Object.fromEntries(Object.entries(accounts).map(([account, plan]) => [account, { plan }])),
  workspaces: { ...Object.fromEntries(workspaces), free: {} },
})`

let nats: TestNats
let one: TestRuntime
let two: TestRuntime
beforeAll(async () => {
  nats = await startNats()
  const options = { natsUrl: nats.url, config, env: { MESHES_LOG_LEVEL: "warn" } }
  ;[one, two] = await Promise.all([startRuntime(options), startRuntime(options)])
}, 120_000)
afterAll(async () => {
  await one[Symbol.asyncDispose]()
  await two[Symbol.asyncDispose]()
  await nats.stop()
})

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
const stored = async (...workspaces: ReadonlyArray<string>): Promise<number> => {
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

/** The payloads of the warnings that a workspace was sent, as soon as there are so many. */
const warnings = async (workspace: string, wanted: number): Promise<ReadonlyArray<any>> => {
  for (;;) {
    const told = await read("EVENTS", `evt.*.${workspace}.meshes.usage.warning`)
    if (told.length >= wanted) return told.map(({ payload }) => payload)
    await new Promise((next) => setTimeout(next, 100))
  }
}

const read = async (stream: string, filter: string): Promise<ReadonlyArray<any>> => {
  const nc = await connect({ servers: nats.url })
  try {
    const jsm = await jetstreamManager(nc)
    const found: Array<any> = []
    for (let seq = 1; ;) {
      const message = await jsm.direct.getMessage(stream, { seq, next_by_subj: filter })
      if (message === null) return found
      found.push(message.json())
      seq = message.seq + 1
    }
  } finally {
    await nc.close()
  }
}

test(
  "concurrent publishers over two replicas get exactly the limit, whether one by one or in bulk",
  { timeout: 60_000 },
  async () => {
    const counts: Counts = {}
    // Eight publishers, 1,400 tries: four send single events, four bulks of 25.
    await Promise.all(
      times(8).map(async (publisher) => {
        const runtime = publisher % 2 === 0 ? one : two
        if (publisher < 4) for (const _ of times(100)) await publishOne(counts, runtime, "cap")
        else
          for (const _ of times(10))
            await publishMany(
              counts,
              runtime,
              times(25).map(() => "cap"),
            )
      }),
    )
    expect(counts).toEqual({ 201: limit, 429: 400 })
    expect(await stored("cap")).toBe(limit)

    const refused = await post(two, "/api/v1/events", eventOf("cap"))
    const resets = endOfMonth(monthOf(Date.now()))
    expect(refused.status).toBe(429)
    expect(refused.body).toMatchObject({
      status: 429,
      title: "Limit reached",
      resets_at: new Date(resets).toISOString(),
    })
    expect(refused.body.message).toContain("the 1000 events a month of the account cap are used up")
    const seconds = Number(refused.headers.get("retry-after"))
    expect(Math.abs(seconds - (resets - Date.now()) / 1000)).toBeLessThan(10)
    const bulk = await publishMany({}, one, ["free", "cap"])
    expect(bulk.status).toBe(207)
    expect(bulk.body.records[1]).toMatchObject({ status: 429, resets_at: new Date(resets).toISOString() })
  },
)

test("repeats do not count, and are answered as such when nothing is left", { timeout: 60_000 }, async () => {
  const counts: Counts = {}
  const ids = times(40)
  await Promise.all(
    [one, two, one].map(async (runtime) => {
      for (const id of ids) await publishOne(counts, runtime, "repeats", `id-${id}`)
    }),
  )
  expect(counts).toEqual({ 201: 40, 200: 80 })
  for (const _ of times(5))
    await publishMany(
      counts,
      two,
      times(200).map(() => "repeats"),
    )
  expect(counts).toEqual({ 201: limit, 200: 80, 429: 40 })
  expect((await publishOne(counts, one, "repeats", "id-7")).body).toMatchObject({
    duplicate: true,
    event: { id: "id-7" },
  })
  expect((await publishOne(counts, one, "repeats", "id-new")).status).toBe(429)
  expect(await stored("repeats")).toBe(limit)
})

test(
  "usage is pooled over an account's workspaces, or each workspace's own; allowed overage is not refused",
  { timeout: 60_000 },
  async () => {
    const tries = async (account: string) => {
      const workspaces = [account, `${account}-test`]
      const counts: Counts = {}
      const send = async (runtime: TestRuntime, turn: number) => {
        const events = times(200).map((n) => workspaces[(n + turn) % 2]!)
        for (const _ of times(6)) await publishMany(counts, runtime, events)
      }
      await Promise.all([one, two].map(send))
      return { counts, stored: await stored(...workspaces) }
    }
    const [pooled, apart, allowed] = await Promise.all(["pooled", "apart", "allowed"].map(tries))
    expect(pooled).toEqual({ counts: { 201: limit, 429: 2400 - limit }, stored: limit })
    expect(apart).toEqual({ counts: { 201: 2 * limit, 429: 400 }, stored: 2 * limit })
    expect(allowed).toEqual({ counts: { 201: 2400 }, stored: 2400 })
    // Each workspace is warned, once at each threshold, of what it is that is used up.
    for (const workspace of ["pooled", "pooled-test", "apart", "apart-test", "allowed", "allowed-test"]) {
      const told = await warnings(workspace, 2)
      expect(told.map(({ percent }) => percent)).toEqual([80, 100])
      expect(told[1]).toMatchObject({ workspace, metric: "events", limit, percent: 100 })
      expect(told[1].used).toBeGreaterThanOrEqual(limit)
      expect(told[1].account).toBe(workspace.startsWith("apart") ? undefined : workspace.replace("-test", ""))
    }
  },
)

test(
  "what comes over NATS when the month is used up counts, and is kept and refused with the reason",
  { timeout: 60_000 },
  async () => {
    const counts: Counts = {}
    for (const _ of times(5))
      await publishMany(
        counts,
        one,
        times(200).map(() => "intake"),
      )
    expect(counts).toEqual({ 201: limit })
    await warnings("intake", 2)
    const nc = await connect({ servers: nats.url })
    for (const n of times(3)) nc.publish("events.intake.order.placed", JSON.stringify({ n }))
    await nc.drain()
    const isRefusal = ({ kind, workspace }: any) => kind === "event.refused" && workspace === "intake"
    const records = await historyOnce(nats.url, (all) => all.filter(isRefusal).length === 3)
    expect(records.find(isRefusal).reason).toBe("the 1000 events a month of the account intake are used up")
    const usage = async () => JSON.parse((await one.meshes("usage", "--workspace", "intake", "--json")).stdout)
    while ((await usage()).events < limit + 3) await new Promise((next) => setTimeout(next, 100))
    expect(await usage()).toMatchObject({
      events: limit + 3,
      limit: { used: limit + 3, limit, percent: 100, pooled: true },
    })
  },
)

test(
  "usage is shown by workspace, with the limit of all that it is for, over HTTP and by a command",
  { timeout: 60_000 },
  async () => {
    const get = async (path: string, key = adminKey) => {
      const response = await fetch(`${two.http()}${path}`, { headers: { authorization: `Bearer ${key}` } })
      return { status: response.status, body: (await response.json()) as any }
    }
    const counts: Counts = {}
    const each = ["mine", "over", "over-test"].flatMap((id) => times(200).map(() => id))
    for (const _ of times(6)) await publishMany(counts, one, each)
    expect(counts).toEqual({ 201: 2400 + limit, 429: 200 })
    const month = monthOf(Date.now())
    // Two replicas keep a history each: wait until this one has it all.
    let shown: any
    do shown = (await get("/api/v1/workspaces/mine/usage")).body
    while (shown.events < limit || (await get("/api/v1/workspaces/over/usage")).body.limit.used < 2400)
    expect(shown).toMatchObject({
      workspace: "mine",
      account: "mine",
      plan: "apart",
      month,
      events: limit,
      deliveries: 0,
      attempts: 0,
      limit: { metric: "events", pooled: false, used: limit, limit, percent: 100, overage: "reject" },
      months: [{ month, events: limit, deliveries: 0, attempts: 0 }],
    })
    expect(shown.limit.resets_at).toBe(new Date(endOfMonth(month)).toISOString())
    const all = (await get("/api/v1/usage")).body
    const of = (id: string) => all.records.find(({ workspace }: any) => workspace === id)
    expect(of("over")).toMatchObject({
      events: 1200,
      limit: { used: 2400, percent: 240, overage: "allow", pooled: true },
    })
    expect(of("free").limit).toBeUndefined()
    // What others have used of a pool would tell a tenant that they are there.
    const made = await post(two, "/api/v1/keys", { name: "tenant", scopes: ["read"], workspaces: ["over"] })
    const seen = (await get("/api/v1/workspaces/over/usage", made.body.key)).body
    expect(seen).toMatchObject({ workspace: "over", events: 1200 })
    expect(seen.limit).toBeUndefined()
    expect((await get("/api/v1/usage?month=2020-01")).body.records[0].events).toBe(0)
    expect((await get("/api/v1/usage?month=now")).status).toBe(400)
    expect((await get("/api/v1/workspaces/nobody/usage")).status).toBe(404)
    const { stdout, status } = await two.meshes("usage")
    expect(status).toBe(0)
    expect(stdout).toMatch(/^mine +\S+ +1,000 events +0 deliveries +0 attempts$/m)
    expect(stdout).toContain("240 % of account over: 2,400 of 1,000 events (plan allowed; more is counted on;")
    expect((await two.meshes("usage", "--month", "soon")).status).toBe(2)
  },
)

test(
  "what a killed replica had reserved is given back, and nothing beyond the limit is stored",
  { timeout: 60_000 },
  async () => {
    const counts: Counts = {}
    let left = 600
    const publishing = Promise.all(
      times(8).map(async (publisher) => {
        const runtime = publisher % 2 === 0 ? one : two
        while (left-- > 0) await publishOne(counts, runtime, "killed").catch(() => undefined)
      }),
    )
    while (left > 300) await new Promise((next) => setTimeout(next, 5))
    await one.kill("SIGKILL")
    await publishing
    // The other goes on to the end, as patiently as it is told.
    for (;;) {
      const answer = await publishOne(counts, two, "killed")
      if (answer.status === 201) continue
      expect(answer.status).toBe(429)
      const seconds = Number(answer.headers.get("retry-after"))
      if (seconds > 60) break
      await new Promise((next) => setTimeout(next, seconds * 1000))
    }
    expect(await stored("killed")).toBe(limit)
    expect(await warnings("killed", 2)).toHaveLength(2)
    // What was answered is stored; of what the killed one was storing, nobody knows but the log.
    expect(counts[201]).toBeLessThanOrEqual(limit)
    await one.start()
  },
)
