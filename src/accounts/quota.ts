/**
 * What this replica may still store of one scope's events in one month: exactly as many as the limit allows over all replicas, with no
 * question to anybody for most events.
 *
 * A replica reserves a part of what is left (a grant, in the scope's record) and uses it up in memory. The invariant that each change of
 * the record keeps: what the log holds and what all have been granted are together at most the limit. A grant is given back when others
 * want it, and is void when its replica is gone and what it may have begun to store must have arrived. Only when the log itself holds as
 * many events as are allowed is the month used up.
 */
import * as Effect from "effect/Effect"
import { limits } from "../config/defaults.ts"
import { logTime } from "../log/log-time.ts"
import type { UsageLog, UsageRecord } from "../log/usage-log.ts"
import type { LogUnavailable } from "../model/errors.ts"
import type { Month, UsageScope } from "../model/usage.ts"

/** The replicas, as the leases know them. */
export interface Replicas {
  readonly member: string
  /** What was granted in one term is void in the next. `undefined`: nothing may be begun now. */
  readonly term: () => number | undefined
  readonly members: () => ReadonlyArray<string>
}

/** How much of what was asked for was given, and why not more. */
export interface Taken {
  readonly count: number
  /** `used up`: until the month is over. `reserved`: others may give it back. */
  readonly short?: "used up" | "reserved" | LogUnavailable
}

interface Waiter {
  readonly wants: number
  got: number
  readonly deadline: number
  readonly answer: (taken: Taken) => void
}

export class Quota {
  readonly #log: UsageLog["Service"]
  readonly #replicas: Replicas
  readonly #gone: Departures
  readonly #month: Month
  #scope: UsageScope
  /** Granted and not taken. */
  #unused = 0
  #term: number | undefined
  /** Taken, and not yet known to be stored or not. */
  #open = 0
  /** What the record says that we have. */
  #noted = 0
  #usedUp = false
  /** When others last wanted some of it, by the log's time. */
  #wantedAt = 0
  #giveBack = false
  #busy = false
  #waiting: Array<Waiter> = []
  #wake: () => void = () => undefined

  constructor(log: UsageLog["Service"], replicas: Replicas, gone: Departures, scope: UsageScope, month: Month) {
    this.#log = log
    this.#replicas = replicas
    this.#gone = gone
    this.#scope = scope
    this.#month = month
  }

  /** After a reload: another limit, or other workspaces. */
  set scope(scope: UsageScope) {
    if (scope === this.#scope) return
    this.#scope = scope
    this.#usedUp = false
  }

  /** Takes up to `wants`, waiting for it if need be; each that was taken must be settled. */
  take(wants: number, answer: (taken: Taken) => void): void {
    const here = this.#waiting.length === 0 ? Math.min(wants, this.#available()) : 0
    this.#unused -= here
    this.#open += here
    if (here === wants) return answer({ count: here })
    if (this.#usedUp) return answer({ count: here, short: "used up" })
    this.#waiting.push({ wants, got: here, deadline: performance.now() + limits.usageWaitMs, answer })
    this.#work()
  }

  /** What became of events that were taken. */
  settle(count: number, fate: "stored" | "not stored" | "unknown"): void {
    if (count === 0) return
    if (fate === "unknown") {
      setTimeout(() => this.settle(count, "stored"), limits.usageSettleMs).unref()
      return
    }
    this.#open -= count
    if (fate === "not stored" && !this.#usedUp && this.#term === this.#replicas.term()) this.#unused += count
    // Whoever wants it is told only now that it is free.
    if (this.#open === 0 && this.#noted > 0 && isRecent(this.#wantedAt)) this.#return()
    this.#wake()
  }

  /** The record was changed, by whomever. */
  changed(record: UsageRecord): void {
    this.#wake()
    if (!isWanted(record) || (record.grants[this.#replicas.member] ?? 0) === 0) return
    this.#wantedAt = record.wanted!
    this.#return()
  }

  /** Gives back all that is not needed. */
  async close(): Promise<void> {
    this.#giveBack = true
    if (this.#noted > 0 && !this.#busy) await Effect.runPromise(Effect.ignore(this.#turn()))
  }

  #return(): void {
    this.#giveBack = true
    this.#work()
  }

  #available(): number {
    const term = this.#replicas.term()
    if (term === undefined) return 0
    if (term !== this.#term) this.#unused = 0
    return this.#unused
  }

  /** One loop at a time. */
  #work(): void {
    if (this.#busy) return
    this.#busy = true
    void Effect.runPromise(this.#loop()).finally(() => {
      this.#busy = false
      if (this.#waiting.length > 0 || this.#giveBack) this.#work()
    })
  }

  readonly #loop = Effect.fnUntraced(function* (this: Quota) {
    for (;;) {
      const turned = yield* Effect.result(this.#turn())
      if (turned._tag === "Failure") return this.#answerAll(turned.failure)
      this.#serve(turned.success)
      if (this.#waiting.length === 0) return
      if (turned.success !== "again") yield* this.#pause()
    }
  })

  /** Brings our part of the record up to date, and takes of what is left what is wanted here. */
  readonly #turn = Effect.fnUntraced(function* (
    this: Quota,
  ): Effect.fn.Return<"done" | "again" | "short" | "used up", LogUnavailable> {
    const scope = this.#scope
    const term = this.#replicas.term()
    const { seq, record } = yield* this.#log.read(scope, this.#month)
    if (this.#giveBack || term !== this.#term) this.#unused = 0
    this.#giveBack = false
    // Before it is counted: what is stored meanwhile is then counted twice for the moment, and never not at all.
    const ours = this.#open + this.#unused
    const { used, base } = yield* this.#log.tally(scope, this.#month, record)
    if (used >= scope.limit && scope === this.#scope) {
      this.#usedUp = true
      this.#unused = 0
    }
    const { member } = this.#replicas
    const grants: { [member: string]: number } = {}
    for (const [other, count] of Object.entries(record.grants)) {
      if (other !== member && !this.#gone.settled(other, this.#replicas.members())) grants[other] = count
    }
    const others = Object.values(grants).reduce((sum, count) => sum + count, 0)
    const left = scope.limit - used - ours - others
    const wants = this.#waiting.reduce((sum, { wants, got }) => sum + wants - got, 0) - this.#unused
    const share = isWanted(record) ? 0 : Math.floor(left / limits.usageShare)
    const more = wants <= 0 || term === undefined ? 0 : Math.max(0, Math.min(left, Math.max(wants, share)))
    const short = more < wants
    const noted = ours + more
    if (noted > 0) grants[member] = noted
    const asks = short && others > 0 && !this.#usedUp
    const wanted = asks ? logTime() : more > 0 ? undefined : record.wanted
    if (noted !== (record.grants[member] ?? 0) || (asks && !isWanted(record))) {
      const next: UsageRecord = {
        ...(base === undefined ? {} : { base }),
        grants,
        ...(wanted === undefined ? {} : { wanted }),
      }
      if (!(yield* this.#log.write(scope, this.#month, next, seq))) return "again"
    }
    this.#noted = noted
    if (more > 0) {
      this.#unused += more
      this.#term = term
    }
    return this.#usedUp ? "used up" : short ? "short" : "done"
  })

  #serve(found: "done" | "again" | "short" | "used up"): void {
    const now = performance.now()
    const rest: Array<Waiter> = []
    for (const waiter of this.#waiting) {
      const part = Math.min(waiter.wants - waiter.got, this.#available())
      this.#unused -= part
      this.#open += part
      waiter.got += part
      if (waiter.got === waiter.wants) waiter.answer({ count: waiter.got })
      else if (found === "used up") waiter.answer({ count: waiter.got, short: "used up" })
      else if (now >= waiter.deadline) waiter.answer({ count: waiter.got, short: "reserved" })
      else rest.push(waiter)
    }
    this.#waiting = rest
  }

  #answerAll(failure: LogUnavailable): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const { got, answer } of waiting) answer({ count: got, short: failure })
  }

  /** Until something is there to be seen, or for a moment. */
  #pause(): Effect.Effect<void> {
    return Effect.callback((resume) => {
      const end = () => {
        clearTimeout(timer)
        this.#wake = () => undefined
        resume(Effect.void)
      }
      const timer = setTimeout(end, limits.usageLookMs)
      this.#wake = end
    })
  }
}

/** Lately: who wanted it may be gone too. */
const isRecent = (at: number): boolean => logTime() - at < limits.usageWaitMs

const isWanted = ({ wanted }: UsageRecord): boolean => wanted !== undefined && isRecent(wanted)

/** Since when replicas are gone. */
export class Departures {
  readonly #since = new Map<string, number>()

  /** Whether it is gone for so long that all it had begun to store has arrived. */
  settled(member: string, alive: ReadonlyArray<string>): boolean {
    // Nobody is known to be alive before the leases were looked at.
    if (alive.length === 0 || alive.includes(member)) {
      this.#since.delete(member)
      return false
    }
    const since = this.#since.get(member)
    if (since !== undefined) return performance.now() - since >= limits.usageSettleMs
    this.#since.set(member, performance.now())
    return false
  }
}
