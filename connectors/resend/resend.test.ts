/**
 * What the cases cannot say of Resend: pages, and a key that may only send.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { expect, test } from "vitest"
import { listChoices, testConnection } from "../../src/deliver/check.ts"
import { trialFor } from "../../test/conformance/trial.ts"
import { cases } from "./cases.ts"

const { vendor, trial } = trialFor(cases)

test("choices are read page by page, each after the last id of the one before", async () => {
  vendor.script([
    { status: 200, body: { has_more: true, data: [{ id: "s1", name: "One" }] } },
    { status: 200, body: { has_more: false, data: [{ id: "s2", name: "Two" }] } },
  ])
  const found = Result.getOrThrow(await Effect.runPromise(listChoices(trial, "segments")))
  expect(found.map(({ id }) => id)).toEqual(["s1", "s2"])
  expect(vendor.arrived.map(({ path }) => path)).toEqual(["/segments?limit=100", "/segments?limit=100&after=s1"])
})

test("a key that may only send is a good one", async () => {
  vendor.script([{ status: 401, body: { statusCode: 401, name: "restricted_api_key", message: "only send emails" } }])
  const tested = await Effect.runPromise(testConnection(trial))
  expect(tested).toMatchObject({ outcome: { kind: "delivered" }, says: expect.stringMatching(/may only send/) })
})

test("every attempt of a delivery has the same key", async () => {
  const input = { to: "ada@example.com", subject: "Hi", text: "Hi" }
  vendor.script([{ status: 500 }, { status: 200, body: { id: "1" } }])
  await trial.attempt("email.send", [input])
  await trial.attempt("email.send", [input])
  expect(vendor.arrived.map(({ headers }) => headers["idempotency-key"])).toEqual(["dlv_1", "dlv_1"])
})
