/**
 * What was really made of each event, by the history: for backtests.
 */
import * as Effect from "effect/Effect"
import { limits } from "../config/defaults.ts"
import type { Past } from "../log/past.ts"
import type { LogUnavailable, Unusable } from "../model/errors.ts"
import type { HistoryRecord } from "../model/record.ts"
import type { ReplayFilter } from "../model/replay.ts"
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

/** By the events' sequences; an event that no rule wanted has none, one that the history does not know is not there. */
export type Delivered = ReadonlyMap<number, ReadonlyMap<string, Done>>

/** Fails with `Unusable` when there are more than `limits.backtestEvents`. */
export const readDelivered = Effect.fnUntraced(function* (
  past: Past["Service"],
  filter: ReplayFilter,
): Effect.fn.Return<Delivered, LogUnavailable | Unusable> {
  const delivered = new Map<number, Map<string, Done>>()
  yield* forEachRecord(
    past,
    filter.from,
    (record) => note(delivered, filter, record),
    () =>
      delivered.size > limits.backtestEvents
        ? `more than ${limits.backtestEvents} events lie in that time: choose a shorter one (--from, --to), or a workspace`
        : undefined,
  )
  return delivered
})

const note = (
  delivered: Map<number, Map<string, Done>>,
  { workspace, from = 0, to = Number.POSITIVE_INFINITY }: ReplayFilter,
  record: HistoryRecord,
): void => {
  if (record.kind !== "event.routed" && record.kind !== "event.unmatched") return
  if (workspace !== undefined && record.workspace !== workspace) return
  if (record.at < from || record.at >= to) return
  let made = delivered.get(record.seq)
  if (made === undefined) delivered.set(record.seq, (made = new Map()))
  if (record.kind === "event.unmatched") return
  for (const { rule, action, connection } of record.deliveries) {
    const done: Done = { rule, action, connection, revision: record.revision }
    made.set(nameOf(done), done)
  }
}
