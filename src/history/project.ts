/**
 * Projecting: the records of the history become rows, with how far it has come in the same transaction.
 *
 * Records come in any order and may come twice (`model/record.ts`): a row is what its records together say. What a transaction touches is
 * held in memory and written once at its end, as most deliveries are decided and delivered within moments.
 */
import type { DatabaseSync } from "node:sqlite"
import { limits } from "../config/defaults.ts"
import type { DeliveryState } from "../model/delivery.ts"
import { makeStoredEventId, timeOfId } from "../model/ids.ts"
import { outcomeKinds } from "../model/outcome.ts"
import type {
  AuditRecord,
  DeliveryAttempted,
  DeliveryCancelled,
  DeliveryRevived,
  EventRefused,
  EventRouted,
  EventUnmatched,
  HistoryRecord,
} from "../model/record.ts"
import { standingOf } from "../model/standing.ts"
import { stateOfStatus, statuses, statusOfEvent, statusOfState, type Status } from "../model/status.ts"
import { counts } from "../model/usage.ts"
import { makeActivityCounter } from "./activity.ts"
import { isWaiting, makeBacklogCounter } from "./backlog.ts"
import { makeLatest } from "./latest.ts"
import { recordsIn } from "./records.ts"
import { deliveryActs, deliveryColumns, eventColumns, type Counts, type DeliveryRow, type EventRow } from "./rows.ts"
import { installation, tieOf } from "./shape.ts"
import { makeUsageCounter } from "./usage.ts"

export interface Checkpoint {
  /** The last message of `HISTORY` that is projected; 0: none. */
  readonly seq: number
  /** When the log stored it, in milliseconds. */
  readonly time: number
  /** What the log stored before is not all here, as the log no longer had it; 0: all ever is, but for what was removed for its age. */
  readonly since: number
}

export interface ProjectedMessage {
  readonly seq: number
  /** When the log stored it, in milliseconds. */
  readonly time: number
  readonly data: Uint8Array
}

export interface Projector {
  readonly checkpoint: () => Checkpoint
  /** Projects messages in the order of the log; gives how many records they held. Throws and has done nothing: it is then of no more use. */
  readonly project: (messages: ReadonlyArray<ProjectedMessage>) => number
}

/** A row on its way: `stored` is the status that it has in its table, if it is there. */
interface Draft<Row> {
  readonly row: Row
  readonly stored: number | undefined
}

const pending = statuses.indexOf("pending")
const failed = statuses.indexOf("failed")
/** What an attempt counts as, by what the delivery became. */
const activityOf: { readonly [S in DeliveryState]?: "delivered" | "retried" | "dead" } = {
  delivered: "delivered",
  retrying: "retried",
  dead: "dead",
}
const statusKey = (status: Status): number => statuses.indexOf(status)
/** A sequence alone does not do: it may be another event's, should `EVENTS` have been made anew. */
const placeOf = (at: number, seq: number): string => `${at}/${seq}`
const noCounts: Counts = { pending: 0, processing: 0, retrying: 0, completed: 0, failed: 0, canceled: 0 }

export const makeProjector = (db: DatabaseSync): Projector => {
  const sql = statementsOf(db)
  const names = new Map<string, number>()
  const events = new Map<string, Draft<EventRow>>()
  const deliveries = new Map<string, Draft<DeliveryRow> & { readonly waited: boolean }>()
  const found = db.prepare("SELECT seq, time, since FROM checkpoint").get()!
  let checkpoint: Checkpoint = { seq: Number(found.seq), time: Number(found.time), since: Number(found.since) }

  const nameKey = (name: string): number => {
    const known = names.get(name)
    if (known !== undefined) return known
    if (names.size >= limits.historyNamesRemembered) names.clear()
    const key = Number(sql.nameOf.get(name)?.key ?? sql.addName.run(name).lastInsertRowid)
    names.set(name, key)
    return key
  }

  const latest = makeLatest(db, nameKey)
  const usage = makeUsageCounter(db)
  const activity = makeActivityCounter(db)
  const backlog = makeBacklogCounter(db)

  const eventOf = (facts: EventFacts): EventRow => {
    const place = placeOf(facts.at, facts.seq)
    const known = events.get(place)
    if (known !== undefined) return known.row
    const stored = sql.eventOf.get(facts.at, facts.seq) as unknown as EventRow | undefined
    const row = stored ?? {
      at: facts.at,
      seq: facts.seq,
      id: facts.event ?? makeStoredEventId(facts.seq, facts.at),
      workspace: nameKey(facts.workspace),
      type: nameKey(facts.type),
      resource: facts.resource === undefined ? null : nameKey(facts.resource),
      resource_id: facts.resource_id ?? null,
      revision: null,
      reason: null,
      status: pending,
      ...noCounts,
    }
    events.set(place, { row, stored: stored?.status })
    return row
  }

  /** An event counts when it was first decided about; a replay is none. */
  const count = (event: EventRow, type: string): void => {
    if (event.revision !== null || event.reason !== null || !counts(type)) return
    usage.count("events", event.workspace, event.at)
    activity.event(event.at, event.workspace)
  }

  const deliveryOf = (id: string, facts: DeliveryFacts): DeliveryRow => {
    const known = deliveries.get(id)
    if (known !== undefined) return known.row
    const created = timeOfId(id) ?? facts.at
    const tie = tieOf(id)
    const stored = sql.deliveryOf.get(created, tie) as unknown as DeliveryRow | undefined
    const row = stored ?? {
      created,
      tie,
      id,
      workspace: nameKey(facts.workspace),
      event: facts.event,
      event_at: null,
      event_seq: null,
      type: null,
      rule: null,
      action: null,
      connection: nameKey(facts.connection),
      status: pending,
      attempts: 0,
      last_at: null,
      last_status: null,
      next: null,
      outcome: null,
      http_status: null,
      message: null,
      shared: null,
      revived_at: null,
      cancelled_at: null,
      replay: null,
    }
    deliveries.set(id, { row, stored: stored?.status, waited: stored !== undefined && isWaiting(stored) })
    return row
  }

  const decided = (event: EventRow, { type, revision }: EventRouted | EventUnmatched): void => {
    count(event, type)
    event.revision = nameKey(revision)
  }

  const routed = (record: EventRouted): void => {
    const event = eventOf(record)
    const { at, workspace, type, replay } = record
    // A replay goes by the config of its own time.
    if (replay === undefined) decided(event, record)
    for (const { id, rule, action, connection } of record.deliveries) {
      const row = deliveryOf(id, { at, event: record.event, workspace, connection })
      if (row.event_seq !== null) continue
      Object.assign(row, { event_at: at, event_seq: record.seq, type: nameKey(type), rule: nameKey(rule), action })
      if (replay !== undefined) row.replay = nameKey(replay)
      event[statuses[row.status]!]++
      usage.count("deliveries", row.workspace, row.created)
    }
  }

  const refused = (record: EventRefused): void => {
    const event = eventOf(record)
    count(event, record.type)
    event.reason = record.reason
  }

  const attempted = (record: DeliveryAttempted, seq: number): void => {
    const row = deliveryOf(record.delivery, record)
    if (row.type === null) {
      Object.assign(row, { type: nameKey(record.type), rule: nameKey(record.rule), action: record.action })
    }
    const { at, attempt, duration_ms } = record
    const status = statusKey(statusOfState[record.state])
    const outcome = outcomeKinds.indexOf(record.outcome)
    const http = record.status ?? null
    const next = record.next ?? null
    const message = record.message ?? null
    // What one call is refused for is asked of each alone, or told of each.
    const shared = record.shared === true && record.outcome !== "rejected" ? 1 : null
    const { created, tie } = row
    const revision = nameKey(record.sent_revision ?? record.revision)
    const added = sql.addAttempt.run(
      created,
      tie,
      at,
      attempt,
      status,
      outcome,
      http,
      duration_ms,
      next,
      message,
      shared,
      revision,
      seq,
    )
    if (added.changes === 0) return
    row.attempts++
    usage.count("attempts", row.workspace, at)
    const became = activityOf[record.state]
    if (became !== undefined) activity.attempt(at, row.workspace, row.connection, row.rule!, became)
    if (row.last_at !== null && at < row.last_at) return
    Object.assign(row, { last_at: at, last_status: status, next, outcome, http_status: http, message, shared })
    settle(row)
  }

  const acted = (what: (typeof deliveryActs)[number], record: DeliveryRevived | DeliveryCancelled): void => {
    const row = deliveryOf(record.delivery, record)
    sql.addAct.run(row.created, row.tie, record.at, deliveryActs.indexOf(what), record.by)
    const column = `${what}_at` as const
    row[column] = Math.max(row[column] ?? 0, record.at)
    settle(row)
  }

  const audited = ({ at, workspace = installation, what, by, target, key, from, agent, detail }: AuditRecord): void => {
    const tie = tieOf(`${workspace}/${what}/${target}/${by}`)
    const more = [key ?? null, from ?? null, agent ?? null, detail ?? null]
    sql.addAudit.run(at, tie, nameKey(workspace), nameKey(what), nameKey(by), target, ...more)
  }

  /** Decides the status anew. */
  const settle = (row: DeliveryRow): void => {
    const { last_at, last_status, revived_at, cancelled_at } = row
    const last = last_at === null ? undefined : { at: last_at, state: stateOfStatus[statuses[last_status!]!] }
    const told = { last, revived: revived_at ?? undefined, cancelled: cancelled_at ?? undefined }
    const status = statusKey(statusOfState[standingOf(told)])
    if (status === row.status) return
    if (row.event_seq !== null) {
      const event = eventAt(row.event_at!, row.event_seq)
      if (event !== undefined) {
        event[statuses[row.status]!]--
        event[statuses[status]!]++
      }
    }
    row.status = status
  }

  /** `undefined`: it was removed for its age. */
  const eventAt = (at: number, seq: number): EventRow | undefined => {
    const place = placeOf(at, seq)
    const known = events.get(place)
    if (known !== undefined) return known.row
    const row = sql.eventOf.get(at, seq) as unknown as EventRow | undefined
    if (row !== undefined) events.set(place, { row, stored: row.status })
    return row
  }

  const take = (record: HistoryRecord, seq: number): void => {
    latest.note(record)
    switch (record.kind) {
      case "event.routed":
        return routed(record)
      case "event.unmatched":
        return decided(eventOf(record), record)
      case "event.refused":
        return refused(record)
      case "rule.failed":
        eventOf(record)
        return void sql.addFailure.run(record.at, record.seq, nameKey(record.rule), record.reason)
      case "delivery.attempted":
        return attempted(record, seq)
      case "delivery.revived":
        return acted("revived", record)
      case "delivery.cancelled":
        return acted("cancelled", record)
      case "audit":
        return audited(record)
      default:
    }
  }

  const write = (): void => {
    for (const { row, stored, waited } of deliveries.values()) {
      const waits = isWaiting(row)
      if (waits !== waited) backlog.count(row.workspace, row.connection, waits ? 1 : -1)
      if (stored === undefined) sql.addDelivery.run(...deliveryColumns.map((name) => row[name]))
      else sql.changeDelivery.run(...deliveryColumns.map((name) => row[name]), row.created, row.tie)
    }
    for (const { row, stored } of events.values()) {
      row.status = row.reason === null ? statusKey(statusOfEvent(row)) : failed
      if (stored === undefined) sql.addEvent.run(...eventColumns.map((name) => row[name]))
      else sql.changeEvent.run(...eventColumns.map((name) => row[name]), row.at, row.seq)
    }
    usage.write()
    activity.write()
    backlog.write()
    deliveries.clear()
    events.clear()
    latest.write()
  }

  return {
    checkpoint: () => checkpoint,
    project: (messages) => {
      const last = messages.at(-1)
      if (last === undefined) return 0
      let taken = 0
      let { seq, since } = checkpoint
      db.exec("BEGIN IMMEDIATE")
      for (const message of messages) {
        if (message.seq !== seq + 1) since = message.time
        seq = message.seq
        const records = recordsIn(message)
        taken += records.length
        for (const record of records) take(record, message.seq)
      }
      write()
      // Whoever projects beside us, against all locks, loses here.
      if (sql.advance.run(seq, last.time, since, checkpoint.seq).changes !== 1)
        throw new Error("somebody else projects too")
      db.exec("COMMIT")
      checkpoint = { seq, time: last.time, since }
      return taken
    },
  }
}

interface EventFacts {
  readonly at: number
  readonly seq: number
  readonly workspace: string
  readonly type: string
  readonly event?: string
  readonly resource?: string
  readonly resource_id?: string
}

interface DeliveryFacts {
  readonly at: number
  readonly event: string
  readonly workspace: string
  readonly connection: string
}

const marks = (columns: ReadonlyArray<string>): string => columns.map(() => "?").join(", ")
const settings = (columns: ReadonlyArray<string>): string => columns.map((name) => `${name} = ?`).join(", ")

const statementsOf = (db: DatabaseSync) => ({
  nameOf: db.prepare("SELECT key FROM names WHERE name = ?"),
  addName: db.prepare("INSERT INTO names (name) VALUES (?)"),
  eventOf: db.prepare("SELECT * FROM events WHERE at = ? AND seq = ?"),
  addEvent: db.prepare(`INSERT INTO events (${eventColumns.join(", ")}) VALUES (${marks(eventColumns)})`),
  changeEvent: db.prepare(`UPDATE events SET ${settings(eventColumns)} WHERE at = ? AND seq = ?`),
  deliveryOf: db.prepare("SELECT * FROM deliveries WHERE created = ? AND tie = ?"),
  addDelivery: db.prepare(`INSERT INTO deliveries (${deliveryColumns.join(", ")}) VALUES (${marks(deliveryColumns)})`),
  changeDelivery: db.prepare(`UPDATE deliveries SET ${settings(deliveryColumns)} WHERE created = ? AND tie = ?`),
  addAttempt: db.prepare("INSERT OR IGNORE INTO attempts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"),
  addAct: db.prepare("INSERT OR IGNORE INTO acts VALUES (?, ?, ?, ?, ?)"),
  addFailure: db.prepare("INSERT OR IGNORE INTO rule_failures VALUES (?, ?, ?, ?)"),
  addAudit: db.prepare("INSERT OR IGNORE INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"),
  advance: db.prepare("UPDATE checkpoint SET seq = ?, time = ?, since = ? WHERE seq = ?"),
})
