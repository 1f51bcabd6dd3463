/**
 * A replay: events of the log decided on and delivered once more. What it is over is fixed when it begins, so that it can be gone on with
 * after a crash; how far it has come is in its checkpoint.
 */
import type { WorkspaceId } from "./ids.ts"
import { stateOfStatus, statuses, statusNamed } from "./status.ts"
import type { Task } from "./task.ts"

/** What became of an event's delivery by an action before; `none`: there was no such delivery. */
export const earlierStates = ["none", "pending", "retrying", "delivered", "dead", "cancelled"] as const
export type EarlierState = (typeof earlierStates)[number]

/** What they are asked for by: the names of statuses too. */
export const earlierNames = [...new Set([...earlierStates, ...statuses])]

/** One by any of its names. What is being sent is still to be done. */
export const earlierNamed = (name: string): EarlierState | undefined => {
  const status = statusNamed(name)
  const state = status === undefined ? name : stateOfStatus[status]
  return state === "sending" ? "pending" : earlierStates.find((one) => one === state)
}

/** Which events, and which of their deliveries. What is absent leaves all. */
export interface ReplayFilter {
  readonly workspace?: WorkspaceId
  /** When the log stored the events, in milliseconds: from the first on, up to and without the second. */
  readonly from?: number
  readonly to?: number
  /** Patterns, as rules have them. */
  readonly types?: ReadonlyArray<string>
  readonly resource?: string
  readonly resource_id?: string
  /** JSONata over the event. */
  readonly expression?: string
  readonly rule?: string
  readonly connection?: string
  readonly status?: ReadonlyArray<EarlierState>
}

/** What somebody asks for. */
export interface ReplayRequest {
  readonly filter: ReplayFilter
  /** Deliveries a second, at the most. */
  readonly rate: number
  /** The deliveries keep the ids that they had, or would have had. */
  readonly sameIds: boolean
}

/** How far it has come. */
export interface ReplayProgress {
  /** Events looked at, those that the filter left, and deliveries made of them. */
  readonly events: number
  readonly matched: number
  readonly deliveries: number
  /** Deliveries that were not made: under way already, or nothing is known of what became of them before. */
  readonly skipped: number
  /** Events for which the filter's expression failed. */
  readonly failed: number
}

export const noProgress: ReplayProgress = { events: 0, matched: 0, deliveries: 0, skipped: 0, failed: 0 }

export interface Replay extends ReplayRequest, Task<ReplayProgress> {
  /** Sequences in `EVENTS`: the first, and of each partition the last. All of them were routed before it was begun. */
  readonly first: number
  readonly last: ReadonlyArray<number>
}

/** A replay as programs are shown it. */
export const shownReplay = (replay: Replay) => {
  const { id, state, created, by, ended, rate, sameIds, progress, first, last, at = first - 1 } = replay
  const { workspace, from, to, types, ...rest } = replay.filter
  return {
    id,
    workspace: workspace ?? null,
    state,
    created_at: new Date(created).toISOString(),
    by,
    ...(ended === undefined ? {} : { ended_at: new Date(ended.at).toISOString() }),
    ...(ended?.by === undefined ? {} : { stopped_by: ended.by }),
    ...(ended?.reason === undefined ? {} : { reason: ended.reason }),
    filter: {
      ...(from === undefined ? {} : { from: new Date(from).toISOString() }),
      ...(to === undefined ? {} : { to: new Date(to).toISOString() }),
      ...(types === undefined ? {} : { type: types }),
      ...rest,
    },
    rate,
    same_ids: sameIds,
    progress,
    range: { first, last: Math.max(0, ...last), at },
  }
}
