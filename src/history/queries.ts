/**
 * The questions that the projection answers, each of one workspace.
 */
import type { DatabaseSync, SQLOutputValue } from "node:sqlite"
import { limits } from "../config/defaults.ts"
import { timeOfId } from "../model/ids.ts"
import { outcomeKinds, type OutcomeKind } from "../model/outcome.ts"
import type { AuditedAct, AuditRecord } from "../model/record.ts"
import { statuses, type Status } from "../model/status.ts"
import { aboutValues, anyOrAbout, isAbout, ofEventsAbout, type About } from "./about.ts"
import { makeActivityQueries, type ActivityQueries } from "./activity.ts"
import { makeBacklogQueries, type BacklogQueries } from "./backlog.ts"
import { groupsOf, makeDeadGroupsQueries, type DeadGroupsQueries } from "./dead-groups.ts"
import { makeOverview, type Overview } from "./overview.ts"
import type { Checkpoint } from "./project.ts"
import { deliveryActs, type DeliveryRow, type EventRow } from "./rows.ts"
import { installation, tieOf } from "./shape.ts"
import { makeUsageQueries, type UsageQueries } from "./usage.ts"
import type { ActView, AttemptView, DeliveryView, DeliveryWhole, EventView, EventWhole, Page } from "./views.ts"
import { walk, type Condition, type Position, type Walk, type Way } from "./walk.ts"

interface Paged {
  readonly workspace: string
  /** Absent: any. */
  readonly statuses?: ReadonlyArray<Status> | undefined
  /** Milliseconds since 1970 of the event, or the delivery's creation; `from` included, `to` not. */
  readonly from?: number | undefined
  readonly to?: number | undefined
  readonly after?: Position | undefined
  readonly limit: number
}

export interface EventFilter extends Paged, About {
  readonly id?: string | undefined
  readonly type?: string | undefined
}

/** About: of their events. */
export interface DeliveryFilter extends Paged, About {
  readonly connection?: string | undefined
  readonly rule?: string | undefined
  readonly event?: string | undefined
  readonly outcome?: OutcomeKind | undefined
  readonly replay?: string | undefined
}

export interface AuditFilter {
  /** Absent: what concerns the installation. */
  readonly workspace?: string | undefined
  readonly what?: AuditedAct | undefined
  /** As in the record: `key:<name>`, … */
  readonly by?: string | undefined
  readonly target?: string | undefined
  readonly from?: number | undefined
  readonly to?: number | undefined
  readonly after?: Position | undefined
  readonly limit: number
}

export interface Queries extends UsageQueries, Overview, ActivityQueries, BacklogQueries, DeadGroupsQueries {
  readonly events: (filter: EventFilter) => Page<EventView>
  /** The latest event of an id that is about such a thing. */
  readonly event: (workspace: string, id: string, about?: About) => EventWhole | undefined
  readonly deliveries: (filter: DeliveryFilter) => Page<DeliveryView>
  /** One whose event is about such a thing. */
  readonly delivery: (workspace: string, id: string, about?: About) => DeliveryWhole | undefined
  readonly audit: (filter: AuditFilter) => Page<AuditRecord>
  /** `log`: which log all of this is of. */
  readonly checkpoint: () => Checkpoint & { readonly log: string }
}

/** A name that nothing in the projection has. */
const unheardOf = -1

export const makeQueries = (db: DatabaseSync): Queries => {
  const names = new Map<number, string>()
  const nameByKey = db.prepare("SELECT name FROM names WHERE key = ?")
  const keyByName = db.prepare("SELECT key FROM names WHERE name = ?")
  const nameOf = (key: number): string => {
    const known = names.get(key)
    if (known !== undefined) return known
    if (names.size >= limits.historyNamesRemembered) names.clear()
    const name = String(nameByKey.get(key)?.name)
    names.set(key, name)
    return name
  }
  const keyOf = (name: string): number => Number(keyByName.get(name)?.key ?? unheardOf)

  const eventView = (row: EventRow): EventView => ({
    id: row.id,
    seq: row.seq,
    at: row.at,
    type: nameOf(row.type),
    workspace: nameOf(row.workspace),
    ...(row.resource === null ? {} : { resource: nameOf(row.resource) }),
    ...(row.resource_id === null ? {} : { resource_id: row.resource_id }),
    status: statuses[row.status]!,
    deliveries: {
      pending: row.pending,
      processing: row.processing,
      retrying: row.retrying,
      completed: row.completed,
      failed: row.failed,
      canceled: row.canceled,
    },
    ...(row.reason === null ? {} : { reason: row.reason }),
    ...(row.revision === null ? {} : { revision: nameOf(row.revision) }),
  })

  const deliveryView = (row: DeliveryRow): DeliveryView => ({
    id: row.id,
    event: row.event,
    type: nameOf(row.type!),
    workspace: nameOf(row.workspace),
    rule: nameOf(row.rule!),
    action: row.action!,
    connection: nameOf(row.connection),
    status: statuses[row.status]!,
    created: row.created,
    attempts: row.attempts,
    ...(row.replay === null ? {} : { replay: nameOf(row.replay) }),
    ...(row.next === null || statuses[row.status] !== "retrying" ? {} : { next: row.next }),
    ...(row.last_at === null
      ? {}
      : {
          last: {
            at: row.last_at,
            outcome: outcomeKinds[row.outcome!]!,
            ...(row.http_status === null ? {} : { status: row.http_status }),
            ...(row.message === null ? {} : { message: row.message }),
            ...(row.shared === null ? {} : { shared: true }),
          },
        }),
  })

  const attemptView = (row: { readonly [column: string]: SQLOutputValue }): AttemptView => ({
    at: Number(row.at),
    attempt: Number(row.attempt),
    outcome: outcomeKinds[Number(row.outcome)]!,
    status: statuses[Number(row.status)]!,
    ...(row.http_status === null ? {} : { http_status: Number(row.http_status) }),
    duration_ms: Number(row.duration_ms),
    ...(row.message === null ? {} : { message: String(row.message) }),
    ...(row.shared === null ? {} : { shared: true }),
    ...(row.next === null ? {} : { next: Number(row.next) }),
    revision: nameOf(Number(row.revision)),
    seq: Number(row.seq),
  })

  const page = <Row, View>(wanted: Walk, view: (row: Row) => View): Page<View> => {
    const { rows, next } = walk(db, wanted)
    const records = rows.map((row) => view(row as Row))
    return next === undefined ? { records } : { records, next }
  }

  const eventsOf = ({ workspace, statuses: wanted, id, type, resource, resource_id, ...rest }: EventFilter): Walk => {
    const place = { workspace: keyOf(workspace) }
    const also: Array<Condition> = []
    if (resource !== undefined) also.push(["resource = ?", keyOf(resource)])
    let ways: ReadonlyArray<Way>
    if (id !== undefined) {
      ways = [{ index: "events_by_id", equal: { ...place, id } }]
      if (wanted !== undefined) also.push(isOneOf(wanted))
      if (resource_id !== undefined) also.push(["resource_id = ?", resource_id])
      if (type !== undefined) also.push(["type = ?", keyOf(type)])
    } else if (resource_id !== undefined) {
      ways = byStatus("events_by_resource_id", { ...place, resource_id }, wanted)
      if (type !== undefined) also.push(["type = ?", keyOf(type)])
    } else if (type !== undefined) ways = byStatus("events_by_type", { ...place, type: keyOf(type) }, wanted)
    else ways = byStatus("events_by_status", place, wanted)
    return { table: "events", order: ["at", "seq"], ways, also, ...rest }
  }

  const deliveriesOf = ({
    workspace,
    statuses: wanted,
    connection,
    rule,
    event,
    outcome,
    replay,
    resource,
    resource_id,
    ...rest
  }: DeliveryFilter): Walk => {
    const place = { workspace: keyOf(workspace) }
    const about = resource === undefined ? undefined : keyOf(resource)
    const also: Array<Condition> = [["type IS NOT NULL"]]
    if (rule !== undefined) also.push(["rule = ?", keyOf(rule)])
    if (outcome !== undefined) also.push(["outcome = ?", outcomeKinds.indexOf(outcome)])
    if (replay !== undefined) also.push(["replay = ?", keyOf(replay)])
    let ways: ReadonlyArray<Way>
    const few = event === undefined && resource_id !== undefined && isFew(place.workspace, resource_id)
    if (!few && (about !== undefined || resource_id !== undefined)) also.push(isAbout(about, resource_id))
    if (few) {
      ways = [{ index: "deliveries_by_event", equal: {}, within: ofEventsAbout(place.workspace, about, resource_id) }]
      if (wanted !== undefined) also.push(isOneOf(wanted))
      if (connection !== undefined) also.push(["connection = ?", keyOf(connection)])
    } else if (event !== undefined) {
      ways = placesOf(workspace, event).map(([at, seq]) => ({
        index: "deliveries_by_event",
        equal: { event_at: at, event_seq: seq },
      }))
      if (wanted !== undefined) also.push(isOneOf(wanted))
      if (connection !== undefined) also.push(["connection = ?", keyOf(connection)])
    } else if (connection !== undefined) {
      ways = byStatus("deliveries_by_connection", { ...place, connection: keyOf(connection) }, wanted)
    } else ways = byStatus("deliveries_by_status", place, wanted)
    return { table: "deliveries", order: ["created", "tie"], ways, also, ...rest }
  }

  const aboutOne = db.prepare(
    "SELECT count(*) AS n FROM (SELECT 1 FROM events e INDEXED BY events_by_resource_id LEFT JOIN deliveries d " +
      "ON d.event_at = e.at AND d.event_seq = e.seq WHERE e.workspace = ? AND e.resource_id = ? LIMIT ?)",
  )
  /** Whether there are so few deliveries of events about one thing that they are found by these, all at once. */
  const isFew = (workspace: number, resource_id: string): boolean =>
    Number(aboutOne.get(workspace, resource_id, limits.historyLookedAt + 1)!.n) <= limits.historyLookedAt

  const auditOf = ({ workspace = installation, what, by, target, ...rest }: AuditFilter): Walk => {
    const place = { workspace: keyOf(workspace) }
    const also: Array<Condition> = target === undefined ? [] : [["target = ?", target]]
    if (by !== undefined && what !== undefined) also.push(["what = ?", keyOf(what)])
    const way: Way =
      by !== undefined
        ? { index: "audit_by_who", equal: { ...place, who: keyOf(by) } }
        : what !== undefined
          ? { index: "audit_by_what", equal: { ...place, what: keyOf(what) } }
          : { index: "audit_by_workspace", equal: place }
    return { table: "audit", order: ["at", "tie"], ways: [way], also, ...rest }
  }

  const auditView = (row: { readonly [column: string]: SQLOutputValue }): AuditRecord => {
    const workspace = nameOf(Number(row.workspace))
    return {
      kind: "audit",
      at: Number(row.at),
      ...(workspace === installation ? {} : { workspace }),
      what: nameOf(Number(row.what)) as AuditedAct,
      target: String(row.target),
      by: nameOf(Number(row.who)),
      ...(row.key === null ? {} : { key: String(row.key) }),
      ...(row.origin === null ? {} : { from: String(row.origin) }),
      ...(row.agent === null ? {} : { agent: String(row.agent) }),
      ...(row.detail === null ? {} : { detail: String(row.detail) }),
    }
  }

  const places = db.prepare(
    `SELECT at, seq FROM events WHERE workspace = ? AND id = ?${anyOrAbout} ORDER BY at DESC, seq DESC LIMIT ?`,
  )
  /** Where the events of an id are, the latest first. */
  const placesOf = (workspace: string, id: string, about: About = {}): ReadonlyArray<Position> =>
    places
      .all(keyOf(workspace), id, ...aboutValues(about, keyOf), limits.historySameId)
      .map(({ at, seq }) => [Number(at), Number(seq)])

  const eventAt = db.prepare("SELECT * FROM events WHERE at = ? AND seq = ?")
  const aboutAt = db.prepare(`SELECT 1 FROM events WHERE at = ? AND seq = ?${anyOrAbout}`)
  /** What is not known of an event is about nothing. */
  const isOfEventAbout = ({ event_at, event_seq }: DeliveryRow, about: About): boolean =>
    (about.resource === undefined && about.resource_id === undefined) ||
    aboutAt.get(event_at, event_seq, ...aboutValues(about, keyOf)) !== undefined
  const deliveriesAt = db.prepare(
    "SELECT * FROM deliveries WHERE event_at = ? AND event_seq = ? ORDER BY created, tie LIMIT ?",
  )
  const failuresAt = db.prepare("SELECT rule, reason FROM rule_failures WHERE at = ? AND seq = ?")
  const deliveryAt = db.prepare("SELECT * FROM deliveries WHERE created = ? AND tie = ?")
  const attemptsOf = db.prepare("SELECT * FROM attempts WHERE created = ? AND tie = ? ORDER BY at, attempt")
  const actsAt = db.prepare("SELECT at, who FROM acts WHERE created = ? AND tie = ? AND what = ? ORDER BY at")
  const actsOf = (place: Position, what: (typeof deliveryActs)[number]): ReadonlyArray<ActView> =>
    actsAt.all(...place, deliveryActs.indexOf(what)).map(({ at, who }) => ({ at: Number(at), by: String(who) }))
  const checkpoint = db.prepare("SELECT log, seq, time, since FROM checkpoint")

  const dead = makeDeadGroupsQueries(db, keyOf, nameOf)

  return {
    ...makeOverview(db, keyOf, nameOf, attemptView),
    events: (filter) => page(eventsOf(filter), eventView),
    event: (workspace, id, about) => {
      const place = placesOf(workspace, id, about)[0]
      if (place === undefined) return undefined
      return {
        event: eventView(eventAt.get(...place) as unknown as EventRow),
        deliveries: deliveriesAt
          .all(...place, limits.pageRecords)
          .map((row) => deliveryView(row as unknown as DeliveryRow)),
        ruleFailures: failuresAt
          .all(...place)
          .map(({ rule, reason }) => ({ rule: nameOf(Number(rule)), reason: String(reason) })),
      }
    },
    deliveries: (filter) => page(deliveriesOf(filter), deliveryView),
    delivery: (workspace, id, about = {}) => {
      const created = timeOfId(id)
      if (created === undefined) return undefined
      const place: Position = [created, tieOf(id)]
      const row = deliveryAt.get(...place) as unknown as DeliveryRow | undefined
      if (row === undefined || row.id !== id || row.type === null || nameOf(row.workspace) !== workspace)
        return undefined
      if (!isOfEventAbout(row, about)) return undefined
      return {
        delivery: deliveryView(row),
        attempts: attemptsOf.all(...place).map(attemptView),
        revivals: actsOf(place, "revived"),
        cancellations: actsOf(place, "cancelled"),
      }
    },
    audit: (filter) => page(auditOf(filter), auditView),
    ...makeUsageQueries(db),
    ...makeActivityQueries(db, keyOf, nameOf),
    ...makeBacklogQueries(db),
    deadGroups: (filter) => {
      if (filter.resource === undefined && filter.resource_id === undefined) return dead.deadGroups(filter)
      const wanted = deliveriesOf({ ...filter, statuses: ["failed"], limit: limits.historyLookedAt })
      const { records, next } = page(wanted, deliveryView)
      return groupsOf(records, next === undefined)
    },
    checkpoint: () => {
      const { log, seq, time, since } = checkpoint.get()!
      return { log: String(log), seq: Number(seq), time: Number(time), since: Number(since) }
    },
  }
}

/** A way for each status: the status comes last in these indexes. */
const byStatus = (
  index: Way["index"],
  equal: Way["equal"],
  wanted: ReadonlyArray<Status> = statuses,
): ReadonlyArray<Way> => wanted.map((status) => ({ index, equal: { ...equal, status: statuses.indexOf(status) } }))

const isOneOf = (wanted: ReadonlyArray<Status>): Condition => [
  `status IN (${wanted.map((status) => statuses.indexOf(status)).join(", ")})`,
]
