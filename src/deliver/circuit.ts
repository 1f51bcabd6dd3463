/**
 * The circuit of a connection, as an XState machine: whether its destination is worth trying.
 *
 * - `closed`: all is well, attempts go out. Left by `TRIP` when too many failed (`Tally` counts), and by `PAUSE`.
 * - `open`: nothing goes out; deliveries wait in the log and lose no attempt. Left by `PROBE` when the wait is over, by `PAUSE`, and by
 *   `RESUME` when a person knows better.
 * - `halfOpen`: one attempt goes out to see. `WELL` closes the circuit, `UNWELL` opens it again, for twice as long.
 * - `paused`: a person, an answer that says never again (410), or `auth_failed` again and again stopped it. Only `RESUME` leads on.
 *
 * The machine is pure, and asked only when something happens to a circuit: what an attempt costs is a line in `Tally`.
 */
import { assign, initialTransition, setup, transition, type SnapshotFrom } from "xstate"
import { limits } from "../config/defaults.ts"
import type { CircuitPlan } from "../config/plan.ts"
import type { OutcomeKind } from "../model/outcome.ts"

export interface CircuitContext {
  /** How often in a row a probe found the destination unwell. */
  readonly probes: number
}

export type CircuitEvent =
  | { readonly type: "TRIP" }
  | { readonly type: "PROBE" }
  | { readonly type: "WELL" }
  | { readonly type: "UNWELL" }
  | { readonly type: "PAUSE" }
  | { readonly type: "RESUME" }

export const circuitMachine = setup({
  types: { context: {} as CircuitContext, events: {} as CircuitEvent },
  actions: {
    countProbe: assign({ probes: ({ context }) => context.probes + 1 }),
    forget: assign({ probes: 0 }),
  },
}).createMachine({
  id: "circuit",
  context: { probes: 0 },
  initial: "closed",
  states: {
    closed: { entry: "forget", on: { TRIP: "open", PAUSE: "paused" } },
    open: { on: { PROBE: "halfOpen", RESUME: "closed", PAUSE: "paused" } },
    halfOpen: {
      on: { WELL: "closed", UNWELL: { target: "open", actions: "countProbe" }, RESUME: "closed", PAUSE: "paused" },
    },
    paused: { entry: "forget", on: { RESUME: "closed" } },
  },
})

export type CircuitSnapshot = SnapshotFrom<typeof circuitMachine>
export type CircuitStateName = "closed" | "open" | "halfOpen" | "paused"

const [closed] = initialTransition(circuitMachine)

/** A circuit that a former owner left in a state. */
export const circuitAt = (state: CircuitStateName, probes = 0): CircuitSnapshot =>
  state === "closed" ? closed : circuitMachine.resolveState({ value: state, context: { probes } })

/** The next state; the same one when the event means nothing in it. */
export const circuitStep = (snapshot: CircuitSnapshot, event: CircuitEvent): CircuitSnapshot =>
  transition(circuitMachine, snapshot, event)[0]

/** How long an open circuit waits before its next probe, in milliseconds. */
export const waitBefore = (plan: CircuitPlan, probes: number): number =>
  Math.min(plan.waitMs * 2 ** Math.min(probes, 30), plan.maxWaitMs)

/**
 * What an attempt says of its destination: `well` when it answered (a refusal is an answer), `unwell` when it did not or failed,
 * `unknown` when nothing was learnt: it was busy, or the attempt never got there.
 */
export const health: { readonly [K in OutcomeKind]: "well" | "unwell" | "unknown" } = {
  delivered: "well",
  rejected: "well",
  server_error: "unwell",
  timeout: "unwell",
  network_error: "unwell",
  rate_limited: "unknown",
  auth_failed: "unknown",
  mapping_error: "unknown",
  blocked: "unknown",
  internal_error: "unknown",
}

/** Counts what attempts say, over the last `limits.circuitWindow` of them. */
export class Tally {
  #last: Array<boolean> = []
  #at = 0
  #failed = 0
  #inARow = 0
  #authInARow = 0

  /** Notes an attempt. Gives why the circuit must open or the connection be paused, if it must. */
  note(kind: OutcomeKind, plan: CircuitPlan): { readonly trip?: string; readonly pause?: string } {
    if (kind === "auth_failed") {
      this.#authInARow++
      return this.#authInARow >= limits.authFailuresToPause
        ? { pause: `the destination refused our credentials ${this.#authInARow} times in a row` }
        : {}
    }
    const seen = health[kind]
    if (seen === "unknown") return {}
    this.#authInARow = 0
    const failed = seen === "unwell"
    if (this.#last[this.#at] === true) this.#failed--
    this.#last[this.#at] = failed
    this.#at = (this.#at + 1) % limits.circuitWindow
    if (!failed) {
      this.#inARow = 0
      return {}
    }
    this.#failed++
    this.#inARow++
    if (this.#inARow >= plan.failures)
      return { trip: `${this.#inARow} attempts failed in a row, the last with ${kind}` }
    const count = this.#last.length
    return count >= plan.minimum && this.#failed >= count * plan.rate
      ? { trip: `${this.#failed} of the last ${count} attempts failed, the last with ${kind}` }
      : {}
  }
}
