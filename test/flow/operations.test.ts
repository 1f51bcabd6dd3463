/**
 * Many deliveries retried or cancelled by a filter: exactly those that were counted before, each once, whatever is killed meanwhile.
 */
import { afterAll, beforeAll, expect, test } from "vitest"
import { startDestination, type Destination } from "../support/destination.ts"
import { historyOnce } from "../support/history.ts"
import { startNats, type TestNats } from "../support/nats.ts"
import { adminKey, startRuntime, type TestRuntime } from "../support/runtime.ts"

let nats: TestNats
let runtime: TestRuntime
let destination: Destination
let status: (path: string) => number = () => 200

const acmeKey = "msh_acme_operator_0123456789"
const globexKey = "msh_globex_operator_0123456789"

beforeAll(async () => {
  nats = await startNats()
  destination = await startDestination(({ path }) => status(path))
  runtime = await startRuntime({
    natsUrl: nats.url,
    config: `
      const connection = (name, more = {}) => webhook({ url: "${destination.url}/" + name, allowPrivateNetwork: true, circuit: false,
        retry: { attempts: 3, initial: "1 hour", factor: 1, jitter: 0 }, ...more })
      const workspace = (id) => ({
        connections: { erp: connection(id + "-erp"), crm: connection(id + "-crm"), line: connection(id + "-line", { ordering: "connection" }) },
        rules: { orders: { on: ["order.*", "first.order"], actions: [{ connection: "erp" }] }, leads: { on: ["lead.*", "first.lead"], actions: [{ connection: "crm" }] },
          lines: { on: "line.*", actions: [{ connection: "line" }] } } })
      export default defineConfig({
        keys: { acme: { key: secret("ACME_KEY"), scopes: ["read", "operate"], workspaces: ["acme"] },
          globex: { key: secret("GLOBEX_KEY"), scopes: ["read", "operate"], workspaces: ["globex"] } },
        workspaces: { acme: workspace("acme"), globex: workspace("globex") } } as any)`,
    env: { MESHES_LOG_LEVEL: "warn", ACME_KEY: acmeKey, GLOBEX_KEY: globexKey },
  })
})

afterAll(async () => {
  await runtime[Symbol.asyncDispose]()
  await destination[Symbol.asyncDispose]()
  await nats.stop()
})

const publish = async (type: string, count: number, workspace = "acme") => {
  for (let from = 0; from < count; from += 1000) {
    const events = Array.from({ length: Math.min(1000, count - from) }, (_, i) => ({
      ...{ type, workspace, payload: { number: from + i } },
      ...{ resource: "thing", resource_id: String((from + i) % 10) },
    }))
    const response = await fetch(`${runtime.http()}/api/v1/events/bulk`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${adminKey}` },
      body: JSON.stringify(events),
    })
    expect(response.status).toBe(201)
  }
}

const call = async (method: string, path: string, body?: unknown, key = acmeKey, workspace = "acme") => {
  const response = await fetch(`${runtime.http()}/api/v1/workspaces/${workspace}/${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  return { status: response.status, body: (await response.json()) as any }
}
const at = (path: string) => destination.received.filter((one) => one.path === `/${path}`)
const over = async (id: string) => {
  for (;;) {
    const { body } = await call("GET", `operations/${id}`)
    if (body.state !== "running") return body
    await new Promise((next) => setTimeout(next, 20))
  }
}
const begin = async (body: object) => {
  const begun = await call("POST", "operations", body)
  expect([begun.status, begun.body.message]).toEqual([202, undefined])
  return begun.body.id as string
}
/** So many deliveries of a type came to a state, by the history. */
const recorded = (type: string, state: string, count: number, workspace = "acme") =>
  historyOnce(
    nats.url,
    (all) =>
      all.filter(
        (one) =>
          one.kind === "delivery.attempted" && one.type === type && one.state === state && one.workspace === workspace,
      ).length >= count,
  )
/** How often each delivery was sent again by a person. */
const revivals = (records: ReadonlyArray<any>, type: string) => {
  const counts = new Map<string, number>()
  const those = new Set(
    records.flatMap((one) => (one.type === type && one.kind === "delivery.attempted" ? one.delivery : [])),
  )
  for (const one of records) {
    if (one.kind !== "delivery.revived" || !those.has(one.delivery)) continue
    counts.set(one.delivery, (counts.get(one.delivery) ?? 0) + 1)
  }
  return counts
}

test("what died over one connection is counted, then sent again, each once; nothing else is", async () => {
  // A list of dead letters takes no event type, and other tests leave theirs.
  const begun = new Date().toISOString()
  const first = (path: string) =>
    at(path).filter(({ headers }) => String(headers["x-meshes-event-type"]).startsWith("first."))
  status = () => 400
  await publish("first.order", 40)
  await publish("first.lead", 20)
  await publish("first.order", 10, "globex")
  await recorded("first.order", "dead", 40)
  await recorded("first.order", "dead", 10, "globex")
  await recorded("first.lead", "dead", 20)
  status = () => 200
  expect(await call("POST", "operations", { action: "retry", preview: true, filter: { type: "first.*" } })).toEqual({
    status: 200,
    body: {
      count: 60,
      by_connection: [
        { connection: "erp", count: 40 },
        { connection: "crm", count: 20 },
      ],
    },
  })
  const about = { type: "first.*", resource: "thing", resource_id: "7" }
  expect((await call("POST", "operations", { action: "retry", preview: true, filter: about })).body.count).toBe(6)
  const listedAbout = await call("GET", `dead-letters?resource=thing&resource_id=7&connection=erp&from=${begun}`)
  expect(listedAbout.body.records.length).toBe(4)
  const dry = await runtime.meshes(
    "dead",
    "retry",
    "-w",
    "acme",
    "--connection",
    "erp",
    "--since",
    "1 hour",
    "--type",
    "first.*",
    "--resource-id",
    "7",
    "--dry-run",
    "--json",
  )
  expect(JSON.parse(dry.stdout)).toMatchObject({ preview: true, state: "done", count: 4 })
  expect(first("acme-erp").length).toBe(40)
  const id = await begin({
    action: "retry",
    filter: { connection: "erp", outcome: "rejected", type: "first.*", from: "1 hour" },
  })
  expect(await over(id)).toMatchObject({ state: "done", by: "key:acme", count: 40, skipped: 0, expected: 40 })
  await recorded("first.order", "delivered", 40)
  expect([first("acme-erp").length, first("acme-crm").length, first("globex-erp").length]).toEqual([80, 20, 10])
  expect(new Set(first("acme-erp").map(({ headers }) => headers["webhook-id"])).size).toBe(40)
  const none = await call("POST", "operations", {
    action: "retry",
    preview: true,
    filter: { connection: "erp", type: "first.*" },
  })
  expect(none.body.count).toBe(0)
  const listed = (await call("GET", "operations")).body.records.filter(({ filter }: any) => filter.type === "first.*")
  expect(listed.map(({ count, preview }: any) => [count, preview])).toEqual([
    [40, undefined],
    [4, true],
  ])
})

test("an operation that is killed half-way is gone on with, and sends each again once", async () => {
  status = (path) => (path === "/acme-crm" ? 400 : 200)
  await publish("lead.killed", 300)
  await recorded("lead.killed", "dead", 300)
  status = () => 200
  const before = at("acme-crm").length
  const id = await begin({ action: "retry", filter: { type: "lead.killed" } })
  await destination.until(() => at("acme-crm").length > before)
  await runtime.kill("SIGKILL")
  await runtime.start()
  expect(await over(id)).toMatchObject({ state: "done", count: 300, expected: 300 })
  const records = await recorded("lead.killed", "delivered", 300)
  const again = revivals(records, "lead.killed")
  expect([again.size, [...again.values()].every((count) => count === 1)]).toEqual([300, true])
})

test("an operation that is stopped sends nothing more after the answer", async () => {
  status = (path) => (path === "/acme-erp" ? 400 : 200)
  await publish("order.stopped", 1000)
  await recorded("order.stopped", "dead", 1000)
  status = () => 200
  const id = await begin({ action: "retry", filter: { type: "order.stopped" } })
  let { body } = await call("GET", `operations/${id}`)
  while (body.count === 0) ({ body } = await call("GET", `operations/${id}`))
  const stopped = (await call("POST", `operations/${id}/stop`)).body
  expect([stopped.state, stopped.stopped_by]).toEqual(["stopped", "key:acme"])
  expect(stopped).toMatchObject({ expected: 1000 })
  expect(stopped.count).toBeLessThan(1000)
  const left = await call("POST", "operations", { action: "retry", preview: true, filter: { type: "order.stopped" } })
  expect(left.body.count).toBe(1000 - stopped.count)
  const records = await recorded("order.stopped", "delivered", stopped.count)
  expect(revivals(records, "order.stopped").size).toBe(stopped.count)
})

test("what waits is cancelled by a filter, in order or not, and the others are sent when the connection is resumed", async () => {
  for (const name of ["crm", "line"]) await call("POST", `connections/${name}/pause`)
  for (const name of ["lead", "line"]) {
    await publish(`${name}.wrong`, 150)
    await publish(`${name}.right`, 5)
    await historyOnce(
      nats.url,
      (all) => all.filter((one) => one.kind === "event.routed" && one.type === `${name}.right`).length >= 5,
    )
  }
  for (const [connection, type] of [
    ["crm", "lead.wrong"],
    ["line", "line.wrong"],
  ] as const) {
    const filter = { connection, type }
    const counted = await call("POST", "operations", { action: "cancel", filter, preview: true })
    expect(counted.body.count).toBe(150)
    if (connection === "line") {
      const told = await runtime.meshes(
        "deliveries",
        "cancel",
        "-w",
        "acme",
        "--connection",
        "line",
        "--type",
        type,
        "--json",
      )
      expect(JSON.parse(told.stdout)).toMatchObject({ state: "done", action: "cancel", count: 150 })
    } else expect((await over(await begin({ action: "cancel", filter }))).count).toBe(150)
    await call("POST", `connections/${connection}/resume`)
  }
  await recorded("lead.right", "delivered", 5)
  await recorded("line.right", "delivered", 5)
  const types = [...at("acme-crm"), ...at("acme-line")].map(({ headers }) => headers["x-meshes-event-type"])
  expect(types.filter((type) => String(type).endsWith(".wrong"))).toEqual([])
})

test("another workspace's operations cannot be seen, begun or stopped, and what is asked wrongly is told", async () => {
  const id = await begin({ action: "cancel", filter: { type: "nothing.like.it" } })
  expect(await over(id)).toMatchObject({ state: "done", count: 0 })
  expect((await call("GET", `operations/${id}`, undefined, globexKey, "globex")).status).toBe(404)
  expect((await call("POST", `operations/${id}/stop`, undefined, globexKey, "globex")).status).toBe(404)
  expect((await call("GET", "operations", undefined, globexKey)).status).toBe(404)
  expect((await call("POST", "operations", { action: "retry" }, globexKey)).status).toBe(404)
  expect((await call("GET", "operations/*")).status).toBe(404)
  const wrong = await call("POST", "operations", {
    action: "retry",
    filter: { status: "completed", from: "soon", conection: "erp" },
  })
  expect([wrong.status, wrong.body.errors.map((one: any) => one.path)]).toEqual([
    400,
    ["filter.conection", "filter.from", "filter.status"],
  ])
})
