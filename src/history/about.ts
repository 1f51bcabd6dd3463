/**
 * What events are about, and their deliveries with them, as conditions of questions.
 */
import type { Condition } from "./walk.ts"

/** What events are about. Absent: anything. */
export interface About {
  readonly resource?: string | undefined
  readonly resource_id?: string | undefined
}

/** Of an event: that it is about such a thing, where one is given; see `aboutValues`. */
export const anyOrAbout = " AND (? IS NULL OR resource = ?) AND (? IS NULL OR resource_id = ?)"

export const aboutValues = (
  { resource, resource_id }: About,
  keyOf: (name: string) => number,
): ReadonlyArray<number | string | null> => {
  const key = resource === undefined ? null : keyOf(resource)
  const id = resource_id ?? null
  return [key, key, id, id]
}

/** The deliveries of all events about one thing. */
export const ofEventsAbout = (workspace: number, resource: number | undefined, resource_id: string): Condition => [
  "(event_at, event_seq) IN (SELECT at, seq FROM events INDEXED BY events_by_resource_id " +
    `WHERE workspace = ? AND resource_id = ?${resource === undefined ? "" : " AND resource = ?"})`,
  workspace,
  resource_id,
  ...(resource === undefined ? [] : [resource]),
]

/** Whether a delivery's event is about it, looked up row by row. */
export const isAbout = (resource: number | undefined, resource_id: string | undefined): Condition => {
  const equal = Object.entries({ resource, resource_id }).filter(([, value]) => value !== undefined)
  const wanted = equal.map(([column]) => ` AND e.${column} = ?`).join("")
  return [
    `EXISTS (SELECT 1 FROM events AS e WHERE e.at = event_at AND e.seq = event_seq${wanted})`,
    ...equal.map(([, value]) => value!),
  ]
}
