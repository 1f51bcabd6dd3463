/**
 * A lane: all that is per destination. It exists from a connection's first delivery until it was idle for a while.
 *
 * - `direct`: what arrives waits in memory until one of the lane's `concurrency` slots and its rate limit let it go.
 * - `parking`: the lane was slow while its shard was filling up, so it would have made others wait. What waited was put aside in the
 *   log, and so is all that arrives; the lane takes it back from there, in order, a few at a time, at its own pace. When nothing is
 *   left aside, the lane is `direct` again.
 *
 * So a slow or dead destination costs the others at most a moment, and costs no memory however much piles up for it.
 */
import { limits } from "../config/defaults.ts"
import type { Pull, Pulled } from "../log/pull.ts"
import type { Delivery } from "../model/delivery.ts"

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
}

/** What a lane needs to know of its connection; asked for each time, since the config may be reloaded. */
export interface LaneSettings {
  readonly concurrency: number
  readonly rateLimit?: { readonly limit: number; readonly perMs: number }
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
  readonly workspace: string
  readonly connection: string
  readonly #settings: () => LaneSettings
  readonly #send: (item: Item) => void
  readonly #parking: Parking
  readonly #onParkedMessage: (lane: Lane, message: Pulled, release: () => void) => void
  #queue: Array<Item> = []
  #sending = 0
  #pumping = false
  #stopped = false
  #mode: "direct" | "parking" = "direct"
  #toPark: Array<Item> = []
  #storing: Promise<void> | undefined
  #parks = 0
  #sweptAt = 0
  #pull: Pull | "opening" | undefined
  #tokens = Number.POSITIVE_INFINITY
  #refilled = performance.now()
  #timer: NodeJS.Timeout | undefined
  #usedAt = performance.now()
  /** Attempts ended per millisecond, as measured last, and since when the next measure counts them. */
  #pace = 0
  #paceFrom = performance.now()
  #ended = 0

  constructor(options: {
    readonly workspace: string
    readonly connection: string
    readonly settings: () => LaneSettings
    readonly send: (item: Item) => void
    readonly parking: Parking
    readonly onParkedMessage: (lane: Lane, message: Pulled, release: () => void) => void
  }) {
    this.workspace = options.workspace
    this.connection = options.connection
    this.#settings = options.settings
    this.#send = options.send
    this.#parking = options.parking
    this.#onParkedMessage = options.onParkedMessage
  }

  get mode(): "direct" | "parking" {
    return this.#mode
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
    if (this.#mode === "parking") {
      this.#toPark.push(item)
      this.#store()
      return
    }
    this.#queue.push(item)
    this.pump()
  }

  /** A delivery came back from where it was parked. */
  resume(item: Item): void {
    this.#queue.push(item)
    this.pump()
  }

  /** Sends as many as slots and rate allow. */
  pump(): void {
    // An attempt that ends at once comes back here from within `#send`: the loop below goes on, rather than one inside the other.
    if (this.#pumping || this.#queue.length === 0) return
    const { concurrency, rateLimit } = this.#settings()
    this.#pumping = true
    try {
      while (this.#sending < concurrency && this.#queue.length > 0 && this.#mayBegin(rateLimit)) {
        this.#sending++
        this.#send(this.#queue.shift()!)
      }
    } finally {
      this.#pumping = false
    }
  }

  /** An attempt of this lane ended. */
  finished(): void {
    this.#sending--
    this.#ended++
    this.#usedAt = performance.now()
    this.pump()
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
  }

  /** Called now and then: opens the way back when there is a place, and ends parking when nothing is left aside. */
  async tend(): Promise<void> {
    if (this.#mode !== "parking") return
    if (this.#pull === undefined) return this.#open()
    if (this.#pull === "opening" || performance.now() - this.#sweptAt < limits.sweepEveryMs) return
    this.#sweptAt = performance.now()
    const parks = this.#parks
    if ((await this.#parking.left()) > 0) return
    const busy = this.#queue.length > 0 || this.#sending > 0 || this.#busyStoring()
    if (busy || parks !== this.#parks || typeof this.#pull !== "object") return
    this.#pull.close()
    this.#pull = undefined
    this.#mode = "direct"
    this.#parking.leave()
    await this.#parking.end()
  }

  /** Gives up everything that waits, for somebody else to take. */
  stop(): ReadonlyArray<Item> {
    clearTimeout(this.#timer)
    this.#stopped = true
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
    if (this.#busyStoring() || !this.#parking.enter()) return
    this.#pull = "opening"
    try {
      const window = Math.max(1, this.#settings().concurrency * limits.parkedPrefetch)
      this.#pull = await this.#parking.open(
        window,
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

  /** A token bucket that holds one period's worth. */
  #mayBegin(rate: LaneSettings["rateLimit"]): boolean {
    if (rate === undefined) return true
    const now = performance.now()
    const perToken = rate.perMs / rate.limit
    this.#tokens = Math.min(rate.limit, this.#tokens + (now - this.#refilled) / perToken)
    this.#refilled = now
    if (this.#tokens >= 1) {
      this.#tokens--
      return true
    }
    this.#timer ??= setTimeout(
      () => {
        this.#timer = undefined
        this.pump()
      },
      Math.ceil((1 - this.#tokens) * perToken),
    )
    return false
  }
}
