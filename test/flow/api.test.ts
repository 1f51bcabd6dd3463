/**
 * "What happened to this event?", asked over HTTP of a real runtime: each list with its filters, one event, one delivery, the calls of
 * clients that know an event by its id alone, and what keys are shown.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { startNats, type TestNats } from "../support/nats.ts"
import { answer, startReceiver, type Receiver } from "../support/receiver.ts"
import { adminKey, startRuntime, type TestRuntime } from "../support/runtime.ts"

let nats: TestNats
let runtime: TestRuntime
let receiver: Receiver
/** Whether one of the destinations that fail does so no more. */
let mended = false

const token = "s3cret-of-the-destination"
const keys = { reader: "reader-key-0123456789", support: "support-key-0123456789", other: "other-key-0123456789" }

beforeAll(async () => {
  nats = await startNats()
  receiver = await startReceiver({
    choose: ({ path, headers }) =>
      path === "/bad" || (path === "/mended" && !mended)
        ? answer(422, {}, `no such field; you sent ${String(headers["authorization"])}`)
        : answer(),
  })
  runtime = await startRuntime({
    natsUrl: nats.url,
    env: {
      MESHES_LOG_LEVEL: "error",
      TOKEN: token,
      READER: keys.reader,
      SUPPORT: keys.support,
      OTHER: keys.other,
    },
    config: `
const to = (path) => http({ url: "${receiver.url}" + path, auth: { type: "bearer", token: secret("TOKEN") }, allowPrivateNetwork: true, circuit: false })
export default defineConfig({
  keys: {
    reader: { key: secret("READER"), scopes: ["read"], workspaces: ["acme"] },
    support: { key: secret("SUPPORT"), scopes: ["read", "payload:read", "operate"], workspaces: ["acme", "initech"] },
    other: { key: secret("OTHER"), scopes: ["read", "payload:read", "operate"], workspaces: ["globex"] },
  },
  workspaces: {
    acme: {
      tags: ["eu"],
      eventTypes: { "order.paid": { description: "Paid" }, "order.never": {} },
      connections: { good: to("/good"), bad: to("/bad"), unused: console({}) },
      rules: {
        both: { on: "order.*", actions: [
          { connection: "good", map: "payload" }, { connection: "bad", map: "payload" } ] },
        "only-good": { on: "order.paid", when: { expression: "payload.total > 100" }, actions: [{ connection: "good", map: "payload" }] },
      },
    },
    initech: {
      connections: { good: to("/good"), mended: to("/mended") },
      rules: { both: { on: "order.paid", actions: [{ connection: "good" }, { connection: "mended" }] } },
    },
    globex: { connections: { good: to("/good") }, rules: { all: { on: ">", actions: [{ connection: "good" }] } } },
  },
} as any)`,
  })
  const order = { type: "order.paid", workspace: "acme", resource: "order", resource_id: "1" }
  for (const event of [
    { ...order, id: "first", payload: { total: 500, who: "Ada" } },
    { ...order, id: "second", resource_id: "2", payload: { total: 5, who: "Bob" } },
    { type: "page.viewed", workspace: "acme", id: "third", payload: { note: "nobody wants it" } },
  ]) {
    expect((await runtime.publish(event)).status).toBe(201)
  }
  // 3 over good, 2 over bad.
  await until(async () => {
    const all = (await get("workspaces/acme/deliveries")).json.records as ReadonlyArray<{ status: string }>
    return all.filter(({ status }) => status === "completed" || status === "failed").length === 5
  })
})

afterAll(async () => {
  await runtime[Symbol.asyncDispose]()
  await receiver[Symbol.asyncDispose]()
  await nats.stop()
})

const send = async (method: string, path: string, key = keys.support) => {
  const response = await fetch(`${runtime.http()}${path}`, { method, headers: { authorization: `Bearer ${key}` } })
  const type = response.headers.get("content-type")
  return { status: response.status, type, json: (await response.json()) as any }
}
const get = (path: string, key?: string) => send("GET", `/api/v1/${path}`, key)

const until = async (enough: () => Promise<boolean>) => {
  while (!(await enough())) await new Promise((resolve) => setTimeout(resolve, 50))
}

/** All records of a list, a few at a time. */
const pagesOf = async (path: string, limit: number) => {
  const records: Array<any> = []
  let cursor = ""
  for (;;) {
    const { json } = await get(`${path}${path.includes("?") ? "&" : "?"}limit=${limit}${cursor}`)
    expect([json.limit, json.count]).toEqual([limit, json.records.length])
    records.push(...json.records)
    if (json.next_cursor === null) return records
    cursor = `&cursor=${encodeURIComponent(json.next_cursor)}`
  }
}

const idsOf = async (path: string) => (await pagesOf(path, 1)).map(({ id }) => id)

test("lists say up to when the history is told", async () => {
  for (const list of ["events", "deliveries", "dead-letters"]) {
    const { json } = await get(`workspaces/acme/${list}`)
    expect(Date.parse(json.as_of)).toBeGreaterThanOrEqual(
      Math.max(...json.records.map((one: any) => Date.parse(one.created_at))),
    )
  }
})

describe("workspaces", () => {
  test("a key is shown its own, and what is in them", async () => {
    const { json } = await get("workspaces", keys.reader)
    const counts = { connections: 3, rules: 2, event_types: 2 }
    const acme = {
      id: "acme",
      tags: ["eu"],
      revision: expect.stringMatching(/^\w{12}$/),
      counts,
      circuits: { closed: 3, open: 0, paused: 0 },
    }
    expect(json).toEqual({ count: 1, limit: 50, next_cursor: null, records: [acme] })
    expect((await get("workspaces?limit=1", adminKey)).json).toMatchObject({
      count: 1,
      next_cursor: expect.any(String),
    })
    expect((await get("workspaces?tag=us", adminKey)).json.records).toEqual([])
    expect((await get("workspaces?text=CM", adminKey)).json.records).toEqual([acme])
    expect((await get("workspaces/acme")).json).toEqual(acme)
  })

  test("connections have their backlog, last success and last failure, and are filtered", async () => {
    const [bad, good, unused] = await pagesOf("workspaces/acme/connections", 2)
    expect(good).toMatchObject({ id: "good", state: "closed", backlog: 0, last_success_at: expect.any(String) })
    expect(good.last_failure).toBeUndefined()
    expect(bad).toMatchObject({ id: "bad", backlog: 0, last_failure: { outcome: "rejected", http_status: 422 } })
    expect(bad.last_success_at).toBeUndefined()
    expect(unused).toEqual({ id: "unused", workspace: "acme", connector: "console", state: "closed", backlog: 0 })
    expect(await idsOf("workspaces/acme/connections?connector=console")).toEqual(["unused"])
    expect(await idsOf("workspaces/acme/connections?state=open")).toEqual([])
    expect((await get("workspaces/acme/connections/bad")).json).toEqual(bad)
  })

  test("rules, event types and resources are listed, with when they were seen", async () => {
    expect(await idsOf("workspaces/acme/rules")).toEqual(["both", "only-good"])
    const { records } = (await get("workspaces/acme/rules?connection=bad")).json
    expect(records).toMatchObject([
      { id: "both", on: ["order.*"], actions: [{ connection: "good" }, { connection: "bad" }] },
    ])
    const types = await pagesOf("workspaces/acme/event-types", 1)
    const seen = { first_seen_at: expect.any(String), last_seen_at: expect.any(String) }
    expect(types).toEqual([
      { type: "order.never", declared: true, checked: false },
      { type: "order.paid", description: "Paid", declared: true, checked: false, ...seen },
      { type: "page.viewed", declared: false, checked: false, ...seen },
    ])
    expect((await get("workspaces/acme/resources")).json.records).toEqual([{ resource: "order", ...seen }])
  })
})

describe("events", () => {
  test.each([
    ["", ["third", "second", "first"]],
    ["?type=order.paid", ["second", "first"]],
    ["?status=completed", ["third"]],
    ["?status=failed,pending", ["second", "first"]],
    ["?status=retrying", []],
    ["?resource=order&resource_id=1", ["first"]],
    ["?resource=page", []],
    ["?id=second", ["second"]],
    ["?id=second&status=completed", []],
    ["?from=2000-01-01T00:00:00Z&to=2001-01-01T00:00:00Z", []],
    ["?from=2000-01-01T00:00:00Z", ["third", "second", "first"]],
    ["?text=ada", ["first"]],
    ["?text=WHO&status=failed", ["second", "first"]],
    ["?text=nobody%20at%20all", []],
  ])("the list is filtered by %s", async (query, ids) => {
    expect(await idsOf(`workspaces/acme/events${query}`)).toEqual(ids)
  })

  test("one event is shown with its payload and what became of it, delivery by delivery", async () => {
    const { json } = await get("workspaces/acme/events/first")
    expect(json).toMatchObject({
      id: "first",
      type: "order.paid",
      resource_id: "1",
      status: "failed",
      counts: { pending: 0, processing: 0, retrying: 0, completed: 2, failed: 1, canceled: 0 },
      payload: { total: 500, who: "Ada" },
      rule_failures: [],
    })
    const matrix = json.deliveries.map(({ rule, connection, status, attempt_count, last_attempt }: any) =>
      [rule, connection, status, attempt_count, last_attempt.outcome].join(" "),
    )
    expect(matrix.toSorted()).toEqual([
      "both bad failed 1 rejected",
      "both good completed 1 delivered",
      "only-good good completed 1 delivered",
    ])
  })

  test("a key without payload:read is shown what became of it, not what it holds, nor may it look for texts", async () => {
    const { status, json } = await get("workspaces/acme/events/first", keys.reader)
    expect([status, json.payload, json.payload_missing, json.status]).toEqual([200, undefined, "not_allowed", "failed"])
    expect((await get("workspaces/acme/events?text=ada", keys.reader)).status).toBe(403)
  })

  test("that a payload was seen is in the audit, and by whom", async () => {
    const views = async () =>
      (await get("workspaces/acme/audit?what=payload.viewed&target=second&by=key:support")).json.records
    await get("workspaces/acme/events/second", keys.reader)
    await get("workspaces/acme/events/second")
    await until(async () => (await views()).length > 0)
    expect(await views()).toMatchObject([{ by: "key:support", target: "second", from: "127.0.0.1" }])
  })
})

describe("deliveries", () => {
  const connectionsOf = async (path: string) =>
    (await pagesOf(path, 2)).map(({ event, connection, rule }) => `${event} ${rule} ${connection}`).toSorted()

  const dead = ["first both bad", "second both bad"]
  test.each([
    ["deliveries?connection=bad", dead],
    ["deliveries?status=failed", dead],
    ["deliveries?status=dead", dead],
    ["deliveries?outcome=rejected", dead],
    ["dead-letters", dead],
    ["dead-letters?connection=good", []],
    ["dead-letters?event=first", ["first both bad"]],
    ["deliveries?rule=only-good", ["first only-good good"]],
    ["deliveries?event=second", ["second both bad", "second both good"]],
    ["deliveries?event=second&status=completed", ["second both good"]],
    ["deliveries?connection=nowhere", []],
    ["deliveries?to=2001-01-01T00:00:00Z", []],
  ])("the list is filtered by %s", async (path, found) => {
    expect(await connectionsOf(`workspaces/acme/${path}`)).toEqual(found)
  })

  test("one delivery is shown with each attempt: what was sent and what came back, without the secret", async () => {
    const [{ id }] = (await get("workspaces/acme/dead-letters?event=first")).json.records
    const { json } = await get(`workspaces/acme/deliveries/${id}`)
    expect(json).toMatchObject({ id, event: "first", status: "failed", attempt_count: 1, sent_again: [], canceled: [] })
    expect(json.attempts).toMatchObject([
      {
        attempt: 1,
        outcome: "rejected",
        status: "failed",
        http_status: 422,
        duration_ms: expect.any(Number),
        revision: expect.any(String),
        request: { method: "POST", url: `${receiver.url}/bad`, body: '{"total":500,"who":"Ada"}' },
        response: "no such field; you sent Bearer ***",
      },
    ])
    const reader = (await get(`workspaces/acme/deliveries/${id}`, keys.reader)).json
    expect([reader.attempts[0].request.body, reader.attempts[0].response]).toEqual([
      undefined,
      json.attempts[0].response,
    ])
    expect((await get(`workspaces/globex/deliveries/${id}`, adminKey)).status).toBe(404)
    expect((await get("workspaces/acme/deliveries/dlv_nowhere")).status).toBe(404)
  })
})

describe("what is wrong with a question is said", () => {
  test.each([
    "workspaces?wat=1",
    "workspaces/acme?wat=1",
    "workspaces/acme/connections?stat=open",
    "workspaces/acme/rules?limit=0",
    "workspaces/acme/event-types?cursor=a",
    "workspaces/acme/resources?limit=1000",
    "workspaces/acme/events?from=yesterday",
    "workspaces/acme/events?status=lost",
    "workspaces/acme/events?type=a&type=b",
    "workspaces/acme/events?text=a&from=2000-01-01T00:00:00Z",
    "workspaces/acme/events/first?wat=1",
    "workspaces/acme/deliveries?outcome=lost",
    "workspaces/acme/dead-letters?status=failed",
    "workspaces/acme/audit?what=nothing",
    "workspaces/acme/secrets?wat=1",
    "integrations?limit=x",
    "events/first/attempts?wat=1",
  ])("%s", async (path) => {
    const { status, type, json } = await get(path, adminKey)
    expect([status, type]).toEqual([400, "application/problem+json"])
    if (json.errors !== undefined) for (const { path } of json.errors) expect(path).toMatch(/^query\./)
  })

  test("another's workspace is not told from one that is not there", async () => {
    const texts = async (workspace: string) => {
      const answers: Array<unknown> = []
      for (const path of ["", "/connections", "/rules", "/events", "/events/first", "/deliveries", "/audit"]) {
        answers.push(await get(`workspaces/${workspace}${path}`, keys.other))
      }
      return answers
    }
    const answers = await texts("acme")
    expect(answers).toEqual(await texts("nowhere"))
    expect(answers).toMatchObject(answers.map(() => ({ status: 404, type: "application/problem+json" })))
    expect((await get("events/first/attempts", keys.other)).json).toEqual(
      (await get("events/none/attempts", keys.other)).json,
    )
  })
})

describe("clients that know an event by its id alone", () => {
  test("ask for its attempts, all or of a rule, a page at a time", async () => {
    const all = await pagesOf("events/first/attempts", 2)
    const shown = all.map(({ rule, connection, attempt, status }) => [rule, connection, attempt, status].join(" "))
    expect(shown.toSorted()).toEqual(["both bad 1 failed", "both good 1 completed", "only-good good 1 completed"])
    expect(await pagesOf("events/first/rules/only-good/attempts", 9)).toMatchObject([{ outcome: "delivered" }])
    expect((await get("events/nothing/attempts")).status).toBe(404)
  })

  test("find the same under paths without /api/v1", async () => {
    const listed = await send("GET", "/workspaces/acme/events?status=failed&limit=1")
    expect(listed.json).toMatchObject({
      count: 1,
      limit: 1,
      next_cursor: expect.any(String),
      records: [{ id: "second" }],
    })
    expect((await send("GET", "/events/first/attempts")).json.count).toBe(3)
    expect((await send("GET", "/events")).status).toBe(404)
  })

  test("say which workspace, where several have such an event", async () => {
    const shared = { type: "page.viewed", id: "shared", payload: {} }
    for (const workspace of ["initech", "globex"]) await runtime.publish({ ...shared, workspace })
    const statusOf = async (query: string, key: string) => (await get(`events/shared/attempts${query}`, key)).status
    for (const one of ["initech", "globex"]) {
      await until(async () => (await statusOf(`?workspace=${one}`, adminKey)) === 200)
    }
    const { status, json } = await get("events/shared/attempts", adminKey)
    expect([status, json.errors[0].path]).toEqual([400, "query.workspace"])
    expect(await statusOf("", keys.support)).toBe(200)
    expect(await statusOf("?workspace=globex", keys.support)).toBe(404)
  })

  test("send again what was given up, and nothing else", async () => {
    await runtime.publish({ type: "order.paid", workspace: "initech", id: "again", payload: {} })
    const statusIs = async (wanted: string) => (await get("workspaces/initech/events/again")).json.status === wanted
    await until(() => statusIs("failed"))
    expect((await send("POST", "/events/again/rules/nowhere/retry")).status).toBe(404)
    expect((await send("POST", "/events/again/rules/both/retry", keys.reader)).status).toBe(403)
    expect((await send("POST", "/events/again/rules/both/retry", keys.other)).status).toBe(404)
    mended = true
    const { status, json } = await send("POST", "/events/again/rules/both/retry")
    expect([status, json.count]).toEqual([200, 2])
    const { id } = json.records.find(({ result }: any) => result === "done")
    await until(() => statusIs("completed"))
    const again = await send("POST", "/events/again/rules/both/retry")
    expect(again.json.records.map(({ result }: any) => result)).toEqual(["refused", "refused"])
    const delivery = (await get(`workspaces/initech/deliveries/${id}`)).json
    expect(delivery).toMatchObject({ connection: "mended", status: "completed", sent_again: [{ by: "key:support" }] })
    expect(delivery.attempts.map(({ outcome }: any) => outcome)).toEqual(["rejected", "delivered"])
    expect(receiver.requests.filter(({ path }) => path === "/mended")).toHaveLength(2)
  })
})

test("the page of the reference asks nobody for anything", async () => {
  const response = await fetch(`${runtime.http()}/docs`)
  const page = await response.text()
  expect(response.headers.get("content-security-policy")).toMatch(/^default-src 'none'; style-src 'sha256-/)
  expect(page).not.toMatch(/<script|<link|<img|@import|url\(|\ssrc=|href="(?!#|\/)/)
  expect(page).toContain("/api/v1/workspaces/{workspace}/deliveries/{delivery}")
})
