/**
 * Events whose payload has a text in it. Payloads are in the log alone: the events that all else fits are read from there, the latest
 * first, and a page ends after so many of them, whatever was found.
 */
import * as Effect from "effect/Effect"
import { limits } from "../config/defaults.ts"
import type { LogUnavailable } from "../model/errors.ts"
import type { StoredEvent } from "../model/stored-event.ts"
import type { EventFilter } from "./queries.ts"
import type { EventView, Page } from "./views.ts"
import type { Position } from "./walk.ts"

export interface EventSearch extends EventFilter {
  /** Looked for in the payload as JSON, whatever the case of its letters. */
  readonly text: string
}

export const searchEvents = (
  { text, ...filter }: EventSearch,
  list: (filter: EventFilter) => Effect.Effect<Page<EventView>, LogUnavailable>,
  read: (seq: number) => Effect.Effect<StoredEvent | undefined, LogUnavailable>,
): Effect.Effect<Page<EventView>, LogUnavailable> =>
  Effect.gen(function* () {
    const wanted = text.toLowerCase()
    const records: Array<EventView> = []
    let after: Position | undefined = filter.after
    for (let looked = 0; looked < limits.searchEvents; looked += limits.pageRecords) {
      const page = yield* list({ ...filter, after, limit: limits.pageRecords })
      const has = yield* Effect.forEach(
        page.records,
        ({ seq }) =>
          Effect.map(read(seq), (stored) =>
            JSON.stringify(stored?.event.payload ?? "")
              .toLowerCase()
              .includes(wanted),
          ),
        { concurrency: limits.searchReads },
      )
      for (const [i, event] of page.records.entries()) {
        if (!has[i]) continue
        records.push(event)
        if (records.length === filter.limit) return { records, next: [event.at, event.seq] }
      }
      after = page.next
      if (after === undefined) return { records }
    }
    return after === undefined ? { records } : { records, next: after }
  })
