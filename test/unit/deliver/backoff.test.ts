/** When a failed delivery is tried next: the default schedule and its bounds, and what a destination may ask for. */
import { assert, describe, it } from "vitest"
import { connectionDefaults, limits } from "../../../src/config/defaults.ts"
import { delayAfter } from "../../../src/deliver/backoff.ts"
import type { Outcome } from "../../../src/model/outcome.ts"
import { makeRandom, seedOf } from "../../support/random.ts"

const second = 1000
const hour = 3600 * second
const { retry } = connectionDefaults
const failed: Outcome = { kind: "server_error", message: "HTTP 500", status: 500 }
const asking = (retryAfterMs: number): Outcome => ({ ...failed, kind: "rate_limited", retryAfterMs })
const waits = Array.from({ length: retry.attempts - 1 }, (_, i) => i + 1)

describe("the wait after a failed attempt", () => {
  it("is by default 20 s, 100 s, 500 s, 2500 s, 12500 s, 12 h and 12 h: eight attempts in a little over 28 hours", () => {
    const plain = waits.map((attempt) => delayAfter(retry, attempt, failed, 0.5))
    assert.deepStrictEqual(
      plain,
      [20, 100, 500, 2500, 12_500, 43_200, 43_200].map((one) => one * second),
    )
    const all = plain.reduce((sum, one) => sum + one, 0)
    assert.isAbove(all, 28 * hour)
    assert.isBelow(all, 29 * hour)
  })

  it("is spread by a tenth to both sides, and by no more", () => {
    const random = makeRandom(seedOf("backoff"))
    for (const attempt of waits) {
      const middle = delayAfter(retry, attempt, failed, 0.5)
      assert.strictEqual(delayAfter(retry, attempt, failed, 0), (middle * 9) / 10)
      assert.strictEqual(delayAfter(retry, attempt, failed, 1), (middle * 11) / 10)
      const drawn = Array.from({ length: 200 }, () => delayAfter(retry, attempt, failed, random()))
      assert.isAtLeast(Math.min(...drawn), (middle * 9) / 10)
      assert.isAtMost(Math.max(...drawn), (middle * 11) / 10)
      assert.isAbove(new Set(drawn).size, 100)
    }
  })

  it("is the same every time without jitter, and anything from nothing to twice with all of it", () => {
    const exact = { ...retry, jitter: 0 }
    for (const random of [0, 0.3, 1]) assert.strictEqual(delayAfter(exact, 2, failed, random), 100 * second)
    const wild = { ...retry, jitter: 1 }
    assert.strictEqual(delayAfter(wild, 2, failed, 0), 0)
    assert.strictEqual(delayAfter(wild, 2, failed, 1), 200 * second)
  })

  it("is a whole number of milliseconds, finite for any attempt, and stays at its longest", () => {
    for (const factor of [1, 1.7, 5, 100]) {
      for (let attempt = 1; attempt <= limits.retryAttemptsMax; attempt++) {
        const wait = delayAfter({ ...retry, factor, initialMs: 333 }, attempt, failed, 1 / 3)
        assert.isTrue(Number.isSafeInteger(wait), `${factor}, ${attempt}: ${wait}`)
        assert.isAtLeast(wait, 0)
        assert.isAtMost(wait, retry.maxMs)
      }
    }
    assert.strictEqual(delayAfter({ ...retry, initialMs: 0, factor: 100 }, 100, failed, 0.5), 0)
  })

  it("is as long as the destination asked for, when that is longer", () => {
    for (const random of [0, 0.5, 1]) {
      assert.strictEqual(delayAfter(retry, 1, asking(90 * second), random), 90 * second)
    }
  })

  it("is not shortened by a destination that asks for less", () => {
    assert.strictEqual(delayAfter(retry, 3, asking(1 * second), 0.5), 500 * second)
    assert.strictEqual(delayAfter(retry, 3, asking(0), 0.5), 500 * second)
  })

  it("is no longer than a day, whatever the destination asks for", () => {
    for (const asked of [limits.retryAfterMaxMs + 1, 365 * 24 * hour, Number.MAX_VALUE, Number.POSITIVE_INFINITY]) {
      assert.strictEqual(delayAfter(retry, 1, asking(asked), 0.5), 24 * hour)
    }
  })
})
