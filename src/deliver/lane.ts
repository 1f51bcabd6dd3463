/**
 * A lane: a connection's deliveries that keep no order. It exists from a connection's first delivery until it was idle for a while.
 *
 * - `direct`: what arrives waits in memory until the connection's gate (`gate.ts`) lets it go.
 * - `parking`: the gate is shut, or the lane was slow while its shard was filling up, so it would have made others wait. What waited was
 *   put aside in the log, and so is all that arrives. While the gate is open the lane takes it back from there, in order, a few at a
 *   time, at its own pace. When nothing is left aside, the lane is `direct` again.
 *
 * So a slow or dead destination costs the others at most a moment, and costs no memory however much piles up for it.
 */
import { limits } from "../config/defaults.ts"
import type { Pull, Pulled } from "../log/pull.ts"
import type { Delivery } from "../model/delivery.ts"
import type { DeliveryId } from "../model/ids.ts"
import type { Outcome } from "../model/outcome.ts"
import type { Gate, GateSettings } from "./gate.ts"
import { gather, type Form } from "./gather.ts"

/** A delivery that this process holds. */
export interface Item {
  /** Its message; a newer copy replaces it when the server sends it again. */
  message: Pulled
  readonly delivery: Delivery
  readonly event: Uint8Array
  /** When it was taken up, by `performance.now()`. */
  readonly since: number
  /** When the server was last told that it is being worked on. */
  told: number
  /** Says to the pull that it came from that there is room again. */
  readonly release: () => void
  /** Absent: it goes by itself. */
  readonly form?: Form
}

export interface Parking {
  /** Stores them aside, in order. */
  readonly store: (items: ReadonlyArray<Item>) => Promise<void>
  /** Begins to take them back. */
  readonly open: (window: number, onMessage: (message: Pulled) => void, onGone: () => void) => Promise<Pull>
  /** Removes what is finished; gives how many are still aside, those taken back included. */
  readonly left: () => Promise<number>
  readonly end: () => Promise<void>
  /** Takes one of the places for lanes that take back at the same time; `false`: none is free. */
  readonly enter: () => boolean
  readonly leave: () => void
}

export class Lane {
  readonly #settings: () => GateSettings
  readonly #gate: Gate
  readonly #send: (items: ReadonlyArray<Item>) => void
  readonly #parking: Parking
  readonly #giveBack: (item: Item) => void
  readonly #onParkedMessage: (lane: Lane, message: Pulled, release: () => void) => void
  #queue: Array<Item> = []
  #sending = 0
  #pumping = false
  #stopped = false
  #mode: "direct" | "parking" = "direct"
  #toPark: Array<Item> = []
  #storing: Promise<void> | undefined
  /** Something was put aside: nothing is taken back before what came earlier. */
  #aside = false
  #parks = 0
  #sweptAt = 0
  #pull: Pull | "opening" | undefined
  /** How many parked deliveries the lane may hold; one while it tries whether the destination is well. */
  #window = 0
  #usedAt = performance.now()
  /** The most that went, or may go, in one call. */
  #largest = 1
  #timer: NodeJS.Timeout | undefined
  /** Attempts ended per millisecond, as measured last, and since when the next measure counts them. */
  #pace = 0
  #paceFrom = performance.now()
  #ended = 0

  constructor(options: {
    readonly settings: () => GateSettings
    readonly gate: Gate
    /** Begins an attempt: of one, or of several that go in one call. */
    readonly send: (items: ReadonlyArray<Item>) => void
    readonly parking: Parking
    /** An item that was taken back and cannot be sent now. */
    readonly giveBack: (item: Item) => void
    readonly onParkedMessage: (lane: Lane, message: Pulled, release: () => void) => void
  }) {
    this.#settings = options.settings
    this.#gate = options.gate
    this.#send = options.send
    this.#parking = options.parking
    this.#giveBack = options.giveBack
    this.#onParkedMessage = options.onParkedMessage
  }

  get mode(): "direct" | "parking" {
    return this.#mode
  }
  /** Nothing here needs a timer. */
  get quiet(): boolean {
    return this.#mode === "direct" && this.#queue.length === 0
  }
  get waiting(): number {
    return this.#queue.length
  }
  get sending(): number {
    return this.#sending
  }

  /** What waits here would keep others of a full shard waiting for too long. Asked for every `limits.laneCheckMs`. */
  isSlow(now: number): boolean {
    if (now - this.#paceFrom >= limits.laneSlowMs) {
      this.#pace = this.#ended / (now - this.#paceFrom)
      this.#paceFrom = now
      this.#ended = 0
    }
    const oldest = this.#queue[0]
    return (
      oldest !== undefined &&
      now - oldest.since > limits.laneSlowMs &&
      this.#queue.length > this.#pace * limits.laneBacklogMs
    )
  }

  /**
   * Nothing held, nothing aside, and nothing happened for `limits.laneIdleMs`, nor within the rate limit's period: the lane that comes
   * after this one begins with a whole period's worth.
   */
  idle(now: number): boolean {
    return (
      this.#mode === "direct" &&
      this.#sending === 0 &&
      this.#queue.length === 0 &&
      now - this.#usedAt > limits.laneIdleMs &&
      now - this.#usedAt > (this.#settings().rateLimit?.perMs ?? 0)
    )
  }

  /** A delivery arrived as ready work. */
  offer(item: Item): void {
    if (this.#mode === "direct" && this.#gate.shut) this.#mode = "parking"
    if (this.#mode === "parking") {
      this.#toPark.push(item)
      this.#store()
      return
    }
    if (this.#queue.length === 0) {
      // Nobody asked how fast it goes while nothing waited.
      this.#paceFrom = item.since
      this.#ended = 0
    }
    this.#queue.push(item)
    this.pump()
  }

  /** A delivery came back from where it was parked. */
  resume(item: Item): void {
    this.#queue.push(item)
    this.pump()
  }

  /** Sends as many as the gate lets go. */
  pump(): void {
    // An attempt that ends at once comes back here from within `#send`: the loop below goes on, rather than one inside the other.
    if (this.#pumping || this.#queue.length === 0) return
    this.#pumping = true
    try {
      while (this.#queue.length > 0) {
        const items = gather(this.#queue, performance.now(), this.#gate.state === "halfOpen" ? 1 : undefined)
        if (typeof items === "number") return this.#pumpIn(items)
        if (!this.#gate.begin()) return
        this.#take(items)
        this.#sending += items.length
        this.#send(items)
      }
    } finally {
      this.#pumping = false
    }
  }

  #take(items: ReadonlyArray<Item>): void {
    const [form] = items.map((item) => item.form)
    if (form !== undefined) this.#largest = Math.max(this.#largest, form.size)
    if (items.length === 1) return void this.#queue.shift()
    const taken = new Set(items)
    this.#queue = this.#queue.filter((item) => !taken.has(item))
  }

  /** The first waits for others to go with it. */
  #pumpIn(ms: number): void {
    if (this.#timer !== undefined) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.pump()
    }, Math.ceil(ms))
  }

  /**
   * An attempt of this lane ended.
   *
   * @param alert it told of a circuit
   * @param count of the deliveries that it carried, in so many calls
   */
  finished(outcome: Outcome, alert: boolean, count = 1, calls = 1): void {
    this.#sending -= count
    this.#ended += count
    this.#usedAt = performance.now()
    this.#gate.end(outcome, alert, calls)
    this.pump()
  }

  /** What waits here in memory under an id is given up, and goes no further. */
  drop(id: DeliveryId): ReadonlyArray<Item> {
    const dropped = [...this.#queue, ...this.#toPark].filter(({ delivery }) => delivery.id === id)
    if (dropped.length === 0) return dropped
    this.#queue = this.#queue.filter(({ delivery }) => delivery.id !== id)
    this.#toPark = this.#toPark.filter(({ delivery }) => delivery.id !== id)
    return dropped
  }

  /** Puts aside what waits, and all that comes until that is drained. */
  park(): void {
    this.#mode = "parking"
    this.#toPark.push(...this.#queue)
    this.#queue = []
    this.#store()
  }

  /** Something is aside from before. */
  startParked(): void {
    this.#mode = "parking"
    this.#aside = true
  }

  /** Called now and then: opens the way back when there is a place, and ends parking when nothing is left aside. */
  async tend(): Promise<void> {
    if (this.#gate.shut) return this.#withdraw()
    this.pump()
    if (this.#mode !== "parking") return
    if (this.#pull === undefined) return this.#open()
    if (this.#pull === "opening") return
    const window = this.#windowNow()
    if (window > this.#window) {
      this.#pull.done(window - this.#window)
      this.#window = window
    }
    if (performance.now() - this.#sweptAt < limits.sweepEveryMs) return
    this.#sweptAt = performance.now()
    const parks = this.#parks
    if ((await this.#parking.left()) > 0) return
    const busy = this.#queue.length > 0 || this.#sending > 0 || this.#busyStoring()
    if (busy || parks !== this.#parks || typeof this.#pull !== "object") return
    this.#pull.close()
    this.#pull = undefined
    this.#mode = "direct"
    this.#aside = false
    this.#parking.leave()
    await this.#parking.end()
  }

  /** The gate is shut: what waits goes back to where it came from. */
  #withdraw(): void {
    if (this.#mode === "direct") {
      if (this.#queue.length > 0) this.park()
      return
    }
    if (typeof this.#pull !== "object") return
    this.#pull.close()
    this.#closed()
    // In order, and the server keeps it: they come first when the lane takes back again.
    const left = this.#queue
    this.#queue = []
    for (const item of left) this.#giveBack(item)
  }

  #windowNow(): number {
    if (this.#gate.state === "halfOpen") return 1
    return Math.max(1, this.#largest * limits.parkedPrefetch, this.#settings().concurrency * limits.parkedPrefetch)
  }

  /** Gives up everything that waits, for somebody else to take. */
  stop(): ReadonlyArray<Item> {
    this.#stopped = true
    clearTimeout(this.#timer)
    if (typeof this.#pull === "object") this.#pull.close()
    const left = [...this.#queue, ...this.#toPark]
    this.#queue = []
    this.#toPark = []
    return left
  }

  #busyStoring(): boolean {
    return this.#storing !== undefined || this.#toPark.length > 0
  }

  #store(): void {
    if (this.#storing !== undefined || this.#toPark.length === 0) return
    this.#storing = (async () => {
      // At the end of the turn: what arrives in one packet is stored together.
      await new Promise((resolve) => setImmediate(resolve))
      const items = this.#toPark
      this.#toPark = []
      this.#parks++
      try {
        await this.#parking.store(items)
        this.#aside = true
      } catch {
        // Not known to be stored: they are still held, and tried again after a moment.
        this.#toPark = [...items, ...this.#toPark]
        await new Promise((resolve) => setTimeout(resolve, limits.restartDelayMs).unref())
      } finally {
        this.#storing = undefined
      }
      this.#store()
    })()
  }

  async #open(): Promise<void> {
    if (!this.#aside || !this.#parking.enter()) return
    this.#pull = "opening"
    try {
      this.#window = this.#windowNow()
      this.#pull = await this.#parking.open(
        this.#window,
        (message) =>
          this.#onParkedMessage(this, message, () => {
            if (typeof this.#pull === "object") this.#pull.done(1)
          }),
        () => this.#closed(),
      )
      if (this.#stopped) this.#pull.close()
    } catch {
      this.#closed()
    }
  }

  #closed(): void {
    if (this.#pull === undefined) return
    this.#pull = undefined
    this.#parking.leave()
  }
}
