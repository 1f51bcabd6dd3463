/**
 * What was given up, by connection and reason. Counted off an index that has nothing else in it, group by group: what is not asked for is
 * not looked at, and of the rows themselves only the latest of each group.
 */
import type { DatabaseSync, SQLInputValue } from "node:sqlite"
import { limits } from "../config/defaults.ts"
import { outcomeKinds, type OutcomeKind } from "../model/outcome.ts"
import { statuses } from "../model/status.ts"
import type { About } from "./about.ts"
import type { DeliveryView } from "./views.ts"

const failed = statuses.indexOf("failed")

export const deadIndex = `deliveries (workspace, connection, outcome, http_status) WHERE status = ${failed}`

/** About: of events about such a thing. They are looked at one by one, and no more of them than for a page. */
export interface DeadGroupsFilter extends About {
  readonly workspace: string
  readonly connection?: string | undefined
  /** Of the deliveries' creation, in milliseconds; `from` included, `to` not. */
  readonly from?: number | undefined
  readonly to?: number | undefined
}

export interface DeadGroup {
  readonly connection: string
  readonly outcome: OutcomeKind
  readonly http_status?: number
  readonly count: number
  /** When the first and the last of them were created. */
  readonly first: number
  readonly last: number
  /** The last of them, and what was said of it. */
  readonly example: string
  readonly message?: string
  /** The message may be of other deliveries too. */
  readonly shared?: true
}

export interface DeadGroups {
  /** The largest first. */
  readonly groups: ReadonlyArray<DeadGroup>
  /** `false`: more were given up than were counted. */
  readonly complete: boolean
}

export interface DeadGroupsQueries {
  readonly deadGroups: (filter: DeadGroupsFilter) => DeadGroups
}

export const makeDeadGroupsQueries = (
  db: DatabaseSync,
  keyOf: (name: string) => number,
  nameOf: (key: number) => string,
): DeadGroupsQueries => {
  const dead = `FROM deliveries INDEXED BY deliveries_dead WHERE workspace = $workspace AND status = ${failed} AND`
  const first = (where: string): string =>
    `SELECT * FROM (SELECT connection, outcome, http_status ${dead} ${where} ORDER BY connection, outcome, http_status LIMIT 1)`
  /** The group behind one: the next status, or the next outcome, or the next connection. */
  const next = db.prepare(
    [
      "connection = $connection AND outcome = $outcome AND http_status > ifnull($http, -1)",
      "connection = $connection AND outcome > $outcome",
      "connection > $connection AND connection <= $last",
    ]
      .map(first)
      .join(" UNION ALL ") + " LIMIT 1",
  )
  const group =
    `${dead} connection = $connection AND outcome = $outcome AND http_status IS $http AND created >= $from AND created < $to ` +
    "ORDER BY created DESC, tie DESC LIMIT"
  const count = db.prepare(`SELECT count(*) AS n, min(created) AS first FROM (SELECT created ${group} $limit)`)
  const latest = db.prepare(`SELECT id, created, message ${group} 1`)

  return {
    deadGroups: ({ workspace, connection, from = 0, to = Number.MAX_SAFE_INTEGER }) => {
      const $workspace = keyOf(workspace)
      const only = connection === undefined ? undefined : keyOf(connection)
      const $last = only ?? Number.MAX_SAFE_INTEGER
      let at: { readonly [name: string]: SQLInputValue } = {
        $connection: (only ?? 1) - 1,
        $outcome: outcomeKinds.length,
        $http: null,
      }
      const groups: Array<DeadGroup> = []
      let left: number = limits.deadCounted
      for (;;) {
        const row = next.get({ $workspace, ...at, $last })
        if (row === undefined) break
        if (left === 0 || groups.length === limits.deadGroups) return { groups: largestFirst(groups), complete: false }
        at = { $connection: row.connection!, $outcome: row.outcome!, $http: row.http_status! }
        const within = { $workspace, ...at, $from: from, $to: to }
        const counted = count.get({ ...within, $limit: left })!
        if (counted.n === 0) continue
        left -= Number(counted.n)
        const example = latest.get(within)!
        groups.push({
          connection: nameOf(Number(row.connection)),
          outcome: outcomeKinds[Number(row.outcome)]!,
          ...(row.http_status === null ? {} : { http_status: Number(row.http_status) }),
          count: Number(counted.n),
          first: Number(counted.first),
          last: Number(example.created),
          example: String(example.id),
          ...(example.message === null ? {} : { message: String(example.message) }),
        })
      }
      return { groups: largestFirst(groups), complete: left > 0 }
    },
  }
}

/** @param given the latest first */
export const groupsOf = (given: ReadonlyArray<DeliveryView>, complete: boolean): DeadGroups => {
  const groups = new Map<string, DeadGroup>()
  for (const { id, connection, created, last } of given) {
    if (last === undefined) continue
    const { outcome, status, message, shared } = last
    const key = `${connection} ${outcome} ${status ?? ""}`
    const known = groups.get(key) ?? {
      ...{ connection, outcome, count: 0, last: created, example: id },
      ...(status === undefined ? {} : { http_status: status }),
      ...(message === undefined ? {} : { message }),
      ...(shared === undefined ? {} : { shared }),
    }
    groups.set(key, { ...known, count: known.count + 1, first: created })
  }
  return { groups: largestFirst([...groups.values()]), complete }
}

const largestFirst = (groups: ReadonlyArray<DeadGroup>): ReadonlyArray<DeadGroup> =>
  groups.toSorted((a, b) => b.count - a.count)
