/**
 * What a lane lets go, when, and what it puts aside. Time is the test's: it moves when the test says so.
 */
import { afterEach, assert, beforeEach, describe, it, vi } from "vitest"
import { limits } from "../../../src/config/defaults.ts"
import { Gate, type GateSettings } from "../../../src/deliver/gate.ts"
import { Lane, type Item } from "../../../src/deliver/lane.ts"
import type { Pull, Pulled } from "../../../src/log/pull.ts"
import type { Outcome } from "../../../src/model/outcome.ts"
import { makeRandom, seedOf } from "../../support/random.ts"
import { itemOf, messageOf } from "./held.ts"

beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setImmediate", "performance"] }))
afterEach(() => void vi.useRealTimers())

const fine: Outcome = { kind: "delivered", message: "HTTP 200", status: 200 }

/** The log's side of parking, kept in a list. */
const makeAside = () => {
  const stored: Array<number> = []
  const pulls: Array<{
    readonly window: number
    readonly onMessage: (message: Pulled) => void
    readonly onGone: () => void
    done: number
    closed: boolean
  }> = []
  const aside = {
    /** One list for each time that something was stored. */
    groups: [] as Array<ReadonlyArray<number>>,
    /** All that is aside, in order. */
    stored,
    pulls,
    places: 1,
    ended: 0,
    failures: 0,
    left: () => Promise.resolve(stored.length),
    opening: undefined as Promise<unknown> | undefined,
    parking: {
      store: async (items: ReadonlyArray<Item>) => {
        if (aside.failures > 0) {
          aside.failures--
          throw new Error("the log is away")
        }
        const numbers = items.map(({ message }) => message.seq)
        aside.groups.push(numbers)
        stored.push(...numbers)
      },
      open: async (window: number, onMessage: (message: Pulled) => void, onGone: () => void): Promise<Pull> => {
        await aside.opening
        const pull = { window, onMessage, onGone, done: 0, closed: false }
        pulls.push(pull)
        return {
          done: (count) => void (pull.done += count),
          heardAt: () => 0,
          close: () => void (pull.closed = true),
        }
      },
      left: () => aside.left(),
      end: async () => void aside.ended++,
      enter: () => {
        if (aside.places === 0) return false
        aside.places--
        return true
      },
      leave: () => void aside.places++,
    },
  }
  return aside
}

const makeLane = (settings: GateSettings | (() => GateSettings)) => {
  const sent: Array<{ readonly number: number; readonly at: number }> = []
  const back: Array<number> = []
  const aside = makeAside()
  const settingsOf = typeof settings === "function" ? settings : () => settings
  const gate = new Gate({ settings: settingsOf, mayRun: () => true, onChange: () => {}, wake: () => lane.pump() })
  const lane: Lane = new Lane({
    settings: settingsOf,
    gate,
    giveBack: (item) => void back.push(item.message.seq),
    send: (items) => sent.push(...items.map(({ message }) => ({ number: message.seq, at: performance.now() }))),
    parking: aside.parking,
    onParkedMessage: (to, message, release) => to.resume(itemOf(message.seq, release)),
  })
  const offer = (...numbers: ReadonlyArray<number>) => {
    for (const number of numbers) lane.offer(itemOf(number))
  }
  return { lane, gate, back, sent, aside, offer, numbers: () => sent.map(({ number }) => number) }
}

const upTo = (count: number, from = 1) => Array.from({ length: count }, (_, i) => from + i)

/** Lets everything happen that needs no time. */
const settle = () => vi.advanceTimersByTimeAsync(0)

const seconds = (count: number) => vi.advanceTimersByTimeAsync(count * 1000)

describe("a lane's slots", () => {
  it("hold as many attempts as its connection allows, the oldest first, and the next goes when one ends", () => {
    const { lane, offer, numbers } = makeLane({ concurrency: 3 })
    offer(...upTo(6))
    assert.deepStrictEqual(numbers(), [1, 2, 3])
    assert.deepStrictEqual([lane.sending, lane.waiting], [3, 3])
    lane.finished(fine, false)
    assert.deepStrictEqual(numbers(), [1, 2, 3, 4])
    for (let i = 0; i < 5; i++) lane.finished(fine, false)
    assert.deepStrictEqual(numbers(), upTo(6))
    assert.deepStrictEqual([lane.sending, lane.waiting], [0, 0])
  })

  it("are never exceeded, whatever comes and ends in whatever order", () => {
    const random = makeRandom(seedOf("slots"))
    const { lane, offer, numbers } = makeLane({ concurrency: 5 })
    let offered = 0
    for (let i = 0; i < 5000; i++) {
      if (random() < 0.55) offer(++offered)
      else if (lane.sending > 0) lane.finished(fine, false)
      assert.isAtMost(lane.sending, 5)
      assert.isTrue(lane.waiting === 0 || lane.sending === 5, "none waits while a slot is free")
    }
    while (lane.sending > 0) lane.finished(fine, false)
    assert.deepStrictEqual(numbers(), upTo(offered))
  })

  it("follow a reload of the config: fewer at once without ending what runs, more at once as soon as something moves", () => {
    let concurrency = 4
    const { lane, offer } = makeLane(() => ({ concurrency }))
    offer(...upTo(20))
    concurrency = 2
    lane.finished(fine, false)
    assert.strictEqual(lane.sending, 3)
    lane.finished(fine, false)
    lane.finished(fine, false)
    assert.strictEqual(lane.sending, 2)
    concurrency = 6
    lane.finished(fine, false)
    assert.strictEqual(lane.sending, 6)
  })

  it("are free again for attempts that end before they were even begun to be waited for", () => {
    const sent: Array<number> = []
    let deepest = 0
    let depth = 0
    let endsAtOnce = false
    const settings = () => ({ concurrency: 1 })
    const lane: Lane = new Lane({
      settings,
      gate: new Gate({ settings, mayRun: () => true, onChange: () => {}, wake: () => {} }),
      giveBack: () => {},
      send: ([item]) => {
        deepest = Math.max(deepest, ++depth)
        sent.push(item!.message.seq)
        if (endsAtOnce) lane.finished(fine, false)
        depth--
      },
      parking: makeAside().parking,
      onParkedMessage: () => {},
    })
    for (const number of upTo(limits.shardInFlight)) lane.offer(itemOf(number))
    endsAtOnce = true
    lane.finished(fine, false)
    assert.deepStrictEqual(sent, upTo(limits.shardInFlight))
    assert.strictEqual(lane.sending, 0)
    assert.strictEqual(deepest, 1, "one after the other, not one inside the other")
  })
})

describe("a lane's rate limit", () => {
  it("lets a period's worth go at once, and then one each share of the period", async () => {
    const { lane, sent, offer } = makeLane({ concurrency: 100, rateLimit: { limit: 5, perMs: 1000 } })
    const start = performance.now()
    offer(...upTo(10))
    assert.strictEqual(sent.length, 5)
    await seconds(60)
    assert.deepStrictEqual(
      sent.map(({ at }) => Math.round(at - start)),
      [0, 0, 0, 0, 0, 200, 400, 600, 800, 1000],
    )
    assert.strictEqual(lane.waiting, 0)
  })

  it("is never exceeded: in any stretch of time, a period's worth and what that time gives", async () => {
    const random = makeRandom(seedOf("rate"))
    const rateLimit = { limit: 7, perMs: 1000 }
    const { lane, sent, offer } = makeLane({ concurrency: 1000, rateLimit })
    let offered = 0
    for (let i = 0; i < 300; i++) {
      for (let n = Math.floor(random() * 4); n > 0; n--) offer(++offered)
      while (random() < 0.5 && lane.sending > 0) lane.finished(fine, false)
      await vi.advanceTimersByTimeAsync(Math.floor(random() * 300))
    }
    await seconds(600)
    assert.strictEqual(sent.length, offered, "all of them went in the end")
    for (let from = 0; from < sent.length; from++) {
      for (let to = from; to < sent.length; to++) {
        const passed = sent[to]!.at - sent[from]!.at
        assert.isAtMost(to - from + 1, rateLimit.limit + (passed * rateLimit.limit) / rateLimit.perMs + 1e-6)
      }
    }
  })

  it("saves up no more than one period's worth", async () => {
    const { lane, sent, offer } = makeLane({ concurrency: 100, rateLimit: { limit: 3, perMs: 1000 } })
    offer(...upTo(3))
    for (let i = 0; i < 3; i++) lane.finished(fine, false)
    await seconds(3600)
    offer(...upTo(10, 4))
    assert.strictEqual(sent.length, 6)
  })

  it("and its slots both hold", async () => {
    const { lane, sent, offer } = makeLane({ concurrency: 2, rateLimit: { limit: 3, perMs: 3000 } })
    offer(...upTo(6))
    assert.strictEqual(sent.length, 2)
    await seconds(10)
    assert.strictEqual(sent.length, 2, "time alone frees no slot")
    lane.finished(fine, false)
    lane.finished(fine, false)
    assert.strictEqual(sent.length, 4)
    lane.finished(fine, false)
    lane.finished(fine, false)
    assert.strictEqual(sent.length, 5, "a slot alone gives no token")
    await seconds(1)
    assert.strictEqual(sent.length, 6)
  })

  it("of one a day waits for a day", async () => {
    const { sent, offer } = makeLane({ concurrency: 1000, rateLimit: { limit: 1, perMs: limits.rateLimitPerMaxMs } })
    offer(1, 2)
    await vi.advanceTimersByTimeAsync(limits.rateLimitPerMaxMs - 10)
    assert.strictEqual(sent.length, 1)
    await vi.advanceTimersByTimeAsync(20)
    assert.strictEqual(sent.length, 2)
  })

  it("that comes with a reload of the config holds from then on", () => {
    let rateLimit: GateSettings["rateLimit"]
    const { lane, sent, offer } = makeLane(() => ({
      concurrency: 100,
      ...(rateLimit === undefined ? {} : { rateLimit }),
    }))
    offer(...upTo(50))
    assert.strictEqual(sent.length, 50)
    rateLimit = { limit: 2, perMs: 1000 }
    offer(...upTo(50, 51))
    assert.strictEqual(sent.length, 52)
    rateLimit = undefined
    lane.pump()
    assert.strictEqual(sent.length, 100)
  })
})

describe("a lane is let go", () => {
  it("when it had nothing for long enough", async () => {
    const { lane, offer } = makeLane({ concurrency: 1 })
    await vi.advanceTimersByTimeAsync(limits.laneIdleMs)
    assert.isFalse(lane.idle(performance.now()))
    await vi.advanceTimersByTimeAsync(1)
    assert.isTrue(lane.idle(performance.now()))
    offer(1, 2)
    await seconds(3600)
    assert.isFalse(lane.idle(performance.now()), "an attempt is under way and one waits")
    lane.finished(fine, false)
    lane.finished(fine, false)
    assert.isFalse(lane.idle(performance.now()), "it just ended")
    await vi.advanceTimersByTimeAsync(limits.laneIdleMs + 1)
    assert.isTrue(lane.idle(performance.now()))
  })

  it("not before its rate limit has forgotten what went: another lane would begin with a whole period's worth", async () => {
    const { lane, offer } = makeLane({ concurrency: 1, rateLimit: { limit: 1, perMs: 3_600_000 } })
    offer(1)
    lane.finished(fine, false)
    await vi.advanceTimersByTimeAsync(3_599_000)
    assert.isFalse(lane.idle(performance.now()))
    await vi.advanceTimersByTimeAsync(2000)
    assert.isTrue(lane.idle(performance.now()))
  })

  it("not while something is aside", async () => {
    const { lane } = makeLane({ concurrency: 1 })
    lane.startParked()
    await seconds(3600)
    assert.isFalse(lane.idle(performance.now()))
  })
})

describe("what waits in a lane", () => {
  it("is given back when the lane stops, what was to be put aside included; what is under way is not", () => {
    const { lane, offer, numbers } = makeLane({ concurrency: 2 })
    offer(...upTo(5))
    assert.deepStrictEqual(
      lane.stop().map(({ message }) => message.seq),
      [3, 4, 5],
    )
    assert.deepStrictEqual(numbers(), [1, 2])
    lane.finished(fine, false)
    assert.deepStrictEqual(numbers(), [1, 2])
    const other = makeLane({ concurrency: 1 })
    other.offer(1, 2)
    other.lane.park()
    other.offer(3)
    assert.deepStrictEqual(
      other.lane.stop().map(({ message }) => message.seq),
      [2, 3],
    )
  })

  it("for its rate limit does not go once the lane was stopped", async () => {
    const { lane, sent, offer } = makeLane({ concurrency: 9, rateLimit: { limit: 1, perMs: 1000 } })
    offer(1, 2)
    lane.stop()
    await seconds(60)
    assert.strictEqual(sent.length, 1)
  })
})

describe("a lane is slow", () => {
  /** Looks as often as a shard does, for as long, with `each` before each look; gives what the last look said. */
  const watched = async (lane: Lane, forMs: number, each: () => void = () => {}) => {
    let slow = lane.isSlow(performance.now())
    for (let passed = 0; passed < forMs; passed += limits.laneCheckMs) {
      await vi.advanceTimersByTimeAsync(limits.laneCheckMs)
      each()
      slow = lane.isSlow(performance.now())
    }
    return slow
  }

  it("when what waits has waited for too long and nothing moves, and not before", async () => {
    const { lane, offer } = makeLane({ concurrency: 1 })
    offer(1, 2)
    assert.isFalse(await watched(lane, limits.laneSlowMs))
    assert.isTrue(await watched(lane, limits.laneCheckMs))
  })

  it("not while nothing waits, however long its attempts take", async () => {
    const { lane, offer } = makeLane({ concurrency: 2 })
    assert.isFalse(await watched(lane, 60_000))
    offer(1, 2)
    assert.isFalse(await watched(lane, 60_000))
  })

  it("not while it moves so fast that what waits is gone soon, though each waits for long", async () => {
    const { lane, offer } = makeLane({ concurrency: 10 })
    // 50 ended a second, 150 wait: 3 seconds' worth, each of which waits for 3 seconds.
    offer(...upTo(160))
    let next = 161
    const moving = () => {
      for (let i = 0; i < 10; i++) {
        lane.finished(fine, false)
        offer(next++)
      }
    }
    await watched(lane, 10_000, moving)
    for (let i = 0; i < 20; i++) assert.isFalse(await watched(lane, limits.laneCheckMs, moving))
    assert.strictEqual(lane.waiting, 150)
  })

  it("when it moves, but more waits than it is through with soon", async () => {
    const { lane, offer } = makeLane({ concurrency: 10 })
    offer(...upTo(500))
    assert.isTrue(await watched(lane, 3000, () => lane.finished(fine, false)))
  })

  it("when it was fast and stands still", async () => {
    const { lane, offer } = makeLane({ concurrency: 10 })
    offer(...upTo(400))
    const fast = () => {
      for (let i = 0; i < 20; i++) lane.finished(fine, false)
    }
    assert.isFalse(await watched(lane, 3000, fast))
    assert.isAbove(lane.waiting, 50)
    assert.isTrue(await watched(lane, 2 * limits.laneSlowMs + limits.laneCheckMs))
  })

  it("when its rate limit lets few go", async () => {
    const { lane, offer } = makeLane({ concurrency: 100, rateLimit: { limit: 1, perMs: 10_000 } })
    offer(...upTo(100))
    assert.isTrue(await watched(lane, 3000, () => void (lane.sending > 0 && lane.finished(fine, false))))
  })
})

describe("a lane that is parked", () => {
  /** With one attempt under way and 2 and 3 put aside. */
  const parked = async (settings: GateSettings = { concurrency: 1 }) => {
    const made = makeLane(settings)
    made.offer(1, 2, 3)
    made.lane.park()
    await settle()
    return made
  }

  it("puts aside what waits and what comes, in order, in few steps, and leaves alone what is under way", async () => {
    const { lane, aside, offer, numbers } = await parked()
    assert.deepStrictEqual(aside.groups, [[2, 3]])
    offer(4, 5, 6)
    await settle()
    assert.deepStrictEqual(aside.groups, [
      [2, 3],
      [4, 5, 6],
    ])
    lane.finished(fine, false)
    assert.deepStrictEqual(numbers(), [1])
    assert.deepStrictEqual([lane.mode, lane.waiting, lane.sending], ["parking", 0, 0])
  })

  it("stores nothing when nothing waits", async () => {
    const { lane, aside } = makeLane({ concurrency: 1 })
    lane.park()
    await settle()
    assert.deepStrictEqual(aside.groups, [])
  })

  it("holds what the log does not take, and puts it aside in order when the log is back", async () => {
    const { aside, offer, lane } = await parked()
    aside.failures = 3
    offer(4, 5)
    await settle()
    offer(6)
    assert.deepStrictEqual(aside.stored, [2, 3])
    await seconds(5)
    assert.deepStrictEqual(aside.stored, [2, 3, 4, 5, 6])
    assert.strictEqual(lane.mode, "parking")
  })

  it("takes nothing back before anything is aside", async () => {
    const { lane, offer, aside } = makeLane({ concurrency: 1 })
    aside.failures = 1
    offer(...upTo(3))
    lane.park()
    await settle()
    await lane.tend()
    assert.strictEqual(aside.pulls.length, 0)
  })

  // Regression: with deliveries arriving all the time, some were always being put aside, and a lane never took any back.
  it("takes back what is aside while more is being put there", async () => {
    const { lane, offer, aside } = await parked()
    aside.failures = 1
    offer(4)
    await settle()
    await lane.tend()
    assert.strictEqual(aside.pulls.length, 1)
  })

  it("takes back a bounded number at once, and sends them by its own slots", async () => {
    const { lane, aside, numbers } = await parked({ concurrency: 2 })
    lane.finished(fine, false)
    lane.finished(fine, false)
    await lane.tend()
    const [pull] = aside.pulls
    assert.strictEqual(pull?.window, 2 * limits.parkedPrefetch)
    for (const number of upTo(4, 10)) pull?.onMessage(messageOf(number))
    assert.deepStrictEqual(numbers(), [1, 2, 10, 11])
    assert.deepStrictEqual([lane.sending, lane.waiting], [2, 2])
    lane.finished(fine, false)
    assert.deepStrictEqual(numbers(), [1, 2, 10, 11, 12])
    await lane.tend()
    assert.strictEqual(aside.pulls.length, 1, "once")
  })

  it("waits for a place among the lanes that take back", async () => {
    const { lane, aside } = await parked()
    aside.places = 0
    await lane.tend()
    assert.strictEqual(aside.pulls.length, 0)
    aside.places = 1
    await lane.tend()
    assert.strictEqual(aside.pulls.length, 1)
    assert.strictEqual(aside.places, 0)
  })

  it("is direct again when nothing is left aside, and gives its place back", async () => {
    const { lane, aside, offer, numbers } = await parked()
    lane.finished(fine, false)
    await lane.tend()
    await vi.advanceTimersByTimeAsync(limits.sweepEveryMs)
    await lane.tend()
    assert.strictEqual(lane.mode, "parking", "2 and 3 are still aside")
    aside.stored.length = 0
    await vi.advanceTimersByTimeAsync(limits.sweepEveryMs)
    await lane.tend()
    assert.strictEqual(lane.mode, "direct")
    assert.deepStrictEqual([aside.places, aside.ended, aside.pulls[0]?.closed], [1, 1, true])
    offer(9)
    assert.deepStrictEqual(numbers(), [1, 9])
  })

  it("asks what is left now and then, not each time that it is tended", async () => {
    const { lane, aside } = await parked()
    await lane.tend()
    let asked = 0
    aside.left = () => Promise.resolve(++asked)
    for (let i = 0; i < 100; i++) {
      await vi.advanceTimersByTimeAsync(limits.sweepEveryMs / 10)
      await lane.tend()
    }
    assert.isAtLeast(asked, 9)
    assert.isAtMost(asked, 10)
  })

  it("stays so while something is under way or came while it asked what is left", async () => {
    const { lane, aside, offer } = await parked()
    await lane.tend()
    aside.stored.length = 0
    await vi.advanceTimersByTimeAsync(limits.sweepEveryMs)
    await lane.tend()
    assert.strictEqual(lane.mode, "parking", "1 is still under way")
    lane.finished(fine, false)
    let tell: (left: number) => void = () => {}
    aside.left = () => new Promise((told) => (tell = told))
    await vi.advanceTimersByTimeAsync(limits.sweepEveryMs)
    const tending = lane.tend()
    offer(7)
    await settle()
    assert.deepStrictEqual(aside.stored, [7])
    tell(0)
    await tending
    assert.strictEqual(lane.mode, "parking", "7 was put aside after the count")
  })

  it("takes back anew when its way back is lost, and again has one place", async () => {
    const { lane, aside } = await parked()
    await lane.tend()
    aside.pulls[0]?.onGone()
    assert.strictEqual(aside.places, 1)
    await lane.tend()
    assert.strictEqual(aside.pulls.length, 2)
    assert.strictEqual(aside.places, 0)
  })

  it("tries again when its way back cannot be opened", async () => {
    const { lane, aside } = await parked()
    aside.opening = Promise.reject(new Error("the log is away"))
    await lane.tend()
    assert.deepStrictEqual([aside.pulls.length, aside.places], [0, 1])
    aside.opening = undefined
    await lane.tend()
    assert.deepStrictEqual([aside.pulls.length, aside.places], [1, 0])
  })

  it("opens its way back once, however often it is tended meanwhile", async () => {
    const { lane, aside } = await parked()
    let open: (_?: unknown) => void = () => {}
    aside.opening = new Promise((opened) => (open = opened))
    const tending = [lane.tend(), lane.tend(), lane.tend()]
    open()
    await Promise.all(tending)
    assert.strictEqual(aside.pulls.length, 1)
  })

  it("closes its way back when it stops, also one that is only being opened", async () => {
    const { lane, aside } = await parked()
    await lane.tend()
    lane.stop()
    assert.isTrue(aside.pulls[0]?.closed)
    const other = await parked()
    let open: (_?: unknown) => void = () => {}
    other.aside.opening = new Promise((opened) => (open = opened))
    const tending = other.lane.tend()
    other.lane.stop()
    open()
    await tending
    assert.isTrue(other.aside.pulls[0]?.closed)
  })

  it("begins so when something is aside from before", async () => {
    const { lane, aside, offer, numbers } = makeLane({ concurrency: 1 })
    lane.startParked()
    offer(5)
    await settle()
    assert.deepStrictEqual([numbers(), aside.stored], [[], [5]])
    await lane.tend()
    assert.strictEqual(aside.pulls.length, 1)
  })

  it("delivers all that was put aside exactly once, in order, through parking and back", async () => {
    const { lane, sent, aside, offer, numbers } = makeLane({ concurrency: 2 })
    const random = makeRandom(seedOf("parking"))
    let offered = 0
    let given = 0
    const inOrder: Array<number> = []
    for (let i = 0; i < 2000; i++) {
      const chance = random()
      if (chance < 0.3 && offered < 400) offer(++offered)
      else if (chance < 0.6 && lane.sending > 0) lane.finished(fine, false)
      else if (chance < 0.62 && lane.mode === "direct" && offered < 400) lane.park()
      else if (chance < 0.8) {
        // The log gives, within the window, what is aside.
        const pull = aside.pulls.at(-1)
        if (
          pull !== undefined &&
          !pull.closed &&
          aside.stored.length > 0 &&
          lane.waiting + lane.sending < pull.window
        ) {
          const number = aside.stored.shift()!
          inOrder.push(number)
          given++
          pull.onMessage(messageOf(number))
        }
      } else await vi.advanceTimersByTimeAsync(limits.sweepEveryMs / 2)
      await lane.tend()
      await settle()
      assert.isAtMost(lane.sending, 2)
    }
    while (sent.length < offered) {
      const pull = aside.pulls.at(-1)
      if (lane.sending > 0) lane.finished(fine, false)
      else if (aside.stored.length > 0 && pull?.closed === false) pull.onMessage(messageOf(aside.stored.shift()!))
      await vi.advanceTimersByTimeAsync(limits.sweepEveryMs)
      await lane.tend()
    }
    while (lane.sending > 0) lane.finished(fine, false)
    for (let i = 0; i < 2; i++) {
      await vi.advanceTimersByTimeAsync(limits.sweepEveryMs)
      await lane.tend()
    }
    assert.isAbove(given, 10)
    assert.deepStrictEqual(
      numbers().toSorted((a, b) => a - b),
      upTo(offered),
    )
    assert.deepStrictEqual(
      inOrder,
      inOrder.toSorted((a, b) => a - b),
    )
    assert.strictEqual(lane.mode, "direct")
    assert.strictEqual(aside.places, 1)
  })
})
