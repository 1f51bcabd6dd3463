/**
 * Usage in the projection: what each workspace had of events, deliveries and attempts in a month, counted in the transaction that takes
 * each of them in for the first time. It stays when what it counted is removed for its age.
 */
import type { DatabaseSync } from "node:sqlite"
import { monthOf, noUsage, type Month, type Usage } from "../model/usage.ts"

export interface UsageCounter {
  /** @param workspace its key among the names @param at when it happened, in milliseconds */
  readonly count: (what: keyof Usage, workspace: number, at: number) => void
  /** Adds what was counted to the table. */
  readonly write: () => void
}

export const makeUsageCounter = (db: DatabaseSync): UsageCounter => {
  const add = db.prepare(
    "INSERT INTO usage VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET " +
      "events = events + excluded.events, deliveries = deliveries + excluded.deliveries, attempts = attempts + excluded.attempts",
  )
  const counted = new Map<number, Map<Month, { -readonly [What in keyof Usage]: number }>>()
  return {
    count: (what, workspace, at) => {
      let months = counted.get(workspace)
      if (months === undefined) counted.set(workspace, (months = new Map()))
      const month = monthOf(at)
      let usage = months.get(month)
      if (usage === undefined) months.set(month, (usage = { ...noUsage }))
      usage[what]++
    },
    write: () => {
      for (const [workspace, months] of counted) {
        for (const [month, { events, deliveries, attempts }] of months)
          add.run(workspace, month, events, deliveries, attempts)
      }
      counted.clear()
    },
  }
}

export interface UsageView extends Usage {
  readonly workspace: string
  readonly month: Month
}

export interface UsageQueries {
  /** Of each of these workspaces in each month in which there was something, the latest month first. */
  readonly usage: (workspaces: ReadonlyArray<string>, month?: Month) => ReadonlyArray<UsageView>
}

export const makeUsageQueries = (db: DatabaseSync): UsageQueries => {
  const find = db.prepare(
    "SELECT name, month, events, deliveries, attempts FROM usage JOIN names ON key = workspace " +
      "WHERE name IN (SELECT value FROM json_each(?1)) AND (?2 IS NULL OR month = ?2) ORDER BY month DESC, name",
  )
  return {
    usage: (workspaces, month) =>
      find.all(JSON.stringify(workspaces), month ?? null).map((row) => ({
        workspace: String(row.name),
        month: String(row.month),
        events: Number(row.events),
        deliveries: Number(row.deliveries),
        attempts: Number(row.attempts),
      })),
  }
}
