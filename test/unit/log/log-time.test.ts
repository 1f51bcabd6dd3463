import type { NatsConnection } from "@nats-io/nats-core"
import { afterEach, beforeEach, expect, test, vi } from "vitest"
import { limits } from "../../../src/config/defaults.ts"
import { followLogTime, logTime } from "../../../src/log/log-time.ts"

const served = Date.parse("2026-01-31T09:30:00Z")
const minute = 60_000

beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] }))
afterEach(() => void vi.useRealTimers())

/** A server that tells its time from its so manieth answer on. */
const serverFrom = (first: number): NatsConnection => {
  let answers = 0
  return {
    request: async () => ({ json: () => (++answers < first ? {} : { ts: new Date(served).toISOString() }) }),
  } as unknown as NatsConnection
}

// Regression: a replica began when there were no streams yet, its clock jumped by an hour, and retries were put off by that hour.
test("the server's time is known as soon as there is a stream to ask about, and our own clock then moves nothing", async () => {
  const stop = followLogTime(serverFrom(3))
  await vi.advanceTimersByTimeAsync(limits.logTimeEveryMs / 10)
  vi.setSystemTime(served + 60 * minute)
  expect(Math.abs(logTime() - served)).toBeLessThan(minute)
  stop()
  expect(logTime()).toBe(Date.now())
})
