/**
 * Where accepted events go: appended to `EVENTS` by group commit, and only then acknowledged to the publisher.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Result from "effect/Result"
import type { LogUnavailable } from "../model/errors.ts"
import type { Event } from "../model/event.ts"
import type { EventId, EventType, WorkspaceId } from "../model/ids.ts"

export interface Entry {
  readonly workspace: WorkspaceId
  readonly type: EventType
  /** The idempotency key within the workspace: a second event with it, within `limits.idempotencyWindowMs`, is a duplicate. */
  readonly id: EventId
  /** When it was accepted, in milliseconds. */
  readonly created: number
  /** The canonical envelope (`encodeEvent`). */
  readonly body: Uint8Array
}

export interface Appended {
  /** `true`: an event of this id is already in the log, and this one was dropped. */
  readonly duplicate: boolean
  /** Sequence in `EVENTS`, of the earlier one when it is a duplicate. */
  readonly seq: number
}

export class EventLog extends Context.Service<
  EventLog,
  {
    /** Succeeds when the log has it on disk. Fails at once when the log is away or `limits.appendQueue` events wait. */
    readonly append: (entry: Entry) => Effect.Effect<Appended, LogUnavailable>
    /** The same for many at once, with one answer each, in order. Entries of one id: the first is stored, the others are its duplicates. */
    readonly appendAll: (
      entries: ReadonlyArray<Entry>,
    ) => Effect.Effect<ReadonlyArray<Result.Result<Appended, LogUnavailable>>>
    /** The event at a sequence as it was first accepted: what a duplicate is answered with. */
    readonly read: (
      seq: number,
    ) => Effect.Effect<{ readonly event: Event; readonly created: number } | undefined, LogUnavailable>
  }
>()("meshes/EventLog") {}
