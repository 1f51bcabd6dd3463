/** Who may frame the page that a launch opens, and what is asked of the log to know it. */
import { assert, it } from "@effect/vitest"
import { Effect, Layer, Result } from "effect"
import { Keys } from "../../../src/accounts/keys.ts"
import { makeToken, readToken } from "../../../src/accounts/session-token.ts"
import { Sessions } from "../../../src/accounts/sessions.ts"
import { CurrentPlan } from "../../../src/config/current-plan.ts"
import { limits } from "../../../src/config/defaults.ts"
import { makeSessionId } from "../../../src/model/ids.ts"
import { makeMemoryKeys } from "../ingest/memory-keys.ts"
import { planOf } from "../ingest/served.ts"

const origins = ["https://app.example.com"]
const terms = { workspace: "acme", role: "member", origins } as const

const withSessions = (check: (sessions: Sessions["Service"], keys: Keys["Service"]) => Effect.Effect<void, unknown>) =>
  Effect.gen(function* () {
    yield* check(yield* Sessions, yield* Keys)
  }).pipe(
    Effect.provide(
      Sessions.layer.pipe(
        Layer.provideMerge(Keys.layer({ adminKey: "root", keys: [] })),
        Layer.provide(Layer.succeed(CurrentPlan, { get: () => planOf(["acme"]) })),
        Layer.provide(makeMemoryKeys().layer),
      ),
    ),
  )

it.effect("a launch says whose pages may frame it, before and after it is used; any other text says nobody's", () =>
  withSessions((sessions, keys) =>
    Effect.gen(function* () {
      const admin = Result.getOrThrow(keys.holderOf("root"))
      const minted = yield* sessions.mint(admin, terms, { by: "key:admin" })
      const { launch } = Result.getOrThrow(minted)
      assert.deepStrictEqual(yield* sessions.launchOrigins(launch), origins)
      const launched = yield* sessions.launch(launch, {})
      assert.isDefined(launched)
      assert.deepStrictEqual(yield* sessions.launchOrigins(launch), origins)
      const other = `${launch.slice(0, -1)}${launch.endsWith("A") ? "B" : "A"}`
      for (const text of [other, "", launched!.token, launch.replace("msl_", "mss_")])
        assert.deepStrictEqual(yield* sessions.launchOrigins(text), [], text)
    }),
  ),
)

it("nothing is asked about tokens that are none, or of sessions that must be over, or are of a time to come", () => {
  const read = (age: number) => readToken("session", makeToken("session", makeSessionId(Date.now() - age)).text)
  assert.isDefined(read(0))
  assert.isDefined(read(limits.sessionMs - 60_000))
  assert.isUndefined(read(limits.sessionMs + 60_000))
  assert.isUndefined(read(-limits.sessionMs))
  for (const text of ["", "mss_", `mss_${"0".repeat(68)}`, `mss_${"u".repeat(69)}`, "msh_".padEnd(73, "0")])
    assert.isUndefined(readToken("session", text), text)
})
