/**
 * What was really made of each event, by the history: for backtests.
 */
import * as Effect from "effect/Effect"
import { limits } from "../config/defaults.ts"
import type { Pace } from "../config/in-turns.ts"
import type { Past } from "../log/past.ts"
import type { LogUnavailable, Unusable } from "../model/errors.ts"
import type { EventRouted, EventUnmatched, HistoryRecord } from "../model/record.ts"
import type { ReplayFilter } from "../model/replay.ts"
import { matchesType } from "../model/type-pattern.ts"
import { forEachRecord } from "./records.ts"

/** An action by which a delivery was made: its rule, its position there, and the connection. */
export interface Done {
  readonly rule: string
  readonly action: number
  readonly connection: string
  /** Of the config that decided. */
  readonly revision: string
}

export const nameOf = ({ rule, action, connection }: Omit<Done, "revision">): string =>
  `${rule}/${action}/${connection}`

export interface Delivered {
  /** By the events' sequences; an event that no rule wanted has none, one that the history does not know is not there. */
  readonly bySeq: ReadonlyMap<number, ReadonlyMap<string, Done>>
  /** The last event that is known for certain. Absent: all are. */
  readonly until?: number
}

export interface DeliveredOptions {
  /** Events, after which nothing more is read: of one workspace, whose events are decided in order. Absent: too many are an error. */
  readonly most?: number | undefined
  readonly pace?: Pace | undefined
  /** Told of how many events are known by now. */
  readonly progress?: ((events: number) => void) | undefined
}

/** Of the events that the filter leaves by what the history says of them. Fails with `Unusable` when it is too much. */
export const readDelivered = Effect.fnUntraced(function* (
  past: Past["Service"],
  filter: ReplayFilter,
  { most, pace, progress }: DeliveredOptions,
): Effect.fn.Return<Delivered, LogUnavailable | Unusable> {
  const bySeq = new Map<number, Map<string, Done>>()
  let last = 0
  let until: number | undefined
  const use = (record: HistoryRecord) => {
    if ((record.kind !== "event.routed" && record.kind !== "event.unmatched") || !leavesRecord(filter, record)) return
    if (record.seq > (until ?? Number.POSITIVE_INFINITY)) return
    last = Math.max(last, record.seq)
    note(bySeq, record)
  }
  const enough = () => {
    progress?.(bySeq.size)
    if (until !== undefined || bySeq.size <= (most ?? limits.backtestEvents)) return false
    if (most === undefined) {
      return `more than ${limits.backtestEvents} events lie in that time: choose a shorter one (--from, --to), or a workspace`
    }
    until = last
    return true
  }
  yield* forEachRecord(past, filter.from, use, enough, { writers: "route.*", pace })
  // What was decided once more, of the same events.
  yield* forEachRecord(past, filter.from, use, enough, { writers: "replay", pace })
  return until === undefined ? { bySeq } : { bySeq, until }
})

const leavesRecord = (filter: ReplayFilter, record: EventRouted | EventUnmatched): boolean => {
  const { workspace, types, resource, resource_id, from = 0, to = Number.POSITIVE_INFINITY } = filter
  return (
    (workspace === undefined || record.workspace === workspace) &&
    record.at >= from &&
    record.at < to &&
    (types === undefined || types.some((pattern) => matchesType(pattern, record.type))) &&
    (resource === undefined || record.resource === resource) &&
    (resource_id === undefined || record.resource_id === resource_id)
  )
}

const note = (bySeq: Map<number, Map<string, Done>>, record: EventRouted | EventUnmatched): void => {
  let made = bySeq.get(record.seq)
  if (made === undefined) bySeq.set(record.seq, (made = new Map()))
  if (record.kind === "event.unmatched") return
  for (const { rule, action, connection } of record.deliveries) {
    const done: Done = { rule, action, connection, revision: record.revision }
    made.set(nameOf(done), done)
  }
}
