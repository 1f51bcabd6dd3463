/**
 * What the cases cannot say of Customer.io: its hosts, and by what it knows a repeat.
 */
import { expect, test } from "vitest"
import { secret } from "../../src/index.ts"
import { completeRequest } from "../../src/model/complete.ts"
import { trialFor } from "../../test/conformance/trial.ts"
import { cases } from "./cases.ts"
import { customerio } from "./index.ts"

const { vendor, trial } = trialFor(cases)

test("each region has its host", () => {
  const { connector } = customerio({ siteId: "s", apiKey: secret("A") })
  const hostOf = (region?: string) =>
    new URL(
      completeRequest({ method: "GET", path: "/" }, { connector, settings: { siteId: "s", apiKey: "k", region } }).url,
    ).host
  expect([hostOf(), hostOf("us"), hostOf("eu")]).toEqual([
    "track.customer.io",
    "track.customer.io",
    "track-eu.customer.io",
  ])
})

test("an event has the same id on every attempt, and another than any other delivery's", async () => {
  const event = { id: "usr_1", name: "purchase" }
  const idsOf = async () => {
    vendor.script([{ status: 200, body: {} }])
    await trial.attempt("event.track", [event, event])
    return JSON.parse(vendor.arrived[0]!.body).batch.map(({ id }: { readonly id: string }) => id) as Array<string>
  }
  const first = await idsOf()
  expect(await idsOf()).toEqual(first)
  expect(new Set(first).size).toBe(2)
  for (const id of first) expect(id).toMatch(/^[0-7][0-9A-HJKMNP-TV-Z]{25}$/)
})

test("two changes of one person go in two calls, in their order", async () => {
  vendor.script([{ status: 200, body: {} }])
  const { calls } = await trial.attempt("contact.upsert", [
    { email: "ada@example.com", attributes: { plan: "free" } },
    { email: "Ada@example.com", attributes: { plan: "pro" } },
  ])
  expect(calls).toBe(2)
  expect(vendor.arrived.map(({ body }) => JSON.parse(body).batch[0].attributes.plan)).toEqual(["free", "pro"])
})

test("the largest inputs that fit make no call that is too large", async () => {
  vendor.script([{ status: 200, body: {} }])
  const large = { email: "a".repeat(150), name: "n".repeat(100), data: { x: "y".repeat(31_500) } }
  const small = { id: "u", name: "n" }
  await trial.attempt("event.track", [
    ...Array.from({ length: 20 }, () => large),
    ...Array.from({ length: 980 }, () => small),
  ])
  for (const { body } of vendor.arrived) expect(body.length).toBeLessThan(500_000)
  expect(vendor.arrived.length).toBe(2)
})
