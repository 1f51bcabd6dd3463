/**
 * "What happened to this event?", read straight from the log: the history's records folded into deliveries with their attempts.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { limits } from "../config/defaults.ts"
import { LogReader } from "../log/reader.ts"
import { streams } from "../log/topology.ts"
import type { DeliveryState } from "../model/delivery.ts"
import type { LogUnavailable } from "../model/errors.ts"
import { timeOfId } from "../model/ids.ts"
import type { DeliveryAttempted, DeliveryCancelled, DeliveryRevived, HistoryRecord } from "../model/record.ts"
import { standingOf } from "../model/standing.ts"
import { recordsIn } from "./records.ts"

/** A delivery as its records tell it. */
export interface DeliveryView {
  readonly id: string
  readonly event: string
  readonly type: string
  readonly workspace: string
  readonly rule: string
  readonly action: number
  readonly connection: string
  readonly state: DeliveryState
  /** When its event was stored, in milliseconds; of a replay's, when that was begun. */
  readonly created: number
  /** The replay that made it. */
  readonly replay?: string
  /** When the next attempt is due; only while `retrying`. */
  readonly next?: number
  /** By time. */
  readonly attempts: ReadonlyArray<DeliveryAttempted>
  readonly revived: ReadonlyArray<DeliveryRevived>
  /** The last time that it was cancelled. */
  readonly cancelled?: DeliveryCancelled
}

export interface DeliveryFilter {
  readonly workspace?: string | undefined
  readonly connection?: string | undefined
  readonly event?: string | undefined
  readonly state?: DeliveryState | undefined
  /** Milliseconds since 1970. */
  readonly since: number
}

/** Clocks of server and runtime differ a little. */
const clockSlackMs = 5000

/** Deliveries by the time of their events, the latest last. `more`: there were more than are held. */
export const listDeliveries = (
  filter: DeliveryFilter,
): Effect.Effect<
  { readonly deliveries: ReadonlyArray<DeliveryView>; readonly more: boolean },
  LogUnavailable,
  LogReader
> =>
  Effect.map(
    fold(filter.since, (draft) => fits(draft, filter)),
    ({ drafts, more }) => ({
      deliveries: drafts
        .map(viewOf)
        .filter(({ state, type }) => type !== "" && (filter.state === undefined || state === filter.state))
        .toSorted((a, b) => a.created - b.created),
      more,
    }),
  )

/**
 * One delivery, or `undefined` when the history has no word of it.
 *
 * @param since only what was recorded then or later, in milliseconds; default: all of it
 */
export const findDelivery = (
  id: string,
  since = timeOfId(id) ?? 0,
): Effect.Effect<DeliveryView | undefined, LogUnavailable, LogReader> =>
  Effect.map(
    fold(since - clockSlackMs, (draft) => draft.id === id),
    ({ drafts }) => (drafts[0] === undefined ? undefined : viewOf(drafts[0])),
  )

interface Draft {
  readonly id: string
  event: string
  workspace: string
  connection: string
  type: string
  rule: string
  action: number
  created: number
  replay?: string | undefined
  readonly attempts: Map<string, DeliveryAttempted>
  readonly revived: Map<number, DeliveryRevived>
  cancelled?: DeliveryCancelled
}

const fits = (draft: Draft, { workspace, connection, event }: DeliveryFilter): boolean =>
  (workspace === undefined || draft.workspace === workspace) &&
  (connection === undefined || draft.connection === connection) &&
  (event === undefined || draft.event === event)

/** Records come in any order: an attempt's may be stored before the decision's. */
const fold = (since: number, wanted: (draft: Draft) => boolean) =>
  Effect.gen(function* () {
    const reader = yield* LogReader
    const drafts = new Map<string, Draft>()
    let more = false
    const note = (facts: Omit<Draft, "attempts" | "revived" | "cancelled">): Draft | undefined => {
      const known = drafts.get(facts.id)
      if (known !== undefined) return known
      const draft: Draft = { ...facts, attempts: new Map(), revived: new Map() }
      if (!wanted(draft)) return undefined
      if (drafts.size >= limits.deliveriesListed) {
        more = true
        drafts.delete(drafts.keys().next().value!)
      }
      drafts.set(facts.id, draft)
      return draft
    }
    yield* reader
      .scan(streams.history, { fromTime: Math.max(0, since) })
      .pipe(
        Stream.runForEach((message) => Effect.sync(() => recordsIn(message).forEach((record) => add(record, note)))),
      )
    return { drafts: [...drafts.values()], more }
  })

const add = (
  record: HistoryRecord,
  note: (facts: Omit<Draft, "attempts" | "revived" | "cancelled">) => Draft | undefined,
): void => {
  switch (record.kind) {
    case "event.routed": {
      const { event, type, workspace, replay } = record
      for (const { id, rule, action, connection } of record.deliveries) {
        const created = timeOfId(id) ?? record.at
        const draft = note({ id, event, type, workspace, rule, action, connection, created, replay })
        if (draft !== undefined) Object.assign(draft, { type, rule, action, created, replay })
      }
      return
    }
    case "delivery.attempted": {
      const { delivery: id, event, type, workspace, rule, action, connection } = record
      const created = timeOfId(id) ?? record.at
      const draft = note({ id, event, type, workspace, rule, action, connection, created })
      if (draft !== undefined) {
        draft.attempts.set(`${record.attempt}/${record.at}`, record)
        if (draft.type === "") Object.assign(draft, { type, rule, action })
      }
      return
    }
    case "delivery.revived": {
      const { delivery: id, event, workspace, connection } = record
      const created = timeOfId(id) ?? record.at
      note({ id, event, type: "", workspace, rule: "", action: 0, connection, created })?.revived.set(record.at, record)
      return
    }
    case "delivery.cancelled": {
      const { delivery: id, event, workspace, connection } = record
      const created = timeOfId(id) ?? record.at
      const draft = note({ id, event, type: "", workspace, rule: "", action: 0, connection, created })
      if (draft !== undefined && record.at >= (draft.cancelled?.at ?? 0)) draft.cancelled = record
      return
    }
    default:
  }
}

const viewOf = (draft: Draft): DeliveryView => {
  const attempts = [...draft.attempts.values()].toSorted((a, b) => a.at - b.at)
  const revived = [...draft.revived.values()].toSorted((a, b) => a.at - b.at)
  const last = attempts.at(-1)
  const { id, event, type, workspace, rule, action, connection, created, replay, cancelled } = draft
  const state = standingOf({ last, revived: revived.at(-1)?.at, cancelled: cancelled?.at })
  return {
    id,
    event,
    type,
    workspace,
    rule,
    action,
    connection,
    created,
    ...(replay === undefined ? {} : { replay }),
    state,
    ...(state !== "retrying" || last?.next === undefined ? {} : { next: last.next }),
    attempts,
    revived,
    ...(cancelled === undefined ? {} : { cancelled }),
  }
}
