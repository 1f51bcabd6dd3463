/**
 * An ordered lane over a log kept in memory: order and completeness under whatever fails, dies, crashes or is taken over, drawn from a
 * seed; and that a lane that waits holds nothing. Time is the test's.
 */
import { afterEach, assert, beforeEach, describe, it, vi } from "vitest"
import { limits } from "../../../src/config/defaults.ts"
import { Gate } from "../../../src/deliver/gate.ts"
import type { OrderedItem } from "../../../src/deliver/ordered-key.ts"
import { OrderedLane } from "../../../src/deliver/ordered-lane.ts"
import type { LaneLog, Mark, Ordered } from "../../../src/log/lane-log.ts"
import { encodeDelivery, type Delivery } from "../../../src/model/delivery.ts"
import { wholeConnection, type DeliveryId } from "../../../src/model/ids.ts"
import type { Outcome } from "../../../src/model/outcome.ts"
import { makeRandom, seedOf } from "../../support/random.ts"
import { deliveryOf } from "./held.ts"

/** More of them find more: `MESHES_TEST_ROUNDS=200`. */
const rounds = Number(process.env["MESHES_TEST_ROUNDS"] ?? 4)
const seed = seedOf("ordered lane")

beforeEach(
  () =>
    void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setImmediate", "performance", "Date"], now: 1 }),
)
afterEach(() => void vi.useRealTimers())

/** The log's side, with the fence: a commit over a checkpoint that is no longer the last is refused. */
const makeLog = () => {
  const messages = new Map<number, Ordered>()
  const marks = new Map<string, Mark>()
  let checkpoint: { floor: number; done: ReadonlyArray<number> } = { floor: 0, done: [] }
  let version = 0
  const log = {
    /** Deliveries that are not to be sent. */
    cancelled: new Set<DeliveryId>(),
    messages,
    marks,
    reads: 0,
    commits: 0,
    away: false,
    publish: (seq: number, key: string) => {
      const data = encodeDelivery(deliveryOf(seq, { key }), Buffer.from("{}"))
      messages.set(seq, { seq, subject: `order.0.acme.crm.${key}`, time: 0, data, key })
    },
    open: (): LaneLog => {
      let stored = -1
      const answer = async () => {
        await Promise.resolve()
        if (log.away) throw new Error("the log is away")
      }
      return {
        load: async () => {
          await answer()
          stored = version
          return { ...checkpoint, marks: new Map(marks) }
        },
        next: async (from, count, key) => {
          log.reads++
          await answer()
          return [...messages.values()]
            .filter((one) => one.seq >= from && (key === undefined || one.key === key))
            .toSorted((a, b) => a.seq - b.seq)
            .slice(0, count)
        },
        commit: async (next, changed) => {
          await answer()
          if (stored !== version) return false
          log.commits++
          stored = ++version
          checkpoint = structuredClone(next)
          for (const [key, mark] of changed) {
            if (mark === undefined) marks.delete(key)
            else marks.set(key, mark)
          }
          return true
        },
        sweep: async (below) => {
          await answer()
          for (const seq of messages.keys()) if (seq < below) messages.delete(seq)
        },
        clear: async (upTo) => {
          await answer()
          for (const seq of messages.keys()) if (seq <= upTo) messages.delete(seq)
          marks.clear()
          checkpoint = { floor: 0, done: [] }
          stored = version
        },
      }
    },
  }
  return log
}

interface Flying {
  readonly item: OrderedItem
  readonly end: (state: Delivery["state"], next?: number) => void
  readonly store: () => void
}

const outcome = (state: Delivery["state"]): Outcome =>
  state === "delivered" ? { kind: "delivered", message: "HTTP 200" } : { kind: "server_error", message: "HTTP 500" }

const makeLane = (log: ReturnType<typeof makeLog>, concurrency: number, onSend: (flying: Flying) => void) => {
  const gate = new Gate({
    settings: () => ({ concurrency, circuit: false }),
    mayRun: () => true,
    onChange: () => {},
    wake: () => lane.pump(),
  })
  const lane: OrderedLane = new OrderedLane({
    log: log.open(),
    gate,
    concurrency: () => concurrency,
    form: () => undefined,
    isCancelled: ({ id }) => log.cancelled.has(id),
    isHurried: () => false,
    send: (items, ended, stored) => {
      const item = items[0]!
      assert.isFalse(log.cancelled.has(item.delivery.id), "a cancelled one is not sent")
      let open = true
      let ending = item.delivery
      onSend({
        item,
        end: (state, next) => {
          assert.isTrue(open)
          open = false
          const { next: _, ...before } = item.delivery
          const after = {
            ...before,
            state,
            attempt: item.delivery.attempt + 1,
            ...(next === undefined ? {} : { next }),
          }
          ending = after
          ended([after], { call: outcome(state), calls: 1 })
        },
        store: () => stored(ending, 0),
      })
    },
    warn: () => {},
  })
  return { lane, gate }
}

const settle = () => vi.advanceTimersByTimeAsync(0)

describe("an ordered lane", () => {
  it("loses nothing and keeps the order of each key, whatever fails, dies, is cancelled, crashes or is taken over", async () => {
    const random = makeRandom(seed)
    for (let round = 0; round < rounds; round++) {
      const log = makeLog()
      const keys = 1 + Math.floor(random() * 12)
      const whole = random() < 0.2
      const flying: Array<Flying> = []
      const unstored: Array<Flying> = []
      /** Of each key, how far it has come: the last one that was delivered or died. */
      const ended = new Map<string, number>()
      const over = new Map<number, number>()
      const published = new Map<number, string>()
      let seq = 0
      let finishing = false
      let owner = makeLane(log, 1 + Math.floor(random() * 6), (one) => flying.push(one))
      const publish = () => {
        const count = 1 + Math.floor(random() * 60)
        for (let i = 0; i < count; i++) {
          seq += 1 + Math.floor(random() * 3)
          const key = whole ? wholeConnection : `key${Math.floor(random() ** 3 * keys)}`
          published.set(seq, key)
          log.publish(seq, key)
        }
        owner.lane.notify(seq)
      }
      const endOne = () => {
        const [one] = flying.splice(Math.floor(random() * flying.length), 1)
        if (one === undefined) return
        const number = one.item.seq
        const key = published.get(number)!
        const dice = random()
        if (log.cancelled.has(one.item.delivery.id)) {
          over.set(number, 1)
          one.end("cancelled")
        } else if (dice < 0.25 && !finishing && one.item.delivery.attempt < 5) {
          one.end("retrying", Date.now() + Math.floor(random() * 900))
        } else {
          const before = ended.get(key) ?? 0
          for (const [other, its] of published) {
            if (its !== key || other >= number || log.cancelled.has(deliveryOf(other).id)) continue
            assert.isTrue(over.has(other), `${other} was to come before ${number}`)
          }
          ended.set(key, Math.max(before, number))
          over.set(number, (over.get(number) ?? 0) + 1)
          one.end(dice < 0.3 ? "dead" : "delivered")
        }
        unstored.push(one)
      }
      /** One that is under way ends first; all others go no further. */
      const cancel = () => {
        const waiting = [...published.keys()].filter((one) => !over.has(one))
        const number = waiting[Math.floor(random() ** 3 * waiting.length)]
        if (number === undefined) return
        log.cancelled.add(deliveryOf(number).id)
        if (!flying.some(({ item }) => item.seq === number)) cancelled(number)
      }
      const store = (one: Flying) => {
        one.store()
        if (log.cancelled.has(one.item.delivery.id)) owner.lane.cancel(one.item.delivery.id)
      }
      const cancelled = (number: number) => {
        over.set(number, 1)
        owner.lane.cancel(deliveryOf(number).id)
      }
      const step = async () => {
        const dice = random()
        if (dice < 0.1) publish()
        else if (dice < 0.2) cancel()
        else if (dice < 0.6) endOne()
        else if (dice < 0.9) for (const one of unstored.splice(0, 1 + Math.floor(random() * 5))) store(one)
        else if (dice < 0.915) {
          // A crash, or an owner that does not know yet that it is none: what it holds and stores late counts for nothing.
          const zombie = owner.lane
          if (random() < 0.5) zombie.stop()
          flying.length = 0
          if (random() < 0.5) unstored.length = 0
          owner = makeLane(log, 1 + Math.floor(random() * 6), (one) => flying.push(one))
          owner.lane.notify(seq)
          zombie.stop()
          for (const number of published.keys()) {
            if (log.cancelled.has(deliveryOf(number).id) && !over.has(number)) cancelled(number)
          }
        } else if (dice < 0.92) {
          log.away = !log.away
        } else await vi.advanceTimersByTimeAsync(random() * 300)
        await owner.lane.tend()
        await settle()
      }
      publish()
      for (let i = 0; i < 400; i++) await step()
      log.away = false
      finishing = true
      for (let i = 0; i < 20_000 && over.size < published.size; i++) {
        endOne()
        for (const one of unstored.splice(0)) store(one)
        await vi.advanceTimersByTimeAsync(50)
        await owner.lane.tend()
      }
      assert.deepStrictEqual(
        [...published.keys()].filter((one) => !over.has(one)),
        [],
        `round ${round}: all ended`,
      )
      while (flying.length > 0) endOne()
      for (const one of unstored.splice(0)) store(one)
      // Quiet for long enough: not a trace is left.
      for (let i = 0; i < 200; i++) {
        while (flying.length > 0) endOne()
        for (const one of unstored.splice(0)) store(one)
        await vi.advanceTimersByTimeAsync(limits.orderedClearMs / 20)
        await owner.lane.tend()
      }
      assert.strictEqual(log.messages.size, 0, `round ${round}: nothing is left`)
      assert.strictEqual(log.marks.size, 0)
      assert.isTrue(owner.lane.idle(performance.now() + limits.laneIdleMs * 2))
    }
  })

  it("reads nothing and holds nothing while its gate is shut, and goes on in order when it opens", async () => {
    const log = makeLog()
    const sent: Array<Flying> = []
    const { lane, gate } = makeLane(log, 4, (one) => sent.push(one))
    gate.apply({ state: "paused", reason: "", at: 0, by: "cli" })
    for (let seq = 1; seq <= 1500; seq++) {
      log.publish(seq, `key${seq % 7}`)
      lane.notify(seq)
      if (seq % 100 === 0) await lane.tend()
    }
    await settle()
    assert.strictEqual(log.reads, 0)
    gate.apply({ state: "closed", reason: "", at: 0, by: "cli" })
    const order: Array<number> = []
    for (let i = 0; i < 20_000 && order.length < 1500; i++) {
      const one = sent.shift()
      if (one !== undefined) {
        order.push(one.item.seq)
        one.end("delivered")
        one.store()
      } else await vi.advanceTimersByTimeAsync(limits.laneCheckMs)
      await lane.tend()
      await settle()
    }
    assert.strictEqual(order.length, 1500)
    for (let key = 0; key < 7; key++) {
      const ofKey = order.filter((seq) => seq % 7 === key)
      assert.deepStrictEqual(
        ofKey,
        ofKey.toSorted((a, b) => a - b),
      )
    }
  })

  it("lets other keys go on past a window that one slow attempt would hold up", async () => {
    const log = makeLog()
    const total = limits.orderedWindow * 3
    let done = 0
    let slow: Flying | undefined
    const { lane } = makeLane(log, 8, (one) => {
      if (one.item.seq === 1) {
        slow = one
        return
      }
      done++
      queueMicrotask(() => {
        one.end("delivered")
        one.store()
      })
    })
    for (let seq = 1; seq <= total; seq++) log.publish(seq, seq === 1 ? "slow" : `key${seq % 50}`)
    lane.notify(total)
    for (let i = 0; i < 2000 && done < total - 1; i++) {
      await vi.advanceTimersByTimeAsync(1)
      await lane.tend()
    }
    assert.strictEqual(done, total - 1)
    slow!.end("delivered")
    slow!.store()
  })
})
