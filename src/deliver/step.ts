/**
 * The delivery machine's decisions without its machinery: what `machine.ts` says, by plain code, for the path that every delivery takes.
 * `test/unit/deliver/machine.test.ts` holds the two equal over every state and event.
 */
import type { DeliveryState } from "../model/delivery.ts"
import type { DeliveryContext, DeliveryEvent } from "./machine.ts"

export interface Step extends DeliveryContext {
  readonly state: DeliveryState
}

/** The next step; the same one when the event means nothing in this state. */
export const step = (from: Step, event: DeliveryEvent): Step => {
  switch (event.type) {
    case "SEND":
      return isWaiting(from.state) ? { ...from, state: "sending", attempt: from.attempt + 1 } : from
    case "DELIVERED":
      return from.state === "sending" ? { ...from, state: "delivered", last: "delivered" } : from
    case "FAILED":
      if (from.state !== "sending") return from
      return {
        ...from,
        state: !event.permanent && from.attempt < from.attempts ? "retrying" : "dead",
        last: event.kind,
      }
    case "CANCEL":
      return isWaiting(from.state) ? { ...from, state: "cancelled" } : from
    case "REVIVE":
      return from.state === "dead" ? { ...from, state: "pending", attempt: 0 } : from
  }
}

const isWaiting = (state: DeliveryState): boolean => state === "pending" || state === "retrying"
