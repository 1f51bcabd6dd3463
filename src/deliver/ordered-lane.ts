/**
 * A lane whose deliveries keep their order: all of them (`ordering: "connection"`), or those of one key (`ordering: { key }`). Of a key,
 * a delivery is sent only when the one before it was delivered or died; keys go side by side.
 *
 * The deliveries stay in the log where they are (`log/lane-log.ts`). The lane reads on in order, a window of them at a time:
 *
 * - A key in the window has a queue of what was read, and at most one attempt under way.
 * - A key is marked, and goes on by itself, when its first delivery waits for a retry, when it has more in the window than its share, or
 *   when its attempt takes so long that it would hold up the window. What was read of it is forgotten: it is read again, key by key,
 *   when its turn comes. When it has caught up with the lane, its mark is taken back.
 *
 * The next of a key is sent as soon as the outcome of the one before is known. When the outcome is stored it is accounted for, and the
 * next checkpoint says so. A crash loses at most what lies between: those deliveries are sent again, in order.
 *
 * - `idle`: nothing is held; news, or the gate, leads on. `loading`: reading where the last owner was. `running`. `stopped`: for good.
 */
import { limits } from "../config/defaults.ts"
import type { Mark, Ordered } from "../log/lane-log.ts"
import type { Delivery } from "../model/delivery.ts"
import { isOwnType } from "../model/connection-state.ts"
import { wholeConnection, type DeliveryId } from "../model/ids.ts"
import { Checkpoint, type Entry } from "./checkpoint.ts"
import {
  hasCaughtUp,
  hasNothing,
  markedBy,
  mayRead,
  newKey,
  readOrdered,
  takeOut,
  takeRead,
  type Key,
  type Marked,
  type OrderedLaneOptions,
  type Waiting,
} from "./ordered-key.ts"
import { Turns } from "./turns.ts"

export class OrderedLane {
  readonly #options: OrderedLaneOptions
  #phase: "idle" | "loading" | "running" | "stopped" = "idle"
  /** The last one that the log is known to hold (0: none), and the last one that was read. */
  #known = 0
  #cursor = 0
  /** Done beyond the floor, by the checkpoint that was loaded. */
  #passed: ReadonlySet<number> = new Set()
  readonly #keys = new Map<string, Key>()
  readonly #marks = new Set<Key>()
  readonly #turns = new Turns()
  #waiting = 0
  #reading = false
  #sending = 0
  #pumping = false
  /** Counts up when all that is held is forgotten: what was begun before is no longer accounted for. */
  #generation = 0
  readonly #checkpoint: Checkpoint
  #sweptTo = 0
  #sweptAt = 0
  #usedAt = performance.now()

  constructor(options: OrderedLaneOptions) {
    this.#options = options
    this.#checkpoint = new Checkpoint({
      log: options.log,
      cursor: () => this.#cursor,
      written: () => this.pump(),
      lost: (reason) => {
        options.warn(reason)
        // Whoever owns it now goes on from the last checkpoint.
        this.#forget()
      },
    })
  }

  /** Nothing here needs a timer. */
  get quiet(): boolean {
    return this.#phase === "idle" && this.#known === 0
  }

  /** Nothing is held and nothing is left: the lane may be let go. */
  idle(now: number): boolean {
    return this.quiet && now - this.#usedAt > limits.laneIdleMs
  }

  /** The log holds deliveries up to this one. */
  notify(seq: number): void {
    this.#known = Math.max(this.#known, seq)
    this.#usedAt = performance.now()
    this.pump()
  }

  /** Reads and sends what can be read and sent. */
  pump(): void {
    if (this.#pumping || this.#options.gate.shut) return
    if (this.#phase === "idle" && this.#known > 0) return void this.#load()
    if (this.#phase !== "running") return
    this.#pumping = true
    try {
      this.#sendReady()
      this.#readOn()
    } finally {
      this.#pumping = false
    }
  }

  /** One that waits here is not sent: the next of its key may go. */
  cancel(id: DeliveryId): void {
    for (const key of this.#keys.values()) {
      const item = takeOut(key, id)
      if (item !== undefined) this.#passOver(item.entry, key)
      this.#list(key)
    }
    this.pump()
  }

  /** The work of a timer: retries that are due, a window that is held up, what is done removed from the log. */
  async tend(): Promise<void> {
    if (this.#phase === "running" && this.#options.gate.shut) return this.#rest()
    for (const key of this.#marks) this.#list(key)
    this.#unblock()
    this.pump()
    if (this.#phase !== "running" || this.#checkpoint.busy || performance.now() - this.#sweptAt < limits.sweepEveryMs)
      return
    this.#sweptAt = performance.now()
    await this.#checkpoint.alone(() => this.#sweep())
  }

  /** Begins nothing more. What is under way is still accounted for, see `flush`. */
  stop(): void {
    this.#phase = "stopped"
    this.#turns.clear()
  }

  /** Resolves when all that is stored is accounted for. */
  flush(): Promise<void> {
    return this.#checkpoint.flush()
  }

  async #load(): Promise<void> {
    this.#phase = "loading"
    try {
      const { floor, done, marks } = await this.#options.log.load()
      if (this.#phase !== "loading") return
      this.#cursor = floor
      this.#passed = new Set(done)
      // Some of what is done beyond the floor may be so only because a mark covers it.
      const until = Math.max(floor, done.at(-1) ?? 0)
      for (const [name, mark] of marks) {
        const key = this.#key(name)
        key.marked = markedBy(mark, until, this.#options.isCancelled)
        this.#marks.add(key)
      }
      this.#phase = "running"
      for (const key of [...this.#marks]) {
        this.#letGo(key)
        this.#list(key)
      }
      this.pump()
    } catch (cause) {
      if (this.#phase === "loading") this.#phase = "idle"
      this.#options.warn(`it is not known how far it has come: ${String(cause)}`)
    }
  }

  /** Holds nothing any more; the log knows all that matters. */
  #forget(): void {
    this.#generation++
    this.#keys.clear()
    this.#marks.clear()
    this.#checkpoint.forget()
    this.#turns.clear()
    this.#waiting = 0
    this.#reading = false
    this.#sweptTo = 0
    if (this.#phase !== "stopped") this.#phase = "idle"
  }

  /** The gate is shut: a lane that waits costs nothing. */
  #rest(): void {
    if (this.#sending > 0 || this.#checkpoint.busy) return
    for (const key of this.#keys.values()) if (key.unsettled > 0) return
    this.#forget()
  }

  #key(name: string): Key {
    let key = this.#keys.get(name)
    if (key === undefined) {
      key = newKey(name)
      this.#keys.set(name, key)
    }
    return key
  }

  #readOn(): void {
    const ahead = Math.max(limits.orderedAhead, this.#options.concurrency() * limits.parkedPrefetch)
    const room = Math.min(limits.orderedWindow - this.#checkpoint.length, ahead - this.#waiting, limits.orderedBatch)
    if (this.#reading || this.#cursor >= this.#known || room <= 0 || this.#marks.size >= limits.orderedMarks) return
    // With one key for all, nothing could be sent that is read now.
    if (this.#keys.get(wholeConnection)?.marked !== undefined) return
    this.#reading = true
    const upTo = this.#known
    this.#ask(this.#options.log.next(this.#cursor + 1, room), (found) => {
      this.#reading = false
      for (const one of found ?? []) this.#arrived(one)
      if (found !== undefined) this.#cursor = found.at(-1)?.seq ?? Math.max(this.#cursor, upTo)
    })
  }

  #arrived(message: Ordered): void {
    const passed = this.#passed.has(message.seq)
    const entry = this.#checkpoint.entry(message.seq, passed)
    const marked = this.#keys.get(message.key)?.marked
    if (marked !== undefined) {
      // Also of one that is passed: what a mark covers is done for the lane, and not yet for its key.
      // What was done before it was taken over is read again: the mark covers more.
      marked.until = Math.max(marked.until, message.seq)
      if (marked.durable === undefined) marked.covers.push(entry)
      else entry.done = true
      return this.#list(this.#key(message.key))
    }
    if (passed) return
    const item = readOrdered(message, this.#options)
    if (item === undefined) return this.#passOver(entry)
    const key = this.#key(message.key)
    key.queue.push({ ...item, entry })
    this.#waiting++
    if (key.queue.length > limits.orderedKeyQueue && key.name !== wholeConnection) this.#markAhead(key)
    this.#list(key)
  }

  /** Nothing of it is sent. A mark of its key stays where it is: those before it may not be done. */
  #passOver(entry: Entry | undefined, key?: Key): void {
    if (key !== undefined) this.#waiting--
    this.#checkpoint.settle(() => {
      if (entry !== undefined) entry.done = true
      if (key !== undefined) this.#letGo(key)
    })
  }

  /** The next of a marked key: its first one alone, then as many as may wait in memory. */
  #readKey(key: Key, marked: Marked): void {
    marked.reading = true
    const count = marked.head === undefined ? limits.orderedKeyQueue : 1
    this.#ask(this.#options.log.next(marked.from, count, key.name), (found) => {
      marked.reading = false
      if (found === undefined) return
      this.#waiting += takeRead(key, marked, found, this.#options)
      this.#letGo(key)
      this.#list(key)
    })
  }

  /** Reads, unless everything was forgotten meanwhile; what could not be read (`undefined`) is asked for again by `tend`. */
  #ask(question: Promise<ReadonlyArray<Ordered>>, use: (found: ReadonlyArray<Ordered> | undefined) => void): void {
    const generation = this.#generation
    const answer = (found: ReadonlyArray<Ordered> | undefined) => {
      if (generation !== this.#generation || this.#phase !== "running") return
      use(found)
      if (found !== undefined) this.pump()
    }
    question.then(answer, () => answer(undefined))
  }

  #list(key: Key): void {
    if (key.current === undefined && (key.queue.length > 0 || mayRead(key, this.#options.isHurried)))
      this.#turns.add(key)
  }

  #sendReady(): void {
    this.#turns.take({
      gate: this.#options.gate,
      send: (keys) => this.#begin(keys.map((key) => ({ key, item: key.queue.shift()! }))),
      read: (key) => {
        if (key.marked !== undefined && mayRead(key, this.#options.isHurried)) this.#readKey(key, key.marked)
      },
      again: () => this.pump(),
    })
  }

  #begin(begun: ReadonlyArray<{ readonly key: Key; readonly item: Waiting }>): void {
    const generation = this.#generation
    const count = begun.length
    for (const { key, item } of begun) key.current = item
    this.#waiting -= count
    this.#sending += count
    this.#options.send(
      begun.map(({ item }) => item),
      (ended, { call, calls }) => {
        this.#sending -= count
        this.#usedAt = performance.now()
        this.#options.gate.end(call, isOwnType(ended[0]!.type), calls)
        if (generation === this.#generation)
          for (const [i, { key, item }] of begun.entries()) this.#ended(key, item, ended[i]!)
        this.pump()
      },
      (after, i) => {
        const { key, item } = begun[i]!
        if (generation === this.#generation) this.#checkpoint.settle(() => this.#account(key, item, after))
      },
    )
  }

  #ended(key: Key, item: Waiting, after: Delivery): void {
    delete key.current
    key.unsettled++
    if (after.state !== "retrying") {
      if (key.marked !== undefined) delete key.marked.head
      return this.#list(key)
    }
    this.#mark(key, item.seq).head = after
  }

  /** The key goes by itself from now on, from this delivery. What was read of it waits in the log. */
  #mark(key: Key, from: number): Marked {
    const covers = key.queue.flatMap(({ entry }) => entry ?? [])
    const until = key.queue.at(-1)?.seq ?? from
    this.#waiting -= key.queue.length
    key.queue = []
    if (key.marked === undefined) {
      key.marked = { from, until, reading: false, covers }
      this.#marks.add(key)
    } else key.marked.from = from
    return key.marked
  }

  /** A key with more than its share, or too slow, goes by itself. */
  #markAhead(key: Key): void {
    if (key.marked !== undefined) return
    const first = key.current ?? key.queue[0]
    if (first === undefined) return
    const marked = this.#mark(key, key.queue[0]?.seq ?? first.seq + 1)
    if (key.current?.entry !== undefined) marked.covers.push(key.current.entry)
    this.#checkpoint.settle(() => {
      if (key.marked === marked && marked.durable === undefined) this.#setMark(key, marked, { seq: first.seq })
    })
  }

  #setMark(key: Key, marked: Marked, mark: Mark): void {
    marked.durable = mark
    this.#checkpoint.mark(key.name, mark)
    for (const entry of marked.covers) entry.done = true
    marked.covers = []
  }

  /** What an outcome means for the next checkpoint. */
  #account(key: Key, item: Waiting, after: Delivery): void {
    key.unsettled--
    if (item.entry !== undefined) item.entry.done = true
    const { marked } = key
    if (marked !== undefined) {
      const mark: Mark = after.state === "retrying" ? { seq: item.seq, delivery: after } : { seq: item.seq + 1 }
      if (marked.durable === undefined || mark.seq >= marked.durable.seq) this.#setMark(key, marked, mark)
    }
    this.#letGo(key)
  }

  /** A key of which nothing is left here; a marked one goes with the lane again. */
  #letGo(key: Key): void {
    const left = key.marked === undefined ? hasNothing(key) : hasCaughtUp(key)
    if (!left || this.#keys.get(key.name) !== key) return
    this.#keys.delete(key.name)
    if (this.#marks.delete(key)) this.#checkpoint.mark(key.name, undefined)
  }

  /** A window that is full behind an attempt that takes long, with most of it done: the others go on without that key. */
  #unblock(): void {
    const hole = this.#checkpoint.hole()
    if (hole === undefined) return
    for (const key of this.#keys.values()) if (key.current?.seq === hole) return this.#markAhead(key)
  }

  async #sweep(): Promise<void> {
    const { log, warn } = this.#options
    try {
      const quiet = performance.now() - this.#usedAt > limits.orderedClearMs
      if (
        quiet &&
        this.#keys.size === 0 &&
        this.#checkpoint.length === 0 &&
        this.#cursor >= this.#known &&
        !this.#reading
      ) {
        const cleared = this.#known
        await log.clear(this.#cursor)
        if (this.#known !== cleared) return
        this.#forget()
        this.#known = 0
        return
      }
      let below = this.#checkpoint.floor() + 1
      for (const { marked } of this.#marks) below = Math.min(below, marked?.durable?.seq ?? below)
      if (below <= this.#sweptTo + 1) return
      await log.sweep(below)
      this.#sweptTo = below - 1
    } catch (cause) {
      warn(`removing what is done: ${String(cause)}`)
    }
  }
}
