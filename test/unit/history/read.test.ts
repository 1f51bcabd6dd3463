/**
 * Deliveries as their records tell them, in whatever order the records were stored.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { expect, test } from "vitest"
import { findDelivery, listDeliveries } from "../../../src/history/read.ts"
import { LogReader } from "../../../src/log/reader.ts"

const id = "dlv_01m86xa0jx7wt0qt3m54r9k5q1"
const facts = { event: "evt_1", type: "lead.created", workspace: "acme" }
const routed = {
  kind: "event.routed",
  at: 100,
  seq: 1,
  ...facts,
  revision: "r",
  deliveries: [{ id, rule: "r1", action: 0, connection: "erp" }],
}
const attempted = (attempt: number, at: number, state: string) => ({
  kind: "delivery.attempted",
  at,
  delivery: id,
  ...facts,
  rule: "r1",
  action: 0,
  connection: "erp",
  attempt,
  outcome: state === "delivered" ? "delivered" : "server_error",
  duration_ms: 1,
  state,
  ...(state === "retrying" ? { next: at + 50 } : {}),
  revision: "r",
})
const revived = (at: number) => ({
  kind: "delivery.revived",
  at,
  delivery: id,
  event: "evt_1",
  workspace: "acme",
  connection: "erp",
  by: "cli",
})

const withRecords = <A, E>(records: ReadonlyArray<unknown>, effect: Effect.Effect<A, E, LogReader>): Promise<A> =>
  Effect.runPromise(
    effect.pipe(
      Effect.provideService(LogReader, {
        scan: () =>
          Stream.fromIterable(
            records.map((record, i) => ({
              seq: i + 1,
              subject: "history.x",
              time: 0,
              data: Buffer.from(JSON.stringify([record])),
            })),
          ),
        last: () => Effect.succeed(undefined),
        extent: () => Effect.succeed({ first: 1, last: records.length, count: records.length }),
        revive: () => Effect.succeed(false),
      }),
    ),
  )

const stateAfter = async (...records: ReadonlyArray<unknown>): Promise<string | undefined> =>
  (await withRecords(records, findDelivery(id)))?.state

test("the state is that of the last attempt, by time and not by place in the log", async () => {
  expect(await stateAfter(routed)).toBe("pending")
  expect(await stateAfter(attempted(1, 200, "retrying"), routed)).toBe("retrying")
  expect(await stateAfter(attempted(2, 300, "dead"), attempted(1, 200, "retrying"), routed)).toBe("dead")
})

test("a dead delivery that was sent again is pending until its next attempt", async () => {
  const before = [routed, attempted(1, 200, "dead"), revived(300)]
  expect(await stateAfter(...before)).toBe("pending")
  expect(await stateAfter(...before, attempted(1, 400, "dead"))).toBe("dead")
})

// Regression: the record of the revival was timed after the attempt that followed it, and the delivery was shown as pending for ever.
test("a delivery that was delivered stays so, whenever the record of its being sent again was made", async () => {
  expect(await stateAfter(routed, attempted(1, 200, "dead"), attempted(1, 400, "delivered"), revived(401))).toBe(
    "delivered",
  )
})

test("a delivery that was cancelled stays so, whatever is recorded of it late; one that was delivered was not cancelled", async () => {
  const cancelled = (at: number) => ({ ...revived(at), kind: "delivery.cancelled" })
  expect(await stateAfter(routed, cancelled(300))).toBe("cancelled")
  expect(await stateAfter(routed, cancelled(300), attempted(1, 310, "retrying"))).toBe("cancelled")
  expect(await stateAfter(routed, attempted(1, 310, "delivered"), cancelled(300))).toBe("delivered")
  expect(await stateAfter(routed, cancelled(300), revived(400))).toBe("pending")
})

test("a record that was written twice counts once", async () => {
  const { deliveries } = await withRecords(
    [routed, routed, attempted(1, 200, "delivered"), attempted(1, 200, "delivered")],
    listDeliveries({ since: 0 }),
  )
  expect(deliveries).toHaveLength(1)
  expect(deliveries[0]!.attempts).toHaveLength(1)
})

test("what is in the history and is none of ours harms nobody", async () => {
  const { deliveries } = await withRecords([null, 5, { kind: "from.the.future" }, routed], listDeliveries({ since: 0 }))
  expect(deliveries).toHaveLength(1)
})

test("deliveries are found by workspace, connection, event and state", async () => {
  const find = async (filter: object) =>
    (await withRecords([routed, attempted(1, 200, "dead")], listDeliveries({ since: 0, ...filter }))).deliveries.length
  expect(await find({ workspace: "acme", connection: "erp", event: "evt_1", state: "dead" })).toBe(1)
  for (const other of [{ workspace: "x" }, { connection: "x" }, { event: "x" }, { state: "delivered" }])
    expect(await find(other)).toBe(0)
})
