/**
 * Who runs what: the replicas that are alive, and for each router and shard (a unit) a lease that one of them holds.
 *
 * A replica says every `limits.leaseRenewMs` that it is alive and renews its leases, in one atomic batch; what is not renewed is gone
 * after `limits.leaseMs`. Each wants the units that rendezvous hashing over the live members gives it, claims those that nobody holds
 * (the claim is refused if somebody was faster), and gives up those that have become another's, after what is in flight has ended.
 *
 * A holder that was asleep, or cut off, finds its time over by its own clock (`valid`) before anybody else may begin. What it writes
 * late is refused where that matters: checkpoints carry the sequence of the one before them.
 */
import { readlinkSync } from "node:fs"
import { hostname } from "node:os"
import { hash } from "node:crypto"
import { nuid } from "@nats-io/nats-core"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { limits } from "../config/defaults.ts"
import { LogUnavailable } from "../model/errors.ts"
import { Health } from "../observe/health.ts"
import { supervise } from "../observe/supervise.ts"
import { errorCodes, publishBatch, type Message } from "./batch.ts"
import { Nats, reasonOf, type NatsShape } from "./connection.ts"
import { streams, subjects } from "./topology.ts"

/** The loops that are run by one replica at a time. */
export const units = {
  route: (partition: number): string => `route.${partition}`,
  deliver: (shard: number): string => `deliver.${shard}`,
  replays: "replays",
  operations: "operations",
} as const

const allUnits = [
  ...Array.from({ length: limits.partitions }, (_, i) => units.route(i)),
  ...Array.from({ length: limits.shards }, (_, i) => units.deliver(i)),
  units.replays,
  units.operations,
]

export class Leases extends Context.Service<
  Leases,
  {
    /** `false`: somebody else may hold what this replica held, so nothing may be begun. */
    readonly valid: () => boolean
    /** Who we are among the members. */
    readonly member: string
    /** Another one each time that `valid` was interrupted; `undefined` while it is not. */
    readonly term: () => number | undefined
    /** Those that are alive, ourselves among them, as last looked; empty before that. */
    readonly members: () => ReadonlyArray<string>
    /**
     * Runs a unit's loop, begun anew whenever it ends, while this replica holds the unit. When the unit has become another's, the loop
     * is interrupted, its finalizers end what is in flight, and the lease is given up.
     */
    readonly whileHeld: <E, R>(
      unit: string,
      loop: Effect.Effect<unknown, E, R>,
    ) => Effect.Effect<never, never, R | Health>
  }
>()("meshes/Leases") {
  static readonly layer = Layer.effect(
    Leases,
    Effect.gen(function* () {
      const nats = yield* Nats
      const health = yield* Health
      const book = new Book(nats, health)
      health.expect("members")
      yield* Effect.addFinalizer(() => Effect.promise(() => book.leave()))
      yield* Effect.forkScoped(supervise("members", look(book, health)))
      return {
        valid: () => performance.now() < book.validUntil,
        member: book.self,
        term: () => (performance.now() < book.validUntil ? book.term : undefined),
        members: () => book.live,
        whileHeld: (unit, loop) => whileHeld(book, unit, loop),
      }
    }),
  )
}

const look = (book: Book, health: Health["Service"]) =>
  Effect.gen(function* () {
    for (;;) {
      yield* Effect.tryPromise({
        try: () => book.turn(),
        catch: (cause) =>
          new LogUnavailable({ operation: "looking for members", reason: reasonOf(cause), stored: "unknown" }),
      })
      health.beat("members")
      yield* Effect.sleep(limits.leaseLookMs)
    }
  })

const whileHeld = <E, R>(book: Book, unit: string, loop: Effect.Effect<unknown, E, R>) =>
  Effect.gen(function* () {
    for (;;) {
      yield* book.until(unit, true)
      yield* Effect.raceFirst(supervise(unit, loop), book.until(unit, false))
      yield* Effect.promise(() => book.release(unit))
    }
  })

/** The member that a unit belongs to: the one with the highest hash of both. */
export const ownerOf = (unit: string, members: Iterable<string>): string | undefined => {
  let owner: string | undefined
  let highest = ""
  for (const member of members) {
    const score = hash("sha256", `${unit}/${member}`, "hex")
    if (score <= highest) continue
    owner = member
    highest = score
  }
  return owner
}

interface Entry {
  readonly member: string
  /** The machine and its name space of processes; a process id means something only there. */
  readonly host: string
  readonly pid: number
  /** The holder gave it up. */
  readonly free?: boolean
}

interface Unit {
  /** Sequence of our entry in the bucket; absent: not held. */
  held?: number
  wanted: boolean
  readonly listeners: Set<() => void>
}

/** What this replica knows of members and leases. */
class Book {
  validUntil = Number.NEGATIVE_INFINITY
  term = 0
  live: ReadonlyArray<string> = []
  readonly #nats: NatsShape
  readonly #health: Health["Service"]
  readonly #self: Entry = { member: nuid.next(), host: hostOf(), pid: process.pid }
  readonly #units = new Map<string, Unit>(allUnits.map((unit) => [unit, { wanted: false, listeners: new Set() }]))
  readonly #known = new Map<string, Entry>()
  #renewedAt = Number.NEGATIVE_INFINITY
  #left = false

  constructor(nats: NatsShape, health: Health["Service"]) {
    this.#nats = nats
    this.#health = health
  }

  get self(): string {
    return this.#self.member
  }

  /** Waits until the unit is to be run here, or no longer. */
  until(unit: string, mine: boolean): Effect.Effect<void> {
    const state = this.#units.get(unit)!
    const now = () => (state.held !== undefined && state.wanted) === mine
    return Effect.callback<void>((resume) => {
      if (now()) return resume(Effect.void)
      const listener = () => {
        if (!now()) return
        state.listeners.delete(listener)
        resume(Effect.void)
      }
      state.listeners.add(listener)
      return Effect.sync(() => void state.listeners.delete(listener))
    })
  }

  async turn(): Promise<void> {
    if (performance.now() - this.#renewedAt >= limits.leaseRenewMs) await this.#renew()
    const members = await this.#members()
    this.live = members
    const claims: Array<string> = []
    for (const [name, unit] of this.#units) {
      unit.wanted = !this.#left && ownerOf(name, members) === this.#self.member
      if (unit.wanted && unit.held === undefined) claims.push(name)
      for (const listener of unit.listeners) listener()
    }
    await Promise.all(claims.map((name) => this.#claim(name)))
  }

  /** Gives a unit up: the next one may begin at once. */
  async release(name: string): Promise<void> {
    const unit = this.#units.get(name)!
    const { held } = unit
    delete unit.held
    this.#health.gone(name)
    if (held === undefined || !this.#nats.connected()) return
    await publishBatch(this.#nats.nc, [this.#message(subjects.lease(name), held, { free: true })])
  }

  /** The end of this replica. */
  async leave(): Promise<void> {
    this.#left = true
    await Promise.all([...this.#units.keys()].map((name) => this.release(name)))
    if (this.#nats.connected()) await this.#forget(this.#self.member).catch(() => {})
  }

  async #renew(): Promise<void> {
    if (this.#left) return
    const begun = performance.now()
    const held = [...this.#units].filter(([, unit]) => unit.held !== undefined)
    const result = await publishBatch(this.#nats.nc, [
      this.#message(subjects.member(this.#self.member), undefined),
      ...held.map(([name, unit]) => this.#message(subjects.lease(name), unit.held)),
    ])
    if (result._tag === "Stored") {
      const first = result.lastSeq - held.length + 1
      for (const [i, [, unit]] of held.entries()) if (unit.held !== undefined) unit.held = first + i
    } else if (result._tag === "Refused" && result.code === errorCodes.wrongLastSequence) {
      // Some are not as we left them: expired, taken, or written by ourselves in a batch whose answer got lost.
      await Promise.all(held.map(([name]) => this.#check(name)))
      return this.#renew()
    } else throw new Error(result.reason)
    this.#renewedAt = begun
    if (performance.now() >= this.validUntil) {
      this.term++
      this.live = []
    }
    this.validUntil = begun + limits.leaseMs - limits.leaseSlackMs
  }

  async #check(name: string): Promise<void> {
    const unit = this.#units.get(name)!
    const found = await this.#read(subjects.lease(name))
    if (found === undefined) {
      unit.held = 0
    } else if (found.entry.member === this.#self.member && found.entry.free !== true) {
      unit.held = found.seq
    } else {
      delete unit.held
      this.#health.gone(name)
      for (const listener of unit.listeners) listener()
    }
  }

  async #claim(name: string): Promise<void> {
    const unit = this.#units.get(name)!
    const found = await this.#read(subjects.lease(name))
    const { member } = this.#self
    if (found !== undefined && found.entry.free !== true && found.entry.member !== member && !this.#isDead(found.entry))
      return
    const result = await publishBatch(this.#nats.nc, [this.#message(subjects.lease(name), found?.seq ?? 0)])
    if (result._tag !== "Stored" || this.#left) return
    unit.held = result.lastSeq
    // Not ready until its loop has begun.
    this.#health.expect(name)
    for (const listener of unit.listeners) listener()
  }

  /** Live members by what the bucket still holds, without those of this machine whose process has ended. */
  async #members(): Promise<ReadonlyArray<string>> {
    const filter = subjects.member("*")
    const info = await this.#nats.jsm.streams.info(streams.leases, { subjects_filter: filter })
    const members = Object.keys(info.state.subjects ?? {}).map((subject) => subject.slice(filter.length - 1))
    const live: Array<string> = []
    for (const member of members) {
      const entry = this.#known.get(member) ?? (await this.#read(subjects.member(member)))?.entry
      if (entry === undefined) continue
      this.#known.set(member, entry)
      if (this.#isDead(entry)) await this.#forget(member)
      else live.push(member)
    }
    for (const member of this.#known.keys()) if (!live.includes(member)) this.#known.delete(member)
    return live
  }

  #forget(member: string): Promise<unknown> {
    return this.#nats.jsm.streams.purge(streams.leases, { filter: subjects.member(member) })
  }

  async #read(subject: string): Promise<{ readonly seq: number; readonly entry: Entry } | undefined> {
    const message = await this.#nats.jsm.direct.getMessage(streams.leases, { last_by_subj: subject })
    return message === null ? undefined : { seq: message.seq, entry: message.json<Entry>() }
  }

  /** A process of this machine that is no more: nothing to wait for. */
  #isDead({ member, host, pid }: Entry): boolean {
    if (host !== this.#self.host || member === this.#self.member) return false
    if (pid === process.pid) return true
    try {
      process.kill(pid, 0)
      return false
    } catch (cause) {
      return (cause as NodeJS.ErrnoException).code === "ESRCH"
    }
  }

  #message(subject: string, last: number | undefined, more: Partial<Entry> = {}): Message {
    return {
      subject,
      body: Buffer.from(JSON.stringify({ ...this.#self, ...more })),
      ...(last === undefined ? {} : { headers: `Nats-Expected-Last-Subject-Sequence: ${last}\r\n` }),
    }
  }
}

/** Where process ids mean the same: the host and, in containers, the name space. Without `/proc` nobody's end is seen this way. */
const hostOf = (): string => {
  try {
    return `${hostname()}/${readlinkSync("/proc/self/ns/pid")}`
  } catch {
    return `${hostname()}/${nuid.next()}`
  }
}
