/**
 * The rows of events and deliveries as they are in the projection: names, statuses and outcomes by their numbers.
 */
import type { Status } from "../model/status.ts"

export type Counts = { [S in Status]: number }

export interface EventRow extends Counts {
  /** When the log stored it, in milliseconds. */
  at: number
  /** Sequence in `EVENTS`. */
  seq: number
  id: string
  workspace: number
  type: number
  resource: number | null
  resource_id: string | null
  revision: number | null
  /** Why it was refused. */
  reason: string | null
  status: number
}

export interface DeliveryRow {
  /** The time in its id, in milliseconds. */
  created: number
  tie: number
  id: string
  workspace: number
  event: string
  /** Where its event is, once that is known. */
  event_at: number | null
  event_seq: number | null
  /** Nothing is known but that somebody sent it again, as long as this is `null`. */
  type: number | null
  rule: number | null
  action: number | null
  connection: number
  status: number
  attempts: number
  /** Of the last attempt by time. */
  last_at: number | null
  last_status: number | null
  next: number | null
  outcome: number | null
  http_status: number | null
  message: string | null
  /** 1: what is said of the last attempt may be of others too. */
  shared: number | null
  /** When it was sent again by hand, the last time. */
  revived_at: number | null
  /** When somebody stopped it, the last time. */
  cancelled_at: number | null
  /** The replay that made it. */
  replay: number | null
}

/** What people do to a delivery; stored by its place in this list. */
export const deliveryActs = ["revived", "cancelled"] as const

export const eventColumns: ReadonlyArray<keyof EventRow> = [
  ...(["at", "seq", "id", "workspace", "type", "resource", "resource_id", "revision", "reason", "status"] as const),
  ...(["pending", "processing", "retrying", "completed", "failed", "canceled"] as const),
]

export const deliveryColumns: ReadonlyArray<keyof DeliveryRow> = [
  ...(["created", "tie", "id", "workspace", "event", "event_at", "event_seq", "type", "rule", "action"] as const),
  ...(["connection", "status", "attempts", "last_at", "last_status", "next", "outcome", "http_status"] as const),
  ...(["message", "shared", "revived_at", "cancelled_at", "replay"] as const),
]
