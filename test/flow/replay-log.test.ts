/**
 * Replays in the log: whoever was asleep, replaced or stopped makes nothing more of one, and what is not routed yet is left to its router.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import { afterAll, beforeAll, expect, test } from "vitest"
import { CurrentPlan } from "../../src/config/current-plan.ts"
import { limits } from "../../src/config/defaults.ts"
import { Nats } from "../../src/log/connection.ts"
import { ensureTopology } from "../../src/log/ensure.ts"
import { Past } from "../../src/log/past.ts"
import { Replays } from "../../src/log/replays.ts"
import type { OpenTask } from "../../src/log/tasks.ts"
import { readyMessage } from "../../src/log/work.ts"
import type { Delivery } from "../../src/model/delivery.ts"
import type { EventRouted } from "../../src/model/record.ts"
import { noProgress, type ReplayProgress, type ReplayRequest } from "../../src/model/replay.ts"
import { runReplay } from "../../src/replay/run.ts"
import { historyWith } from "../support/history.ts"
import { startNats, type TestNats } from "../support/nats.ts"
import { openStream } from "../support/stream.ts"

let nats: TestNats

beforeAll(async () => {
  nats = await startNats()
  await Effect.runPromise(ensureTopology.pipe(Effect.provide(Nats.layer(nats.url)), Effect.scoped))
})

afterAll(() => nats.stop())

const run = <A, E>(effect: Effect.Effect<A, E, Replays | Past | Nats>): Promise<A> =>
  Effect.runPromise(
    effect.pipe(
      Effect.provide(Replays.layer.pipe(Layer.provideMerge(Past.layer), Layer.provideMerge(Nats.layer(nats.url)))),
      Effect.scoped,
    ),
  )

const person = { by: "cli:test" }
const request: ReplayRequest = { filter: { workspace: "acme" }, rate: 100, sameIds: false }

const deliveryOf = (replay: string, number: number): Delivery => ({
  id: `dlv_${replay}_${number}`,
  event: `e${number}`,
  type: "order.placed",
  workspace: "acme",
  rule: "orders",
  action: 0,
  connection: "erp",
  revision: "000000000000",
  created: 1,
  state: "pending",
  attempt: 0,
  replay,
})

const recordOf = (replay: string, number: number): EventRouted => ({
  kind: "event.routed",
  at: 1,
  event: `e${number}`,
  seq: number,
  type: "order.placed",
  workspace: "acme",
  revision: "000000000000",
  replay,
  deliveries: [{ id: `dlv_${replay}_${number}`, rule: "orders", action: 0, connection: "erp" }],
})

/** Commits the delivery of one event; whether it was taken. */
const make = (open: OpenTask<ReplayProgress>, replay: string, number: number) =>
  Effect.map(
    Effect.result(
      open.commit(
        { seq: number },
        { ...noProgress, deliveries: number },
        [readyMessage(deliveryOf(replay, number), Buffer.from("{}"))],
        [recordOf(replay, number)],
      ),
    ),
    (result) => (Result.isSuccess(result) ? "taken" : result.failure.stored),
  )

/** The deliveries of a replay that the log has. */
const madeOf = async (replay: string) => {
  await using stream = await openStream(nats.url, "DELIVERIES")
  const found: Array<string> = []
  await stream.read((message) => {
    if (message.subject.startsWith("deliver.") && message.text().includes(replay)) {
      found.push(JSON.parse(message.text().split("\n")[0]!).event)
    }
  })
  return found
}

test("of two that go on with one replay, one alone makes deliveries", async () => {
  const [id, taken] = await run(
    Effect.gen(function* () {
      const replays = yield* Replays
      const replay = yield* replays.begin(request, person)
      const one = (yield* replays.open(replay))!
      const other = (yield* replays.open(replay))!
      const outcomes = [
        yield* make(one, replay.id, 1),
        yield* make(other, replay.id, 1),
        yield* make(one, replay.id, 2),
      ]
      // Opened anew, it goes on where the log says.
      const anew = (yield* replays.open(replay))!
      expect([anew.position.seq, anew.progress.deliveries]).toEqual([2, 2])
      outcomes.push(yield* make(anew, replay.id, 3), yield* make(one, replay.id, 3))
      return [replay.id, outcomes] as const
    }),
  )
  expect(taken).toEqual(["taken", "no", "taken", "taken", "no"])
  expect(await madeOf(id)).toEqual(["e1", "e2", "e3"])
})

test("once a replay is stopped nothing more is made of it, and what was made is in the history", async () => {
  const id = await run(
    Effect.gen(function* () {
      const replays = yield* Replays
      const replay = yield* replays.begin(request, person)
      const open = (yield* replays.open(replay))!
      expect(yield* make(open, replay.id, 1)).toBe("taken")
      const stopped = yield* replays.stop(replay, person)
      expect(stopped).toMatchObject({ state: "stopped", ended: { by: "cli:test" }, progress: { deliveries: 1 } })
      expect(yield* make(open, replay.id, 2)).toBe("no")
      expect(yield* replays.open(replay)).toBeUndefined()
      expect(yield* replays.stop(replay, { by: "cli:other" })).toEqual(stopped)
      expect(yield* replays.find(replay.id, "acme")).toEqual(stopped)
      expect(yield* replays.find(replay.id, "globex")).toBeUndefined()
      return replay.id
    }),
  )
  expect(await madeOf(id)).toEqual(["e1"])
  await historyWith(nats.url, (record) => record.replay === id && record.event === "e1")
})

test("one that was asleep through a replay's end makes nothing of it", async () => {
  const id = await run(
    Effect.gen(function* () {
      const replays = yield* Replays
      const replay = yield* replays.begin(request, person)
      const asleep = (yield* replays.open(replay))!
      const open = (yield* replays.open(replay))!
      yield* make(open, replay.id, 1)
      yield* open.end({ seq: 1 }, { ...noProgress, deliveries: 1 })
      expect(yield* make(asleep, replay.id, 1)).toBe("no")
      expect(yield* replays.open(replay)).toBeUndefined()
      expect(yield* replays.find(replay.id)).toMatchObject({ state: "done", progress: { deliveries: 1 } })
      return replay.id
    }),
  )
  expect(await madeOf(id)).toEqual(["e1"])
})

test("a workspace has so many replays that are not over, and no more; another's do not count", async () => {
  const tells = await run(
    Effect.gen(function* () {
      const replays = yield* Replays
      const beginOf = (workspace: string) => replays.begin({ ...request, filter: { workspace } }, person)
      const begun = yield* Effect.all(Array.from({ length: limits.replaysPerWorkspace }, () => beginOf("busy")))
      const refused = yield* Effect.flip(beginOf("busy"))
      yield* beginOf("other")
      yield* replays.stop(begun[0]!, person)
      yield* beginOf("busy")
      return [refused._tag, refused.message]
    }),
  )
  expect(tells).toEqual(["Unusable", expect.stringContaining("stop one")])
})

test("what no router has come to is left to it", async () => {
  const plan = { revision: "000000000000", workspaces: new Map(), keys: [] }
  const found = await run(
    Effect.gen(function* () {
      const { nc } = yield* Nats
      yield* Effect.promise(() => nc.request("events.acme.order.placed", "{}"))
      const replays = yield* Replays
      const replay = yield* replays.begin(request, person)
      yield* runReplay(replay).pipe(Effect.provideService(CurrentPlan, { get: () => plan }))
      return yield* replays.find(replay.id)
    }),
  )
  expect(found).toMatchObject({ state: "done", progress: { events: 0, deliveries: 0 } })
})
