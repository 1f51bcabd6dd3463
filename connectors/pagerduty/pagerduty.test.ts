/**
 * What the cases cannot say of PagerDuty: regions, and a key that cannot be one.
 */
import { expect, test } from "vitest"
import { secret } from "../../src/index.ts"
import { requestOf } from "../../test/support/action.ts"
import { pagerduty } from "./index.ts"

const oncall = pagerduty({ routingKey: secret("A") })

test("a region has a host of its own", () => {
  const input = { summary: "x", severity: "info" }
  expect(requestOf(oncall, { routingKey: "k" }, { input }).url).toBe("https://events.pagerduty.com/v2/enqueue")
  expect(requestOf(oncall, { routingKey: "k", region: "eu" }, { input }).url).toBe(
    "https://events.eu.pagerduty.com/v2/enqueue",
  )
})

test("a secret that cannot be an integration key is told before anything is sent, without repeating it", () => {
  const { checkResolved } = oncall.connector
  expect(checkResolved!({ routingKey: "0123456789abcdefNotARealOne01234" })).toEqual([])
  const [problem] = checkResolved!({ routingKey: "a-token-of-the-rest-api" })
  expect(problem).toMatchObject({ path: ["routingKey"], message: expect.stringMatching(/32 letters and digits/) })
  expect(problem!.message).not.toContain("a-token")
})
