/**
 * What an ordered lane is made of: what it works with, and its keys: what waits of each, what is under way, and how far it has come while
 * it goes by itself.
 */
import type { LaneLog, Mark, Ordered } from "../log/lane-log.ts"
import { logTime } from "../log/log-time.ts"
import { decodeDelivery, type Delivery } from "../model/delivery.ts"
import type { Attempted } from "./batch.ts"
import type { Entry } from "./checkpoint.ts"
import type { Gate } from "./gate.ts"
import type { Form, Gatherable } from "./gather.ts"

export interface OrderedItem extends Gatherable {
  readonly seq: number
  readonly delivery: Delivery
  readonly event: Uint8Array
}

export interface OrderedLaneOptions {
  readonly log: LaneLog
  readonly gate: Gate
  readonly concurrency: () => number
  /** How a delivery goes together with others; absent: by itself. */
  readonly form: (delivery: Delivery) => Form | undefined
  /**
   * Begins an attempt: of one, or of several that go in one call. `ended` is called once, with the deliveries as they then are; `stored`
   * after it for each, when its outcome is in the log.
   */
  readonly send: (
    items: ReadonlyArray<OrderedItem>,
    ended: (after: ReadonlyArray<Delivery>, attempted: Pick<Attempted, "call" | "calls">) => void,
    stored: (after: Delivery, index: number) => void,
  ) => void
  readonly warn: (message: string) => void
}

export interface Waiting extends OrderedItem {
  readonly entry?: Entry
}

export interface Key {
  readonly name: string
  queue: Array<Waiting>
  /** The one that is being sent. */
  current?: Waiting
  /** It is in the list of keys whose turn it is. */
  listed: boolean
  /** Ended, and not accounted for. */
  unsettled: number
  marked?: Marked
}

export interface Marked {
  /** The first delivery, from when it has to wait for a retry until it ends. */
  head?: Delivery
  /** From where on the key is to be read. */
  from: number
  /** The last one of the key that the lane has passed. */
  until: number
  reading: boolean
  /** What the log says, or the next checkpoint will. */
  durable?: Mark
  /** Entries that the mark covers as soon as the log has it. */
  covers: Array<Entry>
}

export const newKey = (name: string): Key => ({ name, queue: [], listed: false, unsettled: 0 })

/** A marked key has something in the log that may be read now. */
export const mayRead = ({ marked }: Key): boolean => {
  if (marked === undefined || marked.reading) return false
  return marked.head === undefined ? marked.from <= marked.until : (marked.head.next ?? 0) <= logTime()
}

/** A marked key has nothing left before the lane's own place, and all that it had is accounted for. */
export const hasCaughtUp = ({ marked, current, unsettled, queue }: Key): boolean =>
  marked !== undefined &&
  marked.head === undefined &&
  !marked.reading &&
  marked.from > marked.until &&
  marked.covers.length === 0 &&
  current === undefined &&
  unsettled === 0 &&
  queue.length === 0

/** A message of the log as something to send; `undefined`, and said, when it is none. */
export const readOrdered = (
  message: Ordered,
  { form: formOf, warn }: Pick<OrderedLaneOptions, "form" | "warn">,
): OrderedItem | undefined => {
  const decoded = decodeDelivery(message.data)
  if (decoded === undefined) {
    warn(`message ${message.seq} on ${message.subject} is no delivery; it was dropped`)
    return undefined
  }
  const form = formOf(decoded.delivery)
  return { ...decoded, seq: message.seq, since: performance.now(), ...(form === undefined ? {} : { form }) }
}
