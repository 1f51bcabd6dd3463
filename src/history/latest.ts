/**
 * What was seen of a workspace, and when: its event types and resources, and the last success and failure of each connection. Projected
 * beside the rows of `project.ts`, in the same transactions: each row is the earliest or the latest of what its records say, so that their
 * order is all the same, and how often they come.
 */
import type { DatabaseSync } from "node:sqlite"
import { outcomeKinds } from "../model/outcome.ts"
import type { DeliveryAttempted, HistoryRecord } from "../model/record.ts"

export const seenKinds = ["type", "resource"] as const
export type SeenKind = (typeof seenKinds)[number]

export const latestTables = {
  seen: `workspace INTEGER NOT NULL, kind INTEGER NOT NULL, name TEXT NOT NULL, first_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL, PRIMARY KEY (workspace, kind, name)`,
  contacts: `workspace INTEGER NOT NULL, connection INTEGER NOT NULL, success_at INTEGER, failure_at INTEGER,
    outcome INTEGER, http_status INTEGER, message TEXT, PRIMARY KEY (workspace, connection)`,
} as const

interface Seen {
  readonly workspace: string
  readonly kind: SeenKind
  readonly name: string
  first: number
  last: number
}

interface Contact {
  success?: DeliveryAttempted
  failure?: DeliveryAttempted
}

export interface Latest {
  readonly note: (record: HistoryRecord) => void
  /** Writes what was noted. */
  readonly write: () => void
}

/** @param nameKey what stands for a name in the tables */
export const makeLatest = (db: DatabaseSync, nameKey: (name: string) => number): Latest => {
  const seen = new Map<string, Seen>()
  const contacts = new Map<string, Contact>()
  const see = db.prepare(
    "INSERT INTO seen VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET " +
      "first_at = min(first_at, excluded.first_at), last_at = max(last_at, excluded.last_at)",
  )
  const succeeded = db.prepare(
    "INSERT INTO contacts (workspace, connection, success_at) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET " +
      "success_at = max(coalesce(success_at, 0), excluded.success_at)",
  )
  const failed = db.prepare(
    "INSERT INTO contacts (workspace, connection, failure_at, outcome, http_status, message) VALUES (?, ?, ?, ?, ?, ?) " +
      "ON CONFLICT DO UPDATE SET failure_at = excluded.failure_at, outcome = excluded.outcome, " +
      "http_status = excluded.http_status, message = excluded.message WHERE coalesce(failure_at, 0) < excluded.failure_at",
  )

  const noteSeen = (workspace: string, kind: SeenKind, name: string, at: number): void => {
    const key = `${workspace}/${kind}/${name}`
    const known = seen.get(key)
    if (known === undefined) seen.set(key, { workspace, kind, name, first: at, last: at })
    else {
      known.first = Math.min(known.first, at)
      known.last = Math.max(known.last, at)
    }
  }

  const noteAttempt = (record: DeliveryAttempted): void => {
    const key = `${record.workspace}/${record.connection}`
    let contact = contacts.get(key)
    if (contact === undefined) contacts.set(key, (contact = {}))
    const which = record.outcome === "delivered" ? "success" : "failure"
    if ((contact[which]?.at ?? 0) < record.at) contact[which] = record
  }

  return {
    note: (record) => {
      if (record.kind === "delivery.attempted") return noteAttempt(record)
      if (record.kind !== "event.routed" && record.kind !== "event.unmatched") return
      noteSeen(record.workspace, "type", record.type, record.at)
      if (record.resource !== undefined) noteSeen(record.workspace, "resource", record.resource, record.at)
    },
    write: () => {
      for (const { workspace, kind, name, first, last } of seen.values()) {
        see.run(nameKey(workspace), seenKinds.indexOf(kind), name, first, last)
      }
      for (const { success, failure } of contacts.values()) {
        if (success !== undefined) succeeded.run(nameKey(success.workspace), nameKey(success.connection), success.at)
        if (failure === undefined) continue
        const { workspace, connection, at, outcome, status = null, message = null } = failure
        failed.run(nameKey(workspace), nameKey(connection), at, outcomeKinds.indexOf(outcome), status, message)
      }
      seen.clear()
      contacts.clear()
    },
  }
}
