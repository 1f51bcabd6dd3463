/**
 * Trying things over HTTP: what explaining shows is what is then sent, and a backtest finds what other rules would have made of past
 * events. Neither sends anything.
 */
import { request as httpRequest } from "node:http"
import { afterAll, beforeAll, expect, test } from "vitest"
import { generateSecretKey } from "../../src/secrets/keyring.ts"
import { startDestination, type Destination } from "../support/destination.ts"
import { historyOnce } from "../support/history.ts"
import { startNats, type TestNats } from "../support/nats.ts"
import { adminKey, startRuntime, type TestRuntime } from "../support/runtime.ts"

let nats: TestNats
let runtime: TestRuntime
let destination: Destination

const readKey = "msh_acme_reader_0123456789ab"
/** May operate, and not see what events hold. */
const blindKey = "msh_acme_blind_0123456789abc"
const token = "erp-token-0123456789"

beforeAll(async () => {
  nats = await startNats()
  destination = await startDestination()
  runtime = await startRuntime({
    natsUrl: nats.url,
    env: { MESHES_SECRET_KEYS: generateSecretKey(), READ_KEY: readKey, BLIND_KEY: blindKey, ERP_TOKEN: token },
    config: `
const about = { allowPrivateNetwork: true }
const lead = { type: "object", properties: { email: { type: "string" }, plan: { type: "string" }, seats: { type: "number" } }, required: ["email"] }
export default defineConfig({
  keys: { reads: { key: secret("READ_KEY"), scopes: ["read"], workspaces: ["acme"] },
    blind: { key: secret("BLIND_KEY"), scopes: ["read", "operate"], workspaces: ["acme"] } },
  eventTypes: { "lead.created": { schema: lead }, "lead.changed": {}, "order.paid": {} },
  workspaces: {
    acme: { tags: ["eu"],
      connections: {
        erp: http({ url: "${destination.url}/erp?v=1", method: "PUT", auth: { type: "bearer", token: secret("ERP_TOKEN") }, headers: { "x-team": "sales" }, ...about }),
        crm: webhook({ url: "${destination.url}/crm", ordering: { key: "payload.email" }, ...about }),
        vendor: hubspot({ auth: "oauth" }),
        unset: http({ url: "${destination.url}/unset", auth: { type: "bearer", token: secret("NOBODY_SET_THIS") }, ...about }) },
      rules: {
        all: { on: "lead.*", when: { tags: ["eu"] }, actions: [
          { connection: "erp", map: { mail: "payload.email", "about.plan": "payload.plan", kind: "'lead'", one: 1 } },
          { connection: "crm", retry: { attempts: 2, initial: "90 seconds" } } ] },
        pages: { on: "lead.created", when: { resource: "page" }, actions: [{ connection: "erp", map: "payload" }] },
        us: { on: "lead.created", when: { tags: ["us"] }, actions: [{ connection: "erp", map: "payload" }] },
        big: { on: ["lead.created", "lead.changed"], when: { expression: "payload.seats > 10" }, actions: [{ connection: "erp", map: "payload" }] },
        broken: { on: "lead.created", when: { expression: "$number(payload.plan) > 1" }, actions: [{ connection: "erp", map: "payload" }] },
        unfit: { on: "lead.changed", actions: [{ connection: "erp", map: "$number(payload.plan)" }] },
        orders: { on: "order.paid", actions: [{ connection: "unset", map: "payload" }] } } },
    globex: { connections: {}, rules: {} } },
} as any)`,
  })
})

afterAll(async () => {
  await runtime[Symbol.asyncDispose]()
  await destination[Symbol.asyncDispose]()
  await nats.stop()
})

const call = async (method: string, path: string, body?: unknown, key = adminKey) => {
  const response = await fetch(`${runtime.http()}/api/v1/workspaces/acme${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  return { status: response.status, text, body: JSON.parse(text) as any }
}

const upTo = (count: number) => Array.from({ length: count }, (_, i) => i)

test("what an event would do is what it then does: each request as it was shown, with its secrets masked", async () => {
  const received = () => destination.received.filter(({ body }) => body.includes("ada@example.com"))
  const event = {
    id: "lead-1",
    type: "lead.created",
    time: "2026-01-31T09:30:00Z",
    payload: { email: "ada@example.com", plan: "pro", seats: 3 },
  }
  const { status, text, body: explained } = await call("POST", "/explain", event, readKey)
  expect(status, text).toBe(200)
  expect(text).not.toContain(token)
  expect(received()).toEqual([])
  expect((await call("GET", "/events?id=lead-1")).body.records).toEqual([])

  expect(explained).toMatchObject({ event, declared: true, accepted: true, errors: [], complete: true })
  expect(explained.rules.map(({ rule, matched, why }: any) => [rule, matched, why])).toEqual([
    ["all", true, undefined],
    ["pages", false, "resource"],
    ["us", false, "tags"],
    ["big", false, "expression"],
    ["broken", false, "failed"],
    ["unfit", false, "type"],
    ["orders", false, "type"],
  ])
  const becauseOf = (name: string) => explained.rules.find(({ rule }: any) => rule === name).because
  expect(becauseOf("big")).toBe("the condition `payload.seats > 10` gave false")
  expect(becauseOf("broken")).toContain("failed: ")
  const [erp, crm] = explained.rules[0].actions
  expect([erp.index, erp.connector, erp.action, erp.order]).toEqual([0, "http", "request", undefined])
  expect([crm.index, crm.connector, crm.order]).toEqual([1, "webhook", { of: "key", key: "ada@example.com" }])
  expect(erp.input).toEqual({ mail: "ada@example.com", about: { plan: "pro" }, kind: "lead", one: 1 })

  expect((await runtime.publish({ workspace: "acme", ...event })).status).toBe(201)
  await destination.until(() => received().length >= 2)
  for (const { connection, request } of [erp, crm]) {
    const came = received().find(({ path }) => path.startsWith(`/${connection}`))!
    expect([request.method, request.url, request.body]).toEqual([
      came.method,
      `${destination.url}${came.path}`,
      JSON.parse(came.body),
    ])
    for (const [name, value] of Object.entries<string>(request.headers)) {
      if (name === "authorization") expect([value, came.headers[name]]).toEqual(["Bearer ***", `Bearer ${token}`])
      // What belongs to the very moment, or to the delivery that was not made.
      else if (!/^(?:webhook-|idempotency-key|traceparent)/.test(name)) expect(came.headers[name], name).toBe(value)
    }
  }
})

test("a connection says which secrets it uses and whether they are set, to admins alone, and that nobody has authorized it", async () => {
  const show = async (name: string, key = adminKey) => (await call("GET", `/connections/${name}`, undefined, key)).body
  expect((await show("erp")).secrets).toEqual([{ name: "ERP_TOKEN", set: true }])
  expect((await show("crm")).secrets).toEqual([])
  expect((await show("unset")).secrets).toEqual([{ name: "NOBODY_SET_THIS", set: false }])
  for (const name of ["erp", "unset"]) expect(await show(name, readKey)).not.toHaveProperty("secrets")
  const { authorization, secrets } = await show("vendor")
  expect(authorization).toBeNull()
  expect(secrets.map(({ set }: any) => set)).toEqual([false, false])
  const set = await fetch(`${runtime.http()}/api/v1/workspaces/acme/secrets/${secrets[0].name}`, {
    method: "PUT",
    headers: { authorization: `Bearer ${adminKey}`, "content-type": "application/json" },
    body: JSON.stringify({ value: "an-app-of-ours" }),
  })
  expect(set.status).toBe(204)
  expect((await show("vendor")).secrets).toEqual([
    { name: secrets[0].name, set: true },
    { name: secrets[1].name, set: false },
  ])
})

const recorded = (count: number, type: string) =>
  historyOnce(
    nats.url,
    (all) => all.filter((record) => record.kind === "delivery.attempted" && record.type === type).length >= count,
  )

/** The workspace's rules as data, in the form that a backtest takes. */
const rulesInForce = async () => {
  const { records } = (await call("GET", "/rules", undefined, readKey)).body
  return Object.fromEntries(
    records.map(({ id, actions, ...rule }: any) => [
      id,
      { ...rule, actions: actions.map(({ index, ...action }: any) => (expect(index).toBeTypeOf("number"), action)) },
    ]),
  )
}

test("rules that are read are rules that can be tried: as they are they change nothing, with a change exactly that", async () => {
  const seats = upTo(20)
  for (const n of seats) {
    const payload = { email: `${n}@example.com`, plan: "1", seats: n }
    await runtime.publish({ workspace: "acme", type: "lead.changed", payload })
  }
  await recorded(20 * 3 + 9, "lead.changed")
  const before = destination.received.length
  const rules: any = await rulesInForce()
  expect(rules.all.actions).toEqual([
    {
      connection: "erp",
      action: "request",
      map: { mail: "payload.email", "about.plan": "payload.plan", kind: "'lead'", one: 1 },
    },
    {
      connection: "crm",
      action: "send",
      retry: { attempts: 2, initial: "90 seconds", factor: 5, max: "12 hours", jitter: 0.1 },
    },
  ])
  expect((await backtest({ type: "lead.changed", rules })).body).toMatchObject({
    events: 20,
    unknown: 0,
    // erp by "all" and "unfit", crm by "all", and erp by "big" for the nine with more than ten seats.
    same: 69,
    added: { deliveries: 0 },
    removed: { deliveries: 0 },
    changed: { deliveries: 0 },
    requests: true,
    other_revision: 0,
    complete: true,
  })

  rules.big.when.expression = "payload.seats >= 10"
  rules.all.actions[0].map["about.plan"] = "payload.plan & '!'"
  delete rules.unfit
  const { body: tried } = await backtest({ type: "lead.changed", rules, examples: 1 })
  const event = expect.stringMatching(/^evt_/)
  const action = (rule: string, deliveries: number, example: object) => ({
    deliveries,
    actions: [
      ...[{ workspace: "acme", rule, action: 0, connection: "erp", deliveries, examples: [{ event, ...example }] }],
    ],
  })
  expect(tried).toMatchObject({ events: 20, same: 29, failures: [] })
  expect(tried.added).toEqual(action("big", 1, {}))
  expect(tried.removed).toEqual(action("unfit", 20, { because: "the rule is no longer in the config" }))
  const differences = [{ path: "request.body.about.plan", before: '"1"', after: '"1!"' }]
  expect(tried.changed).toEqual(action("all", 20, { differences }))
  const [found] = tried.added.actions[0].examples
  expect((await call("GET", `/events/${found.event}`)).body.payload.seats).toBe(10)

  const inForce = await backtest({ type: "lead.changed" })
  expect(inForce.body).toMatchObject({ events: 20, same: 69, requests: false })
  expect(destination.received.length).toBe(before)
  const acts = (await call("GET", "/audit?what=payload.viewed&target=acme")).body.records
  expect(acts.every(({ detail, by }: any) => detail === "a backtest looked at events" && by === "key:admin")).toBe(true)
})

test("a condition that fails is told of, and whoever may not see what events hold learns nothing by it", async () => {
  await runtime.publish({ workspace: "acme", type: "order.paid", payload: { total: "much" } })
  await historyOnce(nats.url, (all) => all.some(({ kind, type }) => kind === "event.routed" && type === "order.paid"))
  const rule = {
    on: "order.paid",
    when: { expression: "$number(payload.total) > 1" },
    actions: [{ connection: "crm" }],
  }
  const asked = { type: "order.paid", rules: { sums: rule } }
  const { body } = await backtest(asked)
  expect(body.failures).toEqual([{ rule: "sums", events: 1, reason: expect.stringContaining("much") }])
  expect((await backtest(asked, blindKey)).status).toBe(403)
  expect((await backtest({ type: "order.paid", expression: "payload.total = 'much'" }, blindKey)).status).toBe(403)
  expect((await backtest({ type: "order.paid" }, readKey)).status).toBe(403)
  const blind = await backtest({ type: "order.paid", examples: 5 }, blindKey)
  expect([blind.status, blind.text]).toEqual([200, expect.not.stringContaining("much")])
})

test("what is wrong with an event or with rules is told by its path, all of it at once", async () => {
  const wrong = async (path: string, body: unknown) => {
    const { status, body: told } = await call("POST", path, body)
    expect(status).toBe(400)
    return Object.fromEntries((told.errors ?? []).map((one: any) => [one.path, one.message]))
  }
  expect(Object.keys(await wrong("/explain", { type: "lead created", payload: 1 }))).toEqual(["type", "payload"])
  expect(Object.keys(await wrong("/explain", { workspace: "globex", type: "a", payload: {} }))).toEqual(["workspace"])
  const told = await wrong("/backtests", {
    from: "yesterday",
    examples: 51,
    rule: "alll",
    rules: {
      all: { on: "lead.made", actions: [{ connection: "epr" }] },
      pages: { on: "lead.created", when: { expression: "payload.emial" }, actions: [{ connection: "erp", map: "(" }] },
    },
  })
  expect(Object.keys(told).toSorted()).toEqual([
    ...["examples", "from", "rule", "rules.all.actions[0].connection", "rules.all.on"],
    ...["rules.pages.actions[0].map", "rules.pages.when.expression"],
  ])
  expect(told["rules.all.actions[0].connection"]).toContain('did you mean "erp"?')
  const refused = await call("POST", "/explain", { type: "lead.created", payload: { seats: "3" } })
  expect(refused.body).toMatchObject({ accepted: false, declared: true })
  expect(refused.body.errors.map(({ path }: any) => path)).toEqual(["payload.email", "payload.seats"])
  const unfit = await call("POST", "/explain", { type: "lead.changed", payload: { plan: "pro" } })
  const { actions } = unfit.body.rules.find(({ rule }: any) => rule === "unfit")
  expect(actions).toEqual([expect.objectContaining({ index: 0, error: expect.stringContaining("the mapping failed") })])
})

test("a backtest tells how far it has come, and ends when whoever asked hangs up", { timeout: 90_000 }, async () => {
  const count = 1000
  const events = upTo(count).map((n) => ({ workspace: "acme", type: "order.paid", payload: { n } }))
  const published = await fetch(`${runtime.http()}/api/v1/events/bulk`, {
    method: "POST",
    headers: { authorization: `Bearer ${adminKey}`, "content-type": "application/json" },
    body: JSON.stringify(events),
  })
  expect(published.status).toBe(201)
  const routed = (all: ReadonlyArray<any>) =>
    all.filter(({ kind, type }) => kind === "event.routed" && type === "order.paid").length
  await historyOnce(nats.url, (all) => routed(all) >= count)
  const rules = (expression: string) => ({
    orders: { on: "order.paid", when: { expression }, actions: [{ connection: "unset", map: "payload" }] },
  })
  const told = await streamed({ type: "order.paid", rules: rules("payload.n < 10") }, () => false)
  const last = told.pop()
  expect(last.result).toMatchObject({ same: 10, complete: true })
  expect(told.length).toBeGreaterThan(0)
  for (const { progress } of told) expect(progress.events).toBeLessThanOrEqual(progress.of)

  // All events of it together would take longer than a backtest may.
  const slow = { type: "order.paid", rules: rules("$sum([1..9999].($ * 2)) > payload.n") }
  const seen = await streamed(slow, ({ progress }) => progress?.events > 1)
  expect(seen.at(-1).progress.events).toBeLessThan(count)
  for (;;) {
    const next = await backtest({ type: "order.paid" })
    if (next.status === 200) break
    expect([next.status, next.body.message]).toEqual([429, expect.stringContaining("under way")])
    await new Promise((again) => setTimeout(again, 50))
  }
  // Two of a workspace at a time are one too many.
  let second: number | undefined
  await streamed(slow, async ({ progress }) => {
    if (progress?.events > 1) second ??= (await backtest({ type: "order.paid" })).status
    return second !== undefined
  })
  expect(second).toBe(429)
})

const backtest = (body: object, key = adminKey) => call("POST", "/backtests", { from: "1 hour", ...body }, key)

/** The lines of a backtest's answer, up to one that is enough: then it is hung up. */
const streamed = (body: object, enough: (line: any) => boolean | Promise<boolean>): Promise<Array<any>> =>
  new Promise((done, fail) => {
    const outgoing = httpRequest(`${runtime.http()}/api/v1/workspaces/acme/backtests`, {
      method: "POST",
      agent: false,
      headers: { authorization: `Bearer ${adminKey}`, accept: "application/x-ndjson" },
    })
    outgoing.once("error", fail)
    outgoing.once("response", async (incoming) => {
      expect([incoming.statusCode, incoming.headers["content-type"]]).toEqual([200, "application/x-ndjson"])
      const lines: Array<any> = []
      let rest = ""
      try {
        for await (const text of incoming.setEncoding("utf8")) {
          const parts = (rest + text).split("\n")
          rest = parts.pop()!
          for (const part of parts) {
            lines.push(JSON.parse(part))
            if (await enough(lines.at(-1))) return done(lines)
          }
        }
        done(lines)
      } catch (cause) {
        fail(cause)
      }
    })
    outgoing.end(JSON.stringify({ from: "1 hour", ...body }))
  })
