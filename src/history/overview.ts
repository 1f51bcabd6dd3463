/**
 * Further questions that the projection answers: what a workspace has seen, how its connections do, all attempts of an event.
 */
import type { DatabaseSync } from "node:sqlite"
import { limits } from "../config/defaults.ts"
import { outcomeKinds, type OutcomeKind } from "../model/outcome.ts"
import { aboutValues, anyOrAbout, type About } from "./about.ts"
import { makeBacklogOf } from "./backlog.ts"
import { seenKinds, type SeenKind } from "./latest.ts"
import type { AttemptView } from "./views.ts"

export interface SeenFilter {
  readonly workspace: string
  readonly kind: SeenKind
  /** Names behind this one, in their order. */
  readonly after?: string | undefined
  readonly limit: number
}

export interface SeenView {
  readonly name: string
  /** In milliseconds. */
  readonly first: number
  readonly last: number
}

export interface ContactView {
  /** Deliveries that wait or are under way. */
  readonly backlog: number
  /** When an attempt last succeeded, in milliseconds. */
  readonly success?: number
  readonly failure?: {
    readonly at: number
    readonly outcome: OutcomeKind
    readonly http_status?: number
    readonly message?: string
  }
}

/** Where an attempt stands in the list of an event's: behind this one begins the next page. */
export type AttemptPosition = readonly [created: number, tie: number, at: number, attempt: number]

/** About: of the latest event of the id that is about such a thing. */
export interface AttemptsFilter extends About {
  readonly workspace: string
  readonly event: string
  readonly rule?: string | undefined
  readonly after?: AttemptPosition | undefined
  readonly limit: number
}

export interface EventAttemptView extends AttemptView {
  readonly delivery: string
  readonly rule: string
  readonly action: number
  readonly connection: string
  readonly position: AttemptPosition
}

export interface Overview {
  /** Types or resources, by their names. */
  readonly seen: (filter: SeenFilter) => ReadonlyArray<SeenView>
  /** How these connections do, in their order. */
  readonly contacts: (workspace: string, connections: ReadonlyArray<string>) => ReadonlyArray<ContactView>
  /** Of the latest event of an id, delivery by delivery, each by time. */
  readonly attempts: (filter: AttemptsFilter) => ReadonlyArray<EventAttemptView>
  /** The workspaces that have an event of that id. */
  readonly workspacesOf: (event: string) => ReadonlyArray<string>
}

export const makeOverview = (
  db: DatabaseSync,
  keyOf: (name: string) => number,
  nameOf: (key: number) => string,
  attemptView: (row: any) => AttemptView,
): Overview => {
  const seen = db.prepare(
    "SELECT name, first_at, last_at FROM seen WHERE workspace = ? AND kind = ? AND name > ? ORDER BY name LIMIT ?",
  )
  const contact = db.prepare("SELECT * FROM contacts WHERE workspace = ? AND connection = ?")
  const backlogOf = makeBacklogOf(db)
  const placeOf = db.prepare(
    `SELECT at, seq FROM events WHERE id = ? AND workspace = ?${anyOrAbout} ORDER BY at DESC, seq DESC LIMIT 1`,
  )
  const attempts = db.prepare(
    "SELECT a.*, d.id, d.rule, d.action, d.connection FROM deliveries d INDEXED BY deliveries_by_event " +
      "JOIN attempts a ON a.created = d.created AND a.tie = d.tie WHERE d.event_at = ? AND d.event_seq = ? " +
      "AND (? IS NULL OR d.rule = ?) AND (a.created, a.tie, a.at, a.attempt) > (?, ?, ?, ?) " +
      "ORDER BY a.created, a.tie, a.at, a.attempt LIMIT ?",
  )
  const workspaces = db.prepare("SELECT DISTINCT workspace FROM events WHERE id = ? LIMIT ?")

  return {
    seen: ({ workspace, kind, after = "", limit }) =>
      seen
        .all(keyOf(workspace), seenKinds.indexOf(kind), after, limit)
        .map((row) => ({ name: String(row.name), first: Number(row.first_at), last: Number(row.last_at) })),
    contacts: (workspace, connections) => {
      const key = keyOf(workspace)
      return connections.map((name): ContactView => {
        const connection = keyOf(name)
        const row = contact.get(key, connection)
        return {
          backlog: backlogOf(key, connection),
          ...(row === undefined || row.success_at === null ? {} : { success: Number(row.success_at) }),
          ...(row === undefined || row.failure_at === null
            ? {}
            : {
                failure: {
                  at: Number(row.failure_at),
                  outcome: outcomeKinds[Number(row.outcome)]!,
                  ...(row.http_status === null ? {} : { http_status: Number(row.http_status) }),
                  ...(row.message === null ? {} : { message: String(row.message) }),
                },
              }),
        }
      })
    },
    attempts: ({ workspace, event, rule, after = [0, 0, 0, 0], limit, ...about }) => {
      const place = placeOf.get(event, keyOf(workspace), ...aboutValues(about, keyOf))
      if (place === undefined) return []
      const only = rule === undefined ? null : keyOf(rule)
      return attempts.all(place.at!, place.seq!, only, only, ...after, limit).map((row) => ({
        delivery: String(row.id),
        rule: nameOf(Number(row.rule)),
        action: Number(row.action),
        connection: nameOf(Number(row.connection)),
        ...attemptView(row),
        position: [Number(row.created), Number(row.tie), Number(row.at), Number(row.attempt)],
      }))
    },
    workspacesOf: (event) =>
      workspaces.all(event, limits.historySameId).map(({ workspace }) => nameOf(Number(workspace))),
  }
}
