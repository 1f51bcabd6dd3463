/**
 * A shard's decisions without a log: whom it puts aside, and what becomes of messages that it knows already. Time is the test's.
 */
import * as Effect from "effect/Effect"
import { afterEach, assert, beforeEach, describe, it, vi } from "vitest"
import { connectionDefaults, limits } from "../../../src/config/defaults.ts"
import type { Finished } from "../../../src/deliver/commit.ts"
import { Shard } from "../../../src/deliver/shard.ts"
import type { Pulled } from "../../../src/log/pull.ts"
import type { Instructions } from "../../../src/log/instructions.ts"
import type { LaneLogs } from "../../../src/log/lane-log.ts"
import type { Work } from "../../../src/log/work.ts"
import type { Delivery } from "../../../src/model/delivery.ts"
import type { Outcome } from "../../../src/model/outcome.ts"
import { messageOf, type TestMessage } from "./held.ts"

beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setImmediate", "performance"] }))
afterEach(() => void vi.useRealTimers())

const delivered: Outcome = { kind: "delivered", message: "HTTP 200", status: 200 }
const crowd = limits.shardInFlight * 0.75

/** A shard whose attempts end when the test says so, or at once. */
const makeShard = async (attempt?: (delivery: Delivery) => Effect.Effect<Outcome>) => {
  const attempts: Array<{ readonly delivery: Delivery; readonly end: (outcome: Outcome) => void }> = []
  const finished: Array<Finished> = []
  const parked: Array<{ readonly connection: string; readonly seqs: ReadonlyArray<number> }> = []
  const unscheduled: Array<string> = []
  const logged: Array<string> = []
  let give: (message: Pulled) => void = () => {}
  let room = 0
  const work = {
    pull: (_: number, window: number, listener: { readonly onMessage: (message: Pulled) => void }) => {
      give = listener.onMessage
      room = window
      return { done: (count: number) => void (room += count), heardAt: () => 0, close: () => {} }
    },
    park: async (_: number, __: string, connection: string, messages: ReadonlyArray<{ readonly seq: number }>) =>
      void parked.push({ connection, seqs: messages.map(({ seq }) => seq) }),
    pullParked: () => new Promise(() => {}),
    unschedule: async ({ id }: Delivery) => void unscheduled.push(id),
  } as unknown as Work["Service"]
  const shard = new Shard({
    shard: 0,
    work,
    instructions: {
      feed: async () => ({ done: () => {}, heardAt: () => 0, close: () => {} }),
    } as unknown as Instructions["Service"],
    committer: { add: (one) => void finished.push(one), drain: async () => {} },
    logs: {
      feed: async () => ({ done: () => {}, heardAt: () => 0, close: () => {} }),
    } as unknown as LaneLogs["Service"],
    mayRun: () => true,
    state: () => undefined,
    onChange: () => {},
    settings: () => ({ concurrency: 2 }),
    retry: () => connectionDefaults.retry,
    form: () => undefined,
    attempt: ([sending]) => {
      const { delivery } = sending!
      const one =
        attempt?.(delivery) ??
        Effect.callback<Outcome>((resume) => {
          attempts.push({ delivery, end: (outcome) => resume(Effect.succeed(outcome)) })
        })
      return Effect.map(one, (outcome) => ({ outcomes: [outcome], call: outcome, calls: 1 }))
    },
    run: (effect) => void Effect.runFork(effect),
    observe: () => {},
    log: (line) => void logged.push(line),
  })
  await shard.start([], () => {})
  const arrive = (message: TestMessage) => {
    room--
    give(message)
    return message
  }
  const fill = (count: number, connection: string, from: number) =>
    Array.from({ length: count }, (_, i) => arrive(messageOf(from + i, { connection })))
  /** Tended as often as its owner does, for so long. */
  const tended = async (forMs: number) => {
    for (let passed = 0; passed < forMs; passed += limits.laneCheckMs) {
      await vi.advanceTimersByTimeAsync(limits.laneCheckMs)
      shard.tend()
    }
    await vi.advanceTimersByTimeAsync(0)
  }
  return { shard, attempts, finished, parked, unscheduled, logged, arrive, fill, tended, room: () => room }
}

describe("a shard that fills up", () => {
  it("puts aside what waits for the connection that does not move, and nothing of the others", async () => {
    const { fill, tended, parked, shard, room } = await makeShard()
    const slow = fill(crowd, "slow", 1)
    fill(2, "busy", 10_000) // both under way: they hold up nobody
    await tended(limits.laneSlowMs + limits.laneCheckMs)
    assert.deepStrictEqual(
      parked.map(({ connection }) => connection),
      ["slow"],
    )
    assert.deepStrictEqual(
      parked[0]?.seqs,
      slow.slice(2).map(({ seq }) => seq),
    )
    for (const { said } of slow.slice(2)) assert.deepStrictEqual(said, ["ack"])
    for (const { said } of slow.slice(0, 2)) assert.deepStrictEqual(said, [])
    assert.strictEqual(shard.held, 4)
    assert.strictEqual(room(), limits.shardInFlight - 4, "the room is there for others again")
  })

  it("puts nothing aside while there is room, however slow a connection is", async () => {
    const { fill, tended, parked } = await makeShard()
    fill(crowd - 1, "slow", 1)
    await tended(60_000)
    assert.deepStrictEqual(parked, [])
  })

  it("puts nothing aside before it has waited for long enough", async () => {
    const { fill, tended, parked } = await makeShard()
    fill(limits.shardInFlight, "slow", 1)
    await tended(limits.laneSlowMs)
    assert.deepStrictEqual(parked, [])
  })

  it("goes on with a connection that was put aside when the others come", async () => {
    const { fill, tended, attempts } = await makeShard()
    fill(crowd, "slow", 1)
    await tended(2 * limits.laneSlowMs)
    fill(3, "other", 5000)
    assert.deepStrictEqual(
      attempts.slice(-2).map(({ delivery }) => delivery.connection),
      ["other", "other"],
    )
  })
})

describe("a message that a shard knows", () => {
  it("is not sent twice while it is held, and the copy that came last is acknowledged", async () => {
    const { arrive, attempts, finished, room } = await makeShard()
    const before = room()
    const [first, second] = [arrive(messageOf(1)), arrive(messageOf(1))]
    assert.strictEqual(attempts.length, 1)
    assert.strictEqual(room(), before - 1)
    attempts[0]?.end(delivered)
    assert.deepStrictEqual([first.said, second.said], [[], []], "not before its outcome is stored")
    finished[0]?.acknowledge()
    assert.deepStrictEqual([first.said, second.said], [[], ["ack"]])
    assert.strictEqual(room(), before)
  })

  it("is acknowledged and not sent again shortly after it was finished", async () => {
    const { arrive, attempts, finished, room } = await makeShard()
    const before = room()
    arrive(messageOf(1))
    attempts[0]?.end(delivered)
    finished[0]?.acknowledge()
    assert.deepStrictEqual(arrive(messageOf(1)).said, ["ack"])
    assert.strictEqual(attempts.length, 1)
    assert.strictEqual(room(), before)
  })

  it("is no delivery, and is dropped with a word to the operators", async () => {
    const { arrive, attempts, logged, room, shard } = await makeShard()
    const before = room()
    for (const [index, text] of ["", "x", "{}\n{}", "null\n", '{"id":1}\n'].entries()) {
      assert.deepStrictEqual(arrive(messageOf(index + 1, {}, Buffer.from(text))).said, ["ack"], text)
    }
    assert.deepStrictEqual([attempts.length, logged.length, shard.held, room()], [0, 5, 0, before])
  })

  it("is given back when the shard stops, unless it is under way", async () => {
    const { fill, arrive, shard } = await makeShard()
    const messages = fill(5, "crm", 1)
    shard.stop()
    assert.deepStrictEqual(
      messages.map(({ said }) => said.join()),
      ["", "", "nak", "nak", "nak"],
    )
    assert.deepStrictEqual(arrive(messageOf(9)).said, ["nak"])
  })

  it("is told of to the server while it is held, and no longer", async () => {
    const { fill, attempts, finished, shard } = await makeShard()
    const [message] = fill(1, "crm", 1)
    await vi.advanceTimersByTimeAsync(limits.workingEveryMs - 1)
    shard.reassure()
    assert.deepStrictEqual(message?.said, [])
    await vi.advanceTimersByTimeAsync(1)
    shard.reassure()
    shard.reassure()
    assert.deepStrictEqual(message?.said, ["working"])
    attempts[0]?.end(delivered)
    finished[0]?.acknowledge()
    await vi.advanceTimersByTimeAsync(limits.workingEveryMs)
    shard.reassure()
    assert.deepStrictEqual(message?.said, ["working", "ack"])
  })
})

describe("what an attempt came to", () => {
  const stateAfter = async (delivery: Partial<Delivery>, outcome: Outcome) => {
    const { arrive, attempts, finished } = await makeShard()
    arrive(messageOf(1, delivery))
    attempts[0]?.end(outcome)
    return finished[0]!.carried!.delivery
  }
  const failed: Outcome = { kind: "server_error", message: "HTTP 500", status: 500 }

  it("is stored with the delivery: its state, its number, and when it is next", async () => {
    const now = Date.now()
    assert.deepInclude(await stateAfter({}, delivered), { state: "delivered", attempt: 1 })
    assert.notProperty(await stateAfter({ state: "retrying", attempt: 2, next: 5 }, delivered), "next")
    const retrying = await stateAfter({ state: "retrying", attempt: 2 }, { ...failed, retryAfterMs: 3_600_000 })
    assert.deepInclude(retrying, { state: "retrying", attempt: 3 })
    assert.isAtLeast(retrying.next ?? 0, now + 3_600_000)
    assert.deepInclude(retrying.last, { kind: "server_error", status: 500 })
    const attempt = connectionDefaults.retry.attempts - 1
    assert.deepInclude(await stateAfter({ state: "retrying", attempt }, failed), {
      state: "dead",
      attempt: attempt + 1,
    })
    assert.deepInclude(await stateAfter({}, { ...failed, permanent: true }), { state: "dead", attempt: 1 })
    assert.deepInclude(await stateAfter({}, { kind: "blocked", message: "" }), { state: "dead", attempt: 1 })
  })

  it("takes back a retry that an earlier holder may have scheduled, once nothing more is to come", async () => {
    for (const [outcome, deliveries, wanted] of [
      [delivered, 2, ["dlv_1"]],
      [{ ...failed, permanent: true }, 2, ["dlv_1"]],
      [failed, 2, []],
      [delivered, 1, []],
    ] as const) {
      const { arrive, attempts, finished, unscheduled } = await makeShard()
      arrive({ ...messageOf(1), deliveries })
      attempts[0]?.end(outcome)
      finished[0]?.acknowledge()
      assert.deepStrictEqual(unscheduled, [...wanted])
    }
  })

  it("may be known at once for all that waits, as when a connection is gone from the config", async () => {
    let gone = false
    const held: Array<(outcome: Effect.Effect<Outcome>) => void> = []
    const { fill, finished } = await makeShard(() =>
      gone
        ? Effect.succeed({ kind: "rejected", permanent: true, message: "no such connection" })
        : Effect.callback<Outcome>((resume) => void held.push(resume)),
    )
    fill(limits.shardInFlight, "crm", 1)
    gone = true
    held[0]?.(Effect.succeed(delivered))
    assert.strictEqual(finished.length, limits.shardInFlight - 1)
  })
})
