/**
 * How much happens and what needs somebody, asked over HTTP of a real runtime in which one delivery is delivered, one is tried again and
 * one is given up.
 */
import { afterAll, beforeAll, expect, test } from "vitest"
import { startNats, type TestNats } from "../support/nats.ts"
import { answer, startReceiver, type Receiver } from "../support/receiver.ts"
import { adminKey, startRuntime, type TestRuntime } from "../support/runtime.ts"

let nats: TestNats
let runtime: TestRuntime
let receiver: Receiver

const keys = { acme: "acme-key-0123456789", globex: "globex-key-0123456789", both: "both-key-0123456789" }

beforeAll(async () => {
  nats = await startNats()
  const seen = new Set<string>()
  receiver = await startReceiver({
    choose: ({ path }) => {
      const before = seen.has(path)
      seen.add(path)
      return path === "/bad" ? answer(422) : path === "/flaky" && !before ? answer(503) : answer()
    },
  })
  runtime = await startRuntime({
    natsUrl: nats.url,
    env: { MESHES_LOG_LEVEL: "error", ACME: keys.acme, GLOBEX: keys.globex, BOTH: keys.both },
    config: `
const to = (path) => http({ url: "${receiver.url}" + path, allowPrivateNetwork: true, retry: { attempts: 3, initial: "50 millis" } })
const actions = ["good", "flaky", "bad"].map((connection) => ({ connection, map: "payload" }))
export default defineConfig({
  keys: {
    acme: { key: secret("ACME"), scopes: ["read", "operate"], workspaces: ["acme"] },
    globex: { key: secret("GLOBEX"), scopes: ["read"], workspaces: ["globex"] },
    both: { key: secret("BOTH"), scopes: ["read"], workspaces: ["acme", "globex"] },
  },
  plans: { small: { eventsPerMonth: 1 } },
  accounts: { acme: { plan: "small" } },
  workspaces: {
    acme: { account: "acme", connections: { good: to("/good"), flaky: to("/flaky"), bad: to("/bad") },
      rules: { all: { on: "order.paid", actions } } },
    globex: { connections: { good: to("/good") }, rules: { every: { on: ">", actions: [{ connection: "good", map: "payload" }] } } },
  },
} as any)`,
  })
  for (const workspace of ["acme", "globex"]) {
    expect((await runtime.publish({ type: "order.paid", workspace, payload: {} })).status).toBe(201)
  }
  await until(async () => {
    const { backlog, last_hour } = await get("overview", adminKey)
    return backlog === 0 && last_hour.delivered + last_hour.dead === 4
  })
})

afterAll(async () => {
  await runtime[Symbol.asyncDispose]()
  await receiver[Symbol.asyncDispose]()
  await nats.stop()
})

const send = async (method: string, path: string, key = keys.acme) => {
  const response = await fetch(`${runtime.http()}/api/v1/${path}`, {
    method,
    headers: { authorization: `Bearer ${key}` },
  })
  return { status: response.status, json: (await response.json()) as any }
}
const get = async (path: string, key?: string) => {
  const { status, json } = await send("GET", path, key)
  expect(status, JSON.stringify(json)).toBe(200)
  return json
}
const until = async (enough: () => Promise<boolean>) => {
  while (!(await enough())) await new Promise((resolve) => setTimeout(resolve, 50))
}

const ofAcme = { events: 1, delivered: 2, retried: 1, dead: 1 }
const ofGlobex = { events: 1, delivered: 1, retried: 0, dead: 0 }
const ofBoth = { events: 2, delivered: 3, retried: 1, dead: 1 }

/** All buckets of a series together. */
const summed = (buckets: ReadonlyArray<any>) => {
  const sum: { [what: string]: number } = {}
  for (const [what, n] of buckets.flatMap((bucket) => Object.entries<any>(bucket))) {
    if (what !== "at") sum[what] = (sum[what] ?? 0) + n
  }
  return sum
}

test("activity tells of what happened, each thing once, over the workspaces that a key may see", async () => {
  for (const [key, expected] of [
    [keys.acme, ofAcme],
    [keys.globex, ofGlobex],
    [keys.both, ofBoth],
    [adminKey, ofBoth],
  ] as const) {
    const { buckets, step_seconds, from, to, as_of } = await get("activity", key)
    expect(summed(buckets)).toEqual(expected)
    expect(step_seconds).toBe(900)
    expect(buckets.length).toBe((Date.parse(to) - Date.parse(from)) / 900_000)
    expect(buckets[0].at).toBe(from)
    expect(Date.parse(as_of)).toBeGreaterThan(Date.parse(from))
    expect((await get("overview", key)).last_hour).toEqual(expected)
  }
  expect(summed((await get("activity?workspace=globex", keys.both)).buckets)).toEqual(ofGlobex)
  // Of hours too, which are all that is known of days ago.
  const week = new Date(Date.now() - 7 * 86_400_000).toISOString()
  const days = await get(`activity?from=${week}`)
  expect([summed(days.buckets), days.step_seconds]).toEqual([ofAcme, 7200])
})

test("activity of a connection or a rule has no events of its own, and is told of each by name", async () => {
  const { buckets } = await get("activity?workspace=acme&connection=flaky")
  expect(summed(buckets)).toEqual({ delivered: 1, retried: 1, dead: 0 })
  expect(summed((await get("activity?workspace=acme&rule=all")).buckets)).toEqual({ delivered: 2, retried: 1, dead: 1 })
  expect(summed((await get("activity?workspace=acme&rule=all&connection=bad")).buckets)).toMatchObject({ dead: 1 })
  const parts = async (by: string) =>
    (await get(`workspaces/acme/activity?by=${by}`)).records.map(({ last_at, ...part }: any) => {
      expect(Date.parse(last_at)).toBeLessThanOrEqual(Date.now() + 60_000)
      return part
    })
  expect(await parts("rule")).toEqual([{ rule: "all", delivered: 2, retried: 1, dead: 1 }])
  const connections = [
    { connection: "bad", delivered: 0, retried: 0, dead: 1 },
    { connection: "flaky", delivered: 1, retried: 1, dead: 0 },
    { connection: "good", delivered: 1, retried: 0, dead: 0 },
  ]
  expect(await parts("connection")).toEqual(connections)
  expect(await parts("rule_connection")).toEqual(connections.map((one) => ({ rule: "all", ...one })))
})

test("what is asked wrongly is said, and another's workspace is not there", async () => {
  const messageOf = async (path: string) => {
    const { status, json } = await send("GET", path)
    return [status, json.message]
  }
  expect(await messageOf("activity?connection=good")).toEqual([400, expect.stringContaining("query.workspace")])
  expect(await messageOf("activity?from=2001-01-01T00:00:00Z")).toEqual([400, expect.stringContaining("400 days")])
  expect(await messageOf("activity?from=2999-01-01T00:00:00Z")).toEqual([400, expect.stringContaining("not earlier")])
  expect(await messageOf("workspaces/acme/activity?by=weather")).toEqual([400, expect.stringContaining("rule_conn")])
  expect(await messageOf("activity?workspace=globex")).toEqual(await messageOf("activity?workspace=nobody"))
  expect(await messageOf("overview?x=1")).toEqual([400, expect.stringContaining("query.x")])
})

test("what was given up is told of by connection and reason", async () => {
  const { records, complete } = await get("workspaces/acme/dead-letters/groups")
  const [letter] = (await get("workspaces/acme/dead-letters")).records
  expect([records, complete]).toEqual([
    [
      {
        connection: "bad",
        outcome: letter.last_attempt.outcome,
        http_status: 422,
        count: 1,
        first_at: letter.created_at,
        last_at: letter.created_at,
        message: letter.last_attempt.message,
        example: letter.id,
      },
    ],
    true,
  ])
  expect((await get("workspaces/acme/dead-letters/groups?connection=good")).records).toEqual([])
  expect((await get(`workspaces/acme/dead-letters/groups?to=${letter.created_at}`)).records).toEqual([])
})

test("the overview lists what needs somebody, to whoever may see it, the worst first", async () => {
  expect((await get("overview", keys.globex)).attention).toEqual([])
  expect((await send("POST", "workspaces/acme/connections/bad/pause")).status).toBe(200)
  let attention: ReadonlyArray<any> = []
  await until(async () => {
    const all = await get("overview")
    expect([all.workspaces, all.attention_more]).toEqual([1, false])
    attention = all.attention
    return attention.length === 2
  })
  expect(attention).toEqual([
    expect.objectContaining({ kind: "limit_reached", workspace: "acme", percent: 100 }),
    expect.objectContaining({ kind: "connection_paused", workspace: "acme", connection: "bad", by: "key:acme" }),
  ])
  expect((await get("overview", keys.globex)).attention).toEqual([])
  expect((await get("overview", adminKey)).attention).toEqual(attention)
})
