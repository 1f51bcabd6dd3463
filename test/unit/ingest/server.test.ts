/** The server around the publishing calls: health, metrics, documents, unknown paths, its beginning and its end. */
import { readFileSync } from "node:fs"
import { createServer, type AddressInfo } from "node:net"
import { assert, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Layer, Scope } from "effect"
import { describe } from "vitest"
import { Keys } from "../../../src/accounts/keys.ts"
import { Sessions } from "../../../src/accounts/sessions.ts"
import { CurrentPlan } from "../../../src/config/current-plan.ts"
import { ingestLayer } from "../../../src/ingest/server.ts"
import { Unusable } from "../../../src/model/errors.ts"
import { Health } from "../../../src/observe/health.ts"
import { makeMemoryCircuits } from "./memory-circuits.ts"
import { noLimits } from "./no-limits.ts"
import { noPast } from "./no-past.ts"
import { noVendors } from "./no-vendors.ts"
import { makeMemoryKeys } from "./memory-keys.ts"
import { makeMemoryLog } from "./memory-log.ts"
import { makeMemoryVault } from "./memory-vault.ts"
import { planOf, serve } from "./served.ts"

const event = { type: "order.paid", workspace: "acme", payload: {} }

const turn = Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))

const count = (text: string, name: string) =>
  Number(new RegExp(`^${name.replace(/[{}]/g, "\\$&")} (\\d+)`, "m").exec(text)?.[1] ?? 0)

describe("the HTTP server", () => {
  it.live("is alive at once, and ready when every expected loop has begun", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      server.health.expect("route.0")
      assert.strictEqual((yield* server.send("/healthz", { headers: { authorization: undefined } })).status, 200)
      const before = yield* server.send("/readyz", { headers: { authorization: undefined } })
      assert.strictEqual(before.status, 503)
      assert.deepStrictEqual(before.json, {
        ready: false,
        loops: [{ name: "route.0", alive: false, silent_ms: null }],
        config: { revisions: ["000000000000"], refused: false },
      })
      server.health.beat("route.0")
      const after = yield* server.send("/readyz")
      assert.deepStrictEqual([after.status, after.json.ready, after.json.loops[0].alive], [200, true, true])
    }),
  )

  it.live("counts what it accepted, saw again and refused", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      const names = [
        "meshes_events_accepted_total",
        "meshes_events_repeated_total",
        'meshes_events_refused_total{status="400"}',
        "meshes_accept_seconds_count",
      ]
      const before = (yield* server.send("/metrics")).text
      yield* server.post("/api/v1/events", { ...event, id: "a" })
      yield* server.post("/api/v1/events/bulk", [{ ...event, id: "a" }, event, {}])
      const after = yield* server.send("/metrics")
      assert.match(String(after.headers["content-type"]), /^text\/plain; version=0.0.4/)
      assert.deepStrictEqual(
        names.map((name) => count(after.text, name) - count(before, name)),
        [2, 1, 1, 2],
      )
      assert.match(after.text, /^meshes_requests_in_flight 0$/m)
    }),
  )

  it.live("describes itself: OpenAPI 3.1 with every answer, and a page to read it", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      const spec = (yield* server.send("/openapi.json")).json
      assert.match(spec.openapi, /^3\.1/)
      assert.sameMembers(Object.keys(spec.paths), [
        "/api/v1/events",
        "/api/v1/events/bulk",
        "/api/v1/events/{event}/attempts",
        "/api/v1/events/{event}/rules/{rule}/attempts",
        "/api/v1/events/{event}/rules/{rule}/retry",
        "/api/v1/overview",
        "/api/v1/activity",
        "/api/v1/workspaces/{workspace}/activity",
        "/api/v1/workspaces/{workspace}/dead-letters/groups",
        "/api/v1/workspaces",
        "/api/v1/workspaces/{workspace}",
        "/api/v1/workspaces/{workspace}/rules",
        "/api/v1/workspaces/{workspace}/event-types",
        "/api/v1/workspaces/{workspace}/resources",
        "/api/v1/workspaces/{workspace}/events",
        "/api/v1/workspaces/{workspace}/events/{event}",
        "/api/v1/workspaces/{workspace}/deliveries",
        "/api/v1/workspaces/{workspace}/deliveries/{delivery}",
        "/api/v1/workspaces/{workspace}/dead-letters",
        "/api/v1/workspaces/{workspace}/audit",
        "/api/v1/audit",
        "/api/v1/usage",
        "/api/v1/workspaces/{workspace}/usage",
        "/api/v1/workspaces/{workspace}/connections",
        "/api/v1/workspaces/{workspace}/connections/{connection}",
        "/api/v1/workspaces/{workspace}/connections/{connection}/pause",
        "/api/v1/workspaces/{workspace}/connections/{connection}/resume",
        "/api/v1/workspaces/{workspace}/connections/{connection}/authorization",
        "/api/v1/workspaces/{workspace}/connections/{connection}/authorize",
        "/api/v1/workspaces/{workspace}/connections/{connection}/test",
        "/api/v1/workspaces/{workspace}/connections/{connection}/lists/{list}",
        "/api/v1/workspaces/{workspace}/explain",
        "/api/v1/workspaces/{workspace}/backtests",
        "/api/v1/workspaces/{workspace}/replays",
        "/api/v1/workspaces/{workspace}/replays/{replay}",
        "/api/v1/workspaces/{workspace}/replays/{replay}/stop",
        "/api/v1/workspaces/{workspace}/deliveries/{delivery}/retry",
        "/api/v1/workspaces/{workspace}/deliveries/{delivery}/cancel",
        "/api/v1/workspaces/{workspace}/events/{event}/retry",
        "/api/v1/workspaces/{workspace}/events/{event}/cancel",
        "/api/v1/workspaces/{workspace}/operations",
        "/api/v1/workspaces/{workspace}/operations/{operation}",
        "/api/v1/workspaces/{workspace}/operations/{operation}/stop",
        "/api/v1/integrations",
        "/api/v1/integrations/{connector}",
        "/oauth/begin",
        "/oauth/callback",
        "/api/v1/workspaces/{workspace}/secrets",
        "/api/v1/workspaces/{workspace}/secrets/{name}",
        "/api/v1/keys",
        "/api/v1/keys/{id}",
        "/api/v1/sign-in",
        "/api/v1/me",
        "/api/v1/sessions",
        "/api/v1/sessions/{id}",
        "/api/v1/sessions/launch",
        "/api/v1/sessions/refresh",
        "/healthz",
        "/readyz",
        "/metrics",
      ])
      const publish = spec.paths["/api/v1/events"].post
      const statuses = ["200", "201", "400", "401", "403", "404", "413", "415", "422", "429", "500", "503"]
      assert.sameMembers(Object.keys(publish.responses), statuses)
      assert.property(publish.responses[400].content, "application/problem+json")
      assert.property(publish.requestBody.content, "application/cloudevents+json")
      assert.strictEqual(publish.parameters[0].name, "Idempotency-Key")
      assert.deepStrictEqual(publish.security, [{ key: [] }, { publishableKey: [] }])
      const docs = yield* server.send("/docs")
      assert.strictEqual(docs.status, 200)
      assert.match(String(docs.headers["content-type"]), /^text\/html/)
    }),
  )

  it.live("describes every call whole: in words, each parameter too, with examples and problems", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      const spec = (yield* server.send("/openapi.json")).json
      const lacking: Array<string> = []
      for (const [path, operations] of Object.entries<any>(spec.paths)) {
        if (!path.startsWith("/api/")) continue
        for (const [method, operation] of Object.entries<any>(operations)) {
          const say = (what: string) => lacking.push(`${method} ${path}: ${what}`)
          if (operation.summary === undefined) say("no summary")
          if (operation.security.length === 0) say("asks for no key")
          for (const { name, description } of operation.parameters ?? []) {
            if (description === undefined) say(`nothing of ${name}`)
          }
          for (const [media, { example }] of Object.entries<any>(operation.requestBody?.content ?? {})) {
            if (example === undefined) say(`no example of ${media}`)
          }
          for (const status of ["401", "403", "500"]) if (!(status in operation.responses)) say(`no ${status}`)
          for (const [status, { description, content }] of Object.entries<any>(operation.responses)) {
            if (!description) say(`nothing of ${status}`)
            const media = content === undefined ? [] : Object.entries<any>(content)
            if (Number(status) >= 400 && media[0]?.[0] !== "application/problem+json") say(`${status} is no problem`)
            for (const [, { example }] of media) if (example === undefined) say(`no example of ${status}`)
          }
        }
      }
      assert.deepStrictEqual(lacking, [])
    }),
  )

  it.live("has its lists and their filters in docs/reference/http.md, no more and no fewer", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      const { paths } = (yield* server.send("/openapi.json")).json
      const described = Object.entries<any>(paths).flatMap(([path, { get }]) => {
        const names: ReadonlyArray<string> = (get?.parameters ?? [])
          .filter((one: any) => one.in === "query")
          .map(({ name }: any) => name)
        if (!names.includes("cursor") || path.startsWith("/api/v1/events/")) return []
        return [`${path}: ${names.filter((name) => name !== "cursor" && name !== "limit").toSorted()}`]
      })
      const text = readFileSync(new URL("../../../docs/reference/http.md", import.meta.url), "utf8")
      const deliveries = /`GET …\/deliveries` \|[^|]*\|([^|]*)\|/.exec(text)![1]!
      const documented = [...text.matchAll(/^\| `GET ([^`<]+)` \| `\w+`[^|]* \|([^|]*)\|$/gm)]
        .map(([, path, filters]) => {
          const whole = `/api/v1${path!.replace("…", "/workspaces/{workspace}")}`
          const said = filters!.includes("as deliveries") ? deliveries.replace(/`status`, /, "") : filters!
          const names = [...said.replace(/\(.*\)/, "").matchAll(/`(\w+)`/g)].map(([, name]) => name)
          return `${whole}: ${names.toSorted()}`
        })
        .filter((line) => !line.startsWith("/api/v1/workspaces/{workspace}:"))
      assert.sameMembers(documented, described)
    }),
  )

  it.live("answers unknown paths with 404 and unknown methods with 405, as problems", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      const lost = yield* server.send("/api/v2/events?x=1")
      assert.deepStrictEqual([lost.status, lost.headers["content-type"]], [404, "application/problem+json"])
      assert.include(lost.json.message, "/api/v2/events")
      for (const method of ["GET", "PUT", "DELETE", "OPTIONS", "PATCH"]) {
        const answer = yield* server.send("/api/v1/events", { method })
        assert.deepStrictEqual([answer.status, answer.headers.allow, answer.json.status], [405, "POST", 405])
      }
      assert.strictEqual((yield* server.send("/healthz", { method: "HEAD" })).status, 200)
      assert.strictEqual((yield* server.send("/api/v1/events", { method: "HEAD" })).status, 405)
      assert.strictEqual((yield* server.send("/healthz", { method: "POST", body: "" })).headers.allow, "GET, HEAD")
    }),
  )

  it.live("finishes the requests under way when it stops, and takes no new ones", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const server = yield* serve().pipe(Scope.provide(scope))
      const gate = yield* Deferred.make<void>()
      server.log.gate = gate
      const publishing = yield* Effect.forkChild(server.post("/api/v1/events", event))
      while (server.log.waiting === 0) yield* turn
      const stopping = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      let refused = false
      while (!refused) {
        refused = Exit.isFailure(yield* Effect.exit(Effect.promise(() => fetch(`${server.url}/healthz`))))
      }
      assert.isUndefined(stopping.pollUnsafe())
      yield* Deferred.succeed(gate, undefined)
      assert.strictEqual((yield* Fiber.join(publishing)).status, 201)
      yield* Fiber.join(stopping)
    }),
  )

  it.live("says what to do when its port is taken", () =>
    Effect.gen(function* () {
      const other = createServer()
      yield* Effect.callback<void>((resume) => void other.listen(0, "127.0.0.1", () => resume(Effect.void)))
      yield* Effect.addFinalizer(() => Effect.sync(() => other.close()))
      const { port } = other.address() as AddressInfo
      const services = Layer.mergeAll(
        noVendors,
        noPast,
        makeMemoryCircuits().layer,
        noLimits.pipe(Layer.provideMerge(makeMemoryLog().layer)),
        makeMemoryVault().layer,
        Health.layer,
        Sessions.layer.pipe(Layer.provideMerge(Keys.layer({ keys: [] }))),
      ).pipe(
        Layer.provideMerge(Layer.merge(makeMemoryKeys().layer, Layer.succeed(CurrentPlan, { get: () => planOf([]) }))),
      )
      const error = yield* Effect.flip(
        Layer.build(ingestLayer({ host: "127.0.0.1", port }).pipe(Layer.provide(services))),
      )
      assert.instanceOf(error, Unusable)
      assert.match(error.message, new RegExp(`127.0.0.1:${port}: something listens there already.*--port`))
    }),
  )
})
