/**
 * What the projection answers: events and deliveries as people see them.
 */
import type { OutcomeKind } from "../model/outcome.ts"
import type { Status, StatusCounts } from "../model/status.ts"
import type { Position } from "./walk.ts"

export interface EventView {
  readonly id: string
  /** Sequence in `EVENTS`. */
  readonly seq: number
  /** When the log stored it, in milliseconds. */
  readonly at: number
  readonly type: string
  readonly workspace: string
  readonly resource?: string
  readonly resource_id?: string
  readonly status: Status
  readonly deliveries: StatusCounts
  /** Why it could not be read. */
  readonly reason?: string
  /** Of the config that decided about it. */
  readonly revision?: string
}

export interface DeliveryView {
  readonly id: string
  readonly event: string
  readonly type: string
  readonly workspace: string
  readonly rule: string
  readonly action: number
  readonly connection: string
  readonly status: Status
  /** The time in its id, in milliseconds. */
  readonly created: number
  readonly attempts: number
  /** The replay that made it. */
  readonly replay?: string
  /** When the next attempt is due; only while `retrying`. */
  readonly next?: number
  /** The last attempt. */
  readonly last?: {
    readonly at: number
    readonly outcome: OutcomeKind
    readonly status?: number
    readonly message?: string
    /** The message may be of other deliveries too. */
    readonly shared?: true
  }
}

export interface AttemptView {
  /** When it ended, in milliseconds. */
  readonly at: number
  /** 1 for the first. */
  readonly attempt: number
  readonly outcome: OutcomeKind
  /** What the delivery became by it. */
  readonly status: Status
  readonly http_status?: number
  readonly duration_ms: number
  readonly message?: string
  /** The message may be of other deliveries too. */
  readonly shared?: true
  readonly next?: number
  /** Of the config that it was made with. */
  readonly revision: string
  /** The message of `HISTORY` that has the rest of it. */
  readonly seq: number
}

export interface ActView {
  /** In milliseconds. */
  readonly at: number
  readonly by: string
}

export interface DeliveryWhole {
  readonly delivery: DeliveryView
  /** By time. */
  readonly attempts: ReadonlyArray<AttemptView>
  /** Who sent it again by hand, and when. */
  readonly revivals: ReadonlyArray<ActView>
  /** Who stopped it, and when. */
  readonly cancellations: ReadonlyArray<ActView>
}

export interface EventWhole {
  readonly event: EventView
  /** The first of them by time, as many as a page at the most has. */
  readonly deliveries: ReadonlyArray<DeliveryView>
  readonly ruleFailures: ReadonlyArray<{ readonly rule: string; readonly reason: string }>
}

export interface Page<A> {
  readonly records: ReadonlyArray<A>
  /** Absent: there are no more. A page may be short, even empty, and not be the last. */
  readonly next?: Position
}
