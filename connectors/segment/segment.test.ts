/**
 * What the cases cannot say of Segment: regions, and that no request is larger than Segment takes.
 */
import { expect, test } from "vitest"
import { secret } from "../../src/index.ts"
import { makeTrial, startVendor } from "../../test/conformance/trial.ts"
import { requestOf } from "../../test/support/action.ts"
import { cases } from "./cases.ts"
import { segment } from "./index.ts"

test("a region has a host of its own", () => {
  const cdp = segment({ writeKey: secret("A") })
  const input = { userId: "u", event: "x" }
  expect(requestOf(cdp, { writeKey: "k" }, { input }).url).toBe("https://api.segment.io/v1/batch")
  expect(requestOf(cdp, { writeKey: "k", region: "eu" }, { input }).url).toBe(
    "https://events.eu1.segmentapis.com/v1/batch",
  )
})

test("many calls, small or large, make requests and calls that Segment takes", async () => {
  const vendor = await startVendor()
  const trial = await makeTrial(cases.connection(vendor.url), cases.secrets as { readonly [name: string]: string })
  const small = Array.from({ length: 1000 }, (_, i) => ({ userId: `u${i}` }))
  const large = Array.from({ length: 40 }, (_, i) => ({ userId: `u${i}`, traits: { text: "é".repeat(15_700) } }))
  for (const inputs of [small, large]) {
    vendor.script([{ status: 200, body: { success: true } }])
    const { outcomes } = await trial.attempt("contact.upsert", inputs)
    expect(new Set(outcomes.map(({ kind }) => kind))).toEqual(new Set(["delivered"]))
    for (const { body } of vendor.arrived) {
      expect(Buffer.byteLength(body)).toBeLessThanOrEqual(500_000)
      const { batch } = JSON.parse(body) as { readonly batch: ReadonlyArray<unknown> }
      for (const call of batch) expect(Buffer.byteLength(JSON.stringify(call))).toBeLessThanOrEqual(32_000)
    }
  }
  await trial.close()
  await vendor.close()
})
