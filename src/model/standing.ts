/**
 * How a delivery stands, by what its records say together: they come in any order, and some come twice.
 */
import type { DeliveryState } from "./delivery.ts"

export interface Told {
  /** The last attempt, by the time when it ended. */
  readonly last?: { readonly at: number; readonly state: DeliveryState } | undefined
  /** When it was last sent again, and last cancelled, by a person. */
  readonly revived?: number | undefined
  readonly cancelled?: number | undefined
}

export const standingOf = ({ last, revived, cancelled }: Told): DeliveryState => {
  // Only what had ended is sent again: an attempt that delivered may be recorded before the record of its being sent.
  const ended = last?.state === "dead" || last?.state === "cancelled"
  const again = ended && revived !== undefined && revived >= last.at
  const state = last === undefined || again ? "pending" : last.state
  if (state !== "pending" && state !== "retrying") return state
  // Whatever was recorded after it: nothing is sent any more.
  return cancelled !== undefined && cancelled >= (revived ?? 0) ? "cancelled" : state
}
