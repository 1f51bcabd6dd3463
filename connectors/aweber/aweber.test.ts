/**
 * What the cases cannot say of AWeber: lists of an account that the connection does not name, and what is missing.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { afterAll, beforeAll, expect, test } from "vitest"
import { listChoices } from "../../src/deliver/check.ts"
import { makeTrial, startVendor, type Trial, type Vendor } from "../../test/conformance/trial.ts"
import { cases } from "./cases.ts"
import { aweber } from "./index.ts"

let vendor: Vendor
let trial: Trial

beforeAll(async () => {
  vendor = await startVendor()
  const connection = aweber({ auth: "oauth", baseUrl: vendor.url })
  trial = await makeTrial(connection, cases.secrets as { readonly [name: string]: string }, cases.token)
})
afterAll(async () => {
  await trial.close()
  await vendor.close()
})

test("lists can be chosen before the account's number is known, page by page", async () => {
  const link = "https://api.aweber.com/1.0/accounts/123/lists?ws.size=100&ws.start=100"
  vendor.script([
    {
      status: 200,
      body: { entries: [{ id: 123, lists_collection_link: "https://api.aweber.com/1.0/accounts/123/lists" }] },
    },
    { status: 200, body: { entries: [{ id: 456, name: "News" }], next_collection_link: link } },
    { status: 200, body: { entries: [{ id: 457, name: "Offers" }] } },
  ])
  expect(Result.getOrThrow(await Effect.runPromise(listChoices(trial, "lists")))).toEqual([
    { id: "456", name: "News" },
    { id: "457", name: "Offers" },
  ])
  expect(vendor.arrived.map(({ path }) => path)).toEqual([
    "/accounts?ws.start=0&ws.size=100",
    "/accounts/123/lists?ws.start=0&ws.size=100",
    "/accounts/123/lists?ws.start=100&ws.size=100",
  ])
})

test("without a list nothing is sent, and a token for no account is told", async () => {
  vendor.script([{ status: 200, body: { entries: [] } }])
  const without = await trial.attempt("list.remove", [{ email: "ada@example.com" }])
  expect(without.outcomes[0]).toMatchObject({ kind: "mapping_error", message: expect.stringMatching(/no list/) })
  expect(vendor.arrived).toEqual([])
  const nowhere = await trial.attempt("list.remove", [{ email: "ada@example.com", list: "456" }])
  expect(nowhere.outcomes[0]).toMatchObject({ kind: "mapping_error", message: expect.stringMatching(/no account/) })
})

test("a blocked request is no end of the connection", async () => {
  vendor.script([{ status: 410, body: { error: { type: "BlockedError", message: "Blocked Error" } } }])
  const { outcomes } = await trial.attempt("list.remove", [{ email: "ada@example.com", list: "456" }])
  expect(outcomes[0]).toMatchObject({ kind: "rejected", permanent: true, gone: false })
})
