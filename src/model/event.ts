/**
 * The event as everybody sees it: publishers, rules, mappings, webhook bodies.
 *
 * In the log an event is its envelope, one JSON object with exactly these fields in this order. Whoever
 * stores an event writes that form, so that whoever delivers it can pass the bytes on untouched.
 */
import type { EventId, EventType, WorkspaceId } from "./ids.ts"

export interface Event {
  readonly id: EventId
  readonly type: EventType
  readonly workspace: WorkspaceId
  readonly resource?: string
  readonly resource_id?: string
  /** RFC 3339. When it happened, by the publisher; when it was accepted, if the publisher did not say. */
  readonly time: string
  readonly source?: string
  readonly payload: { readonly [key: string]: unknown }
}

/** The canonical bytes of an event. */
export const encodeEvent = (event: Event): Uint8Array =>
  Buffer.from(
    JSON.stringify({
      id: event.id,
      type: event.type,
      workspace: event.workspace,
      resource: event.resource,
      resource_id: event.resource_id,
      time: event.time,
      source: event.source,
      payload: event.payload,
    }),
  )
