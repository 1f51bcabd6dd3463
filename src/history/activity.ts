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

type Place = readonly [workspace: number, connection: number, rule: number]
type Bucket = { -readonly [W in keyof Activity]: number } & { last: number }

const noBucket: Bucket = { events: 0, delivered: 0, retried: 0, dead: 0, last: 0 }

export interface ActivityCounter {
  /** @param at when, in milliseconds @param workspace its key among the names */
  readonly event: (at: number, workspace: number) => void
  readonly attempt: (at: number, place: Place, became: Exclude<keyof Activity, "events">) => void
  /** Adds what was counted to the tables. */
  readonly write: () => void
}

/** Minutes before this are no longer kept. */
export const minutesFrom = (now: number): number => now - limits.activityMinutesMs

export const makeActivityCounter = (db: DatabaseSync): ActivityCounter => {
  const added = [...what.map((one) => `${one} = ${one} + excluded.${one}`), "last_at = max(last_at, excluded.last_at)"]
  const add = spans.map(({ table }) =>
    db.prepare(`INSERT INTO ${table} VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET ${added.join(", ")}`),
  )
  /** By place, then by minute. */
  let counted = new Map<string, { readonly place: Place; readonly minutes: Map<number, Bucket> }>()

  const count = (at: number, place: Place, one: keyof Activity): void => {
    const key = place.join("/")
    let known = counted.get(key)
    if (known === undefined) counted.set(key, (known = { place, minutes: new Map() }))
    const begin = at - (at % minute)
    let bucket = known.minutes.get(begin)
    if (bucket === undefined) known.minutes.set(begin, (bucket = { ...noBucket }))
    bucket[one]++
    bucket.last = Math.max(bucket.last, at)
  }

  return {
    event: (at, workspace) => count(at, [workspace, all, all], "events"),
    attempt: count,
    write: () => {
      const kept = minutesFrom(Date.now())
      for (const [i, { ms }] of spans.entries()) {
        const sums = new Map<string, { readonly at: number; readonly place: Place; readonly bucket: Bucket }>()
        for (const { place, minutes } of counted.values()) {
          const [workspace] = place
          for (const [begin, bucket] of minutes) {
            if (ms === minute && begin < kept) continue
            const at = begin - (begin % ms)
            sumUp(sums, at, place, bucket)
            if (place[1] !== all) sumUp(sums, at, [workspace, all, all], bucket)
            sumUp(sums, at, [all, all, all], bucket)
          }
        }
        for (const { at, place, bucket } of sums.values()) {
          add[i]!.run(at, ...place, ...what.map((one) => bucket[one]), bucket.last)
        }
      }
      counted = new Map()
    },
  }
}

const sumUp = (
  sums: Map<string, { readonly at: number; readonly place: Place; readonly bucket: Bucket }>,
  at: number,
  place: Place,
  bucket: Bucket,
): void => {
  const key = `${at}/${place.join("/")}`
  let sum = sums.get(key)
  if (sum === undefined) sums.set(key, (sum = { at, place, bucket: { ...noBucket } }))
  for (const one of what) sum.bucket[one] += bucket[one]
  sum.bucket.last = Math.max(sum.bucket.last, bucket.last)
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
