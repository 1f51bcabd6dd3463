/**
 * A destination that is down is left alone: its circuit opens, what is meant for it waits without losing attempts, a rule tells somebody,
 * and everything arrives when it is well again. Paused connections wait in the same way, for a person.
 */
import { afterAll, beforeAll, expect, test } from "vitest"
import { startDestination, type Destination } from "../support/destination.ts"
import { historyWith } from "../support/history.ts"
import { startNats, type TestNats } from "../support/nats.ts"
import { adminKey, startRuntime, type TestRuntime } from "../support/runtime.ts"

let nats: TestNats
let runtime: TestRuntime
let destination: Destination
/** What each path answers. */
const answers = new Map<string, number>()

const names = ["flaky", "gone", "locked", "held", "kept", "ailing", "pager", "news"]

beforeAll(async () => {
  nats = await startNats()
  destination = await startDestination(({ path }) => answers.get(path) ?? 200)
  runtime = await startRuntime({
    natsUrl: nats.url,
    config: `
const connection = (name) => webhook({ url: "${destination.url}/" + name, allowPrivateNetwork: true, concurrency: 2,
  retry: { attempts: 6, initial: "50 milli", factor: 1, jitter: 0 }, circuit: { failures: 3, wait: "200 milli", maxWait: "400 milli" } })
export default defineConfig({
  eventTypes: { "order.placed": {}, "order.gone": {}, "order.locked": {}, "order.held": {}, "order.kept": {},
    "order.ailing": {}, "order.pager": {} },
  workspaces: { acme: {
    connections: Object.fromEntries(${JSON.stringify(names)}.map((name) => [name, connection(name)])),
    rules: {
      flaky: { on: "order.placed", actions: [{ connection: "flaky" }] },
      gone: { on: "order.gone", actions: [{ connection: "gone" }] },
      locked: { on: "order.locked", actions: [{ connection: "locked" }] },
      held: { on: "order.held", actions: [{ connection: "held" }] },
      kept: { on: "order.kept", actions: [{ connection: "kept" }] },
      ailing: { on: "order.ailing", actions: [{ connection: "ailing" }] },
      pager: { on: "order.pager", actions: [{ connection: "pager", retry: { attempts: 1 } }] },
      page: { on: "meshes.connection.paused", when: { resource_id: "ailing" }, actions: [{ connection: "pager" }] },
      all: { on: ">", when: { expression: "$contains(type, 'meshes')" }, actions: [{ connection: "news" }] },
      news: { on: "meshes.connection.*", actions: [{ connection: "news" }, { connection: "flaky" }] },
    } } } } as any)`,
    env: { MESHES_LOG_LEVEL: "error" },
  })
})

afterAll(async () => {
  await runtime[Symbol.asyncDispose]()
  await destination[Symbol.asyncDispose]()
  await nats.stop()
})

const publish = async (type: string, count: number) => {
  const events = Array.from({ length: count }, () => ({ type, workspace: "acme", payload: {} }))
  const response = await fetch(`${runtime.http()}/api/v1/events/bulk`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${adminKey}` },
    body: JSON.stringify(events),
  })
  expect(response.status).toBe(201)
}

const at = (path: string) => destination.received.filter((one) => one.path === path)
/** The changes that were told, of one connection. */
const told = (connection: string) =>
  at("/news")
    .map(({ body }) => JSON.parse(body) as { type: string; payload: { connection: string; reason: string } })
    .filter(({ payload }) => payload.connection === connection)
const untilTold = (connection: string, ...changes: ReadonlyArray<string>) =>
  destination.until(() =>
    changes.every((change) => told(connection).some(({ type }) => type === `meshes.connection.${change}`)),
  )

const ask = async (method: string, path: string, body?: unknown) => {
  const response = await fetch(`${runtime.http()}/api/v1/workspaces/acme/connections/${path}`, {
    method,
    headers: { authorization: `Bearer ${adminKey}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  return (await response.json()) as { readonly state: string; readonly by?: string; readonly reason?: string }
}

/** What the history says of a connection's circuit, once it says that. */
const changesOf = async (connection: string, by: string, to: string) => {
  const ours = (record: any) => record.kind === "connection.changed" && record.connection === connection
  const records = await historyWith(nats.url, (record) => ours(record) && record.by === by && record.to === to)
  return records.filter(ours).map((record) => [record.from, record.to, record.by])
}

test("an open circuit costs its deliveries no attempt, is told, and everything arrives when the destination is well", async () => {
  answers.set("/flaky", 503)
  await publish("order.placed", 40)
  await untilTold("flaky", "opened")
  expect((await ask("GET", "flaky")).state).toBe("open")
  // Far more than the six attempts of one delivery would be spent by now, if those that wait were tried.
  const before = at("/flaky").length
  await destination.until(() => at("/flaky").length >= before + 5)
  answers.set("/flaky", 200)
  const orders = () =>
    at("/flaky").filter(({ status, headers }) => status === 200 && headers["x-meshes-event-type"] === "order.placed")
  await destination.until(() => new Set(orders().map(({ headers }) => headers["webhook-id"])).size >= 40)
  await untilTold("flaky", "opened", "closed")
  const tries = orders().map(({ headers }) => Number(headers["x-meshes-attempt"]))
  expect(tries.filter((attempt) => attempt === 1).length).toBeGreaterThan(25)
  // News of a connection never goes over that connection, and only to rules that name such events.
  expect(at("/flaky").filter(({ body }) => JSON.parse(body).payload.connection === "flaky")).toEqual([])
  expect(new Set(told("flaky").map(({ type }) => type)).size).toBe(told("flaky").length)
  const records = await historyWith(nats.url, ({ kind, to }) => kind === "connection.changed" && to === "closed")
  const changes = records.filter(({ kind, connection }) => kind === "connection.changed" && connection === "flaky")
  expect(changes.map(({ to }) => to)).toEqual(expect.arrayContaining(["open", "half_open", "closed"]))
  const metrics = await (await fetch(`${runtime.http()}/metrics`)).text()
  for (const to of ["opened", "closed"]) {
    expect(metrics).toMatch(new RegExp(`^meshes_connection_changes_total\\{.*to="${to}".*\\} [1-9]`, "m"))
  }
})

test("410 pauses a connection for good, until a person resumes it", async () => {
  answers.set("/gone", 410)
  await publish("order.gone", 1)
  await untilTold("gone", "paused")
  const sent = at("/gone").length
  await publish("order.gone", 5)
  answers.set("/gone", 200)
  const { stdout } = await runtime.meshes("connections", "ls", "--state", "paused", "--json")
  expect(JSON.parse(stdout).records.map(({ connection }: { connection: string }) => connection)).toContain("gone")
  expect(at("/gone").length).toBe(sent)
  expect((await ask("POST", "gone/resume")).by).toBe("key:admin")
  await destination.until(() => at("/gone").length >= sent + 5)
  await untilTold("gone", "paused", "resumed")
  expect(await changesOf("gone", "key:admin", "closed")).toEqual([
    ["closed", "paused", "runtime"],
    ["paused", "closed", "key:admin"],
  ])
})

test("credentials that are refused again and again pause a connection, with the reason", async () => {
  answers.set("/locked", 401)
  await publish("order.locked", 12)
  await untilTold("locked", "paused")
  expect(told("locked")[0]!.payload.reason).toContain("credentials")
  expect((await ask("GET", "locked")).state).toBe("paused")
})

test(
  "a pause survives a restart, and what came meanwhile is delivered when it is resumed",
  { timeout: 120_000 },
  async () => {
    const paused = await runtime.meshes("connections", "pause", "acme", "held", "--reason", "the ERP moves")
    expect(paused.status, paused.stderr).toBe(0)
    expect((await runtime.meshes("connections", "pause", "acme", "held")).stderr).toContain("was paused already")
    expect((await ask("POST", "kept/pause", { reason: "an audit" })).by).toBe("key:admin")
    await publish("order.held", 30)
    await publish("order.kept", 5)
    await runtime.kill("SIGKILL")
    await runtime.start()
    await publish("order.held", 30)
    await publish("order.kept", 5)
    await publish("order.gone", 1)
    expect((await ask("GET", "held")).state).toBe("paused")
    expect(await ask("GET", "kept")).toMatchObject({ state: "paused", by: "key:admin", reason: "an audit" })
    // Deliveries that came after them went out: these wait for a person, not for their turn.
    const orders = () => at("/flaky").filter(({ headers }) => headers["x-meshes-event-type"] === "order.placed").length
    const sent = orders()
    await publish("order.placed", 1)
    await destination.until(() => orders() > sent)
    expect([at("/held").length, at("/kept").length]).toEqual([0, 0])
    const wrong = await runtime.meshes("connections", "resume", "acme", "hold")
    expect([wrong.status, wrong.stderr]).toEqual([2, expect.stringContaining('did you mean "held"')])
    expect((await runtime.meshes("connections", "resume", "acme", "held", "--json")).stdout).toContain('"changed":true')
    expect((await ask("POST", "kept/resume")).state).toBe("closed")
    const arrived = (path: string) => new Set(at(path).map(({ headers }) => headers["webhook-id"])).size
    await destination.until(() => arrived("/held") >= 60 && arrived("/kept") >= 10)
    // What waited lost no attempt.
    expect([...at("/held"), ...at("/kept")].filter(({ headers }) => headers["x-meshes-attempt"] !== "1")).toEqual([])
    const operator = (await changesOf("kept", "key:admin", "closed")).map(([, to]) => to)
    expect(operator).toEqual(["paused", "closed"])
  },
)

test("Regression: a circuit whose opening was told has its end told, though it was an alert that found it out", async () => {
  answers.set("/pager", 503)
  await publish("order.pager", 3)
  await untilTold("pager", "opened")
  // Its orders had one attempt each: nothing but the alert is there to try it with.
  answers.set("/pager", 200)
  answers.set("/ailing", 410)
  await publish("order.ailing", 1)
  await destination.until(() => at("/pager").some(({ status }) => status === 200))
  await untilTold("pager", "opened", "closed")
})
