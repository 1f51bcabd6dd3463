/**
 * Reading a list off the projection, the latest first, a page at a time.
 *
 * A list is one or several ways through an index, each in order, merged. What an index does not know is looked at row by row, and a page
 * ends after so many rows looked at, whatever was found: no question, however odd, keeps others waiting. Then the page is short, and
 * `next` says where it goes on.
 */
import type { DatabaseSync, SQLInputValue, SQLOutputValue } from "node:sqlite"
import { limits } from "../config/defaults.ts"
import type { IndexName } from "./shape.ts"

/** Where a row stands: its time, and what tells it from others of that time. A page begins behind one. */
export type Position = readonly [time: number, tie: number]

/** What must be true of a row: a condition with a `?` for each value. */
export type Condition = readonly [condition: string, ...values: ReadonlyArray<SQLInputValue>]

/** One way through an index: all rows that have these values in its columns, in order. */
export interface Way {
  readonly index: IndexName
  readonly equal: { readonly [column: string]: SQLInputValue }
  /** What else the index finds by itself. It is read whole for each page, as it comes in no order: of few rows alone. */
  readonly within?: Condition
}

export interface Walk {
  readonly table: "events" | "deliveries" | "audit"
  /** What the table is ordered by. */
  readonly order: readonly [time: string, tie: string]
  readonly ways: ReadonlyArray<Way>
  /** What else must be true of a row. */
  readonly also: ReadonlyArray<Condition>
  /** Milliseconds since 1970; `from` included, `to` not. */
  readonly from?: number | undefined
  readonly to?: number | undefined
  readonly after?: Position | undefined
  readonly limit: number
}

type Row = { readonly [column: string]: SQLOutputValue }

export interface Walked {
  readonly rows: ReadonlyArray<Row>
  /** Absent: there is no more. */
  readonly next?: Position
}

/** Later than every row. */
const end: Position = [Number.MAX_SAFE_INTEGER, 0]

const before = (a: Position, b: Position): boolean => a[0] < b[0] || (a[0] === b[0] && a[1] < b[1])

export const walk = (db: DatabaseSync, { table, order, ways, also, from, to, after, limit }: Walk): Walked => {
  const [time, tie] = order
  const upTo: Position = to === undefined ? end : [to, 0]
  const start = after !== undefined && before(after, upTo) ? after : upTo
  const fits = also.length === 0 ? "1" : also.map(([condition]) => `(${condition})`).join(" AND ")
  const heads = ways.map(({ index, equal, within: [found, ...values] = ["1"] }): Head => {
    const where = [found, ...Object.keys(equal).map((column) => `${column} = ?`)].join(" AND ")
    const rows = db
      .prepare(
        `SELECT ${time} AS time, ${tie} AS tie, ${fits} AS fits FROM ${table} INDEXED BY ${index} ` +
          `WHERE ${where} AND (${time}, ${tie}) < (?, ?) AND ${time} >= ? ORDER BY ${time} DESC, ${tie} DESC`,
      )
      .iterate(...also.flatMap(([, ...given]) => given), ...values, ...Object.values(equal), ...start, from ?? 0)
    return step({ rows, at: undefined, fits: false })
  })
  const wanted = db.prepare(`SELECT * FROM ${table} WHERE ${time} = ? AND ${tie} = ?`)
  const found: Array<Row> = []
  let last: Position | undefined
  try {
    for (let looked = 0; ; looked++) {
      const latest = latestOf(heads)
      if (latest?.at === undefined) return { rows: found }
      // Only now is it known that there is more.
      const full = found.length === limit || looked === limits.historyLookedAt
      if (full && last !== undefined) return { rows: found, next: last }
      last = latest.at
      if (latest.fits) found.push(wanted.get(...last)!)
      step(latest)
    }
  } finally {
    // One that is not read to its end keeps the file as it was when it began.
    for (const { rows } of heads) rows.return?.()
  }
}

interface Head {
  readonly rows: Iterator<Row>
  /** Where it stands; `undefined`: at its end. */
  at: Position | undefined
  fits: boolean
}

const step = (head: Head): Head => {
  const { done, value } = head.rows.next()
  head.at = done === true ? undefined : [Number(value.time), Number(value.tie)]
  head.fits = done !== true && value.fits === 1
  return head
}

const latestOf = (heads: ReadonlyArray<Head>): Head | undefined => {
  let latest: Head | undefined
  for (const head of heads) {
    if (head.at !== undefined && (latest?.at === undefined || before(latest.at, head.at))) latest = head
  }
  return latest
}
