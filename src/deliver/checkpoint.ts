/**
 * What an ordered lane tells the log of how far it has come: the window of deliveries that were read and are not all done, and the
 * marks that changed. One checkpoint is written at a time; what is to be said next gathers meanwhile.
 */
import { limits } from "../config/defaults.ts"
import type { LaneLog, Mark } from "../log/lane-log.ts"

/** A delivery in the window. */
export interface Entry {
  readonly seq: number
  /** Accounted for: by its own end, or by its key's mark. */
  done: boolean
}

export interface CheckpointOptions {
  readonly log: LaneLog
  /** The last one that the lane has read. */
  readonly cursor: () => number
  /** A checkpoint was stored: there may be room again. */
  readonly written: () => void
  /** It was refused, or cannot be stored. */
  readonly lost: (reason: string) => void
}

export class Checkpoint {
  readonly #options: CheckpointOptions
  #window: Array<Entry> = []
  #settled: Array<() => void> = []
  #changed = new Map<string, Mark | undefined>()
  #writing: Promise<void> | undefined
  /** Counts up when all is forgotten: the end of a write that was begun before means nothing. */
  #generation = 0

  constructor(options: CheckpointOptions) {
    this.#options = options
  }

  /** How many are in the window. */
  get length(): number {
    return this.#window.length
  }

  /** Something is being written, or is to be. */
  get busy(): boolean {
    return this.#writing !== undefined || this.#settled.length > 0 || this.#changed.size > 0
  }

  /** The next in the window. */
  entry(seq: number, done: boolean): Entry {
    const entry = { seq, done }
    this.#window.push(entry)
    return entry
  }

  /** Runs `account` with others of its kind just before a checkpoint, which then says what it changed, all of it or none. */
  settle(account: () => void): void {
    this.#settled.push(account)
    this.#write()
  }

  /** A key's mark is to be this; `undefined`: it is no longer needed. */
  mark(key: string, mark: Mark | undefined): void {
    this.#changed.set(key, mark)
    this.#write()
  }

  /** All up to here is done, or covered by a mark. */
  floor(): number {
    const [first] = this.#window
    return first === undefined ? this.#options.cursor() : first.seq - 1
  }

  /** The first of a window that is full behind it, though most of it is done. */
  hole(): number | undefined {
    const [first] = this.#window
    if (first === undefined || first.done || this.#window.length < limits.orderedWindow) return undefined
    const done = this.#window.reduce((count, entry) => count + (entry.done ? 1 : 0), 0)
    return done < limits.orderedWindow / 2 ? undefined : first.seq
  }

  /** Does something with the lane's part of the log while nothing is written. */
  async alone(work: () => Promise<void>): Promise<void> {
    this.#writing = work().finally(() => {
      this.#writing = undefined
      this.#write()
    })
    await this.#writing
  }

  /** Resolves when all that was settled so far is written. */
  async flush(): Promise<void> {
    while (this.busy) {
      this.#write()
      await this.#writing
    }
  }

  forget(): void {
    this.#generation++
    this.#window = []
    this.#settled = []
    this.#changed = new Map()
  }

  #write(): void {
    if (this.#writing !== undefined || !this.busy) return
    const generation = this.#generation
    this.#writing = this.#writeOnce()
      .catch((cause: unknown) => {
        if (generation === this.#generation) this.#options.lost((cause as Error).message)
      })
      .finally(() => {
        this.#writing = undefined
        this.#write()
        this.#options.written()
      })
  }

  async #writeOnce(): Promise<void> {
    // At the end of the turn: what was stored together is accounted for together.
    await new Promise((resolve) => setImmediate(resolve))
    for (const account of this.#settled.splice(0, limits.batchMessages / 2)) account()
    let at = 0
    while (this.#window[at]?.done === true) at++
    this.#window.splice(0, at)
    const done = this.#window.filter((entry) => entry.done).map(({ seq }) => seq)
    const stored = await this.#options.log.commit({ floor: this.floor(), done }, this.#takeMarks())
    if (!stored) throw new Error("another replica has taken it over")
  }

  /** As many as fit a batch. Marks must go with the entries that they cover; those that are taken back may wait. */
  #takeMarks(): ReadonlyMap<string, Mark | undefined> {
    const marks = new Map<string, Mark | undefined>()
    const later = new Map<string, undefined>()
    for (const [key, mark] of this.#changed) {
      if (mark !== undefined || marks.size < limits.batchMessages / 4) marks.set(key, mark)
      else later.set(key, undefined)
    }
    this.#changed = later
    return marks
  }
}
