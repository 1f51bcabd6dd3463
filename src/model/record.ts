/**
 * What the history is made of. A `HISTORY` message is a JSON array of these, written by one stage in one go.
 *
 * Records are facts that may be written twice (a stage that died between storing and acknowledging writes its batch again);
 * each has a natural key, so a reader that keeps the first of a key sees each fact once:
 * event + sequence (+ the deliveries' own ids), delivery + attempt + `at`, what + target + workspace + `at`, …
 */
import type { DeliveryState } from "./delivery.ts"
import type { DeliveryId, EventId, EventType, WorkspaceId } from "./ids.ts"
import type { OutcomeKind, SentRequest } from "./outcome.ts"

interface EventFacts {
  /** Milliseconds since 1970: when the log stored the event. */
  readonly at: number
  readonly event: EventId
  /** Sequence in `EVENTS`. */
  readonly seq: number
  readonly type: EventType
  readonly workspace: WorkspaceId
  readonly resource?: string
  readonly resource_id?: string
}

/** The event matched rules, and these deliveries were created. A fan-out beyond one batch has several such records. */
export interface EventRouted extends EventFacts {
  readonly kind: "event.routed"
  readonly revision: string
  /** The replay that created them, later than `at`: the ids say when. */
  readonly replay?: string
  readonly deliveries: ReadonlyArray<{
    readonly id: DeliveryId
    readonly rule: string
    readonly action: number
    readonly connection: string
  }>
}

/** No rule of the workspace wanted the event. */
export interface EventUnmatched extends EventFacts {
  readonly kind: "event.unmatched"
  readonly revision: string
}

/** Something in `EVENTS` that could not be read as an event; it is kept there, and never routed. */
export interface EventRefused {
  readonly kind: "event.refused"
  readonly at: number
  readonly seq: number
  readonly subject: string
  readonly workspace: string
  readonly type: string
  readonly reason: string
}

/** A rule's condition could not be evaluated for this event: the rule did not match, and this says why. */
export interface RuleFailed extends EventFacts {
  readonly kind: "rule.failed"
  readonly rule: string
  readonly reason: string
}

/** One attempt and the state it left the delivery in: the one wide record of an attempt. */
export interface DeliveryAttempted {
  readonly kind: "delivery.attempted"
  /** When the attempt ended. */
  readonly at: number
  readonly delivery: DeliveryId
  readonly event: EventId
  readonly type: EventType
  readonly workspace: WorkspaceId
  readonly rule: string
  readonly action: number
  readonly connection: string
  /** 1 for the first. */
  readonly attempt: number
  readonly outcome: OutcomeKind
  readonly message?: string
  readonly status?: number
  readonly duration_ms: number
  readonly state: DeliveryState
  /** When the next attempt is due; only when `state` is `retrying`. */
  readonly next?: number
  readonly request?: SentRequest
  readonly response?: string
  /** These, and the message, may be of other deliveries too: one call was made for several. */
  readonly shared?: true
  /** Of the config that decided on the delivery. */
  readonly revision: string
  /** Of the config that this attempt went by, where that is another. */
  readonly sent_revision?: string
  /** The replay that made the delivery. */
  readonly replay?: string
}

/** A person sent a delivery again under its own id: one that was dead, one that waited for its next attempt, or any by a replay. */
export interface DeliveryRevived {
  readonly kind: "delivery.revived"
  readonly at: number
  readonly delivery: DeliveryId
  readonly event: EventId
  readonly workspace: WorkspaceId
  readonly connection: string
  readonly by: string
  readonly replay?: string
}

/** A person stopped a delivery that waited. */
export interface DeliveryCancelled {
  readonly kind: "delivery.cancelled"
  /** When it was asked for. */
  readonly at: number
  readonly delivery: DeliveryId
  readonly event: EventId
  readonly workspace: WorkspaceId
  readonly connection: string
  readonly by: string
}

/** A connection's circuit changed its state. */
export interface ConnectionRecord {
  readonly kind: "connection.changed"
  readonly at: number
  readonly workspace: WorkspaceId
  readonly connection: string
  readonly from: "closed" | "open" | "half_open" | "paused"
  readonly to: "closed" | "open" | "half_open" | "paused"
  readonly reason: string
  readonly by: string
}

/** What a person, or a program with a key, did by command or call. */
export const auditedActs = [
  "config.applied",
  "config.refused",
  "key.created",
  "key.revoked",
  /** It has expired, and is used all the same. */
  "key.refused",
  /** A member's one-time link was made. */
  "link.created",
  /** Somebody signed in, by a key or a link. */
  "session.begun",
  /** One was minted for another's page; that page began it. */
  "session.created",
  "session.launched",
  "session.ended",
  "secret.set",
  "secret.removed",
  "connection.paused",
  "connection.resumed",
  "connection.tested",
  "connection.authorized",
  "connection.disconnected",
  /** Many have one record, whose `detail` says which were meant; each delivery's own history names who it was. */
  "deliveries.retried",
  "deliveries.canceled",
  "replay.started",
  "replay.stopped",
  "operation.stopped",
  "payload.viewed",
] as const
export type AuditedAct = (typeof auditedActs)[number]

/** Who did something, and from where. */
export interface Actor {
  /** `key:<name>`, `cli:<user>`, `member:<email>`, `session:<user or id>`, or `runtime` */
  readonly by: string
  /** Id of the key, where it was made while the runtime ran: names may repeat, ids do not. */
  readonly key?: string
  /** The caller's address as the server sees it, or the name of the command's machine. */
  readonly from?: string
  /** What the caller's program says that it is, cut to a bound. */
  readonly agent?: string
}

/** Who did what. What concerns several workspaces has a record for each, which names no other. */
export interface AuditRecord extends Actor {
  readonly kind: "audit"
  readonly at: number
  readonly what: AuditedAct
  /** What it was done to: a key's id, the name of a secret or a connection, the id of an event, delivery or replay, a config's revision. */
  readonly target: string
  /** For people, such as a key's name and what it may do. Never a secret. */
  readonly detail?: string
  /** Absent: it concerns the installation, and is not for the eyes of those who have a workspace of it. */
  readonly workspace?: WorkspaceId
}

export type HistoryRecord =
  | EventRouted
  | EventUnmatched
  | EventRefused
  | RuleFailed
  | DeliveryAttempted
  | DeliveryRevived
  | DeliveryCancelled
  | ConnectionRecord
  | AuditRecord
