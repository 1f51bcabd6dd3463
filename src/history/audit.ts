/**
 * Who did what, as the projection has it and answers it.
 */
import type { DatabaseSync } from "node:sqlite"
import type { AuditedAct, AuditRecord } from "../model/record.ts"
import { tieOf } from "./shape.ts"
import type { Page } from "./views.ts"
import type { Position } from "./walk.ts"

/** What concerns the installation has no workspace. */
const installation = ""

export interface AuditFilter {
  /** Absent: what concerns the installation. */
  readonly workspace?: string | undefined
  readonly what?: AuditedAct | undefined
  readonly by?: string | undefined
  readonly target?: string | undefined
  /** Milliseconds since 1970; `from` included, `to` not. */
  readonly from?: number | undefined
  readonly to?: number | undefined
  readonly after?: Position | undefined
  readonly limit: number
}

export type AuditView = Omit<AuditRecord, "kind" | "workspace">

/** Projects a record of it: one that comes twice is there once. */
export const makeAuditor = (db: DatabaseSync): ((record: AuditRecord) => void) => {
  const add = db.prepare("INSERT OR IGNORE INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
  return ({ workspace = installation, at, what, target, detail, by, key, from, agent }) => {
    const tie = tieOf([what, target, detail, by, key, from].join("\n"))
    add.run(workspace, at, tie, what, target, detail ?? null, by, key ?? null, from ?? null, agent ?? null)
  }
}

/** The latest first. */
export const makeAuditQuery = (db: DatabaseSync): ((filter: AuditFilter) => Page<AuditView>) => {
  const select = db.prepare(
    "SELECT * FROM audit WHERE workspace = ? AND (at, tie) < (?, ?) AND at >= ? AND (? IS NULL OR what = ?) " +
      "AND (? IS NULL OR who = ?) AND (? IS NULL OR target = ?) ORDER BY at DESC, tie DESC LIMIT ?",
  )
  return ({ workspace = installation, what, by, target, from = 0, to, after, limit }) => {
    const end: Position = [to ?? Number.MAX_SAFE_INTEGER, 0]
    const before = after !== undefined && after[0] < end[0] ? after : end
    const also = [what, by, target].flatMap((value) => [value ?? null, value ?? null])
    const rows = select.all(workspace, ...before, from, ...also, limit + 1)
    const page = rows.slice(0, limit)
    const last = page.at(-1)
    const text = (value: unknown): string | undefined => (value === null ? undefined : String(value))
    return {
      records: page.map((row) => {
        const optional = {
          detail: text(row.detail),
          key: text(row.key_id),
          from: text(row.origin),
          agent: text(row.agent),
        }
        return {
          at: Number(row.at),
          what: String(row.what) as AuditedAct,
          target: String(row.target),
          by: String(row.who),
          ...(Object.fromEntries(
            Object.entries(optional).filter((entry) => entry[1] !== undefined),
          ) as Partial<AuditView>),
        }
      }),
      ...(rows.length > limit && last !== undefined ? { next: [Number(last.at), Number(last.tie)] as const } : {}),
    }
  }
}
