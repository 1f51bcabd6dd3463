/**
 * Usage: what is counted against a plan, of whom, by calendar month in UTC. An event counts in the month in which the log stored it.
 */
import * as Schema from "effect/Schema"
import { isOwnType } from "./connection-state.ts"
import type { EventType, WorkspaceId } from "./ids.ts"

/** `2026-11` */
export type Month = string

export const monthPattern = /^[0-9]{4}-(?:0[1-9]|1[0-2])$/

export const monthOf = (ms: number): Month => new Date(ms).toISOString().slice(0, 7)

/** Its first millisecond. */
export const startOfMonth = (month: Month): number => Date.parse(`${month}-01T00:00:00Z`)

/** The first millisecond of the next one: when what was used up is there again. */
export const endOfMonth = (month: Month): number => {
  const start = new Date(startOfMonth(month))
  return Date.UTC(start.getUTCFullYear(), start.getUTCMonth() + 1)
}

/** Of whom usage is counted together: an account's workspaces, or one of them by itself. */
export interface UsageScope {
  readonly kind: "account" | "workspace"
  /** Of the account or the workspace. */
  readonly name: string
  /** In alphabetical order. */
  readonly workspaces: ReadonlyArray<WorkspaceId>
  /** Events a month. */
  readonly limit: number
  /** `true`: what exceeds the limit is refused; else it is only counted. */
  readonly hard: boolean
}

/** Workspaces are told of it when so much of a limit is used. Percent, rising. */
export const warningPercents = [80, 100] as const

export const usageWarningType = "meshes.usage.warning"

/** Payload of those events. */
export interface UsageWarning {
  readonly workspace: WorkspaceId
  /** Where usage is pooled over an account. */
  readonly account?: string
  readonly metric: "events"
  readonly used: number
  readonly limit: number
  /** What was reached: 80 or 100. */
  readonly percent: (typeof warningPercents)[number]
  /** When the month ends, in RFC 3339. */
  readonly resets_at: string
}

/** The runtime's own events are not counted. */
export const counts = (type: EventType): boolean => !isOwnType(type)

/** What was used in a month. */
export interface Usage {
  /** Events of producers that the log stored, those among them that were refused later. */
  readonly events: number
  readonly deliveries: number
  readonly attempts: number
}

export const noUsage: Usage = { events: 0, deliveries: 0, attempts: 0 }

export const sumOfUsage = (parts: Iterable<Usage>): Usage => {
  const sum = { ...noUsage }
  for (const { events, deliveries, attempts } of parts) {
    sum.events += events
    sum.deliveries += deliveries
    sum.attempts += attempts
  }
  return sum
}

/** How much of a limit is used, in whole percent, rounded down: 100 is all. Of nothing, all is used. */
export const percentOf = (used: number, limit: number): number => (limit === 0 ? 100 : Math.floor((used * 100) / limit))

/** An event was refused: what its plan allows in a month is used up, or (`reserved`) what is left is still reserved by other replicas. */
export class LimitReached extends Schema.TaggedError<LimitReached>()("LimitReached", {
  limit: Schema.Int,
  /** When the month ends, in milliseconds since 1970. */
  resets: Schema.Number,
  reserved: Schema.Boolean,
  /** `account acme` or `workspace acme-prod` */
  whose: Schema.String,
}) {
  override get message(): string {
    const month = `the ${this.limit} events a month of the ${this.whose}`
    return this.reserved
      ? `the last of ${month} are reserved at the moment: send it again`
      : `${month} are used up: nothing was stored, there are new ones from ${new Date(this.resets).toISOString()}`
  }
}
