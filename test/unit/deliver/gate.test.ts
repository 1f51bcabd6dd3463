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
