/**
 * How many deliveries are not over, by connection, workspace and in all: kept as a number that changes with them, in the same
 * transactions, as counting a backlog takes the longer the worse things stand.
 */
import type { DatabaseSync } from "node:sqlite"
import { statuses } from "../model/status.ts"
import type { DeliveryRow } from "./rows.ts"

/** In the place of a workspace or a connection: all of them together. Keys of names begin at 1. */
const all = 0

export const backlogTables = {
  backlog: `workspace INTEGER NOT NULL, connection INTEGER NOT NULL, waiting INTEGER NOT NULL,
    PRIMARY KEY (workspace, connection)`,
} as const

const notOver = (["pending", "processing", "retrying"] as const).map((status) => statuses.indexOf(status))

/** Whether it waits or is under way. One of which nothing is known but that somebody acted on it may be long over. */
export const isWaiting = ({ type, status }: DeliveryRow): boolean => type !== null && notOver.includes(status)

export interface BacklogCounter {
  /** @param change how many more wait */
  readonly count: (workspace: number, connection: number, change: number) => void
  /** Adds what was counted to the table. */
  readonly write: () => void
}

export const makeBacklogCounter = (db: DatabaseSync): BacklogCounter => {
  const add = db.prepare(
    "INSERT INTO backlog VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET waiting = waiting + excluded.waiting",
  )
  const counted = new Map<number, Map<number, number>>()
  return {
    count: (workspace, connection, change) => {
      let connections = counted.get(workspace)
      if (connections === undefined) counted.set(workspace, (connections = new Map()))
      for (const one of [connection, all]) connections.set(one, (connections.get(one) ?? 0) + change)
    },
    write: () => {
      let sum = 0
      for (const [workspace, connections] of counted) {
        for (const [connection, change] of connections) if (change !== 0) add.run(workspace, connection, change)
        sum += connections.get(all)!
      }
      if (sum !== 0) add.run(all, all, sum)
      counted.clear()
    },
  }
}

export interface BacklogQueries {
  /** Of these workspaces together; of the installation when there are none given. */
  readonly backlog: (workspaces?: ReadonlyArray<string>) => number
}

/** What waits for a connection. */
export const makeBacklogOf = (db: DatabaseSync): ((workspace: number, connection: number) => number) => {
  const find = db.prepare("SELECT waiting FROM backlog WHERE workspace = ? AND connection = ?")
  return (workspace, connection) => Number(find.get(workspace, connection)?.waiting ?? 0)
}

export const makeBacklogQueries = (db: DatabaseSync): BacklogQueries => {
  const backlogOf = makeBacklogOf(db)
  const together = db.prepare(
    "SELECT sum(waiting) AS waiting FROM json_each(?) JOIN names ON name = value " +
      `JOIN backlog ON workspace = names.key AND connection = ${all}`,
  )
  return {
    backlog: (workspaces) =>
      workspaces === undefined ? backlogOf(all, all) : Number(together.get(JSON.stringify(workspaces))?.waiting ?? 0),
  }
}
