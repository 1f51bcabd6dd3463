/**
 * What is older than its workspace may keep is removed, a bite at a time: between two bites others have the file. What is still under way
 * stays, however old.
 */
import type { DatabaseSync } from "node:sqlite"
import { limits } from "../config/defaults.ts"
import { statuses } from "../model/status.ts"
import { activityTables, allWorkspaces } from "./activity.ts"

/** Milliseconds since 1970: what is of before is removed. */
export interface Retention {
  readonly before: number
  /** Of these workspaces, instead. */
  readonly workspaces: ReadonlyMap<string, number>
}

export interface Remover {
  /** Removes one bite; `true`: all that was too old when this round began is gone. The next call begins another round. */
  readonly bite: (retention: Retention) => boolean
}

/** One way to old rows: those of a workspace in a table, the oldest first. */
interface Errand {
  readonly find: ReturnType<DatabaseSync["prepare"]>
  readonly equal: ReadonlyArray<number>
  readonly before: number
  readonly remove: ReadonlyArray<ReturnType<DatabaseSync["prepare"]>>
}

const over = (["completed", "failed", "canceled"] as const).map((status) => statuses.indexOf(status))

export const makeRemover = (db: DatabaseSync): Remover => {
  const find = (table: string, index: string, [time, tie]: readonly [string, string], equal: string) =>
    db.prepare(
      `SELECT ${time} AS time, ${tie} AS tie FROM ${table} INDEXED BY ${index} ` +
        `WHERE workspace = ? ${equal} AND ${time} < ? ORDER BY ${time}, ${tie} LIMIT ?`,
    )
  const remove = (table: string, [time, tie]: readonly [string, string]) =>
    db.prepare(`DELETE FROM ${table} WHERE ${time} = ? AND ${tie} = ?`)
  const events = {
    find: find("events", "events_by_status", ["at", "seq"], "AND status = ?"),
    remove: [remove("events", ["at", "seq"]), remove("rule_failures", ["at", "seq"])],
  }
  const deliveries = {
    find: find("deliveries", "deliveries_by_status", ["created", "tie"], "AND status = ?"),
    remove: ["deliveries", "attempts", "acts"].map((table) => remove(table, ["created", "tie"])),
  }
  const audit = {
    find: find("audit", "audit_by_workspace", ["at", "tie"], ""),
    remove: [remove("audit", ["at", "tie"])],
  }
  const activity = (table: keyof typeof activityTables, where: string) => ({
    find: db.prepare(
      `SELECT DISTINCT at AS time, workspace AS tie FROM ${table} WHERE ${where} at < ? ORDER BY at, workspace LIMIT ?`,
    ),
    remove: [remove(table, ["at", "workspace"])],
  })
  const minutes = activity("activity_minutes", "")
  const hours = activity("activity_hours", "workspace = ? AND")
  const having = ["events", "deliveries", "audit", "activity_hours"]
    .map((table) => `SELECT min(workspace) AS a FROM ${table} WHERE workspace > ?1`)
    .join(" UNION ALL ")
  const next = db.prepare(`SELECT min(a) AS key FROM (${having})`)
  const nameOf = db.prepare("SELECT name FROM names WHERE key = ?")

  function* errands({ before: ofAll, workspaces }: Retention): Generator<Errand> {
    yield { ...minutes, equal: [], before: Date.now() - limits.activityMinutesMs }
    // What all workspaces had together stays as long as that of any.
    yield { ...hours, equal: [allWorkspaces], before: Math.min(ofAll, ...workspaces.values()) }
    for (let key = next.get(allWorkspaces)!.key; key !== null; key = next.get(key!)!.key) {
      const workspace = Number(key)
      const before = workspaces.get(String(nameOf.get(workspace)?.name)) ?? ofAll
      yield { ...audit, equal: [workspace], before }
      yield { ...hours, equal: [workspace], before }
      for (const status of over) {
        yield { ...deliveries, equal: [workspace, status], before }
        yield { ...events, equal: [workspace, status], before }
      }
    }
  }

  let round: Iterator<Errand> | undefined
  let errand: Errand | undefined

  return {
    bite: (retention) => {
      round ??= errands(retention)
      let rows = 0
      db.exec("BEGIN IMMEDIATE")
      for (let looked = 0; looked < limits.historyBiteLooks && rows < limits.historyBiteRows; looked++) {
        errand ??= round.next().value as Errand | undefined
        if (errand === undefined) {
          round = undefined
          break
        }
        const old = errand.find.all(...errand.equal, errand.before, limits.historyBiteRows - rows)
        for (const { time, tie } of old) for (const from of errand.remove) from.run(time!, tie!)
        rows += old.length
        if (rows < limits.historyBiteRows) errand = undefined
      }
      db.exec("COMMIT")
      return round === undefined
    },
  }
}
