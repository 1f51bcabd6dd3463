/**
 * Quotas of several replicas over one record: exactly the limit is taken, whatever the order of what they do.
 */
import * as Effect from "effect/Effect"
import { expect, test } from "vitest"
import { Departures, Quota, type Taken } from "../../../src/accounts/quota.ts"
import type { UsageLog, UsageRecord } from "../../../src/log/usage-log.ts"
import { endOfMonth, monthOf, percentOf, startOfMonth, type UsageScope } from "../../../src/model/usage.ts"
import { makeRandom, seedOf } from "../../support/random.ts"

const scope: UsageScope = { kind: "account", name: "acme", workspaces: ["acme"], limit: 200, hard: true }

const makeReplicas = (random: () => number, members: ReadonlyArray<string>) => {
  let stored = 0
  let seq = 0
  let record: UsageRecord = { grants: {} }
  const turn = Effect.promise(() => new Promise<void>((next) => setTimeout(next, random() * 3)))
  const quotas: Array<Quota> = []
  const log: UsageLog["Service"] = {
    read: () => Effect.map(turn, () => ({ seq, record })),
    write: (_scope, _month, next, after) =>
      Effect.map(turn, () => {
        if (after !== seq) return false
        seq++
        record = next
        const granted = Object.values(next.grants).reduce((sum, count) => sum + count, 0)
        expect(granted).toBeLessThanOrEqual(scope.limit)
        setImmediate(() => quotas.forEach((quota) => quota.changed(next)))
        return true
      }),
    tally: () => Effect.map(turn, () => ({ used: stored, base: undefined })),
    listen: () => () => undefined,
    warn: () => Effect.void,
    last: Effect.succeed(0),
  }
  const gone = new Departures()
  for (const member of members)
    quotas.push(new Quota(log, { member, term: () => 1, members: () => members }, gone, scope, "2026-11"))
  return { quotas, store: () => void stored++, stored: () => stored }
}

test(
  "replicas take exactly the limit together, and what was not stored is taken again",
  { timeout: 30_000 },
  async () => {
    const random = makeRandom(seedOf("quota"))
    const { quotas, store, stored } = makeReplicas(random, ["a", "b", "c"])
    const publish = async (quota: Quota): Promise<Taken["short"]> => {
      const wants = 1 + Math.floor(random() * 5)
      const { count, short } = await new Promise<Taken>((answer) => quota.take(wants, answer))
      await new Promise<void>((next) => setTimeout(next, random() * 3))
      for (let i = 0; i < count; i++) {
        // Some are repeats.
        if (random() < 0.2) quota.settle(1, "not stored")
        else {
          store()
          expect(stored()).toBeLessThanOrEqual(scope.limit)
          quota.settle(1, "stored")
        }
      }
      return short
    }
    await Promise.all(
      quotas.map(async (quota) => {
        while ((await publish(quota)) !== "used up");
      }),
    )
    expect(stored()).toBe(scope.limit)
  },
)

test("a month is UTC's, and its end the beginning of the next", () => {
  expect(monthOf(Date.parse("2026-12-31T23:59:59.999Z"))).toBe("2026-12")
  expect(new Date(endOfMonth("2026-12")).toISOString()).toBe("2027-01-01T00:00:00.000Z")
  expect(startOfMonth("2027-01")).toBe(endOfMonth("2026-12"))
  expect([percentOf(799, 1000), percentOf(800, 1000), percentOf(999, 1000), percentOf(0, 0)]).toEqual([79, 80, 99, 100])
})
