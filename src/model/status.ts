/**
 * How events and deliveries are said to be, over HTTP and in lists: one vocabulary for both. The states of the machine
 * (`DeliveryState`) are its other names, and are taken wherever a status is asked for.
 */
import type { DeliveryState } from "./delivery.ts"

/**
 * - `pending`: nothing was tried yet, or it was sent again and waits.
 * - `processing`: of an event some deliveries are done and others have not begun; a delivery that is being sent.
 * - `retrying`: an attempt failed, and the next is due.
 * - `completed`: delivered; of an event, all of its deliveries, or no rule wanted it.
 * - `failed`: given up; of an event, at least one delivery was, and none is under way; or it could not be read.
 * - `canceled`: somebody stopped it.
 *
 * Stored by their place in this list: add at the end.
 */
export const statuses = ["pending", "processing", "retrying", "completed", "failed", "canceled"] as const
export type Status = (typeof statuses)[number]

export const statusOfState: { readonly [S in DeliveryState]: Status } = {
  pending: "pending",
  sending: "processing",
  retrying: "retrying",
  delivered: "completed",
  dead: "failed",
  cancelled: "canceled",
}

export const stateOfStatus: { readonly [S in Status]: DeliveryState } = {
  pending: "pending",
  processing: "sending",
  retrying: "retrying",
  completed: "delivered",
  failed: "dead",
  canceled: "cancelled",
}

/** A status by any of its names. */
export const statusNamed = (name: string): Status | undefined =>
  statuses.find((status) => status === name) ??
  (Object.hasOwn(statusOfState, name) ? statusOfState[name as DeliveryState] : undefined)

/** How many deliveries of an event are how. */
export type StatusCounts = { readonly [S in Status]: number }

/** The status of an event by its deliveries. */
export const statusOfEvent = (counts: StatusCounts): Status => {
  const { pending, processing, retrying, completed, failed, canceled } = counts
  if (retrying > 0) return "retrying"
  if (pending + processing > 0) return processing + completed + failed + canceled > 0 ? "processing" : "pending"
  if (failed > 0) return "failed"
  return canceled > 0 && completed === 0 ? "canceled" : "completed"
}
