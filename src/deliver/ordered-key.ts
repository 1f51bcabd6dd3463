/**
 * What an ordered lane is made of: what it works with, and its keys: what waits of each, what is under way, and how far it has come while
 * it goes by itself.
 */
import type { LaneLog, Mark, Ordered } from "../log/lane-log.ts"
import { logTime } from "../log/log-time.ts"
import { decodeDelivery, type Delivery } from "../model/delivery.ts"
import type { DeliveryId } from "../model/ids.ts"
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
  /** It is not to be sent: the next of its key may go. */
  readonly isCancelled: (delivery: Delivery) => boolean
  /** It does not wait for its time. */
  readonly isHurried: (delivery: Delivery) => boolean
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
export const mayRead = ({ marked }: Key, isHurried: OrderedLaneOptions["isHurried"]): boolean => {
  if (marked === undefined || marked.reading) return false
  const { head } = marked
  return head === undefined ? marked.from <= marked.until : (head.next ?? 0) <= logTime() || isHurried(head)
}

/** Nothing of it waits here, is under way, or is to be accounted for. */
export const hasNothing = ({ current, unsettled, queue }: Key): boolean =>
  current === undefined && unsettled === 0 && queue.length === 0

/** A marked key has nothing left before the lane's own place, and all that it had is accounted for. */
export const hasCaughtUp = (key: Key): boolean => {
  const { marked } = key
  return (
    marked !== undefined &&
    marked.head === undefined &&
    !marked.reading &&
    marked.from > marked.until &&
    marked.covers.length === 0 &&
    hasNothing(key)
  )
}

/** A key as a mark in the log tells of it; `until`: what of it may be done only because the mark covers it. */
export const markedBy = (mark: Mark, until: number, isCancelled: OrderedLaneOptions["isCancelled"]): Marked => {
  const { delivery, seq: from } = mark
  const head = delivery === undefined || isCancelled(delivery) ? {} : { head: delivery }
  return { ...head, from, until, reading: false, durable: mark, covers: [] }
}

/** What was read of a marked key waits from now on; gives how many. */
export const takeRead = (
  key: Key,
  marked: Marked,
  found: ReadonlyArray<Ordered>,
  options: Pick<OrderedLaneOptions, "form" | "isCancelled" | "warn">,
): number => {
  const own = found.filter(({ seq }) => seq <= marked.until)
  let count = 0
  for (const one of own) {
    const item = readOrdered(one, options)
    if (item !== undefined) {
      key.queue.push(one.seq === marked.from && marked.head !== undefined ? { ...item, delivery: marked.head } : item)
      count++
    }
    marked.from = one.seq + 1
  }
  // Nothing more of it before the lane's own place; a first one that is no longer there was removed by a person.
  if (own.length === 0) marked.from = Math.max(marked.from, marked.until + 1)
  if (key.queue.length === 0) delete marked.head
  return count
}

/** Takes a delivery out that waits here. Where it was only known by its mark, it is read again, and found to be cancelled. */
export const takeOut = ({ marked, queue }: Key, id: DeliveryId): Waiting | undefined => {
  if (marked?.head?.id === id) delete marked.head
  const at = queue.findIndex(({ delivery }) => delivery.id === id)
  return at < 0 ? undefined : queue.splice(at, 1)[0]
}

/** A message of the log as something to send; `undefined`: nothing is to be sent of it, and if it is no delivery, that is said. */
export const readOrdered = (
  message: Ordered,
  { form: formOf, isCancelled, warn }: Pick<OrderedLaneOptions, "form" | "isCancelled" | "warn">,
): OrderedItem | undefined => {
  const decoded = decodeDelivery(message.data)
  if (decoded === undefined) {
    warn(`message ${message.seq} on ${message.subject} is no delivery; it was dropped`)
    return undefined
  }
  if (isCancelled(decoded.delivery)) return undefined
  const form = formOf(decoded.delivery)
  return { ...decoded, seq: message.seq, since: performance.now(), ...(form === undefined ? {} : { form }) }
}
