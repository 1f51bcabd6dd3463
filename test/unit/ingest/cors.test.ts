/** Pages of other origins: what publishable keys let in, and that nothing else does. */
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { describe } from "vitest"
import { Blocked, openPage } from "../../support/page.ts"
import { key, serve, type Served } from "./served.ts"

const path = "/api/v1/events"
const shop = "https://shop.example"
const event = { type: "page.viewed", workspace: "acme", payload: {} }

const keys = [
  key("web", { publishable: true, workspaces: ["acme"], allowedOrigins: [shop, "https://www.shop.example:8443"] }),
  key("other", { publishable: true, workspaces: ["globex"], allowedOrigins: ["https://globex.example"] }),
  key("app", { publishable: true, workspaces: ["acme"] }),
  key("server", { workspaces: ["acme"] }),
]

/** What a page of the origin gets, or why it gets nothing. */
const visit = (
  server: Served,
  origin: string,
  name: string,
  { to = path, body = event as unknown, headers = {} as { readonly [name: string]: string } } = {},
) =>
  Effect.promise(() =>
    openPage(origin)(`${server.url}${to}`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-meshes-publishable-key": `${name}-key`, ...headers },
      body: JSON.stringify(body),
    }).catch((cause: unknown) => {
      if (cause instanceof Blocked) return cause
      throw cause
    }),
  )

const statusOf = (seen: Effect.Success<ReturnType<typeof visit>>) =>
  seen instanceof Blocked ? seen.message : seen.status

const preflight = (server: Served, origin: string | undefined, to = path, method: string | undefined = "POST") =>
  server.send(to, {
    method: "OPTIONS",
    headers: { authorization: undefined, origin, "access-control-request-method": method },
  })

describe("a page", () => {
  it.live("of an origin that its publishable key allows publishes one and many, and reads every answer", () =>
    Effect.gen(function* () {
      const server = yield* serve(keys)
      assert.strictEqual(statusOf(yield* visit(server, shop, "web")), 201)
      assert.strictEqual(statusOf(yield* visit(server, "https://www.shop.example:8443", "web")), 201)
      const bulk = yield* visit(server, shop, "web", { to: `${path}/bulk`, body: [event, event] })
      assert.strictEqual(statusOf(bulk), 201)
      const bad = yield* visit(server, shop, "web", { body: { ...event, typ: 1 } })
      assert.include(bad instanceof Blocked ? bad.message : bad.text, "did you mean")
      const headers = {
        "idempotency-key": "once",
        traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
      }
      assert.strictEqual(statusOf(yield* visit(server, shop, "web", { headers })), 201)
      assert.strictEqual(server.log.entries.length, 5)
    }),
  )

  it.live("of another origin is refused, stores nothing, and reads nothing, whoever else lets it in", () =>
    Effect.gen(function* () {
      const server = yield* serve(keys)
      const evil = "https://evil.example"
      for (const origin of [
        evil,
        "http://shop.example",
        "https://shop.example:444",
        "https://a.shop.example",
        "null",
      ]) {
        assert.match(String(statusOf(yield* visit(server, origin, "web"))), /^preflight: pages of/, origin)
      }
      // Let through by another workspace's key, and refused by its own.
      assert.match(String(statusOf(yield* visit(server, "https://globex.example", "web"))), /^answer: pages of/)
      assert.match(String(statusOf(yield* visit(server, shop, "app"))), /^answer: pages of/)
      for (const [origin, name] of [
        [evil, "web"],
        ["https://globex.example", "web"],
        [shop, "app"],
      ] as const) {
        const answer = yield* server.post(path, event, {
          authorization: undefined,
          "x-meshes-publishable-key": `${name}-key`,
          origin,
        })
        assert.deepStrictEqual([answer.status, answer.headers.vary], [403, "Origin"])
        assert.isUndefined(answer.headers["access-control-allow-origin"])
      }
      assert.strictEqual(server.log.entries.length, 0)
    }),
  )

  it.live("is told that its key is not known, if some key welcomes its origin", () =>
    Effect.gen(function* () {
      const server = yield* serve(keys)
      assert.strictEqual(statusOf(yield* visit(server, shop, "nobody")), 401)
      assert.match(String(statusOf(yield* visit(server, "https://evil.example", "nobody"))), /^preflight/)
    }),
  )

  it.live(
    "cannot read what a key answers that is none for browsers, though programs and this server's pages use it",
    () =>
      Effect.gen(function* () {
        const server = yield* serve(keys)
        assert.match(String(statusOf(yield* visit(server, shop, "server"))), /^answer: pages of/)
        const same = yield* server.post(path, event, { authorization: "Bearer server-key", origin: server.url })
        assert.deepStrictEqual([same.status, same.headers["access-control-allow-origin"]], [201, undefined])
        const program = yield* server.post(path, event, {
          authorization: undefined,
          "x-meshes-publishable-key": "app-key",
        })
        assert.deepStrictEqual([program.status, program.headers.vary], [201, undefined])
      }),
  )

  it.live("of any origin may use a key that allows `*`", () =>
    Effect.gen(function* () {
      const server = yield* serve([key("open", { publishable: true, allowedOrigins: ["*"] })])
      for (const origin of ["https://anywhere.example", "null"]) {
        assert.strictEqual(statusOf(yield* visit(server, origin, "open")), 201)
      }
    }),
  )
})

describe("a preflight", () => {
  it.live("is answered without a key, for the publishing calls alone", () =>
    Effect.gen(function* () {
      const server = yield* serve(keys)
      const yes = yield* preflight(server, shop)
      assert.deepStrictEqual(
        [yes.status, yes.text, yes.headers["access-control-allow-origin"], yes.headers.vary],
        [204, "", shop, "Origin"],
      )
      assert.strictEqual(yes.headers["access-control-allow-methods"], "POST")
      assert.isUndefined(yes.headers["access-control-allow-credentials"])
      const no = yield* preflight(server, "https://evil.example")
      assert.deepStrictEqual([no.status, no.headers.vary, no.json.status], [403, "Origin", 403])
      assert.isFalse(Object.keys(no.headers).some((name) => name.startsWith("access-control-")))
      for (const to of ["/api/v1/keys", "/api/v1/workspaces/acme/connections", "/healthz", "/openapi.json"]) {
        const answer = yield* preflight(server, shop, to)
        assert.deepStrictEqual([answer.status, answer.headers["access-control-allow-origin"]], [405, undefined], to)
      }
    }),
  )

  it.live("is let through only as long as a key is good that welcomes the origin", () =>
    Effect.gen(function* () {
      const server = yield* serve([
        key("over", { publishable: true, allowedOrigins: ["https://over.example"], expires: Date.now() - 1 }),
      ])
      assert.strictEqual((yield* preflight(server, "https://over.example")).status, 403)
      const made = yield* server.post("/api/v1/keys", {
        name: "web",
        publishable: true,
        allowed_origins: ["https://new.example"],
      })
      assert.strictEqual((yield* preflight(server, "https://new.example")).status, 204)
      yield* server.send(`/api/v1/keys/${made.json.id}`, { method: "DELETE" })
      assert.strictEqual((yield* preflight(server, "https://new.example")).status, 403)
    }),
  )
})
