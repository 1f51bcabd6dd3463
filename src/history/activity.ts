/**
 * How much happened, by minutes and by hours: events stored, deliveries delivered, attempts that failed and are tried again, deliveries
 * given up. Counted where each is first taken in, in the transaction that does so, so that what is told twice counts once.
 *
 * Attempts are counted by connection and rule; what a workspace had of everything, and the installation, stands beside that, so that
 * neither is summed over thousands of rows when it is asked for.
 */
import type { DatabaseSync, SQLInputValue } from "node:sqlite"
import { limits } from "../config/defaults.ts"
import type { ActivityBy } from "../model/activity.ts"

const what = ["events", "delivered", "retried", "dead"] as const

/** What happened in some time. */
export type Activity = { readonly [W in (typeof what)[number]]: number }

/** In the place of a workspace, a connection or a rule: all of them together. Keys of names begin at 1. */
const all = 0
export const allWorkspaces = all

const columns = `at INTEGER NOT NULL, workspace INTEGER NOT NULL, connection INTEGER NOT NULL, rule INTEGER NOT NULL,
    events INTEGER NOT NULL, delivered INTEGER NOT NULL, retried INTEGER NOT NULL, dead INTEGER NOT NULL, last_at INTEGER NOT NULL`

/** Minutes are written and removed at one end; hours are read and removed by workspace. */
export const activityTables = {
  activity_minutes: `${columns}, PRIMARY KEY (at, workspace, connection, rule)`,
  activity_hours: `${columns}, PRIMARY KEY (workspace, at, connection, rule)`,
} as const

const minute = 60_000
const spans = [
  { table: "activity_minutes", ms: minute },
  { table: "activity_hours", ms: 60 * minute },
] as const

/** What happened at a place in a minute or an hour. */
interface Bucket {
  readonly at: number
  readonly workspace: number
  readonly connection: number
  readonly rule: number
  events: number
  delivered: number
  retried: number
  dead: number
  last: number
}

export interface ActivityCounter {
  /** @param at when, in milliseconds @param workspace its key among the names, as are the others */
  readonly event: (at: number, workspace: number) => void
  readonly attempt: (
    at: number,
    workspace: number,
    connection: number,
    rule: number,
    became: Exclude<keyof Activity, "events">,
  ) => void
  /** Adds what was counted to the tables. */
  readonly write: () => void
}

export const makeActivityCounter = (db: DatabaseSync): ActivityCounter => {
  const added = [...what.map((one) => `${one} = ${one} + excluded.${one}`), "last_at = max(last_at, excluded.last_at)"]
  const counting = spans.map(({ table, ms }) => ({
    ms,
    buckets: makeBuckets(),
    add: db.prepare(
      `INSERT INTO ${table} VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET ${added.join(", ")}`,
    ),
  }))
  /** Minutes before are not kept. */
  let kept = 0

  const count = (at: number, workspace: number, connection: number, rule: number, one: keyof Activity): void => {
    if (kept === 0) kept = Date.now() - limits.activityMinutesMs
    for (const { ms, buckets } of counting) {
      if (ms === minute && at < kept) continue
      const bucket = buckets.at(at - (at % ms), workspace, connection, rule)
      bucket[one]++
      if (at > bucket.last) bucket.last = at
    }
  }

  return {
    event: (at, workspace) => count(at, workspace, all, all, "events"),
    attempt: count,
    write: () => {
      for (const { buckets, add } of counting) {
        const counted = [...buckets.values()]
        // First: what is added to a workspace below is not to be added once more.
        for (const bucket of counted) addTo(buckets.at(bucket.at, all, all, all), bucket)
        for (const bucket of counted) {
          if (bucket.connection !== all) addTo(buckets.at(bucket.at, bucket.workspace, all, all), bucket)
        }
        for (const { at, workspace, connection, rule, events, delivered, retried, dead, last } of buckets.values()) {
          add.run(at, workspace, connection, rule, events, delivered, retried, dead, last)
        }
        buckets.clear()
      }
      kept = 0
    },
  }
}

const addTo = (sum: Bucket, { events, delivered, retried, dead, last }: Bucket): void => {
  sum.events += events
  sum.delivered += delivered
  sum.retried += retried
  sum.dead += dead
  sum.last = Math.max(sum.last, last)
}

/** Found by numbers alone: each record of the history comes by here. */
const makeBuckets = () => {
  const places = new Map<number, Map<number, Map<number, Map<number, Bucket>>>>()
  let found: Array<Bucket> = []
  return {
    at: (at: number, workspace: number, connection: number, rule: number): Bucket => {
      const times = inside(inside(inside(places, workspace), connection), rule)
      let bucket = times.get(at)
      if (bucket === undefined) {
        bucket = { at, workspace, connection, rule, events: 0, delivered: 0, retried: 0, dead: 0, last: 0 }
        times.set(at, bucket)
        found.push(bucket)
      }
      return bucket
    },
    values: (): ReadonlyArray<Bucket> => found,
    clear: () => {
      places.clear()
      found = []
    },
  }
}

const inside = <A>(maps: Map<number, Map<number, A>>, key: number): Map<number, A> => {
  let map = maps.get(key)
  if (map === undefined) maps.set(key, (map = new Map()))
  return map
}

interface Asked {
  /** Milliseconds since 1970; `from` included, `to` not. */
  readonly from: number
  readonly to: number
  /** Read off the minutes; else off the hours. Minutes are kept for `limits.activityMinutesMs`. */
  readonly minutes: boolean
}

export interface ActivityFilter extends Asked {
  /** Absent: the installation. */
  readonly workspaces?: ReadonlyArray<string> | undefined
  /** Only with one workspace. */
  readonly connection?: string | undefined
  readonly rule?: string | undefined
  /** What is told together: whole minutes or hours. */
  readonly stepMs: number
}

export interface ActivityView extends Activity {
  /** Where its step begins. */
  readonly at: number
}

export interface ActivityPartsFilter extends Asked {
  readonly workspace: string
  readonly by: ActivityBy
}

export interface ActivityPart extends Omit<Activity, "events"> {
  readonly rule?: string
  readonly connection?: string
  /** When the last of it happened. */
  readonly last: number
}

export interface ActivityQueries {
  /** Steps in which something happened, in order. */
  readonly activity: (filter: ActivityFilter) => ReadonlyArray<ActivityView>
  /** What each rule, each connection, or each rule by each connection had, by their names; at most `limits.activityParts`. */
  readonly activityParts: (filter: ActivityPartsFilter) => ReadonlyArray<ActivityPart>
}

export const makeActivityQueries = (
  db: DatabaseSync,
  keyOf: (name: string) => number,
  nameOf: (key: number) => string,
): ActivityQueries => {
  /** Every bucket is looked up by itself: what others have in the same time, or the same workspace at others, is not read. */
  const found = (
    { from, to, minutes }: Asked,
    [select, where, rest]: readonly [string, string, string],
    values: { readonly [name: string]: SQLInputValue },
  ) => {
    const { table, ms } = spans[minutes ? 0 : 1]
    return db
      .prepare(
        "WITH RECURSIVE times (begun) AS (SELECT $from UNION ALL SELECT begun + $span FROM times WHERE begun + $span < $to) " +
          `SELECT ${select} FROM times CROSS JOIN ${table} ON at = begun AND ${where} ${rest}`,
      )
      .all({ $from: from - (from % ms), $to: to, $span: ms, ...values })
  }
  const sums = what.map((one) => `sum(${one}) AS ${one}`).join(", ")

  return {
    activity: ({ workspaces, connection, rule, stepMs, ...asked }) => {
      const whole = connection === undefined && rule === undefined
      const where = [
        workspaces === undefined
          ? `workspace = ${all}`
          : "workspace IN (SELECT names.key FROM json_each($workspaces) JOIN names ON name = value)",
        ...(whole ? [`connection = ${all} AND rule = ${all}`] : []),
        ...(connection === undefined ? [] : ["connection = $connection"]),
        ...(rule === undefined ? [] : ["rule = $rule"]),
      ].join(" AND ")
      // Not by division: SQLite is given all numbers as fractions may be.
      return found(asked, [`at - at % $step AS step, ${sums}`, where, "GROUP BY step ORDER BY step"], {
        $step: stepMs,
        ...(workspaces === undefined ? {} : { $workspaces: JSON.stringify(workspaces) }),
        ...(connection === undefined ? {} : { $connection: keyOf(connection) }),
        ...(rule === undefined ? {} : { $rule: keyOf(rule) }),
      }).map(({ step, events, delivered, retried, dead }) => ({
        at: Number(step),
        events: Number(events),
        delivered: Number(delivered),
        retried: Number(retried),
        dead: Number(dead),
      }))
    },
    activityParts: ({ workspace, by, ...asked }) => {
      const parts = by === "rule_connection" ? (["rule", "connection"] as const) : [by]
      const where = `workspace = $workspace AND connection <> ${all}`
      const rest = `GROUP BY ${parts.join(", ")} LIMIT ${limits.activityParts}`
      return found(asked, [`rule, connection, ${sums}, max(last_at) AS last`, where, rest], {
        $workspace: keyOf(workspace),
      })
        .map((row) => ({
          ...Object.fromEntries(parts.map((part) => [part, nameOf(Number(row[part]))])),
          delivered: Number(row.delivered),
          retried: Number(row.retried),
          dead: Number(row.dead),
          last: Number(row.last),
        }))
        .toSorted((a: ActivityPart, b: ActivityPart) => (nameIn(a) < nameIn(b) ? -1 : 1))
    },
  }
}

const nameIn = ({ rule = "", connection = "" }: ActivityPart): string => `${rule} ${connection}`
