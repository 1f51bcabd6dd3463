/**
 * What the cases cannot say of SendGrid: regions, pages, and how long a contact is waited for.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { expect, test } from "vitest"
import { listChoices } from "../../src/deliver/check.ts"
import { secret, type Call, type StepsAction } from "../../src/index.ts"
import { trialFor } from "../../test/conformance/trial.ts"
import { contextOf, requestOf } from "../../test/support/action.ts"
import { cases } from "./cases.ts"
import { sendgrid } from "./index.ts"

const { vendor, trial } = trialFor(cases)

test("a region has a host of its own", () => {
  const mail = sendgrid({ apiKey: secret("A") })
  const input = { to: "a@b.co", from: "c@d.co", subject: "x", text: "x" }
  expect(requestOf(mail, { apiKey: "k" }, { input }).url).toBe("https://api.sendgrid.com/v3/mail/send")
  expect(requestOf(mail, { apiKey: "k", region: "eu" }, { input }).url).toBe("https://api.eu.sendgrid.com/v3/mail/send")
})

test("choices are read page by page, at the connection's own address", async () => {
  const next = "https://api.sendgrid.com/v3/marketing/lists?page_size=1000&page_token=t2"
  vendor.script([
    { status: 200, body: { result: [{ id: "l1", name: "One" }], _metadata: { next } } },
    { status: 200, body: { result: [{ id: "l2", name: "Two" }], _metadata: {} } },
  ])
  const found = Result.getOrThrow(await Effect.runPromise(listChoices(trial, "lists")))
  expect(found.map(({ id }) => id)).toEqual(["l1", "l2"])
  expect(vendor.arrived.map(({ path }) => path)).toEqual([
    "/v3/marketing/lists?page_size=1000",
    "/v3/marketing/lists?page_size=1000&page_token=t2",
  ])
})

test("contacts go together only for the same lists, and never twice the same one", async () => {
  vendor.script([{ status: 202, body: { job_id: "j" } }])
  const { calls } = await trial.attempt("contact.upsert", [
    { email: "a@b.co", lists: ["l2", "l1"] },
    { email: "b@b.co", lists: ["l1", "l2"] },
    { email: "A@b.co", first_name: "Ada", lists: ["l1", "l2"] },
    { email: "c@b.co" },
  ])
  expect(calls).toBe(3)
  expect(
    vendor.arrived.map(({ body }) => (JSON.parse(body).contacts as ReadonlyArray<any>).map(({ email }) => email)),
  ).toEqual([["a@b.co", "b@b.co"], ["A@b.co"], ["c@b.co"]])
})

test("a contact that is not there is waited for, and not for ever", async () => {
  const { steps } = sendgrid({ apiKey: secret("A") }).connector.actions["list.remove"] as StepsAction<any, any>
  const call: Call = async () => ({ status: 404, headers: {}, body: "", json: {} })
  const permanentAt = async (attempt: number) =>
    (await steps({ email: "a@b.co", list: "l1" }, contextOf({}, { attempt }), call))?.permanent
  expect(await Promise.all([1, 2, 3, 4, 5].map(permanentAt))).toEqual([false, false, false, true, true])
})
