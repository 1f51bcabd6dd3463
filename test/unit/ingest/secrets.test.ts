/**
 * The secrets' calls over real HTTP: who may set them, and that no answer ever holds a value.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { limits } from "../../../src/config/defaults.ts"
import { key, serve } from "./served.ts"

const keys = [
  key("owner", { scopes: ["admin"], workspaces: ["acme"] }),
  key("operator", { scopes: ["operate", "read", "publish"], workspaces: ["acme"] }),
  key("stranger", { scopes: ["admin"], workspaces: ["globex"] }),
]
const value = "hunter2-and-more"

const served = Effect.gen(function* () {
  const server = yield* serve(keys)
  const as = (name: string, method: string, path: string, body?: unknown) =>
    server.send(`/api/v1/workspaces/${path}`, { method, body, headers: { authorization: `Bearer ${name}-key` } })
  return { ...server, as }
})

describe("the secrets of a workspace", () => {
  it.live("are set, listed by name and removed, and never shown", () =>
    Effect.gen(function* () {
      const { as, vault } = yield* served
      const set = yield* as("owner", "PUT", "acme/secrets/CRM_KEY", { value })
      assert.deepStrictEqual([set.status, set.text], [204, ""])
      assert.strictEqual(vault.values.get("secret/acme/CRM_KEY"), value)
      vault.values.set("secret/globex/CRM_KEY", "another's")
      const list = yield* as("owner", "GET", "acme/secrets")
      const record = { name: "CRM_KEY", workspace: "acme", at: "1970-01-01T00:00:00.000Z", key: "00000000" }
      assert.deepStrictEqual(list.json, { count: 1, limit: 50, next_cursor: null, records: [record] })
      assert.strictEqual((yield* as("owner", "GET", "acme/secrets/CRM_KEY")).status, 405)
      assert.strictEqual((yield* as("owner", "DELETE", "acme/secrets/CRM_KEY")).status, 204)
      assert.strictEqual((yield* as("owner", "DELETE", "acme/secrets/CRM_KEY")).status, 404)
      assert.deepStrictEqual([...vault.values.keys()], ["secret/globex/CRM_KEY"])
    }),
  )

  it.live("are for admins of that workspace alone", () =>
    Effect.gen(function* () {
      const { as, vault } = yield* served
      for (const [name, status] of [
        ["operator", 403],
        ["stranger", 404],
      ] as const) {
        assert.strictEqual((yield* as(name, "PUT", "acme/secrets/A", { value })).status, status)
        assert.strictEqual((yield* as(name, "GET", "acme/secrets")).status, status)
        assert.strictEqual((yield* as(name, "DELETE", "acme/secrets/A")).status, status)
      }
      assert.strictEqual((yield* as("nobody", "PUT", "acme/secrets/A", { value })).status, 401)
      assert.strictEqual((yield* as("owner", "PUT", "nowhere/secrets/A", { value })).status, 404)
      assert.strictEqual(vault.values.size, 0)
    }),
  )

  it.live("that cannot be are refused without being repeated", () =>
    Effect.gen(function* () {
      const { as, vault } = yield* served
      for (const [path, body, status] of [
        ["acme/secrets/CRM-KEY", { value }, 400],
        ["acme/secrets/1KEY", { value }, 400],
        ["acme/secrets/KEY", `{"value":"${value}`, 400],
        ["acme/secrets/KEY", value, 400],
        ["acme/secrets/KEY", { value: [value] }, 400],
        ["acme/secrets/KEY", { value: "" }, 400],
        ["acme/secrets/KEY", { value, [value]: 1 }, 400],
        ["acme/secrets/KEY", undefined, 400],
        ["acme/secrets/KEY", { value: value.padEnd(limits.secretBytes + 1, "x") }, 413],
        ["acme/secrets/KEY", { value: "x".repeat(limits.secretBodyBytes) }, 413],
      ] as const) {
        const answer = yield* as("owner", "PUT", path, body)
        assert.strictEqual(answer.status, status, `${path} ${String(body).slice(0, 20)}`)
        assert.strictEqual(answer.headers["content-type"], "application/problem+json")
        assert.notInclude(answer.text, "hunter2")
      }
      assert.strictEqual(vault.values.size, 0)
      vault.ring.configured = false
      const without = yield* as("owner", "PUT", "acme/secrets/KEY", { value })
      assert.strictEqual(without.status, 503)
      assert.include(without.json.message, "MESHES_SECRET_KEYS")
    }),
  )

  it.live("are described in the API's document, with a body that is needed", () =>
    Effect.gen(function* () {
      const { send } = yield* served
      const { paths } = (yield* send("/openapi.json")).json
      const { put, delete: remove } = paths["/api/v1/workspaces/{workspace}/secrets/{name}"]
      assert.strictEqual(put.requestBody.required, true)
      assert.includeMembers(Object.keys(put.responses), ["204", "403", "503"])
      assert.includeMembers(Object.keys(remove.responses), ["204", "404"])
      assert.deepStrictEqual(put.security, [{ key: [] }, { session: [] }])
    }),
  )
})
