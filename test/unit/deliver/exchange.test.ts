/**
 * A call with a token that the vendor refuses is made once more with another, and only once.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { expect, test } from "vitest"
import type { ConnectionPlan } from "../../../src/config/plan.ts"
import { makeExchange, type Credentials } from "../../../src/deliver/exchange.ts"
import { httpOutcome, type Outcome, type Token } from "../../../src/index.ts"

const tokenOf = (accessToken: string): Token => ({ accessToken, kept: {} })
const lost: Outcome = { kind: "auth_failed", permanent: false, pause: "oauth_reauthorization_required", message: "" }

const connection = {
  connection: { connector: { auth: [{ kind: "oauth2" }] } },
  settings: {},
  timeoutMs: 1000,
} as unknown as ConnectionPlan

/** @param good the only token that the vendor takes */
const call = async (good: string, credentials: Partial<Credentials> = {}, status = 401) => {
  const sent: Array<string> = []
  const exchange = makeExchange(
    {
      send: ({ headers }) =>
        Effect.sync(() => {
          sent.push(headers["authorization"]!)
          const known = headers["authorization"] === good
          return { _tag: "Answer" as const, response: { status: known ? 200 : status, headers: {}, body: "" } }
        }),
    },
    {
      token: () => Effect.succeed(Result.succeed(tokenOf("old"))),
      renew: (_, __, { accessToken }) => Effect.succeed(Result.succeed(tokenOf(`after ${accessToken}`))),
      ...credentials,
    },
  )
  const { outcome } = await Effect.runPromise(
    exchange({
      connection,
      settings: { auth: {} },
      request: (token) => ({ method: "GET", url: "https://x", headers: { authorization: token!.accessToken } }),
      judge: httpOutcome,
    }),
  )
  return { sent, outcome }
}

test("a refused token is renewed, and the call made again with the new one", async () => {
  const { sent, outcome } = await call("after old")
  expect([sent, outcome.kind]).toEqual([["old", "after old"], "delivered"])
})

test("a new token that is refused as well is not renewed again", async () => {
  const { sent, outcome } = await call("none of them")
  expect([sent, outcome.kind]).toEqual([["old", "after old"], "auth_failed"])
})

test("a right that is missing (403) is no reason for another token", async () => {
  const { sent, outcome } = await call("none of them", {}, 403)
  expect([sent, outcome.kind]).toEqual([["old"], "auth_failed"])
})

test("where no token can be had nothing is sent, and the outcome says why", async () => {
  const { sent, outcome } = await call("old", { token: () => Effect.succeed(Result.fail(lost)) })
  expect([sent, outcome]).toEqual([[], lost])
  const renewed = await call("none of them", { renew: () => Effect.succeed(Result.fail(lost)) })
  expect([renewed.sent, renewed.outcome]).toEqual([["old"], lost])
})
