/**
 * The projection held against a plain reading of the log: whatever the order and however often records come, both say the same.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { afterEach, beforeEach, expect, test } from "vitest"
import { makeProjector, type ProjectedMessage } from "../../../src/history/project.ts"
import { makeQueries, type DeliveryFilter, type EventFilter } from "../../../src/history/queries.ts"
import { listDeliveries } from "../../../src/history/read.ts"
import { recordsIn } from "../../../src/history/records.ts"
import { openToProject, openToRead } from "../../../src/history/shape.ts"
import type { DeliveryView, EventView } from "../../../src/history/views.ts"
import type { Position } from "../../../src/history/walk.ts"
import { LogReader } from "../../../src/log/reader.ts"
import { makeDeliveryId } from "../../../src/model/ids.ts"
import type { EventRouted, HistoryRecord } from "../../../src/model/record.ts"
import { statusOfEvent, statusOfState, statuses, type Status } from "../../../src/model/status.ts"
import { madePast } from "../../support/past.ts"
import { makeRandom, seedOf } from "../../support/random.ts"

const now = 1_800_000_000_000
let folder: string
let file: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "meshes-history-"))
  file = join(folder, "history.sqlite")
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

type Random = () => number

const shuffled = <A>(values: ReadonlyArray<A>, random: Random): Array<A> => {
  const out = [...values]
  for (let i = out.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    ;[out[i], out[j]] = [out[j]!, out[i]!]
  }
  return out
}

/** The messages of some past; `torn`: in any order, and some records twice. */
const messagesOf = (random: Random, torn: boolean): Array<ProjectedMessage> => {
  const past = [
    ...madePast({
      seed: Math.floor(random() * 1e6),
      events: 300,
      workspaces: 3,
      fanOut: 3,
      // Few milliseconds for many: what is alike in time is told apart all the same.
      from: now - 100,
      to: now,
    }),
  ]
  if (!torn) return past
  const records = past.flatMap((message) => recordsIn(message))
  const all = shuffled([...records, ...records.filter(() => random() < 0.2)], random)
  const messages: Array<ProjectedMessage> = []
  while (all.length > 0) {
    const data = Buffer.from(JSON.stringify(all.splice(0, 1 + Math.floor(random() * 40))))
    messages.push({ seq: messages.length + 1, time: now, data })
  }
  return messages
}

const projectAll = (messages: ReadonlyArray<ProjectedMessage>, random: Random): void => {
  const rest = [...messages]
  while (rest.length > 0) {
    // Another process each time: all that it knows is in the file.
    const { db } = openToProject(file, "log")
    const projector = makeProjector(db)
    projector.project(rest.splice(0, 1 + Math.floor(random() * 5)))
    if (random() < 0.5) projector.project(rest.splice(0, 3))
    db.close()
  }
}

/** Deliveries by the reading of the log that the command line does. */
const readPlainly = (messages: ReadonlyArray<ProjectedMessage>) =>
  Effect.runPromise(
    listDeliveries({ since: 0 }).pipe(
      Effect.provideService(LogReader, {
        scan: () => Stream.fromIterable(messages.map((message) => ({ ...message, subject: "history.x" }))),
        last: () => Effect.succeed(undefined),
        extent: () => Effect.succeed({ first: 1, last: messages.length, count: messages.length }),
        revive: () => Effect.succeed(false),
      }),
    ),
  )

const eventsPlainly = (messages: ReadonlyArray<ProjectedMessage>, states: ReadonlyMap<string, Status>) => {
  const events = new Map<number, { facts: EventRouted; deliveries: Set<string> }>()
  for (const record of messages.flatMap(recordsIn) as ReadonlyArray<HistoryRecord>) {
    if (record.kind !== "event.routed" && record.kind !== "event.unmatched") continue
    const event = events.get(record.seq) ?? { facts: record as EventRouted, deliveries: new Set() }
    events.set(record.seq, event)
    if (record.kind === "event.routed") for (const { id } of record.deliveries) event.deliveries.add(id)
  }
  return [...events.values()].map(({ facts, deliveries }) => {
    const counts = Object.fromEntries(statuses.map((status) => [status, 0])) as { [S in Status]: number }
    for (const id of deliveries) counts[states.get(id)!]++
    const { seq, at, event: id, type, workspace, resource, resource_id } = facts
    const about = resource === undefined ? {} : { resource, resource_id }
    return { seq, at, id, type, workspace, ...about, status: statusOfEvent(counts), deliveries: counts }
  })
}

/** All pages of a list, one after the other. */
const pagesOf = <A>(
  read: (after: Position | undefined) => { readonly records: ReadonlyArray<A>; readonly next?: Position },
  between: () => void = () => undefined,
): Array<A> => {
  const all: Array<A> = []
  let after: Position | undefined
  do {
    const page = read(after)
    all.push(...page.records)
    after = page.next
    between()
  } while (after !== undefined)
  return all
}

const latestFirst = (a: { id: string; at: number }, b: { id: string; at: number }) =>
  b.at - a.at || (a.id < b.id ? 1 : -1)

test("each delivery and each event is as a plain reading of the log tells it", async () => {
  const random = makeRandom(seedOf("projection"))
  for (const torn of [false, true]) {
    const messages = messagesOf(random, torn)
    file = join(folder, `${torn}.sqlite`)
    projectAll(messages, random)
    const db = openToRead(file)
    const queries = makeQueries(db)
    const { deliveries } = await readPlainly(messages)
    expect(deliveries.length).toBeGreaterThan(800)
    const states = new Map(deliveries.map(({ id, state }) => [id, statusOfState[state]]))
    for (const expected of deliveries) {
      const found = queries.delivery(expected.workspace, expected.id)!
      const { id, event, type, workspace, rule, action, connection } = expected
      expect(found.delivery).toMatchObject({ id, event, type, workspace, rule, action, connection })
      expect(found.delivery.status).toBe(states.get(id))
      expect(found.delivery.next).toBe(expected.next)
      expect(found.delivery.attempts).toBe(expected.attempts.length)
      expect(found.attempts.map(({ at, attempt, outcome }) => [at, attempt, outcome])).toEqual(
        expected.attempts.map(({ at, attempt, outcome }) => [at, attempt, outcome]),
      )
      expect(found.revivals).toEqual(expected.revived.map(({ at, by }) => ({ at, by })))
    }
    for (const workspace of ["workspace-0", "workspace-1", "workspace-2"]) {
      const expected = eventsPlainly(messages, states).filter((event) => event.workspace === workspace)
      const found = pagesOf((after) => queries.events({ workspace, limit: 7, after }))
      expect(found.toSorted(latestFirst)).toMatchObject(expected.toSorted(latestFirst))
      for (const { id, seq, deliveries } of found) {
        const whole = queries.event(workspace, id)!
        expect(whole.event.seq).toBe(seq)
        const counts = whole.deliveries.reduce((sum, { status }) => ({ ...sum, [status]: sum[status] + 1 }), {
          ...{ pending: 0, processing: 0, retrying: 0, completed: 0, failed: 0, canceled: 0 },
        })
        expect(counts).toEqual(deliveries)
      }
    }
    db.close()
  }
})

test("every filter, and every two of them, finds what it says and nothing else, page by page", () => {
  const random = makeRandom(seedOf("filters"))
  projectAll(messagesOf(random, true), random)
  const db = openToRead(file)
  const queries = makeQueries(db)
  const workspace = "workspace-0"
  const deliveries = pagesOf((after) => queries.deliveries({ workspace, limit: 200, after }))
  const events = pagesOf((after) => queries.events({ workspace, limit: 200, after }))
  const times = { from: now - 70, to: now - 30 }
  const one = events.find(({ resource_id }) => resource_id !== undefined)!.resource_id!
  const aboutOf = new Map(events.map((event) => [event.id, event]))

  const ofDeliveries: ReadonlyArray<readonly [Partial<DeliveryFilter>, (view: DeliveryView) => boolean]> = [
    [{ connection: "connection-0" }, ({ connection }) => connection === "connection-0"],
    [{ rule: "rule-1-1" }, ({ rule }) => rule === "rule-1-1"],
    [{ statuses: ["failed", "pending"] }, ({ status }) => status === "failed" || status === "pending"],
    [{ event: deliveries[5]!.event }, ({ event }) => event === deliveries[5]!.event],
    [{ outcome: "server_error" }, ({ last }) => last?.outcome === "server_error"],
    [times, ({ created }) => created >= times.from && created < times.to],
    [{ connection: "nowhere" }, () => false],
    [{ event: "evt_none" }, () => false],
    [{ resource: "page" }, ({ event }) => aboutOf.get(event)?.resource === "page"],
    [{ resource_id: one }, ({ event }) => aboutOf.get(event)?.resource_id === one],
    [{ resource: "nothing" }, () => false],
    [{ resource_id: "none" }, () => false],
  ]
  const ofEvents: ReadonlyArray<readonly [Partial<EventFilter>, (view: EventView) => boolean]> = [
    [{ type: "lead.created" }, ({ type }) => type === "lead.created"],
    [{ statuses: ["completed"] }, ({ status }) => status === "completed"],
    [{ resource: "page" }, ({ resource }) => resource === "page"],
    [{ resource_id: one }, ({ resource_id }) => resource_id === one],
    [{ id: events[3]!.id }, ({ id }) => id === events[3]!.id],
    [times, ({ at }) => at >= times.from && at < times.to],
    [{ type: "no.such.type" }, () => false],
  ]
  for (const [a, fitsA] of ofDeliveries)
    for (const [b, fitsB] of ofDeliveries) {
      const found = pagesOf((after) => queries.deliveries({ workspace, limit: 13, ...a, ...b, after }))
      // Of two of a kind, the second counts.
      const wanted = deliveries.filter((one) => (Object.keys(a).every((key) => key in b) || fitsA(one)) && fitsB(one))
      expect(found).toEqual(wanted)
    }
  for (const [a, fitsA] of ofEvents)
    for (const [b, fitsB] of ofEvents) {
      const found = pagesOf((after) => queries.events({ workspace, limit: 13, ...a, ...b, after }))
      const wanted = events.filter((one) => (Object.keys(a).every((key) => key in b) || fitsA(one)) && fitsB(one))
      expect(found).toEqual(wanted)
    }
  db.close()
})

test("what was given up of events about one thing is counted as it is listed, connection by connection and reason by reason", () => {
  const random = makeRandom(seedOf("dead"))
  projectAll(messagesOf(random, true), random)
  const db = openToRead(file)
  const queries = makeQueries(db)
  const workspace = "workspace-0"
  const about = { resource: "audience", resource_id: "all" }
  for (const filter of [{}, about, { ...about, connection: "connection-0" }, { resource: "nothing" }]) {
    const dead = queries.deliveries({ workspace, limit: 5000, statuses: ["failed"], ...filter }).records
    const { groups, complete } = queries.deadGroups({ workspace, ...filter })
    expect(complete).toBe(true)
    expect(groups.reduce((sum, { count }) => sum + count, 0)).toBe(dead.length)
    for (const group of groups) {
      const same = dead.filter(
        ({ connection, last }) =>
          connection === group.connection && last?.outcome === group.outcome && last.status === group.http_status,
      )
      expect([group.count, group.example, group.last, group.first]).toEqual([
        ...[same.length, same[0]!.id, same[0]!.created, same.at(-1)!.created],
      ])
    }
  }
  db.close()
})

test("pages hold each record once, whatever is added between them and in whatever file the next one is read", () => {
  const random = makeRandom(seedOf("pages"))
  const messages = messagesOf(random, false)
  const half = messages.slice(0, messages.length / 2)
  projectAll(half, random)
  const here = openToRead(file)
  // Another replica, which got the same in other runs.
  file = join(folder, "other.sqlite")
  projectAll(half, random)
  const there = openToRead(file)
  const workspace = "workspace-0"
  const before = pagesOf((after) => makeQueries(here).deliveries({ workspace, limit: 200, after })).map(({ id }) => id)
  const { db } = openToProject(join(folder, "history.sqlite"), "log")
  const projector = makeProjector(db)
  const later = messages.slice(messages.length / 2)
  let turn = 0
  const found = pagesOf(
    (after) => makeQueries(turn++ % 2 === 0 ? here : there).deliveries({ workspace, limit: 9, after }),
    () => projector.project(later.splice(0, 1)),
  ).map(({ id }) => id)
  expect(new Set(found).size).toBe(found.length)
  expect(found.filter((id) => before.includes(id))).toEqual(before)
  for (const one of [here, there, db]) one.close()
})

test("a long way to what is rare is cut into short pages, and nothing is lost between them", () => {
  const random = makeRandom(3)
  const { db } = openToProject(file, "log")
  const projector = makeProjector(db)
  projector.project([...madePast({ seed: 5, events: 12_000, workspaces: 1, from: now - 10_000, to: now })])
  const queries = makeQueries(db)
  const all = pagesOf((after) => queries.deliveries({ workspace: "workspace-0", limit: 200, after }))
  const rare = all[Math.floor(random() * all.length)]!.rule
  let pages = 0
  const found = pagesOf((after) => {
    pages++
    return queries.deliveries({ workspace: "workspace-0", limit: 200, rule: "nowhere", after })
  })
  expect(found).toEqual([])
  expect(pages).toBeGreaterThan(1)
  const ofRule = pagesOf((after) => queries.deliveries({ workspace: "workspace-0", limit: 200, rule: rare, after }))
  expect(ofRule).toEqual(all.filter(({ rule }) => rule === rare))
  db.close()
})

test("deliveries about one thing are found, be they few or more than are looked at for a page", () => {
  const { db } = openToProject(file, "log")
  const routed = (seq: number, resource: string, resource_id: string, count: number): EventRouted => {
    const facts = { at: now - seq, event: `evt_${seq}`, seq, type: "lead.created", workspace: "acme", revision: "r" }
    const deliveries = Array.from({ length: count }, (_, i) => {
      const rule = `rule-${i}`
      return { id: makeDeliveryId(facts.event, seq, facts.at, rule, 0), rule, action: 0, connection: "crm" }
    })
    return { kind: "event.routed", ...facts, resource, resource_id, deliveries }
  }
  const [much, same, few] = [routed(3, "page", "7", 6000), routed(2, "form", "7", 30), routed(1, "page", "8", 30)]
  makeProjector(db).project([{ seq: 1, time: now, data: Buffer.from(JSON.stringify([much, same, few])) }])
  const queries = makeQueries(db)
  const found = (filter: Partial<DeliveryFilter>) =>
    pagesOf((after) => queries.deliveries({ workspace: "acme", limit: 200, ...filter, after }))
      .map(({ id }) => id)
      .toSorted()
  const ids = (...records: ReadonlyArray<EventRouted>) =>
    records.flatMap(({ deliveries }) => deliveries.map(({ id }) => id)).toSorted()
  expect(found({ resource_id: "7" })).toEqual(ids(much, same))
  expect(found({ resource: "form", resource_id: "7" })).toEqual(ids(same))
  expect(found({ resource: "page" })).toEqual(ids(much, few))
  expect(found({ resource: "page", resource_id: "8" })).toEqual(ids(few))
  expect(found({ resource: "form", resource_id: "8" })).toEqual([])
  expect(found({ resource_id: "8", statuses: ["failed"] })).toEqual([])
  expect(found({ resource_id: "8", event: "evt_1" })).toEqual(ids(few))
  expect(found({ resource_id: "8", event: "evt_2" })).toEqual([])
  db.close()
})

test("what is projected and how far are one: a batch that fails has done nothing, and is projected anew", () => {
  const messages = messagesOf(makeRandom(1), false)
  const first = openToProject(file, "log")
  makeProjector(first.db).project(messages.slice(0, 2))
  // Somebody else was faster.
  const second = openToProject(file, "log")
  const slow = makeProjector(first.db)
  makeProjector(second.db).project(messages.slice(2, 4))
  expect(() => slow.project(messages.slice(2, 4))).toThrow("somebody else projects too")
  first.db.close()
  const third = openToProject(file, "log")
  expect(makeProjector(third.db).checkpoint().seq).toBe(4)
  for (const { db } of [second, third]) db.close()
})

test("a file of another shape, of another log or of nonsense is begun anew, and says why", () => {
  const open = (log: string) => {
    const { db, fresh } = openToProject(file, log)
    db.close()
    return fresh
  }
  expect(open("a")).toBe("there was none")
  expect(open("a")).toBeUndefined()
  expect(open("b")).toBe("it was of another log")
  const older = new DatabaseSync(file)
  older.exec("PRAGMA user_version = 999; ALTER TABLE events RENAME TO happenings")
  older.close()
  expect(() => openToRead(file)).toThrow("another shape")
  expect(open("b")).toBe("it was of shape 999")
  openToRead(file).close()
  writeFileSync(file, "this is no database at all, however long it may go on".repeat(100))
  expect(open("b")).toMatch(/^it was damaged/)
  openToRead(file).close()
})

test("what was refused or could not be judged is shown with the reason; an event that no rule wanted is completed", () => {
  const { db } = openToProject(file, "log")
  const facts = { at: now, event: "evt_a", seq: 1, type: "lead.created", workspace: "acme" }
  const records: ReadonlyArray<HistoryRecord> = [
    { kind: "event.unmatched", ...facts, revision: "r" },
    { kind: "rule.failed", ...facts, rule: "big", reason: "payload.total is no number" },
    {
      kind: "event.refused",
      ...{ at: now, seq: 2, subject: "evt.1.acme.x", workspace: "acme", type: "x", reason: "the body is not JSON" },
    },
  ]
  makeProjector(db).project([{ seq: 1, time: now, data: Buffer.from(JSON.stringify(records)) }])
  const queries = makeQueries(db)
  expect(queries.event("acme", "evt_a")).toMatchObject({
    event: { status: "completed" },
    ruleFailures: [{ rule: "big", reason: "payload.total is no number" }],
  })
  expect(queries.events({ workspace: "acme", limit: 9, statuses: ["failed"] }).records).toMatchObject([
    { type: "x", seq: 2, reason: "the body is not JSON" },
  ])
  db.close()
})

test("a delivery that somebody stopped is canceled, until it is sent again", () => {
  const { db } = openToProject(file, "log")
  const projector = makeProjector(db)
  const queries = makeQueries(db)
  const id = makeDeliveryId("evt_a", 1, now, "all", 0)
  const facts = { event: "evt_a", workspace: "acme", connection: "erp" }
  const routed: HistoryRecord = {
    kind: "event.routed",
    ...{ at: now, event: "evt_a", seq: 1, type: "lead.created", workspace: "acme", revision: "r" },
    deliveries: [{ id, rule: "all", action: 0, connection: "erp" }],
  }
  const acts: ReadonlyArray<readonly [HistoryRecord, Status]> = [
    [{ kind: "delivery.cancelled", at: now + 1, delivery: id, ...facts, by: "key:ops" }, "canceled"],
    [routed, "canceled"],
    [{ kind: "delivery.revived", at: now + 2, delivery: id, ...facts, by: "cli:ada" }, "pending"],
    [{ kind: "delivery.cancelled", at: now + 3, delivery: id, ...facts, by: "key:ops" }, "canceled"],
  ]
  for (const [i, [record, status]] of acts.entries()) {
    projector.project([{ seq: i + 1, time: now, data: Buffer.from(JSON.stringify([record])) }])
    // Not shown before it is known what it is.
    if (i === 0) expect(queries.deliveries({ workspace: "acme", limit: 9 }).records).toEqual([])
    else expect(queries.event("acme", "evt_a")).toMatchObject({ event: { status }, deliveries: [{ id, status }] })
  }
  expect(queries.delivery("acme", id)).toMatchObject({
    revivals: [{ at: now + 2, by: "cli:ada" }],
    cancellations: [
      { at: now + 1, by: "key:ops" },
      { at: now + 3, by: "key:ops" },
    ],
  })
  db.close()
})
