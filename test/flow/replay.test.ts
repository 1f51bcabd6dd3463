/**
 * Replays: events of the log delivered once more, exactly those that are asked for and each once, whatever is killed meanwhile.
 */
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { afterAll, beforeAll, expect, test } from "vitest"
import { startDestination, type Destination, type Received } from "../support/destination.ts"
import { historyOnce } from "../support/history.ts"
import { startNats, type TestNats } from "../support/nats.ts"
import { adminKey, configHead, startRuntime, type TestRuntime } from "../support/runtime.ts"
import { inWhole } from "../support/scale.ts"

let nats: TestNats
let runtime: TestRuntime
let destination: Destination
/** What each path answers. */
let answer: (request: Omit<Received, "status">, before: number) => number = () => 200

const acmeKey = "msh_acme_operator_0123456789"
/** One that may operate and not see what events hold, and one that may see all and not operate. */
const blindKey = "msh_acme_blind_0123456789abc"
const readKey = "msh_acme_reader_0123456789ab"

/** @param rules of each workspace, beside those that are there from the beginning */
const configOf = (rules = ""): string => `
const connection = (name, more = {}) => webhook({ url: "${destination.url}/" + name, allowPrivateNetwork: true,
  retry: { attempts: 3, initial: "50 milli", factor: 1, jitter: 0 }, ...more })
const rule = (on, ...connections) => ({ on, actions: connections.map((connection) => ({ connection })) })
const workspace = (id) => ({
  connections: { erp: connection(id + "-erp"), crm: connection(id + "-crm"), line: connection(id + "-line", { ordering: "connection" }) },
  rules: { orders: rule(["order.placed", "sale.made"], "erp"), lines: rule("line.added", "line"), killed: rule("killed.once", "crm", "erp", "line"),
    bills: rule("bill.sent", "erp"), slow: rule("slow.going", "crm"), rated: rule("rated.one", "crm"), news: rule("news.*", "crm", "erp"),
    quotes: { on: "quote.made", when: { expression: "payload.number < 6" }, actions: [{ connection: "crm", map: { amount: "payload.number" } }] },
    ${rules} } })
export default defineConfig({
  keys: { "acme-ops": { key: secret("ACME_KEY"), scopes: ["read", "payload:read", "operate"], workspaces: ["acme"] },
    "acme-blind": { key: secret("BLIND_KEY"), scopes: ["operate"], workspaces: ["acme"] },
    "acme-reads": { key: secret("READ_KEY"), scopes: ["read", "payload:read"], workspaces: ["acme"] } },
  workspaces: { acme: workspace("acme"), globex: workspace("globex") } } as any)`

beforeAll(async () => {
  nats = await startNats()
  destination = await startDestination((request, before) => answer(request, before))
  runtime = await startRuntime({
    natsUrl: nats.url,
    config: configOf(),
    env: { MESHES_LOG_LEVEL: "warn", ACME_KEY: acmeKey, BLIND_KEY: blindKey, READ_KEY: readKey },
  })
})

afterAll(async () => {
  await runtime[Symbol.asyncDispose]()
  await destination[Symbol.asyncDispose]()
  await nats.stop()
})

interface Publishing {
  readonly workspace?: string
  readonly resource?: string
  readonly resource_id?: string
  readonly payload: object
}

const publish = async (type: string, events: ReadonlyArray<Publishing>): Promise<void> => {
  if (events.length > 1000) {
    await publish(type, events.slice(0, 1000))
    return publish(type, events.slice(1000))
  }
  const response = await fetch(`${runtime.http()}/api/v1/events/bulk`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${adminKey}` },
    body: JSON.stringify(events.map((event) => ({ type, workspace: "acme", ...event }))),
  })
  expect(response.status).toBe(201)
}

const upTo = (count: number) => Array.from({ length: count }, (_, i) => i)
/** What came for a path, of events of a type where one is given. */
const at = (path: string, type?: string) =>
  destination.received.filter(
    (one) => one.path === `/${path}` && (type === undefined || one.headers["x-meshes-event-type"] === type),
  )
const numberOf = ({ body }: Received): number => JSON.parse(body).payload.number
const replayed = (path: string, id: string) => at(path).filter(({ headers }) => headers["x-meshes-replay"] === id)

const call = async (method: string, path: string, body?: unknown, key = acmeKey, workspace = "acme") => {
  const response = await fetch(`${runtime.http()}/api/v1/workspaces/${workspace}/replays${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  return { status: response.status, body: (await response.json()) as any }
}

const begin = async (body: object, workspace = "acme") => {
  const { status, body: begun } = await call("POST", "", body, adminKey, workspace)
  expect([status, begun.message]).toEqual([201, undefined])
  return begun.id as string
}

/** The replay, once it is over. */
const over = async (id: string, workspace = "acme") => {
  for (;;) {
    const { body } = await call("GET", `/${id}`, undefined, adminKey, workspace)
    if (body.state !== "running") return body
    await new Promise((next) => setTimeout(next, 50))
  }
}

/** All attempts of deliveries that came so far are recorded, of so many deliveries. */
const recorded = (count: number, wanted: (record: any) => boolean) =>
  historyOnce(
    nats.url,
    (all) =>
      new Set(
        all.filter((record) => record.kind === "delivery.attempted" && wanted(record)).map(({ delivery }) => delivery),
      ).size >= count,
  )

test(
  "a rule added later is tried on past events, then delivered exactly those that it matches, once, though the runtime is killed",
  { timeout: 180_000 },
  async () => {
    const count = inWhole(10_000, 400)
    const matching = upTo(count / 4).map((i) => i * 4)
    const events = (workspace: string, count: number) =>
      upTo(count).map((number) => ({ workspace, payload: { number, plan: number % 4 === 0 ? "pro" : "free" } }))
    const before = destination.received.length
    await publish("sale.made", events("acme", count))
    await publish("sale.made", events("globex", 100))
    // Attempts made again after another test's crash may be among them.
    await destination.until(() => destination.received.length - before >= count + 100)
    await recorded(count + 100, ({ type }) => type === "sale.made")
    const pros = `pros: { on: "sale.made", when: { expression: "payload.plan = 'pro'" }, actions: [{ connection: "crm" }] },`
    const config = join(runtime.folder, "new.config.ts")
    await writeFile(config, `${configHead}${configOf(pros)}\n`)
    const about = ["-c", config, "-w", "acme"]

    const tried = JSON.parse(
      (await runtime.meshes("replay", "--backtest", ...about, "--type", "sale.made", "--show", "1", "--json")).stdout,
    )
    expect(tried).toMatchObject({ events: count, unknown: 0, same: count, removed: { deliveries: 0 } })
    expect([tried.changed.deliveries, tried.added]).toEqual([
      0,
      {
        deliveries: matching.length,
        actions: [
          {
            ...{ workspace: "acme", rule: "pros", action: 0, connection: "crm", deliveries: matching.length },
            examples: [{ event: expect.stringMatching(/^evt_/) }],
          },
        ],
      },
    ])
    const backfill = ["replay", ...about, "--rule", "pros", "--status", "none", "--json"]
    const dry = JSON.parse((await runtime.meshes(...backfill, "--dry-run")).stdout)
    expect(dry).toMatchObject({ deliveries: matching.length, skipped: 0, failed: 0, complete: true })
    expect(dry.by).toEqual([
      {
        ...{ workspace: "acme", rule: "pros", action: 0, connection: "crm", deliveries: matching.length },
        before: { none: matching.length },
      },
    ])
    expect(dry.requests.map(({ request }: any) => request.body.payload.number)).toEqual([0, 4, 8])
    expect(at("acme-crm", "sale.made")).toEqual([])

    await runtime.kill("SIGTERM")
    await writeFile(join(runtime.folder, "meshes.config.ts"), `${configHead}${configOf(pros)}\n`)
    await runtime.start()
    const { id } = JSON.parse((await runtime.meshes(...backfill, "--rate", String(inWhole(500, 100)))).stdout)
    await destination.until(() => replayed("acme-crm", id).length >= matching.length / 4)
    await runtime.kill("SIGKILL")
    await runtime.start()
    expect(await over(id)).toMatchObject({
      state: "done",
      progress: { deliveries: matching.length, skipped: 0, failed: 0 },
    })
    await recorded(matching.length, ({ rule }) => rule === "pros")
    // Whatever had come too often, or for somebody else, would have been made by now.
    await publish("sale.made", [{ payload: { number: count, plan: "pro" } }])
    await destination.until(() => at("acme-crm", "sale.made").some((one) => numberOf(one) === count))
    // An attempt whose outcome was not stored is made again, under the same id.
    const came = new Map(at("acme-crm", "sale.made").map((one) => [one.headers["webhook-id"], numberOf(one)]))
    expect([...came.values()].toSorted((a, b) => a - b)).toEqual([...matching, count])
    expect(new Set(replayed("acme-crm", id).map(numberOf)).size).toBe(matching.length)
    expect(at("globex-crm", "sale.made")).toEqual([])

    await recorded(matching.length + 1, ({ rule }) => rule === "pros")
    const again = await begin({ rule: "pros", status: "none", rate: 1000 })
    expect(await over(again)).toMatchObject({ state: "done", progress: { deliveries: 0 } })
  },
)

test("a replay whose runtime is killed is gone on with, and makes each delivery once", async () => {
  await publish(
    "killed.once",
    upTo(300).map((number) => ({ payload: { number } })),
  )
  await recorded(900, ({ rule }) => rule === "killed")
  const id = await begin({ rule: "killed", rate: 400 })
  await destination.until(() => replayed("acme-crm", id).length >= 100)
  await runtime.kill("SIGKILL")
  await runtime.start()
  expect(await over(id)).toMatchObject({ state: "done", progress: { deliveries: 900 } })
  const paths = ["acme-crm", "acme-erp", "acme-line"]
  await destination.until(() => paths.every((path) => new Set(replayed(path, id).map(numberOf)).size === 300))
  for (const path of paths) {
    // An attempt whose outcome was not stored is made again, under the same id.
    const ids = new Map(replayed(path, id).map((one) => [one.headers["webhook-id"], numberOf(one)]))
    expect([...ids.values()].toSorted((a, b) => a - b)).toEqual(upTo(300))
  }
  const records = await historyOnce(nats.url, (all) => all.some((record) => record.replay === id))
  const made = records
    .filter((record) => record.kind === "event.routed" && record.replay === id)
    .flatMap(({ deliveries }) => deliveries.map((one: any) => one.id))
  expect(new Set(made).size).toBe(900)
})

test("order is kept within a replay, through retries", async () => {
  await publish(
    "line.added",
    upTo(120).map((number) => ({ payload: { number } })),
  )
  await destination.until(() => at("acme-line", "line.added").length >= 120)
  answer = (request) =>
    numberOf({ ...request, status: 0 }) === 7 && request.headers["x-meshes-attempt"] !== "3" ? 503 : 200
  const id = await begin({ type: "line.*", rate: 1000 })
  expect(await over(id)).toMatchObject({ state: "done", progress: { deliveries: 120, matched: 120 } })
  await destination.until(() => replayed("acme-line", id).length >= 122)
  answer = () => 200
  expect(replayed("acme-line", id).map(numberOf)).toEqual([...upTo(7), 7, 7, ...upTo(120).slice(7)])
})

test("what is dead is sent again under the same id, and is no dead letter any more", async () => {
  answer = (request) => (request.path === "/acme-erp" && numberOf({ ...request, status: 0 }) % 2 === 1 ? 400 : 200)
  await publish(
    "bill.sent",
    upTo(10).map((number) => ({ payload: { number } })),
  )
  const bills = () => at("acme-erp", "bill.sent")
  await destination.until(() => bills().length >= 10)
  await recorded(10, ({ type }) => type === "bill.sent")
  answer = () => 200
  const dead = bills().filter(({ status }) => status === 400)
  const id = await begin({ type: "bill.sent", status: ["dead"], same_ids: true })
  expect(await over(id)).toMatchObject({ state: "done", progress: { deliveries: 5, skipped: 0 } })
  await destination.until(() => replayed("acme-erp", id).length >= 5)
  const ids = (requests: ReadonlyArray<Received>) => requests.map(({ headers }) => headers["webhook-id"]).toSorted()
  expect(ids(replayed("acme-erp", id))).toEqual(ids(dead))
  await recorded(5, (record) => record.replay === id)
  const { stdout } = await runtime.meshes("dead", "ls", "--json")
  expect(JSON.parse(stdout).records.filter(({ type }: any) => type === "bill.sent")).toEqual([])
  const show = async () =>
    JSON.parse((await runtime.meshes("deliveries", "show", String(ids(dead)[0]), "--json")).stdout || "{}")
  while ((await show()).status !== "completed") await new Promise((next) => setTimeout(next, 50))
  const shown = await show()
  expect(shown).toMatchObject({ sent_again: [{ by: "key:admin" }] })
  expect(shown.attempts.map(({ status }: any) => status)).toEqual(["failed", "completed"])
})

test("a replay that is stopped makes nothing more, and says how far it came", async () => {
  await publish(
    "slow.going",
    upTo(200).map((number) => ({ payload: { number } })),
  )
  const id = await begin({ rule: "slow", rate: 8 })
  await destination.until(() => replayed("acme-crm", id).length >= 4)
  const running = await call("GET", "?state=running")
  expect(running.body.records.map((one: any) => one.id)).toContain(id)
  const stopped = await call("POST", `/${id}/stop`)
  expect(stopped).toMatchObject({ status: 200, body: { state: "stopped", stopped_by: "key:acme-ops" } })
  const { deliveries } = stopped.body.progress
  await destination.until(() => replayed("acme-crm", id).length >= deliveries)
  // It stays so through a restart, and is not gone on with.
  await runtime.kill("SIGKILL")
  await runtime.start()
  const told = await runtime.meshes("replay", "show", id, "--follow", "--json")
  const shown = JSON.parse(told.stdout)
  expect([told.status, shown]).toMatchObject([1, { state: "stopped", progress: { deliveries } }])
  expect((await call("POST", `/${id}/stop`)).body).toEqual(shown)
  expect(new Set(replayed("acme-crm", id).map(numberOf)).size).toBe(deliveries)
})

test("a replay keeps to its rate, and shows how far it has come", async () => {
  await publish(
    "rated.one",
    upTo(120).map((number) => ({ payload: { number } })),
  )
  const begun = performance.now()
  const id = await begin({ rule: "rated", rate: 40 })
  const following = runtime.meshes("replay", "show", id, "--follow")
  await destination.until(() => replayed("acme-crm", id).length >= 120)
  // The first few go at once; a machine that is slow only makes it longer.
  expect(performance.now() - begun).toBeGreaterThan(((120 - 10) / 40) * 1000 * 0.9)
  const { status, stdout, stderr } = await following
  expect([status, stdout, stderr]).toEqual([
    0,
    expect.stringMatching(/120 made.*0 skipped/),
    expect.stringContaining(" % of the log"),
  ])
})

test("a replay is over what its filter leaves, by every field of it", async () => {
  const events = upTo(20).map((number) => ({
    resource: number < 10 ? "page" : "post",
    payload: { number, plan: number % 2 === 0 ? "pro" : "free" },
  }))
  await publish("news.early", events)
  await publish("news.late", events)
  await recorded(80, ({ rule, state }) => rule === "news" && state === "delivered")
  const numbers = async (filter: object) => {
    const { body } = await call("POST", "", {
      connection: "crm",
      type: "news.early",
      ...filter,
      dry_run: true,
      requests: 50,
    })
    expect(body.message).toBeUndefined()
    expect(body.requests).toHaveLength(body.deliveries)
    return body.requests.map(({ request }: any) => request.body.payload.number)
  }
  expect(await numbers({})).toEqual(upTo(20))
  expect(await numbers({ resource: "page" })).toEqual(upTo(10))
  expect(await numbers({ expression: "payload.plan = 'pro'" })).toEqual(upTo(10).map((i) => 2 * i))
  expect(await numbers({ resource: "post", expression: "payload.number > 17" })).toEqual([18, 19])
  expect(await numbers({ type: ["news.late", "other.>"] })).toHaveLength(20)
  expect(await numbers({ status: ["delivered", "dead"] })).toHaveLength(20)
  expect(await numbers({ status: "completed" })).toHaveLength(20)
  expect(await numbers({ status: "none" })).toEqual([])
  expect(await numbers({ to: "1 day" })).toEqual([])
  expect(await numbers({ from: "1 day" })).toHaveLength(20)
  expect(await numbers({ rule: "orders" })).toEqual([])
  const failing = await call("POST", "", { type: "news.early", expression: "$number('x')", dry_run: true })
  expect(failing.body).toMatchObject({ matched: 0, failed: 20, deliveries: 0 })
})

test("a workspace's key sees and begins replays of that workspace alone", async () => {
  await publish("order.placed", [{ workspace: "globex", payload: { number: 1 } }])
  await destination.until(() => at("globex-erp", "order.placed").length >= 1)
  const id = await begin({ type: "order.placed" }, "globex")
  await over(id, "globex")
  expect((await call("GET", `/${id}`)).status).toBe(404)
  expect((await call("POST", `/${id}/stop`)).status).toBe(404)
  expect((await call("GET", "")).body.records.map((one: any) => one.workspace)).not.toContain("globex")
  for (const [method, path] of [
    ["POST", ""],
    ["GET", ""],
    ["GET", `/${id}`],
    ["POST", `/${id}/stop`],
  ] as const) {
    expect((await call(method, path, method === "POST" ? {} : undefined, acmeKey, "globex")).status).toBe(404)
  }
  expect(replayed("acme-erp", id)).toEqual([])
  expect(replayed("globex-erp", id).length).toBeGreaterThan(0)
})

test("only who may operate begins and stops, what events hold is seen by who may, and the audit tells of all of it", async () => {
  await publish(
    "order.placed",
    upTo(20).map((i) => ({ payload: { number: i + 60 }, ...(i === 17 ? { resource_id: "seventy-seven" } : {}) })),
  )
  await destination.until(() => at("acme-erp", "order.placed").some((one) => numberOf(one) === 77))
  const filter = { type: "order.placed", resource_id: "seventy-seven" }
  expect((await call("POST", "", filter, readKey)).status).toBe(403)
  const blind = await call("POST", "", { ...filter, dry_run: true }, blindKey)
  expect(blind.body).toMatchObject({ deliveries: 1, requests: [] })
  const guess = { ...filter, expression: "payload.number = 77" }
  expect((await call("POST", "", { ...guess, dry_run: true }, blindKey)).status).toBe(403)
  const seen = await call("POST", "", { ...guess, dry_run: true })
  expect(seen.body.requests).toHaveLength(1)
  const begun = await call("POST", "", { ...filter, rate: 1 }, blindKey)
  const { id } = begun.body
  expect((await call("POST", `/${id}/stop`, undefined, readKey)).status).toBe(403)
  await over(id)
  const slow = await begin({ rule: "orders", rate: 1 })
  await call("POST", `/${slow}/stop`)
  const acts = (
    await historyOnce(nats.url, (all) => all.some(({ target, what }) => target === slow && what === "replay.stopped"))
  )
    .filter((record) => record.kind === "audit" && [id, slow, seen.body.requests[0].event].includes(record.target))
    .map(({ what, by, workspace, target }) => [what, by, workspace, target])
  expect(acts).toEqual([
    ["payload.viewed", "key:acme-ops", "acme", seen.body.requests[0].event],
    ["replay.started", "key:acme-blind", "acme", id],
    ["replay.started", "key:admin", "acme", slow],
    ["replay.stopped", "key:acme-ops", "acme", slow],
  ])
})

test("what is wrong with a replay is told field by field, and begins nothing", async () => {
  const wrong = await call("POST", "", {
    from: "yesterday",
    type: ["lead.", "ok.>"],
    expression: "payload.(",
    rule: "ordres",
    status: "gone",
    rate: 0,
    speed: 1,
  })
  expect(wrong.status).toBe(400)
  expect(wrong.body.errors.map(({ path }: any) => path).toSorted()).toEqual(
    ["expression", "from", "rate", "rule", "speed", "status", "type[0]"].toSorted(),
  )
  expect(wrong.body.errors.find(({ path }: any) => path === "rule").message).toContain('did you mean "orders"?')
  expect((await call("GET", "?state=lost")).status).toBe(400)
  expect((await call("GET", "?limit=0")).status).toBe(400)
  expect((await call("GET", "/rpl_nothing")).status).toBe(404)
  const all = await runtime.meshes("replay", "-w", "acme")
  expect([all.status, all.stderr]).toEqual([2, expect.stringContaining("--dry-run")])
  const several = await runtime.meshes("replay", "--from", "1 hour")
  expect([several.status, several.stderr]).toEqual([2, expect.stringContaining("--all-workspaces")])
})

test("a backtest finds what is newly matched, no longer matched and changed, and sends nothing", async () => {
  await publish(
    "quote.made",
    upTo(10).map((number) => ({ payload: { number } })),
  )
  await publish("unwanted.one", [{ payload: { number: 1 } }])
  await recorded(6, ({ rule }) => rule === "quotes")
  const config = join(runtime.folder, "new.config.ts")
  const text = `${configHead}${configOf(`big: { on: "quote.made", when: { expression: "payload.number >= 8" }, actions: [{ connection: "erp" }] },`)}`
  await writeFile(
    config,
    text
      .replace("payload.number < 6", "payload.number < 4")
      .replace(`amount: "payload.number"`, `amount: "payload.number", currency: "'EUR'"`),
  )
  const before = destination.received.length
  const test = (...args: ReadonlyArray<string>) =>
    runtime.meshes("replay", "--backtest", "-c", config, "--type", "quote.*", "--from", "1 hour", ...args)

  const { status, stdout } = await test("--json", "--show", "2")
  const found = JSON.parse(stdout)
  const one = (kind: string) => ({ deliveries: found[kind].deliveries, actions: found[kind].actions })
  const event = expect.stringMatching(/^evt_/)
  expect([status, found.events, found.unknown, found.same, found.requests]).toEqual([0, 10, 0, 0, true])
  expect(one("added")).toEqual({
    deliveries: 2,
    actions: [
      { workspace: "acme", rule: "big", action: 0, connection: "erp", deliveries: 2, examples: [{ event }, { event }] },
    ],
  })
  const because = "the condition `payload.number < 4` gave false"
  expect(one("removed")).toEqual({
    deliveries: 2,
    actions: [
      {
        workspace: "acme",
        rule: "quotes",
        action: 0,
        connection: "crm",
        deliveries: 2,
        examples: [
          { event, because },
          { event, because },
        ],
      },
    ],
  })
  const differences = [{ path: "request.body.currency", after: '"EUR"' }]
  expect(one("changed")).toEqual({
    deliveries: 4,
    actions: [
      {
        workspace: "acme",
        rule: "quotes",
        action: 0,
        connection: "crm",
        deliveries: 4,
        examples: [
          { event, differences },
          { event, differences },
        ],
      },
    ],
  })

  const people = await test("--exit-code")
  expect([people.status, people.stdout]).toEqual([1, expect.stringContaining("~ acme  quotes[0] → crm  4 changed")])
  const same = await runtime.meshes(
    "replay",
    "--backtest",
    "--type",
    "quote.*",
    "--exit-code",
    "--against",
    "meshes.config.ts",
  )
  expect([same.status, same.stdout, same.stderr]).toEqual([
    0,
    "",
    expect.stringContaining("10 events compared: 6 deliveries the same"),
  ])
  expect(
    destination.received.slice(before).filter(({ headers }) => headers["x-meshes-event-type"] === "quote.made"),
  ).toEqual([])
})
