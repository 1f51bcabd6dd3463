/**
 * The connections' calls over real HTTP: who may see and pause what, and what is said to the others.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { limits } from "../../../src/config/defaults.ts"
import type { ConnectionPlan, Plan } from "../../../src/config/plan.ts"
import { key, planOf, serve } from "./served.ts"

const keys = [
  key("reader", { scopes: ["read"], workspaces: ["acme"] }),
  key("operator", { scopes: ["operate"], workspaces: ["acme"] }),
  key("stranger", { scopes: ["read", "operate"], workspaces: ["globex"] }),
  key("publisher", { scopes: ["publish"] }),
]
const connection = {
  id: "crm",
  workspace: "acme",
  connection: { connector: { name: "webhook" } },
} as unknown as ConnectionPlan

const plan = (): Plan => {
  const made = planOf(["acme", "globex"], keys)
  const acme = { ...made.workspaces.get("acme")!, connections: new Map([["crm", connection]]) }
  return { ...made, workspaces: new Map([...made.workspaces, ["acme", acme]]) }
}

const served = Effect.gen(function* () {
  const server = yield* serve(keys)
  server.setPlan(plan())
  const as = (name: string, method: string, path: string, body?: unknown) =>
    server.send(`/api/v1/workspaces/${path}`, { method, body, headers: { authorization: `Bearer ${name}-key` } })
  return { ...server, as }
})

describe("the connections of a workspace", () => {
  it.live("are listed with their states, and filtered by them", () =>
    Effect.gen(function* () {
      const { as, states } = yield* served
      const closed = { id: "crm", workspace: "acme", connector: "webhook", state: "closed", backlog: 0 }
      const page = { count: 1, limit: 50, next_cursor: null }
      assert.deepStrictEqual((yield* as("reader", "GET", "acme/connections")).json, { ...page, records: [closed] })
      states.set("acme/crm", { state: "open", reason: "HTTP 503", at: 0, by: "runtime", probe: 5000 })
      const open = { ...closed, state: "open", since: "1970-01-01T00:00:00.000Z", by: "runtime", reason: "HTTP 503" }
      const probed = { ...open, probe_at: "1970-01-01T00:00:05.000Z" }
      assert.deepStrictEqual((yield* as("reader", "GET", "acme/connections/crm")).json, probed)
      assert.deepStrictEqual((yield* as("reader", "GET", "acme/connections?state=open")).json.count, 1)
      assert.deepStrictEqual((yield* as("reader", "GET", "acme/connections?state=closed")).json.count, 0)
      assert.deepStrictEqual((yield* as("reader", "GET", "acme/connections?connector=webhook")).json.count, 1)
      assert.deepStrictEqual((yield* as("reader", "GET", "acme/connections?connector=slack")).json.count, 0)
      assert.strictEqual((yield* as("reader", "GET", "acme/connections?state=ajar")).status, 400)
    }),
  )

  it.live("are paused and resumed by those who may, with who did it and why; a repeat changes nothing", () =>
    Effect.gen(function* () {
      const { as, states } = yield* served
      const paused = yield* as("operator", "POST", "acme/connections/crm/pause", { reason: "migration" })
      assert.strictEqual(paused.status, 200)
      assert.deepInclude(paused.json, { state: "paused", by: "key:operator", reason: "migration" })
      const before = states.get("acme/crm")
      assert.strictEqual((yield* as("operator", "POST", "acme/connections/crm/pause")).json.reason, "migration")
      assert.strictEqual(states.get("acme/crm"), before)
      assert.strictEqual((yield* as("operator", "POST", "acme/connections/crm/resume")).json.state, "closed")
    }),
  )

  it.live("are hidden from keys of other workspaces, whether they are there or not", () =>
    Effect.gen(function* () {
      const { as, states } = yield* served
      const answers = [
        yield* as("stranger", "GET", "acme/connections"),
        yield* as("stranger", "GET", "acme/connections/crm"),
        yield* as("stranger", "GET", "nobody/connections"),
        yield* as("stranger", "POST", "acme/connections/crm/pause"),
        yield* as("stranger", "POST", "nobody/connections/crm/resume"),
      ]
      for (const { status, headers, text } of answers) {
        assert.strictEqual(status, 404)
        assert.include(String(headers["content-type"]), "application/problem+json")
        assert.notInclude(text, "acme")
      }
      assert.strictEqual(states.size, 0)
    }),
  )

  it.live("answer what they cannot do with the reason", () =>
    Effect.gen(function* () {
      const { as, send } = yield* served
      const statusOf = (name: string, method: string, path: string, body?: unknown) =>
        Effect.map(as(name, method, path, body), ({ status }) => status)
      const pause = "acme/connections/crm/pause"
      assert.strictEqual(yield* statusOf("nobody", "GET", "acme/connections"), 401)
      assert.strictEqual(yield* statusOf("publisher", "GET", "acme/connections"), 403)
      assert.strictEqual(yield* statusOf("reader", "POST", pause), 403)
      assert.strictEqual(yield* statusOf("reader", "GET", "acme/connections/erp"), 404)
      assert.strictEqual((yield* send("/api/v1/workspaces/nobody/connections")).status, 404)
      assert.strictEqual(yield* statusOf("operator", "POST", pause, "{ no JSON"), 400)
      assert.strictEqual(yield* statusOf("operator", "POST", pause, []), 400)
      assert.strictEqual(yield* statusOf("operator", "POST", pause, { why: "?" }), 400)
      assert.strictEqual(yield* statusOf("operator", "POST", pause, { reason: "x".repeat(201) }), 400)
      assert.strictEqual(yield* statusOf("operator", "POST", pause, "x".repeat(limits.pauseBodyBytes + 1)), 413)
      const wrong = yield* as("operator", "GET", pause)
      assert.deepStrictEqual([wrong.status, wrong.headers["allow"]], [405, "POST"])
      assert.strictEqual(yield* statusOf("operator", "GET", "acme/nothing"), 404)
    }),
  )
})

it.live("the document of the API says who may ask, and that a pause needs no body", () =>
  Effect.gen(function* () {
    const { send } = yield* served
    const { paths } = (yield* send("/openapi.json")).json
    const place = "/api/v1/workspaces/{workspace}/connections"
    const { requestBody, security, responses } = paths[`${place}/{connection}/pause`].post
    assert.deepStrictEqual([requestBody.required, security], [false, [{ key: [] }, { session: [] }]])
    for (const status of ["200", "401", "403", "404", "503"]) assert.property(responses, status)
    assert.property(paths, place)
    assert.property(paths, `${place}/{connection}/resume`)
    const bare = { method: "POST", headers: { "content-type": undefined } }
    assert.strictEqual((yield* send("/api/v1/workspaces/acme/connections/crm/pause", bare)).status, 200)
  }),
)

it.live("events of the runtime's own types are nobody's to publish", () =>
  Effect.gen(function* () {
    const { post } = yield* served
    const event = { type: "meshes.connection.opened", workspace: "acme", payload: {} }
    const answer = yield* post("/api/v1/events", event)
    assert.strictEqual(answer.status, 400)
    assert.include(answer.json.message, "runtime's own")
  }),
)
