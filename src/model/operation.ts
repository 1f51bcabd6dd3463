/**
 * An operation: many deliveries of a workspace retried or cancelled, one after the other in the background. Which ones, the history
 * says; whether each can be, its dead letter or its lane.
 */
import type { WorkspaceId } from "./ids.ts"
import type { OutcomeKind } from "./outcome.ts"
import type { Status } from "./status.ts"
import type { Task } from "./task.ts"

/** What is absent leaves all. */
export interface OperationFilter {
  readonly workspace: WorkspaceId
  readonly connection?: string
  readonly rule?: string
  /** A type of events or a pattern of types. */
  readonly type?: string
  readonly status: ReadonlyArray<Status>
  /** Of the last attempt. */
  readonly outcome?: OutcomeKind
  /** What the events are about. */
  readonly resource?: string
  readonly resource_id?: string
  /** When the deliveries were created, in milliseconds: from the first on, up to and without the second. */
  readonly from?: number
  readonly to?: number
}

export interface OperationRequest {
  readonly action: "retry" | "cancel"
  readonly filter: OperationFilter
  /** Nothing is done: the deliveries are only counted. */
  readonly preview: boolean
}

export interface OperationProgress {
  /** Deliveries that the filter left when it was first gone on with. Absent before, and in a preview. */
  readonly expected?: number
  /** Deliveries that were retried or cancelled, or would be. */
  readonly deliveries: number
  /** Those that had changed before it was their turn: nothing was done. */
  readonly skipped: number
  /** The first count, by connection. */
  readonly connections: { readonly [connection: string]: number }
}

export const nothingDone: OperationProgress = { deliveries: 0, skipped: 0, connections: {} }

export interface Operation extends OperationRequest, Task<OperationProgress> {}

/** What may be retried or cancelled, and what is meant when nobody says. */
export const operableStatuses = {
  retry: { known: ["failed", "retrying"], default: ["failed"] },
  cancel: { known: ["pending", "retrying"], default: ["pending", "retrying"] },
} as const satisfies { readonly [A in OperationRequest["action"]]: object }

/** As programs are shown what was counted. */
export const shownCount = ({ deliveries, connections }: OperationProgress) => ({
  count: deliveries,
  by_connection: Object.entries(connections)
    .map(([connection, count]) => ({ connection, count }))
    .toSorted((a, b) => b.count - a.count || (a.connection < b.connection ? -1 : 1)),
})

/** An operation as programs are shown it. */
export const shownOperation = ({ id, action, filter, preview, created, by, state, ended, progress }: Operation) => {
  const { workspace, from, to, ...rest } = filter
  return {
    id,
    workspace,
    action,
    ...(preview ? { preview } : {}),
    state,
    created_at: new Date(created).toISOString(),
    by,
    ...(ended === undefined ? {} : { ended_at: new Date(ended.at).toISOString() }),
    ...(ended?.by === undefined ? {} : { stopped_by: ended.by }),
    ...(ended?.reason === undefined ? {} : { reason: ended.reason }),
    filter: {
      ...rest,
      ...(from === undefined ? {} : { from: new Date(from).toISOString() }),
      ...(to === undefined ? {} : { to: new Date(to).toISOString() }),
    },
    ...shownCount(progress),
    skipped: progress.skipped,
    ...(progress.expected === undefined ? {} : { expected: progress.expected }),
  }
}
