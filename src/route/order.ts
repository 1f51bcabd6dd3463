/**
 * What a delivery keeps its order by. Decided once, with the rest of the delivery, so that it is the same on every attempt, whatever
 * the config has become by then.
 */
import { limits } from "../config/defaults.ts"
import type { WorkspacePlan } from "../config/plan.ts"
import type { Event } from "../model/event.ts"
import { keyToken, wholeConnection } from "../model/ids.ts"

export interface Order {
  /** `keyToken` of the key; absent: the delivery keeps no order. */
  readonly token?: string
  /** What the key's expression gave, as text. Absent: all of the connection keep one order. */
  readonly key?: string
  /** Why there is no key where one was asked for. */
  readonly failure?: string
}

const none: Order = {}
const whole: Order = { token: wholeConnection }

/** A promise only when the key's expression gives one. */
export const orderOf = (workspace: WorkspacePlan, connection: string, event: Event): Order | Promise<Order> => {
  const ordering = workspace.connections.get(connection)?.ordering ?? "none"
  if (ordering === "none") return none
  if (ordering === "connection") return whole
  const { source } = ordering.key
  const failed = (cause: unknown): Order => {
    const why = cause instanceof Error ? cause.message : String(cause)
    const failure = `the ordering key \`${source}\` of "${connection}" failed, so this delivery keeps no order: ${why}`
    return { failure: failure.slice(0, limits.messageCharacters) }
  }
  const named = (value: unknown): Order => {
    if (value === undefined || value === null) return none
    if (typeof value === "object" || typeof value === "function") return failed("it gave no text, number or boolean")
    const text = String(value)
    // The whole of a long key counts: its token is a hash.
    return { token: keyToken(`${typeof value}:${text}`), key: text }
  }
  try {
    const value = ordering.key.evaluate(event)
    return value instanceof Promise ? value.then(named, failed) : named(value)
  } catch (cause) {
    return failed(cause)
  }
}
