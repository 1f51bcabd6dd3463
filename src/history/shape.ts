/**
 * The projection's file: what is in it, and opening it to project or to read.
 *
 * It holds the facts that lists are made of, and nothing that is in the log's keeping alone: no payload, no request, no answer. Rows have
 * natural keys, the same on every replica and after every rebuilding, so that a cursor of one means the same to another: an event's time
 * and sequence; a delivery's time and a number made of its id (`tie`). Names that repeat are kept once and referred to.
 */
import { hash } from "node:crypto"
import { rmSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"
import { limits } from "../config/defaults.ts"
import { activityTables } from "./activity.ts"
import { backlogTables } from "./backlog.ts"
import { deadIndex } from "./dead-groups.ts"
import { latestTables } from "./latest.ts"

/** Of another shape: built anew from the log. To be raised whenever the tables, or what is put into them, change. */
const shapeVersion = 4

const tables = {
  checkpoint: `one INTEGER PRIMARY KEY CHECK (one = 1), log TEXT NOT NULL, seq INTEGER NOT NULL, time INTEGER NOT NULL,
    since INTEGER NOT NULL`,
  names: "key INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE",
  events: `at INTEGER NOT NULL, seq INTEGER NOT NULL, id TEXT NOT NULL, workspace INTEGER NOT NULL, type INTEGER NOT NULL,
    resource INTEGER, resource_id TEXT, revision INTEGER, reason TEXT, status INTEGER NOT NULL,
    pending INTEGER NOT NULL, processing INTEGER NOT NULL, retrying INTEGER NOT NULL,
    completed INTEGER NOT NULL, failed INTEGER NOT NULL, canceled INTEGER NOT NULL, PRIMARY KEY (at, seq)`,
  deliveries: `created INTEGER NOT NULL, tie INTEGER NOT NULL, id TEXT NOT NULL, workspace INTEGER NOT NULL,
    event TEXT NOT NULL, event_at INTEGER, event_seq INTEGER, type INTEGER, rule INTEGER, action INTEGER,
    connection INTEGER NOT NULL, status INTEGER NOT NULL, attempts INTEGER NOT NULL, last_at INTEGER, last_status INTEGER,
    next INTEGER, outcome INTEGER, http_status INTEGER, message TEXT, shared INTEGER, revived_at INTEGER, cancelled_at INTEGER, replay INTEGER, PRIMARY KEY (created, tie)`,
  attempts: `created INTEGER NOT NULL, tie INTEGER NOT NULL, at INTEGER NOT NULL, attempt INTEGER NOT NULL,
    status INTEGER NOT NULL, outcome INTEGER NOT NULL, http_status INTEGER, duration_ms REAL NOT NULL, next INTEGER,
    message TEXT, shared INTEGER, revision INTEGER, seq INTEGER NOT NULL, PRIMARY KEY (created, tie, at, attempt)`,
  ...latestTables,
  ...activityTables,
  ...backlogTables,
  acts: `created INTEGER NOT NULL, tie INTEGER NOT NULL, at INTEGER NOT NULL, what INTEGER NOT NULL, who TEXT NOT NULL,
    PRIMARY KEY (created, tie, at, what)`,
  rule_failures: `at INTEGER NOT NULL, seq INTEGER NOT NULL, rule INTEGER NOT NULL, reason TEXT NOT NULL,
    PRIMARY KEY (at, seq, rule)`,
  audit: `at INTEGER NOT NULL, tie INTEGER NOT NULL, workspace INTEGER NOT NULL, what INTEGER NOT NULL, who INTEGER NOT NULL,
    target TEXT NOT NULL, key TEXT, origin TEXT, agent TEXT, detail TEXT, PRIMARY KEY (at, tie)`,
  usage: `workspace INTEGER NOT NULL, month TEXT NOT NULL, events INTEGER NOT NULL, deliveries INTEGER NOT NULL,
    attempts INTEGER NOT NULL, PRIMARY KEY (workspace, month)`,
} as const

/** Each ends in what its table is ordered by, which SQLite adds by itself: every list is read off one of these, in order. */
const indexes = {
  events_by_status: "events (workspace, status)",
  events_by_type: "events (workspace, type, status)",
  events_by_resource_id: "events (workspace, resource_id, status) WHERE resource_id IS NOT NULL",
  events_by_id: "events (id, workspace)",
  deliveries_by_status: "deliveries (workspace, status)",
  deliveries_by_connection: "deliveries (workspace, connection, status)",
  deliveries_dead: deadIndex,
  deliveries_by_event: "deliveries (event_at, event_seq)",
  audit_by_workspace: "audit (workspace)",
  audit_by_what: "audit (workspace, what)",
  audit_by_who: "audit (workspace, who)",
} as const

export type IndexName = keyof typeof indexes

/** What stands for a workspace where there is none: in records of the audit that concern the installation. */
export const installation = ""

/** 48 bits of an id's hash: tells apart what was created in the same millisecond. */
export const tieOf = (id: string): number => hash("sha1", id, "buffer").readUIntBE(0, 6)

const versionOf = (db: DatabaseSync): number => Number(db.prepare("PRAGMA user_version").get()!.user_version)

/**
 * Opens it to be written, by one process at a time. What is there and of another shape, of another log or damaged is begun anew: then
 * `fresh` says why.
 *
 * @param log which log it is made from
 * @param last the last sequence of that log: one that has less than was projected was set back
 */
export const openToProject = (
  file: string,
  log: string,
  last = Number.POSITIVE_INFINITY,
): { readonly db: DatabaseSync; readonly fresh?: string } => {
  try {
    return prepared(file, log, last)
  } catch (cause) {
    if (!isDamaged(cause)) throw cause
    removeFile(file)
    return { ...prepared(file, log, last), fresh: `it was damaged (${(cause as Error).message})` }
  }
}

export const removeFile = (file: string): void => {
  for (const part of ["", "-wal", "-shm"]) rmSync(`${file}${part}`, { force: true })
}

const prepared = (file: string, log: string, last: number): { readonly db: DatabaseSync; readonly fresh?: string } => {
  const db = new DatabaseSync(file)
  try {
    // A commit need not reach the disk at once: what a power failure takes is projected again, with the checkpoint that goes with it.
    db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA temp_store = MEMORY")
    db.exec(`PRAGMA busy_timeout = ${limits.historyBusyMs}; PRAGMA cache_size = -${limits.historyCacheKibibytes}`)
    const version = versionOf(db)
    const known = version === shapeVersion ? db.prepare("SELECT log, seq FROM checkpoint").get() : undefined
    if (known?.log === log && Number(known.seq) <= last) return { db }
    makeAnew(db, log)
    if (version === 0) return { db, fresh: "there was none" }
    if (known === undefined) return { db, fresh: `it was of shape ${version}` }
    return { db, fresh: known.log === log ? "the log was set back" : "it was of another log" }
  } catch (cause) {
    db.close()
    throw cause
  }
}

/** In the same file: who reads it meanwhile finds less, and no file that is gone. */
const makeAnew = (db: DatabaseSync, log: string): void => {
  db.exec("BEGIN IMMEDIATE")
  const there = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all()
  for (const { name } of there) db.exec(`DROP TABLE "${String(name)}"`)
  for (const [name, columns] of Object.entries(tables)) {
    db.exec(`CREATE TABLE ${name} (${columns}) STRICT${columns.includes("PRIMARY KEY (") ? ", WITHOUT ROWID" : ""}`)
  }
  for (const [name, columns] of Object.entries(indexes)) db.exec(`CREATE INDEX ${name} ON ${columns}`)
  db.prepare("INSERT INTO checkpoint VALUES (1, ?, 0, 0, 0)").run(log)
  db.exec(`PRAGMA user_version = ${shapeVersion}; COMMIT`)
}

/** Opens it to be read; throws when it is not there or of another shape. */
export const openToRead = (file: string): DatabaseSync => {
  const db = new DatabaseSync(file, { readOnly: true })
  try {
    db.exec(`PRAGMA busy_timeout = ${limits.historyBusyMs}; PRAGMA cache_size = -${limits.historyCacheKibibytes}`)
    if (versionOf(db) !== shapeVersion) throw new Error("it is of another shape")
    return db
  } catch (cause) {
    db.close()
    throw cause
  }
}

const codeOf = (cause: unknown): number => Number((cause as { readonly errcode?: number }).errcode) & 0xff

/** SQLITE_CORRUPT, SQLITE_NOTADB */
export const isDamaged = (cause: unknown): boolean => [11, 26].includes(codeOf(cause))

/** SQLITE_BUSY */
export const isBusy = (cause: unknown): boolean => codeOf(cause) === 5
