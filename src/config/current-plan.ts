/**
 * The plan that is in force. A reload swaps it; stages ask for it each time they begin something and keep that one to the end of it.
 */
import * as Context from "effect/Context"
import type { Config } from "./define.ts"
import type { Plan } from "./plan.ts"

/** A config that came into force. */
export interface Applied {
  readonly plan: Plan
  readonly config: Config
  /** When, in milliseconds since 1970. */
  readonly at: number
  /** What brought it into force, for people. */
  readonly by: string
}

/** A config that did not. */
export interface Refused {
  readonly at: number
  /** What was to bring it into force. */
  readonly by: string
  /** Where it is wrong, without what stands there. */
  readonly what: string
}

export interface CurrentPlanShape {
  readonly get: () => Plan
  /** Calls after each swap; gives back how to stop that. Absent: it is never swapped. */
  readonly listen?: (listener: () => void) => () => void
  /** Whether the newest config is wrong, and so another than the one in force. */
  readonly refused?: () => boolean
}

export class CurrentPlan extends Context.Service<CurrentPlan, CurrentPlanShape>()("meshes/CurrentPlan") {}

/** Holds the plan in force, and swaps it. */
export class PlanHolder implements CurrentPlanShape {
  #applied: Applied
  #refused = false
  readonly #listeners = new Set<() => void>()
  readonly #refusals = new Set<(refused: Refused) => void>()

  constructor(applied: Applied) {
    this.#applied = applied
  }

  readonly applied = (): Applied => this.#applied
  readonly get = (): Plan => this.#applied.plan
  readonly refused = (): boolean => this.#refused
  readonly listen = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** Calls for each config that is refused. */
  readonly listenRefused = (listener: (refused: Refused) => void): (() => void) => {
    this.#refusals.add(listener)
    return () => void this.#refusals.delete(listener)
  }

  swap(applied: Applied): void {
    this.#applied = applied
    this.#refused = false
    for (const listener of this.#listeners) listener()
  }

  /** The plan stays, and it is known that a newer config is wrong. */
  refuse(refused: Refused): void {
    this.#refused = true
    for (const listener of this.#refusals) listener(refused)
  }
}
