/** One event over HTTP: what is answered, and what the log then has. */
import { assert, it } from "@effect/vitest"
import { connect } from "node:net"
import { Deferred, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { describe } from "vitest"
import { limits } from "../../../src/config/defaults.ts"
import { LogUnavailable } from "../../../src/model/errors.ts"
import { decode } from "./memory-log.ts"
import { adminKey, key, planOf, serve } from "./served.ts"

const path = "/api/v1/events"
const event = { type: "order.paid", workspace: "acme", payload: { amount: 12 } }

/** Until a condition of the server's holds: it is looked at after each turn of the event loop. */
const until = (holds: () => boolean) =>
  Effect.gen(function* () {
    while (!holds()) yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
  })

const failing = (stored: "no" | "unknown") => () => new LogUnavailable({ operation: "append", reason: "away", stored })

const as = (name: string) => ({ authorization: `Bearer ${name}-key` })

describe("POST /api/v1/events", () => {
  it.live("answers 201 with the event's facts and stores its canonical envelope", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      const sent = { ...event, resource: "page", resource_id: "home", time: "2026-01-31T09:30:00Z", source: "shop" }
      const answer = yield* server.post(path, sent)
      assert.strictEqual(answer.status, 201)
      const { id, created_at, ...facts } = answer.json.event
      assert.deepStrictEqual(facts, { type: "order.paid", workspace: "acme", resource: "page", resource_id: "home" })
      assert.match(id, /^evt_[0-9a-z]{26}$/)
      assert.match(created_at, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
      const [entry] = server.log.entries
      assert.deepStrictEqual(Object.entries(decode(entry!)), [
        ["id", id],
        ["type", "order.paid"],
        ["workspace", "acme"],
        ["resource", "page"],
        ["resource_id", "home"],
        ["time", "2026-01-31T09:30:00Z"],
        ["source", "shop"],
        ["payload", { amount: 12 }],
      ])
    }),
  )

  it.live("does not answer before the log has the event", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      const gate = yield* Deferred.make<void>()
      server.log.gate = gate
      const fiber = yield* Effect.forkChild(server.post(path, event))
      yield* until(() => server.log.waiting === 1)
      // Another request goes all the way there and back meanwhile.
      assert.strictEqual((yield* server.send("/healthz")).status, 200)
      assert.isUndefined(fiber.pollUnsafe())
      assert.lengthOf(server.log.entries, 0)
      yield* Deferred.succeed(gate, undefined)
      assert.strictEqual((yield* Fiber.join(fiber)).status, 201)
      assert.lengthOf(server.log.entries, 1)
    }),
  )

  it.live("answers the repeat of an id with the first event's facts", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      const first = yield* server.post(path, { ...event, id: "order-1" })
      const second = yield* server.post(path, { ...event, id: "order-1", type: "order.other" })
      assert.strictEqual(second.status, 200)
      assert.deepStrictEqual(second.json, { event: first.json.event, duplicate: true })
      assert.lengthOf(server.log.entries, 1)
    }),
  )

  it.live("keeps one event for one Idempotency-Key, and one for each workspace", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      const headers = { "idempotency-key": "try 1" }
      const first = yield* server.post(path, event, headers)
      const again = yield* server.post(path, event, headers)
      const elsewhere = yield* server.post(path, { ...event, workspace: "globex" }, headers)
      assert.deepStrictEqual([first.status, again.status, elsewhere.status], [201, 200, 201])
      assert.strictEqual(again.json.event.id, first.json.event.id)
      const withId = yield* server.post(path, { ...event, id: "own" }, headers)
      assert.deepStrictEqual([withId.status, withId.json.event.id], [201, "own"])
      assert.strictEqual((yield* server.post(path, event, { "idempotency-key": "x".repeat(256) })).status, 400)
    }),
  )

  it.live("takes `event` for `type`, and neither when they differ", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      const { type, ...rest } = event
      assert.strictEqual((yield* server.post(path, { ...rest, event: type })).json.event.type, type)
      const both = yield* server.post(path, { ...event, event: "order.other" })
      assert.strictEqual(both.status, 400)
      assert.deepStrictEqual(both.json.errors[0].path, "event")
    }),
  )

  it.live("lists all that is wrong at once, with paths, values and hints", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      const answer = yield* server.post(path, {
        typ: "a",
        workspace: "Not A Workspace",
        payload: [1],
        id: "no spaces",
        time: "2026-02-30T00:00:00Z",
        resource: 5,
      })
      assert.strictEqual(answer.status, 400)
      assert.strictEqual(answer.headers["content-type"], "application/problem+json")
      assert.strictEqual(answer.json.status, 400)
      const errors = Object.fromEntries(answer.json.errors.map((one: any) => [one.path, one.message]))
      assert.sameMembers(Object.keys(errors), ["typ", "type", "workspace", "payload", "id", "time", "resource"])
      assert.include(errors.typ, 'did you mean "type"')
      assert.include(errors.workspace, '"Not A Workspace"')
      assert.include(errors.time, "2026-02-30T00:00:00Z")
      assert.lengthOf(server.log.entries, 0)
    }),
  )

  it.live("answers 422 with paths under payload when the payload does not fit its type's schema", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      const answer = yield* server.post(path, { ...event, type: "lead.created", payload: { email: 5 } })
      assert.strictEqual(answer.status, 422)
      assert.deepStrictEqual(answer.json.errors, [{ path: "payload.email", message: "must be a text" }])
      const fits = yield* server.post(path, { ...event, type: "lead.created", payload: { email: "a@b.test" } })
      assert.strictEqual(fits.status, 201)
    }),
  )

  it.live("says that nothing was stored when the log refused, and that it is not known when it went silent", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      server.log.failure = failing("no")
      const refused = yield* server.post(path, event)
      assert.strictEqual(refused.status, 503)
      assert.strictEqual(refused.headers["retry-after"], "1")
      assert.include(refused.json.message, "nothing was stored")
      server.log.failure = failing("unknown")
      const silent = yield* server.post(path, event)
      assert.strictEqual(silent.status, 503)
      assert.notInclude(silent.json.message, "nothing was stored")
      assert.include(silent.json.message, "same id")
      server.log.failure = () => undefined
      assert.strictEqual((yield* server.post(path, event)).status, 201)
    }),
  )

  it.effect("keeps nobody waiting for a log that never answers", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      server.log.gate = yield* Deferred.make<void>()
      const one = yield* Effect.forkChild(server.post(path, event))
      const many = yield* Effect.forkChild(server.post(`${path}/bulk`, [event, event]))
      yield* until(() => server.log.waiting === 2)
      yield* TestClock.adjust(limits.acceptTimeoutMs)
      for (const answer of [yield* Fiber.join(one), yield* Fiber.join(many)]) {
        assert.strictEqual(answer.status, 503)
        assert.include(answer.json.message, "not known whether it was stored")
      }
      assert.strictEqual(server.log.waiting, 0)
    }),
  )

  it.live("follows a reload of the plan", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      const elsewhere = { ...event, workspace: "initech" }
      assert.strictEqual((yield* server.post(path, elsewhere)).status, 404)
      server.setPlan(planOf(["initech"], [key("late")]))
      assert.strictEqual((yield* server.post(path, elsewhere, { authorization: "Bearer late-key" })).status, 201)
    }),
  )
})

describe("keys", () => {
  it.live("are asked for, known, and bound to their scopes and workspaces", () =>
    Effect.gen(function* () {
      const server = yield* serve([
        key("reader", { scopes: ["read"] }),
        key("acme", { workspaces: ["acme"] }),
        key("browser", { publishable: true, scopes: ["admin"], workspaces: ["acme"] }),
      ])
      const { workspace: _, ...unbound } = event
      const missing = yield* server.post(path, event, { authorization: undefined })
      assert.deepStrictEqual([missing.status, missing.headers["www-authenticate"]], [401, "Bearer"])
      assert.strictEqual((yield* server.post(path, event, as("nobody"))).status, 401)
      assert.strictEqual((yield* server.post(path, event, as("reader"))).status, 403)
      const named = yield* server.post(path, unbound, as("acme"))
      assert.deepStrictEqual([named.status, named.json.event.workspace], [201, "acme"])
      assert.strictEqual((yield* server.post(path, { ...event, workspace: "globex" }, as("acme"))).status, 403)
      const publishable = { authorization: undefined, "x-meshes-publishable-key": "browser-key" }
      assert.strictEqual((yield* server.post(path, unbound, publishable)).status, 201)
    }),
  )
})

describe("bad input gets a clear answer and the server goes on serving", () => {
  const bad: ReadonlyArray<{
    readonly name: string
    readonly body: () => unknown
    readonly headers?: { readonly [name: string]: string | undefined }
    readonly status: number
    readonly says: RegExp
  }> = [
    {
      name: "malformed JSON",
      body: () => '{"type":"a",\n "payload": nope}',
      status: 400,
      says: /line 2, column 13 \(position 25\)/,
    },
    { name: "an empty body", body: () => "", status: 400, says: /ends too early/ },
    { name: "a body of 20 MB", body: () => Buffer.alloc(20e6, " "), status: 413, says: /at most 524288 bytes/ },
    {
      name: "a body of 20 MB that does not say its length",
      body: () => Buffer.alloc(20e6, " "),
      headers: { "transfer-encoding": "chunked" },
      status: 413,
      says: /at most 524288 bytes/,
    },
    {
      name: "100,000 nested arrays",
      body: () => `{"type":"a","workspace":"acme","payload":{"a":${"[".repeat(1e5)}${"]".repeat(1e5)}}}`,
      status: 400,
      says: /deeper than 64/,
    },
    { name: "100,000 arrays left open", body: () => "[".repeat(1e5), status: 400, says: /position 100000/ },
    { name: "a payload that is text", body: () => ({ ...event, payload: "x" }), status: 400, says: /JSON object/ },
    { name: "an array", body: () => [event], status: 400, says: /events\/bulk/ },
    { name: "null", body: () => "null", status: 400, says: /JSON object/ },
    { name: "an unknown workspace", body: () => ({ ...event, workspace: "nobody" }), status: 404, says: /nobody/ },
    {
      name: "invalid UTF-8",
      body: () => Buffer.concat([Buffer.from('{"type":"a'), Buffer.from([0xff]), Buffer.from('"}')]),
      status: 400,
      says: /not UTF-8: byte 10/,
    },
    {
      name: "a form",
      body: () => "a=b",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      status: 415,
      says: /application\/json/,
    },
    {
      name: "another charset",
      body: () => "{}",
      headers: { "content-type": "application/json; charset=utf-16" },
      status: 415,
      says: /UTF-8/,
    },
    {
      name: "a compressed body",
      body: () => "x",
      headers: { "content-encoding": "gzip" },
      status: 415,
      says: /uncompressed/,
    },
    {
      name: "an event that is too large",
      body: () => ({ ...event, payload: { a: "€".repeat(200_000) } }),
      status: 413,
      says: /at most/,
    },
    {
      name: "an event that only grows too large when it is written out",
      body: () => `{"type":"a","workspace":"acme","payload":{"a":[${"1e20,".repeat(60_000)}1]}}`,
      status: 413,
      says: /at most 524288/,
    },
  ]

  for (const { name, body, headers, status, says } of bad) {
    it.live(name, () =>
      Effect.gen(function* () {
        const server = yield* serve()
        const answer = yield* server.post(path, body(), headers)
        assert.strictEqual(answer.status, status)
        assert.strictEqual(answer.headers["content-type"], "application/problem+json")
        assert.strictEqual(answer.json.status, status)
        assert.isString(answer.json.title)
        assert.match(JSON.stringify(answer.json), says)
        assert.lengthOf(server.log.entries, 0)
        assert.strictEqual((yield* server.post(path, event)).status, 201)
      }),
    )
  }

  it.live("a key named __proto__ changes no object but its own", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      const body = '{"type":"a.b","workspace":"acme","payload":{"__proto__":{"admin":true},"a":1}}'
      assert.strictEqual((yield* server.post(path, body)).status, 201)
      assert.include(
        Buffer.from(server.log.entries[0]!.body).toString(),
        '"payload":{"__proto__":{"admin":true},"a":1}',
      )
      assert.isUndefined(({} as { readonly admin?: unknown }).admin)
      const outside = yield* server.post(path, '{"__proto__":{"type":"a"},"workspace":"acme","payload":{}}')
      assert.deepStrictEqual(
        outside.json.errors.map((one: any) => one.path),
        ["__proto__", "type"],
      )
    }),
  )

  it.live("more requests at once than are taken", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      const gate = yield* Deferred.make<void>()
      server.log.gate = gate
      // Many on each connection: to open one for each takes longer than a request may, on a busy machine.
      const text = JSON.stringify(event)
      const head = `POST ${path} HTTP/1.1\r\nhost: meshes\r\nauthorization: Bearer ${adminKey}\r\ncontent-type: application/json`
      const one = `${head}\r\ncontent-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`
      const connections = 64
      const sockets = Array.from({ length: connections }, () => connect(Number(new URL(server.url).port), "127.0.0.1"))
      yield* Effect.addFinalizer(() => Effect.sync(() => sockets.forEach((socket) => socket.destroy())))
      for (const socket of sockets) socket.write(one.repeat(limits.requestsInFlight / connections))
      yield* until(() => server.log.waiting === limits.requestsInFlight)
      const answer = yield* server.post(path, event)
      assert.strictEqual(answer.status, 503)
      assert.strictEqual(answer.headers["retry-after"], "1")
      assert.include(answer.json.message, "nothing was stored")
      yield* Deferred.succeed(gate, undefined)
      yield* until(() => server.log.waiting === 0)
      assert.strictEqual((yield* server.post(path, event)).status, 201)
    }),
  )

  it.live("more bytes at once than are held", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      const gate = yield* Deferred.make<void>()
      server.log.gate = gate
      // A body that does not say its length counts as the longest that is taken.
      const bulk = () => server.post("/api/v1/events/bulk", [event], { "transfer-encoding": "chunked" })
      const count = Math.floor(limits.requestBytesInFlight / limits.bulkBytes)
      const fiber = yield* Effect.forkChild(
        Effect.forEach(Array.from({ length: count }), () => bulk(), { concurrency: count }),
      )
      yield* until(() => server.log.waiting === count)
      const refused = yield* bulk()
      assert.deepStrictEqual([refused.status, refused.headers["retry-after"]], [503, "1"])
      yield* Deferred.succeed(gate, undefined)
      for (const answer of yield* Fiber.join(fiber)) assert.strictEqual(answer.status, 201)
      assert.strictEqual((yield* bulk()).status, 201)
    }),
  )
})
