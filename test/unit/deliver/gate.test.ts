/**
 * What a gate does when its timers are not to the point.
 */
import { afterEach, beforeEach, expect, test, vi } from "vitest"
import { connectionDefaults } from "../../../src/config/defaults.ts"
import { Gate } from "../../../src/deliver/gate.ts"

const { failures, waitMs } = connectionDefaults.circuit

beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] }))
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

// Regression: in a busy process a circuit stayed open for ever, and so did all that waited for its destination.
test("an open circuit is tried even when its timer fires early", () => {
  let now = 1000
  vi.spyOn(performance, "now").mockImplementation(() => now)
  const gate = new Gate({
    settings: () => ({ concurrency: 64 }),
    mayRun: () => true,
    onChange: () => {},
    wake: () => {},
  })
  for (let i = 0; i < failures; i++) {
    expect(gate.begin()).toBe(true)
    gate.end({ kind: "server_error", message: "HTTP 503" }, false)
  }
  expect(gate.state).toBe("open")
  now += waitMs - 20
  vi.advanceTimersByTime(waitMs)
  expect(gate.state).toBe("open")
  now += 20
  vi.advanceTimersByTime(20)
  expect(gate.state).toBe("halfOpen")
})

test("a vendor whose allowance is used up is sent nothing until there is more, even after a success", () => {
  let now = 1000
  vi.spyOn(performance, "now").mockImplementation(() => now)
  const wake = vi.fn<() => void>()
  const gate = new Gate({ settings: () => ({ concurrency: 64 }), mayRun: () => true, onChange: () => {}, wake })
  expect(gate.begin()).toBe(true)
  gate.end({ kind: "delivered", message: "HTTP 200", holdMs: 5000 }, false)
  expect(gate.begin()).toBe(false)
  now += 5000
  vi.advanceTimersByTime(5000)
  expect(wake).toHaveBeenCalled()
  expect(gate.begin()).toBe(true)
})

test("calls that an attempt took beyond its first count towards the rate limit", () => {
  let now = 1000
  vi.spyOn(performance, "now").mockImplementation(() => now)
  const settings = () => ({ concurrency: 64, rateLimit: { limit: 4, perMs: 4000 } })
  const gate = new Gate({ settings, mayRun: () => true, onChange: () => {}, wake: () => {} })
  expect(gate.begin()).toBe(true)
  gate.end({ kind: "delivered", message: "HTTP 200" }, false, 4)
  expect(gate.begin()).toBe(false)
  now += 1000
  expect(gate.begin()).toBe(true)
  expect(gate.begin()).toBe(false)
})

test("an outcome that lacks something pauses the connection, with its code first in the reason", () => {
  const changes: Array<{ readonly to: string; readonly reason: string }> = []
  const gate = new Gate({
    settings: () => ({ concurrency: 64, circuit: false }),
    mayRun: () => true,
    onChange: (change) => void changes.push(change),
    wake: () => {},
  })
  const outcome = {
    kind: "auth_failed",
    permanent: false,
    pause: "secret_missing",
    message: 'secret "A" is not set',
  } as const
  for (let i = 0; i < 3; i++) expect(gate.begin()).toBe(true)
  for (let i = 0; i < 3; i++) gate.end(outcome, false)
  expect(changes).toMatchObject([{ to: "paused", reason: 'secret_missing: secret "A" is not set' }])
  expect(gate.begin()).toBe(false)
  gate.apply({ state: "closed", reason: "what was missing is there", at: 0, by: "vault" })
  expect(gate.begin()).toBe(true)
})
