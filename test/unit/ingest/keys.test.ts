/** The calls about keys over real HTTP: who may make which, what they let their holders do, and that none is ever shown again. */
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { describe } from "vitest"
import { hashKey } from "../../../src/accounts/keys.ts"
import { limits } from "../../../src/config/defaults.ts"
import { key, serve, type Answer } from "./served.ts"

const keys = [
  key("owner", { scopes: ["admin"], workspaces: ["acme"] }),
  key("operator", { scopes: ["operate", "read", "publish", "payload:read"], workspaces: ["acme"] }),
  key("stranger", { scopes: ["admin"], workspaces: ["globex"] }),
]
const path = "/api/v1/keys"

const served = Effect.gen(function* () {
  const server = yield* serve(keys)
  const as = (name: string, method: string, at = "", body?: unknown) =>
    server.send(`${path}${at}`, { method, body, headers: { authorization: `Bearer ${name}-key` } })
  const publish = (secret: string, event: object = {}) =>
    server.post(
      "/api/v1/events",
      { type: "order.paid", workspace: "acme", payload: {}, ...event },
      { authorization: `Bearer ${secret}` },
    )
  return { ...server, as, publish }
})

const pathsOf = (answer: Answer) => answer.json.errors?.map((one: any) => one.path)

describe("a key", () => {
  it.live("is made, shown once, used, listed without itself, and refused when it is revoked", () =>
    Effect.gen(function* () {
      const { as, publish, issued } = yield* served
      const made = yield* as("owner", "POST", "", { name: "site", scopes: ["publish"] })
      assert.deepStrictEqual([made.status, made.headers["cache-control"]], [201, "no-store"])
      const { key: secret, ...record } = made.json
      assert.match(secret, /^msh_[\w-]{43}$/)
      assert.deepInclude(record, { name: "site", scopes: ["publish"], workspaces: ["acme"], created_by: "key:owner" })
      assert.isTrue(secret.startsWith(record.prefix) && record.prefix.length === 10)
      assert.deepStrictEqual(
        [...issued.keys.values()].map(({ hash }) => hash),
        [hashKey(secret)],
      )
      assert.strictEqual((yield* publish(secret)).status, 201)
      assert.deepStrictEqual(issued.used, [record.id])
      assert.strictEqual((yield* publish(secret, { workspace: "globex" })).status, 403)
      const list = yield* as("owner", "GET")
      assert.deepStrictEqual(list.json, {
        count: 1,
        limit: limits.pageRecordsDefault,
        next_cursor: null,
        records: [record],
      })
      assert.notInclude(list.text, secret)
      assert.notInclude(list.text, hashKey(secret))
      assert.strictEqual((yield* as("owner", "DELETE", `/${record.id}`)).status, 204)
      const refused = yield* publish(secret)
      assert.deepStrictEqual([refused.status, refused.json.message], [401, "the key is not known here"])
      assert.strictEqual((yield* as("owner", "DELETE", `/${record.id}`)).status, 404)
      assert.deepStrictEqual(
        issued.audited.map(({ what, target, by, from }) => [what, target, by, from]),
        ["key.created", "key.revoked"].map((what) => [what, record.id, "key:owner", "127.0.0.1"]),
      )
    }),
  )

  it.live("that was made here is told of by its id where it makes others", () =>
    Effect.gen(function* () {
      const { as, send, issued } = yield* served
      const made = yield* as("owner", "POST", "", { name: "deputy", scopes: ["admin"] })
      yield* send(path, {
        method: "POST",
        headers: { authorization: `Bearer ${made.json.key}` },
        body: { name: "site", scopes: ["publish"] },
      })
      assert.deepInclude(issued.audited[1], { by: "key:deputy", key: made.json.id })
    }),
  )

  it.live("is made, seen and revoked by admins of its workspaces alone", () =>
    Effect.gen(function* () {
      const { as } = yield* served
      for (const [method, at] of [
        ["POST", ""],
        ["GET", ""],
        ["DELETE", "/key_x"],
      ] as const) {
        const answer = yield* as(
          "operator",
          method,
          at,
          method === "POST" ? { name: "a", scopes: ["read"] } : undefined,
        )
        assert.deepStrictEqual([answer.status, answer.json.message], [403, "the key operator may not admin"])
      }
      const everywhere = yield* as("admin", "POST", "", { name: "all", scopes: ["read"] })
      const both = yield* as("admin", "POST", "", { name: "both", scopes: ["read"], workspaces: ["acme", "globex"] })
      const theirs = yield* as("stranger", "POST", "", { name: "theirs", scopes: ["read"] })
      const mine = yield* as("owner", "POST", "", { name: "mine", scopes: ["read"] })
      assert.notProperty(everywhere.json, "workspaces")
      const seen = (answer: Answer) => answer.json.records.map(({ name }: any) => name).toSorted()
      assert.deepStrictEqual(seen(yield* as("owner", "GET")), ["mine"])
      assert.deepStrictEqual(seen(yield* as("stranger", "GET")), ["theirs"])
      assert.deepStrictEqual(seen(yield* as("admin", "GET")), ["all", "both", "mine", "theirs"])
      assert.deepStrictEqual(seen(yield* as("admin", "GET", "?workspace=globex")), ["both", "theirs"])
      const nobodys = yield* as("owner", "DELETE", "/key_00000000000000000000000000")
      for (const made of [everywhere, both, theirs]) {
        const answer = yield* as("owner", "DELETE", `/${made.json.id}`)
        assert.deepStrictEqual([answer.status, answer.text], [404, nobodys.text])
      }
      assert.strictEqual((yield* as("owner", "DELETE", `/${mine.json.id}`)).status, 204)
    }),
  )

  it.live("for another's workspace is refused in the same words as one for a workspace that is not there", () =>
    Effect.gen(function* () {
      const { as, issued } = yield* served
      const ask = (...workspaces: ReadonlyArray<string>) =>
        as("owner", "POST", "", { name: "a", scopes: ["read"], workspaces })
      const [other, nowhere, mixed] = [yield* ask("globex"), yield* ask("nowhere"), yield* ask("acme", "globex")]
      assert.deepStrictEqual([other.status, nowhere.status, mixed.status], [403, 403, 403])
      assert.strictEqual(other.text, nowhere.text)
      const lists = [yield* as("owner", "GET", "?workspace=globex"), yield* as("owner", "GET", "?workspace=nowhere")]
      assert.deepStrictEqual([lists[0]!.status, lists[0]!.text], [403, lists[1]!.text])
      const missing = yield* as("admin", "POST", "", { name: "a", scopes: ["read"], workspaces: ["acme", "nowhere"] })
      assert.deepStrictEqual([missing.status, pathsOf(missing)], [400, ["workspaces[1]"]])
      assert.strictEqual(issued.keys.size, 0)
    }),
  )

  it.live("that is asked for wrongly is told all that is wrong", () =>
    Effect.gen(function* () {
      const { as, issued } = yield* served
      const wrong = yield* as("admin", "POST", "", {
        name: "no name!",
        scopes: ["pubish"],
        workspaces: ["Acme!"],
        expires_at: "tomorrow",
        allowed_origins: ["https://shop.example/"],
        event_types: ["a..b"],
        expire: 1,
      })
      assert.strictEqual(wrong.status, 400)
      assert.sameMembers(pathsOf(wrong), [
        "expire",
        "name",
        "scopes[0]",
        "workspaces[0]",
        "expires_at",
        "allowed_origins[0]",
        "allowed_origins",
        "event_types[0]",
      ])
      assert.include(wrong.text, 'as browsers send it: \\"https://shop.example\\"')
      const refused = [
        [{ name: "admin", scopes: ["read"] }, "name"],
        [{ name: "a" }, "scopes"],
        [{ name: "a", scopes: [] }, "scopes"],
        [{ name: "a", scopes: ["read"], workspaces: [] }, "workspaces"],
        [{ name: "a", scopes: ["read"], expires_at: "2020-01-01T00:00:00Z" }, "expires_at"],
        [{ name: "a", scopes: ["publish", "read"], publishable: true }, "scopes"],
        [{ name: "a", publishable: true, allowed_origins: [] }, "allowed_origins"],
        [[], ""],
      ] as const
      for (const [body, at] of refused) {
        const answer = yield* as("admin", "POST", "", body)
        assert.deepStrictEqual([answer.status, pathsOf(answer)], [400, [at]], JSON.stringify(body))
      }
      assert.strictEqual((yield* as("admin", "POST", "", "{")).status, 400)
      assert.strictEqual((yield* as("admin", "POST", "", "x".repeat(limits.keyBodyBytes + 1))).status, 413)
      assert.strictEqual(issued.keys.size, 0)
    }),
  )

  it.live("that may publish only some types is refused for others, alone and in bulk", () =>
    Effect.gen(function* () {
      const { as, publish, post } = yield* served
      const made = yield* as("owner", "POST", "", { name: "web", publishable: true, event_types: ["page.*", "cart.>"] })
      assert.match(made.json.key, /^msh_pub_[\w-]{43}$/)
      assert.deepStrictEqual(made.json.scopes, ["publish"])
      assert.strictEqual((yield* publish(made.json.key, { type: "page.viewed" })).status, 201)
      const other = yield* publish(made.json.key)
      assert.deepStrictEqual(
        [other.status, other.json.message],
        [403, "the key web may not publish events of the type order.paid"],
      )
      const bulk = yield* post(
        "/api/v1/events/bulk",
        ["cart.item.added", "order.paid", "meshes.connection.opened"].map((type) => ({ type, payload: {} })),
        { authorization: `Bearer ${made.json.key}` },
      )
      assert.deepStrictEqual(
        [bulk.status, ...bulk.json.records.map((one: any) => one.status ?? "stored")],
        [207, "stored", 403, 403],
      )
    }),
  )

  it.live("is listed page by page", () =>
    Effect.gen(function* () {
      const { as } = yield* served
      for (let i = 0; i < 5; i++) yield* as("owner", "POST", "", { name: `k${i}`, scopes: ["read"] })
      const names: Array<string> = []
      for (let cursor: string | null = ""; cursor !== null;) {
        const page: Answer = yield* as("owner", "GET", `?limit=2${cursor === "" ? "" : `&cursor=${cursor}`}`)
        names.push(...page.json.records.map(({ name }: any) => name))
        cursor = page.json.next_cursor
      }
      assert.sameMembers(names, ["k0", "k1", "k2", "k3", "k4"])
      for (const limit of ["0", "x", "1001", "1.5"]) {
        assert.strictEqual((yield* as("owner", "GET", `?limit=${limit}`)).status, 400)
      }
    }),
  )

  it.live("is one of a bounded number", () =>
    Effect.gen(function* () {
      const { as, issued } = yield* served
      yield* as("owner", "POST", "", { name: "first", scopes: ["read"] })
      const [first] = issued.keys.values()
      for (let i = 1; i < limits.keysPerWorkspace; i++) issued.keys.set(`key_${i}`, { ...first!, id: `key_${i}` })
      const full = yield* as("owner", "POST", "", { name: "more", scopes: ["read"] })
      assert.deepStrictEqual([full.status, full.json.message.includes("revoke some")], [429, true])
      assert.strictEqual((yield* as("stranger", "POST", "", { name: "more", scopes: ["read"] })).status, 201)
    }),
  )
})
