/** Who a key makes of its holder. */
import { assert, it } from "@effect/vitest"
import { Effect, Layer, Result } from "effect"
import { describe } from "vitest"
import { issueKey } from "../../../src/accounts/issue.ts"
import { allows, generateKey, hashKey, Keys } from "../../../src/accounts/keys.ts"
import { CurrentPlan } from "../../../src/config/current-plan.ts"
import type { KeyPlan, Plan } from "../../../src/config/plan.ts"
import { scopes } from "../../../src/model/key.ts"
import { makeMemoryKeys } from "../ingest/memory-keys.ts"

const keyPlan = (name: string, rest: Partial<KeyPlan> = {}): KeyPlan => ({
  name,
  hash: hashKey(name),
  scopes: ["publish"],
  publishable: false,
  ...rest,
})

const planOf = (keys: ReadonlyArray<KeyPlan>): Plan => ({ revision: "0", workspaces: new Map(), keys })

const withKeys = (
  options: {
    readonly adminKey?: string
    readonly keys?: ReadonlyArray<KeyPlan>
    readonly plan?: () => Plan
    readonly issued?: ReturnType<typeof makeMemoryKeys>
  },
  check: (keys: Keys["Service"]) => void,
) =>
  Effect.gen(function* () {
    check(yield* Keys)
  }).pipe(
    Effect.provide(
      Keys.layer({ adminKey: options.adminKey, keys: options.keys ?? [] }).pipe(
        Layer.provide(Layer.succeed(CurrentPlan, { get: options.plan ?? (() => planOf([])) })),
        Layer.provide((options.issued ?? makeMemoryKeys()).layer),
      ),
    ),
  )

const bearer = (key: string) => ({ authorization: `Bearer ${key}` })

describe("a key", () => {
  it.effect("that is the admin key may do everything everywhere", () =>
    withKeys({ adminKey: "root" }, (keys) => {
      const identity = Result.getOrThrow(keys.authenticate(bearer("root")))
      for (const scope of scopes) assert.isTrue(allows(identity, scope, "any"))
    }),
  )

  it.effect("that is missing is told from one that is unknown", () =>
    withKeys({ adminKey: "root" }, (keys) => {
      assert.deepStrictEqual(keys.authenticate({}), Result.fail("missing"))
      const wrong = [bearer("other"), bearer("root x"), { authorization: "Basic root" }, { authorization: "root" }]
      for (const headers of [...wrong, bearer(hashKey("root")), bearer(""), bearer("x".repeat(10_000))]) {
        assert.deepStrictEqual(keys.authenticate(headers), Result.fail("unknown"))
      }
    }),
  )

  it.effect("does what its scopes say, in its workspaces", () =>
    withKeys({ keys: [keyPlan("k", { scopes: ["publish", "read"], workspaces: ["a", "b"] })] }, (keys) => {
      const identity = Result.getOrThrow(keys.authenticate({ authorization: "bearer  k" }))
      assert.isTrue(allows(identity, "read", "a"))
      assert.isTrue(allows(identity, "read"))
      assert.isFalse(allows(identity, "read", "c"))
      assert.isFalse(allows(identity, "operate", "a"))
      assert.isUndefined(identity.onlyWorkspace)
    }),
  )

  it.effect("that is bound to one workspace names it", () =>
    withKeys({ keys: [keyPlan("k", { workspaces: ["a"] })] }, (keys) => {
      assert.strictEqual(Result.getOrThrow(keys.authenticate(bearer("k"))).onlyWorkspace, "a")
    }),
  )

  it.effect("that is publishable may only publish, whatever its scopes and however it is sent", () =>
    withKeys({ keys: [keyPlan("p", { publishable: true, scopes: ["admin"] })] }, (keys) => {
      for (const headers of [bearer("p"), { "x-meshes-publishable-key": "p" }]) {
        const identity = Result.getOrThrow(keys.authenticate(headers))
        assert.isTrue(allows(identity, "publish"))
        assert.isFalse(allows(identity, "read"))
        assert.isFalse(allows(identity, "admin"))
      }
    }),
  )

  it.effect("sent as a publishable one may only publish", () =>
    withKeys({ adminKey: "root", keys: [keyPlan("r", { scopes: ["read"] })] }, (keys) => {
      const identity = Result.getOrThrow(keys.authenticate({ "x-meshes-publishable-key": "root" }))
      assert.isTrue(allows(identity, "publish"))
      assert.isFalse(allows(identity, "read"))
      assert.isTrue(Result.isFailure(keys.authenticate({ "x-meshes-publishable-key": "r" })))
    }),
  )

  it.effect("of the plan comes and goes with the plan, and cannot take the settings' place", () => {
    let plan = planOf([keyPlan("p"), keyPlan("s", { scopes: ["admin"] })])
    return withKeys({ keys: [keyPlan("s", { scopes: ["read"] })], plan: () => plan }, (keys) => {
      assert.isTrue(Result.isSuccess(keys.authenticate(bearer("p"))))
      assert.isFalse(allows(Result.getOrThrow(keys.authenticate(bearer("s"))), "publish"))
      plan = planOf([])
      assert.isTrue(Result.isFailure(keys.authenticate(bearer("p"))))
      assert.isTrue(Result.isSuccess(keys.authenticate(bearer("s"))))
    })
  })

  it.effect("is good until it expires, and is told from one that is not known", () =>
    withKeys(
      { keys: [keyPlan("over", { expires: Date.now() - 1 }), keyPlan("good", { expires: Date.now() + 3_600_000 })] },
      (keys) => {
        assert.deepStrictEqual(keys.authenticate(bearer("over")), Result.fail("expired"))
        assert.deepStrictEqual(keys.authenticate({ "x-meshes-publishable-key": "over" }), Result.fail("expired"))
        assert.isTrue(Result.isSuccess(keys.authenticate(bearer("good"))))
      },
    ),
  )

  it.effect("that was made while the runtime ran is known at once, noted as used, and gone when it is revoked", () => {
    const issued = makeMemoryKeys()
    const { key, record } = issueKey({ name: "i", scopes: ["read"], publishable: false }, "cli:me")
    return withKeys({ issued }, (keys) => {
      assert.deepStrictEqual(keys.authenticate(bearer(key)), Result.fail("unknown"))
      issued.keys.set(record.id, record)
      const identity = Result.getOrThrow(keys.authenticate(bearer(key)))
      assert.deepStrictEqual([identity.name, identity.id], ["i", record.id])
      issued.keys.set(record.id, { ...record, expires: Date.now() - 1 })
      assert.deepStrictEqual(keys.authenticate(bearer(key)), Result.fail("expired"))
      assert.deepStrictEqual(issued.used, [record.id])
      issued.keys.delete(record.id)
      assert.deepStrictEqual(keys.authenticate(bearer(key)), Result.fail("unknown"))
    })
  })

  it.effect("cannot take the place of one that the config or the environment has", () => {
    const issued = makeMemoryKeys()
    const { record } = issueKey({ name: "i", scopes: ["admin"], publishable: false }, "cli:me")
    issued.keys.set(record.id, { ...record, hash: hashKey("p") })
    return withKeys({ issued, plan: () => planOf([keyPlan("p", { scopes: ["read"] })]) }, (keys) => {
      assert.isFalse(allows(Result.getOrThrow(keys.authenticate(bearer("p"))), "admin"))
    })
  })

  it("that is made here is long, random and never the same", () => {
    const made = new Set(Array.from({ length: 100 }, () => generateKey()))
    assert.strictEqual(made.size, 100)
    for (const key of made) assert.match(key, /^msh_[\w-]{43}$/)
  })
})
