import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import { expect, test } from "vitest"
import type { ConnectionPlan } from "../../../src/config/plan.ts"
import { credentialsLayer } from "../../../src/deliver/credentials.ts"
import { CredentialStore } from "../../../src/deliver/exchange.ts"
import type { Outcome } from "../../../src/model/outcome.ts"
import type { TokenProblem } from "../../../src/secrets/oauth.ts"
import { Tokens } from "../../../src/secrets/tokens.ts"

/** What an attempt comes to that finds this instead of a token. */
const outcomeOf = async (problem: TokenProblem): Promise<Outcome> => {
  const none = () => Effect.succeed(Result.fail(problem))
  const tokens = Layer.succeed(Tokens, { get: none, renew: none, mayWork: () => false })
  const found = await Effect.runPromise(
    Effect.flatMap(CredentialStore, (store) => store.token({} as ConnectionPlan, {})).pipe(
      Effect.provide(credentialsLayer.pipe(Layer.provide(tokens))),
    ),
  )
  return Result.getOrThrow(Result.flip(found))
}

test("what needs a person pauses the connection and costs no delivery", async () => {
  for (const kind of ["unauthorized", "reauthorize"] as const) {
    expect(await outcomeOf({ kind, message: "why" })).toEqual({
      kind: "auth_failed",
      permanent: false,
      pause: "oauth_reauthorization_required",
      message: "why",
    })
  }
})

test("a vendor that gives no token now is tried again, as late as it asks", async () => {
  expect(await outcomeOf({ kind: "later", message: "down" })).toEqual({
    kind: "server_error",
    permanent: false,
    message: "down",
  })
  expect(await outcomeOf({ kind: "later", message: "slow", retryAfterMs: 7000 })).toEqual({
    kind: "rate_limited",
    permanent: false,
    message: "slow",
    retryAfterMs: 7000,
  })
})
