/**
 * What a decision makes: the delivery of an event by an action, and what the history says of it. A function of the event, as the log has
 * it, and of the config alone.
 */
import { limits } from "../config/defaults.ts"
import type { Delivery } from "../model/delivery.ts"
import type { Event } from "../model/event.ts"
import { makeDeliveryId } from "../model/ids.ts"
import type { EventRouted } from "../model/record.ts"
import type { StoredEvent } from "../model/stored-event.ts"
import type { Wanted } from "./match.ts"

/** Where an event stands in `EVENTS`: its sequence, and when it was stored, in milliseconds. */
export interface Place {
  readonly seq: number
  readonly time: number
}

export const deliveryOf = (
  { seq, time }: Place,
  { event, envelope }: StoredEvent,
  revision: string,
  { rule, action, order }: Wanted,
): Delivery => ({
  id: makeDeliveryId(event.id, seq, time, rule, action.index),
  event: event.id,
  type: event.type,
  workspace: event.workspace,
  rule,
  action: action.index,
  connection: action.connection,
  revision,
  created: time,
  state: "pending",
  attempt: 0,
  ...(order === undefined ? {} : { key: order }),
  ...(envelope.length <= limits.eventInline ? {} : { source: seq }),
})

export const summaryOf = ({ id, rule, action, connection }: Delivery): EventRouted["deliveries"][number] => ({
  id,
  rule,
  action,
  connection,
})

export const factsOf = ({ seq, time }: Place, event: Event) => ({
  at: time,
  event: event.id,
  seq,
  type: event.type,
  workspace: event.workspace,
  ...(event.resource === undefined ? {} : { resource: event.resource }),
  ...(event.resource_id === undefined ? {} : { resource_id: event.resource_id }),
})
