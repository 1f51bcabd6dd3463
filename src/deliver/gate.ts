/**
 * What decides whether an attempt to a connection may begin now: its circuit, its slots, its rate limit, what the destination asked
 * for, and whether this replica still holds the lease. One gate a connection, shared by all that sends to it: rules, retries, ordered
 * and unordered deliveries.
 */
import { connectionDefaults, limits } from "../config/defaults.ts"
import type { CircuitPlan } from "../config/plan.ts"
import { logTime } from "../log/log-time.ts"
import type { ConnectionState } from "../model/connection-state.ts"
import type { Outcome } from "../model/outcome.ts"
import {
  circuitAt,
  circuitStep,
  health,
  Tally,
  waitBefore,
  type CircuitSnapshot,
  type CircuitStateName,
} from "./circuit.ts"

/** What a gate needs to know of its connection; asked for each time, since the config may be reloaded. */
export interface GateSettings {
  readonly concurrency: number
  readonly rateLimit?: { readonly limit: number; readonly perMs: number }
  /** `false`: it never opens by itself. Absent: the default. */
  readonly circuit?: CircuitPlan | false
}

export interface GateOptions {
  readonly settings: () => GateSettings
  /** The lease holds. */
  readonly mayRun: () => boolean
  /** What the log says of the circuit; absent: closed. */
  readonly state?: ConnectionState | undefined
  /** Puts a change into the log. `quiet`: without an event. */
  readonly onChange: (change: Change) => void
  /** Something that was not allowed may be allowed now. */
  readonly wake: () => void
  /** Since when this replica has run the connection, by `performance.now()`: what its former owner sent before is not known. */
  readonly since?: number
}

export interface Change {
  readonly from: CircuitStateName
  readonly to: CircuitStateName
  readonly reason: string
  /** When an open circuit is tried again, in milliseconds since 1970. */
  readonly probe?: number
  readonly probes: number
  readonly quiet: boolean
}

export class Gate {
  readonly #options: GateOptions
  /** From the first failure on: a connection that was never in trouble needs none. */
  #tally: Tally | undefined
  #circuit: CircuitSnapshot = circuitAt("closed")
  #sending = 0
  /** Tokens of the bucket that holds one period's worth. */
  #tokens: number
  #refilled = performance.now()
  /** Nothing is sent before, by `performance.now()`: the destination asked for it. */
  #notBefore = 0
  #timer: NodeJS.Timeout | undefined
  #timerAt = Number.POSITIVE_INFINITY
  /** When an open circuit is tried, by `performance.now()`. */
  #probeAt = Number.POSITIVE_INFINITY

  constructor(options: GateOptions) {
    this.#options = options
    const { rateLimit } = options.settings()
    const since = options.since ?? Number.NEGATIVE_INFINITY
    this.#tokens =
      rateLimit === undefined
        ? Number.POSITIVE_INFINITY
        : Math.min(rateLimit.limit, ((this.#refilled - since) * rateLimit.limit) / rateLimit.perMs)
    if (options.state !== undefined) this.apply(options.state)
  }

  get state(): CircuitStateName {
    return this.#circuit.value as CircuitStateName
  }
  get sending(): number {
    return this.#sending
  }
  /** Nothing will be allowed soon: it is better to wait in the log than in memory. */
  get shut(): boolean {
    return this.state === "open" || this.state === "paused"
  }

  /** Takes a slot and a token for one attempt, if one may begin. Otherwise `wake` is called when it may be worth asking again. */
  begin(): boolean {
    if (this.shut || !this.#options.mayRun()) return false
    const { concurrency, rateLimit } = this.#options.settings()
    if (this.#sending >= (this.state === "halfOpen" ? 1 : concurrency)) return false
    const now = performance.now()
    if (now < this.#notBefore) {
      this.#wakeAt(this.#notBefore)
      return false
    }
    if (rateLimit !== undefined && !this.#take(rateLimit, now)) return false
    this.#sending++
    return true
  }

  /**
   * An attempt ended.
   *
   * @param alert it told of a circuit: what follows is not told again
   * @param calls that it took: each is one of the rate limit's, though only one was asked for
   */
  end(outcome: Outcome, alert: boolean, calls = 1): void {
    this.#sending--
    if (calls > 1 && Number.isFinite(this.#tokens)) this.#tokens -= calls - 1
    const asked = outcome.kind === "rate_limited" ? outcome.retryAfterMs : undefined
    const holdMs = Math.max(asked ?? 0, outcome.holdMs ?? 0)
    if (holdMs > 0) {
      this.#notBefore = Math.max(this.#notBefore, performance.now() + Math.min(holdMs, limits.retryAfterMaxMs))
    }
    if (outcome.pause !== undefined) {
      return this.#move({ type: "PAUSE" }, `${outcome.pause}: ${outcome.message}`, alert)
    }
    if (outcome.kind === "delivered" && this.#tally === undefined && this.state === "closed") return
    const plan = this.#plan()
    this.#tally ??= new Tally()
    const { trip, pause } = this.#tally.note(outcome.kind, plan)
    if (outcome.gone === true)
      return this.#move({ type: "PAUSE" }, `the destination is gone for good: ${outcome.message}`, alert)
    if (pause !== undefined) return this.#move({ type: "PAUSE" }, `${pause}: ${outcome.message}`, alert)
    if (this.state === "halfOpen") {
      const seen = outcome.kind === "auth_failed" ? "unwell" : health[outcome.kind]
      if (seen === "well") return this.#move({ type: "WELL" }, "the destination answers again", alert)
      if (seen === "unwell") return this.#move({ type: "UNWELL" }, `still unwell: ${outcome.message}`, alert)
      return
    }
    if (trip !== undefined && this.#options.settings().circuit !== false)
      this.#move({ type: "TRIP" }, `${trip}: ${outcome.message}`, alert)
  }

  /** What a former owner left, or a person wants. */
  apply({ state, probes, probe }: ConnectionState): void {
    if (state === this.state) return
    this.#circuit = circuitAt(state, probes)
    this.#entered(probe)
  }

  stop(): void {
    clearTimeout(this.#timer)
  }

  /** What the circuit goes by; one that never opens by itself can still be found open, or be paused. */
  #plan(): CircuitPlan {
    return this.#options.settings().circuit || connectionDefaults.circuit
  }

  #move(event: Parameters<typeof circuitStep>[1], reason: string, quiet: boolean): void {
    const before = this.#circuit
    this.#circuit = circuitStep(before, event)
    if (this.#circuit.value === before.value) return
    const { probes } = this.#circuit.context
    const probe = this.state === "open" ? { probe: logTime() + waitBefore(this.#plan(), probes) } : {}
    this.#entered(probe.probe)
    const from = before.value as CircuitStateName
    this.#options.onChange({ from, to: this.state, reason, probes, quiet, ...probe })
  }

  #entered(probe: number | undefined): void {
    this.#probeAt = Number.POSITIVE_INFINITY
    if (this.state === "open") {
      // Bounded, as clocks of replicas differ and jump.
      const wait = Math.min(Math.max(0, (probe ?? 0) - logTime()), limits.circuitWaitMaxMs)
      this.#probeAt = performance.now() + wait
      this.#wakeAt(this.#probeAt)
    } else if (this.state === "closed") {
      this.#tally = undefined
      queueMicrotask(this.#options.wake)
    }
  }

  #take(rate: { readonly limit: number; readonly perMs: number }, now: number): boolean {
    const perToken = rate.perMs / rate.limit
    this.#tokens = Math.min(rate.limit, this.#tokens + (now - this.#refilled) / perToken)
    this.#refilled = now
    if (this.#tokens >= 1) {
      this.#tokens--
      return true
    }
    this.#wakeAt(now + (1 - this.#tokens) * perToken)
    return false
  }

  #wakeAt(time: number): void {
    if (time >= this.#timerAt) return
    clearTimeout(this.#timer)
    this.#timerAt = time
    const wait = Math.min(Math.max(1, Math.ceil(time - performance.now())), limits.retryAfterMaxMs)
    this.#timer = setTimeout(() => this.#woken(), wait)
    this.#timer.unref()
  }

  #woken(): void {
    this.#timerAt = Number.POSITIVE_INFINITY
    if (this.state === "open") {
      // A timer of a busy process fires early by as much as the turn took that set it, and it may have been set for something else.
      if (performance.now() < this.#probeAt) return this.#wakeAt(this.#probeAt)
      this.#move({ type: "PROBE" }, "one delivery is tried", true)
    }
    this.#options.wake()
  }
}
