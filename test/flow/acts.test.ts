/**
 * Retrying and cancelling: what a person wants of a delivery that is not over happens wherever it waits, and what was cancelled is never
 * sent after the answer.
 */
import { jetstreamManager } from "@nats-io/jetstream"
import { connect } from "@nats-io/transport-node"
import { afterAll, afterEach, beforeAll, expect, test } from "vitest"
import { startDestination, type Destination, type Received } from "../support/destination.ts"
import { historyOnce, historyWith } from "../support/history.ts"
import { startNats, type TestNats } from "../support/nats.ts"
import { startReceiver, type Receiver } from "../support/receiver.ts"
import { adminKey, startRuntime, type TestRuntime } from "../support/runtime.ts"

let nats: TestNats
let runtime: TestRuntime
let destination: Destination
/** Requests that wait for their answer, by their delivery. */
const held = new Map<string, (status: number) => void>()
let slow: Receiver
/** What to answer, by path and the event's number. */
let answers: (path: string, number: number, before: number) => number = () => 200

const acmeKey = "msh_acme_operator_0123456789"
const globexKey = "msh_globex_operator_0123456789"

beforeAll(async () => {
  nats = await startNats()
  const seen = new Map<string, number>()
  destination = await startDestination(({ path, body }) => {
    const { number } = JSON.parse(body).payload
    const before = seen.get(`${path}/${number}`) ?? 0
    seen.set(`${path}/${number}`, before + 1)
    return answers(path, number, before)
  })
  slow = await startReceiver(({ request, response }) => {
    held.set(String(request.headers["webhook-id"]), (status) => response.writeHead(status).end())
  })
  runtime = await startRuntime({
    natsUrl: nats.url,
    config: `
      const connection = (name, more = {}) => webhook({ url: "${destination.url}/" + name, allowPrivateNetwork: true, circuit: false,
        retry: { attempts: 3, initial: "1 hour", factor: 1, jitter: 0 }, ...more })
      const rule = (name) => [name, { on: name + ".sent", actions: [{ connection: name }] }]
      const connections = () => ({ plain: connection("plain"), line: connection("line", { ordering: "connection" }),
        keys: connection("keys", { ordering: { key: "payload.account" } }), closed: connection("closed"), queue: connection("queue", { ordering: "connection" }), slow: connection("slow", { url: "${slow.url}" }) })
      const rules = Object.fromEntries(["plain", "line", "keys", "closed", "queue", "slow"].map(rule))
      export default defineConfig({
        keys: { acme: { key: secret("ACME_KEY"), scopes: ["read", "operate"], workspaces: ["acme"] },
          globex: { key: secret("GLOBEX_KEY"), scopes: ["read", "operate"], workspaces: ["globex"] } },
        workspaces: { acme: { connections: connections(), rules: { ...rules, both: { on: "both.sent", actions: [{ connection: "plain" }, { connection: "closed" }] } } },
          globex: { connections: connections(), rules } } } as any)`,
    env: { MESHES_LOG_LEVEL: "warn", ACME_KEY: acmeKey, GLOBEX_KEY: globexKey },
  })
})

afterAll(async () => {
  await runtime[Symbol.asyncDispose]()
  await slow[Symbol.asyncDispose]()
  await destination[Symbol.asyncDispose]()
  await nats.stop()
})

afterEach(() => void (answers = () => 200))

let published = 0
/** Gives the deliveries' ids by the event's number. */
const publish = async (
  type: string,
  payloads: ReadonlyArray<{ readonly number: number; readonly account?: string }>,
): Promise<ReadonlyMap<number, string>> => {
  const events = payloads.map((payload) => ({ id: `e${published++}`, type, workspace: "acme", payload }))
  const response = await fetch(`${runtime.http()}/api/v1/events/bulk`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${adminKey}` },
    body: JSON.stringify(events),
  })
  expect(response.status).toBe(201)
  const ids = new Map<number, string>()
  await historyOnce(nats.url, (records) => {
    for (const record of records) {
      const at = events.findIndex(({ id }) => id === record.event)
      if (record.kind === "event.routed" && at >= 0) ids.set(payloads[at]!.number, record.deliveries[0].id)
    }
    return ids.size === payloads.length
  })
  return ids
}

const upTo = (count: number, from = 0) => Array.from({ length: count }, (_, i) => from + i)
const numbers = (path: string) =>
  destination.received.filter((one) => one.path === path).map(({ body }: Received) => JSON.parse(body).payload.number)

const call = async (path: string, key = acmeKey, workspace = "acme") => {
  const response = await fetch(`${runtime.http()}/api/v1/workspaces/${workspace}/${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}` },
  })
  return { status: response.status, body: (await response.json()) as any }
}
const pause = (name: string) => call(`connections/${name}/pause`)
const resume = (name: string) => call(`connections/${name}/resume`)
const attempted = (id: string, state: string) =>
  historyWith(nats.url, (one) => one.kind === "delivery.attempted" && one.delivery === id && one.state === state)

/** What is wanted of a delivery stands in the log. */
const instructed = async (id: string) => {
  const nc = await connect({ servers: nats.url })
  const jsm = await jetstreamManager(nc)
  const query = { last_by_subj: `due.*.*.*.${id}.instruction` }
  while ((await jsm.streams.getMessage("DELIVERIES", query)) === null) await new Promise((next) => setTimeout(next, 5))
  await nc.close()
}

test("a delivery that died is sent again under its own id; one that was delivered is to be replayed instead", async () => {
  answers = (_, number, before) => (number === 1 && before === 0 ? 400 : 200)
  const id = (await publish("plain.sent", [{ number: 1 }])).get(1)!
  await attempted(id, "dead")
  expect(await call(`deliveries/${id}/retry`)).toMatchObject({
    status: 200,
    body: { id, status: "pending", result: "done" },
  })
  await attempted(id, "delivered")
  expect(
    destination.received.filter(({ headers }) => headers["webhook-id"] === id).map(({ status }) => status),
  ).toEqual([400, 200])
  expect(await call(`deliveries/${id}/retry`)).toMatchObject({
    status: 409,
    body: { message: "it is delivered: replay it instead (meshes replay)" },
  })
  expect((await call(`deliveries/${id}/cancel`)).status).toBe(409)
})

test("a delivery that waits an hour for its next attempt is sent now, whether it keeps an order or not", async () => {
  answers = (_, number, before) => (number === 2 && before === 0 ? 503 : 200)
  for (const name of ["plain", "line"]) {
    const ids = await publish(`${name}.sent`, [{ number: 2 }, { number: 3 }])
    await attempted(ids.get(2)!, "retrying")
    expect(await call(`deliveries/${ids.get(2)}/retry`)).toMatchObject({
      status: 200,
      body: { status: "retrying", result: "done" },
    })
    await attempted(ids.get(2)!, "delivered")
    await attempted(ids.get(3)!, "delivered")
  }
  expect(numbers("/line")).toEqual([2, 2, 3])
})

test("a delivery that is cancelled while it waits for its next attempt is not sent again, and its key goes on", async () => {
  answers = (_, number) => (number === 10 ? 503 : 200)
  const ids = await publish("keys.sent", [
    { number: 10, account: "a" },
    { number: 11, account: "a" },
    { number: 12, account: "a" },
  ])
  await attempted(ids.get(10)!, "retrying")
  expect(numbers("/keys")).toEqual([10])
  expect(await call(`deliveries/${ids.get(10)}/cancel`)).toMatchObject({
    status: 200,
    body: { status: "canceled", result: "done" },
  })
  await attempted(ids.get(12)!, "delivered")
  expect(numbers("/keys")).toEqual([10, 11, 12])
  expect(await call(`deliveries/${ids.get(10)}/cancel`)).toMatchObject({ status: 200, body: { result: "nothing" } })
  expect((await call(`deliveries/${ids.get(10)}/retry`)).status).toBe(409)
  const show = async () =>
    JSON.parse((await runtime.meshes("deliveries", "show", ids.get(10)!, "--json")).stdout || "{}")
  while ((await show()).status !== "canceled") await new Promise((next) => setTimeout(next, 50))
  expect(await show()).toMatchObject({ canceled: [{ by: "key:acme" }] })
})

test("what is cancelled in a paused connection is not sent when it is resumed, after a crash either", async () => {
  await pause("closed")
  await pause("queue")
  const closed = await publish(
    "closed.sent",
    upTo(20).map((number) => ({ number })),
  )
  const queue = await publish(
    "queue.sent",
    upTo(20).map((number) => ({ number })),
  )
  for (const number of [0, 7, 19]) {
    expect(await call(`deliveries/${closed.get(number)}/cancel`)).toMatchObject({
      status: 200,
      body: { result: "done" },
    })
    expect(await call(`deliveries/${queue.get(number)}/cancel`)).toMatchObject({
      status: 200,
      body: { result: "done" },
    })
  }
  await runtime.kill("SIGKILL")
  await runtime.start()
  await resume("closed")
  await resume("queue")
  // Other tests send to these connections too.
  const sent = (path: string) => numbers(path).filter((number) => number < 20)
  await destination.until(() => sent("/closed").length >= 17 && sent("/queue").length >= 17)
  const left = upTo(20).filter((number) => ![0, 7, 19].includes(number))
  expect(sent("/queue")).toEqual(left)
  expect(sent("/closed").toSorted((a, b) => a - b)).toEqual(left)
})

test("a cancellation waits for the attempt under way: delivered is delivered, and what failed is not tried again", async () => {
  for (const [number, answered] of [
    [20, 200],
    [21, 503],
  ] as const) {
    const id = (await publish("slow.sent", [{ number }])).get(number)!
    await slow.until(({ requests }) => requests.some(({ headers }) => headers["webhook-id"] === id))
    const asked = call(`deliveries/${id}/cancel`)
    await instructed(id)
    held.get(id)!(answered)
    const { status, body } = await asked
    if (answered === 200) expect([status, body.message]).toEqual([409, "it was delivered meanwhile"])
    else expect([status, body.status, body.result]).toEqual([200, "canceled", "done"])
    await attempted(id, answered === 200 ? "delivered" : "cancelled")
  }
  expect(slow.requests.length).toBe(2)
})

test("all deliveries of an event are cancelled or retried at once, each told of", async () => {
  await pause("closed")
  answers = (path) => (path === "/plain" ? 503 : 200)
  await publish("both.sent", [{ number: 30 }])
  const event = `e${published - 1}`
  await historyWith(nats.url, (one) => one.kind === "delivery.attempted" && one.event === event)
  const { status, body } = await call(`events/${event}/cancel`)
  expect([status, body.count, body.records.map((one: any) => one.status)]).toEqual([200, 2, ["canceled", "canceled"]])
  await resume("closed")
  const after = await publish("closed.sent", [{ number: 31 }])
  await attempted(after.get(31)!, "delivered")
  expect(numbers("/closed")).not.toContain(30)
  expect((await call("events/nothing/cancel")).status).toBe(404)
})

test("another workspace's key learns nothing and changes nothing", async () => {
  answers = () => 503
  const id = (await publish("plain.sent", [{ number: 40 }])).get(40)!
  await attempted(id, "retrying")
  const unknown = await call("deliveries/dlv_00000000000000000000000000/cancel", globexKey, "globex")
  expect(await call(`deliveries/${id}/cancel`, globexKey, "globex")).toEqual(unknown)
  expect(unknown.status).toBe(404)
  expect((await call(`deliveries/${id}/cancel`, globexKey)).status).toBe(404)
  expect((await call(`events/e${published - 1}/cancel`, globexKey, "globex")).status).toBe(404)
  const told = await runtime.meshes("deliveries", "cancel", id, "--json")
  expect(JSON.parse(told.stdout).records).toMatchObject([{ delivery: id, state: "cancelled", result: "done" }])
  const audit = await historyWith(nats.url, (one) => one.kind === "audit" && one.target === id)
  expect(audit.filter((one) => one.target === id)).toMatchObject([{ what: "deliveries.canceled", workspace: "acme" }])
})
