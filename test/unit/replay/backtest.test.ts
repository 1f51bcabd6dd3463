/**
 * A backtest that is cut off tells the truth of what it looked at: events whose decisions it did not read are not compared.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { expect, test } from "vitest"
import { console as printer } from "../../../connectors/index.ts"
import { checkConfig } from "../../../src/config/check.ts"
import type { Plan } from "../../../src/config/plan.ts"
import { Past } from "../../../src/log/past.ts"
import { encodeEvent } from "../../../src/model/event.ts"
import type { EventRouted, EventUnmatched } from "../../../src/model/record.ts"
import { backtest, type BacktestOptions } from "../../../src/replay/backtest.ts"
import { compiler } from "../../../src/transform/compiler.ts"

const rule = (expression: string) => ({
  on: "order.paid",
  when: { expression },
  actions: [{ connection: "log", map: { text: "'paid'" } }],
})

const planOf = (rules: object): Plan =>
  Result.getOrThrow(checkConfig({ workspaces: { acme: { connections: { log: printer({}) }, rules } } }, compiler))

const inForce = planOf({ even: rule("payload.n % 2 = 0") })
const events = 300
const begun = Date.parse("2026-01-31T09:30:00Z")
const timeOf = (seq: number) => begun + seq * 1000
const upTo = Array.from({ length: events }, (_, i) => i + 1)

const stored = upTo.map((seq) => ({
  seq,
  time: timeOf(seq),
  subject: "evt.3.acme.order.paid",
  header: (name: string) => (name === "Meshes-Envelope" ? "1" : undefined),
  data: encodeEvent({
    ...{ id: `e${seq}`, type: "order.paid", workspace: "acme" },
    time: new Date(timeOf(seq)).toISOString(),
    payload: { n: seq },
  }),
}))

const decided = (seq: number, rule: string | undefined, replay?: string): EventRouted | EventUnmatched => {
  const facts = { at: timeOf(seq), event: `e${seq}`, seq, type: "order.paid", workspace: "acme" }
  const { revision } = inForce
  if (rule === undefined) return { kind: "event.unmatched", ...facts, revision }
  const deliveries = [{ id: `dlv_${seq}`, rule, action: 0, connection: "log" }]
  return { kind: "event.routed", ...facts, revision, deliveries, ...(replay === undefined ? {} : { replay }) }
}

/** What the router wrote, a message for each event; and a replay by a later rule, which wanted those that three divides. */
const history = [
  ...upTo.map((seq) => ["history.route.3", [decided(seq, seq % 2 === 0 ? "even" : undefined)]] as const),
  ["history.replay", upTo.filter((seq) => seq % 3 === 0).map((seq) => decided(seq, "third", "rpl_1"))] as const,
].map(([subject, records], i) => ({
  ...{ seq: i + 1, subject, time: timeOf(i), header: () => undefined },
  data: Buffer.from(JSON.stringify(records)),
}))

const past = Past.of({
  next: (stream, subject, from, count) => {
    const pattern = new RegExp(`^${subject.replaceAll(".", "\\.").replace("*", "[^.]+").replace(">", ".+")}$`)
    const all = stream === "EVENTS" ? stored : history
    return Effect.succeed(all.filter((one) => one.seq >= from && pattern.test(one.subject)).slice(0, count))
  },
  since: () => Effect.succeed(1),
  extent: () => Effect.succeed({ first: 1, last: history.length, since: 0 }),
  range: () => Effect.succeed({ first: 1, last: Array.from({ length: 8 }, () => events) }),
  routed: Effect.succeed([]),
})

const both = planOf({ even: rule("payload.n % 2 = 0"), third: rule("payload.n % 3 = 0") })
const seen: Array<readonly [number, number]> = []

const run = (options: Partial<BacktestOptions>) =>
  Effect.runPromise(
    backtest(
      { workspace: "acme" },
      { plan: both, against: undefined, env: {}, examples: 1, progress: (...told) => void seen.push(told), ...options },
    ).pipe(Effect.provideService(Past, past)),
  )

test("all that was decided is compared, by the router and by replays", async () => {
  const result = await run({})
  expect(result).toMatchObject({ events, unknown: 0, same: 150 + 100, complete: true })
  expect([result.added.deliveries, result.removed.deliveries]).toEqual([0, 0])
  expect(result).not.toHaveProperty("until")
  expect(seen.at(-1)).toEqual([events, events])
})

test("one that is cut off by events compares the first of them, and says up to when", async () => {
  const result = await run({ bounds: { events: 100, ms: 60_000, examples: 10 } })
  expect(result).toMatchObject({ unknown: 0, complete: false, until: timeOf(result.events) })
  expect(result.events).toBeGreaterThanOrEqual(100)
  expect(result.events).toBeLessThan(events)
  expect([result.added.deliveries, result.removed.deliveries]).toEqual([0, 0])
})

test("one that is out of time compares nothing more", async () => {
  const result = await run({ bounds: { events, ms: -1, examples: 10 } })
  expect(result).toMatchObject({ events: 0, same: 0, complete: false })
})

test("of a great many actions that differ only some have examples", async () => {
  const rules = Object.fromEntries(upTo.slice(0, 50).map((n) => [`r${n}`, rule("true")]))
  const result = await run({ plan: planOf(rules), bounds: { events, ms: 60_000, examples: 20 }, examples: 3 })
  const examples = result.added.actions.flatMap((action) => action.examples)
  expect([result.added.deliveries, result.added.actions.length, examples.length]).toEqual([events * 50, 50, 20])
})
