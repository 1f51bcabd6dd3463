/**
 * A delivery: one event on its way to one connection by one action of one rule.
 *
 * Its whole state travels in its message in the log (one line of JSON, a line feed, then the event's own bytes), so any
 * process can take it up where another left it.
 */
import type { DeliveryId, EventId, EventType, WorkspaceId } from "./ids.ts"
import type { OutcomeKind } from "./outcome.ts"

/** The states a delivery can be in. `sending` is never stored: it is what the lane that holds the message does. */
export type DeliveryState = "pending" | "sending" | "retrying" | "delivered" | "dead" | "cancelled"

export interface Delivery {
  readonly id: DeliveryId
  readonly event: EventId
  readonly type: EventType
  readonly workspace: WorkspaceId
  readonly rule: string
  /** Position of the action in its rule, from 0. */
  readonly action: number
  readonly connection: string
  /** `keyToken` of what it keeps its order by; absent: it keeps none. */
  readonly key?: string
  /** Revision of the config that decided on this delivery. */
  readonly revision: string
  /** When it was created: the time the log stored its event, in milliseconds. */
  readonly created: number
  readonly state: DeliveryState
  /** Attempts made so far. */
  readonly attempt: number
  /** When the next attempt is due, in milliseconds; only while `retrying`. */
  readonly next?: number
  /** The last attempt's outcome. */
  readonly last?: LastOutcome
  /** Sequence of the event in `EVENTS` when it is too large to travel along (`limits.eventInline`). */
  readonly source?: number
  /** How often a person sent it again. */
  readonly manual?: number
  /** The replay that made it. */
  readonly replay?: string
}

export interface LastOutcome {
  readonly kind: OutcomeKind
  readonly message: string
  readonly at: number
  readonly status?: number
}

const lineFeed = 10

/** The message of a delivery: its line, a line feed, the event's bytes (none when they are referred to). */
export const encodeDelivery = (delivery: Delivery, event: Uint8Array | undefined): Uint8Array => {
  const line = JSON.stringify(delivery)
  const length = Buffer.byteLength(line)
  const out = Buffer.allocUnsafe(length + 1 + (event?.length ?? 0))
  out.write(line, 0)
  out[length] = lineFeed
  if (event !== undefined) out.set(event, length + 1)
  return out
}

export interface DecodedDelivery {
  readonly delivery: Delivery
  /** The event's bytes; empty when `delivery.source` refers to them. */
  readonly event: Uint8Array
}

/** `undefined` for bytes that are not a delivery's message: a foreign or damaged message. */
export const decodeDelivery = (bytes: Uint8Array): DecodedDelivery | undefined => {
  const end = bytes.indexOf(lineFeed)
  if (end < 0) return undefined
  try {
    const delivery = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, end).toString()) as Delivery
    if (typeof delivery.id !== "string" || typeof delivery.attempt !== "number") return undefined
    return { delivery, event: bytes.subarray(end + 1) }
  } catch {
    return undefined
  }
}
