/**
 * Activity, backlogs and groups of what was given up, as the projection keeps them: held against a plain counting of the same records,
 * whatever comes twice, out of order, or in a step that fails half-way.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, expect, test } from "vitest"
import { limits } from "../../../src/config/defaults.ts"
import { makeProjector, type ProjectedMessage } from "../../../src/history/project.ts"
import { makeQueries, type Queries } from "../../../src/history/queries.ts"
import { recordsIn } from "../../../src/history/records.ts"
import { makeRemover } from "../../../src/history/retention.ts"
import { openToProject } from "../../../src/history/shape.ts"
import type { DeliveryView } from "../../../src/history/views.ts"
import type { DeliveryAttempted, HistoryRecord } from "../../../src/model/record.ts"
import { madePast } from "../../support/past.ts"
import { makeRandom, seedOf } from "../../support/random.ts"

const minute = 60_000
const hour = 60 * minute
/** The end of an hour, so that a range of hours is one of minutes too. */
const now = Math.ceil(Date.now() / hour) * hour
const workspaces = ["workspace-0", "workspace-1", "workspace-2"]
let file: string
let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "meshes-activity-"))
  file = join(folder, "history.sqlite")
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const past = (from: number) => [...madePast({ events: 2000, workspaces: 3, fanOut: 2, from, to: now - hour })]

/** Another process each time: all that it knows is in the file. */
const projected = (...steps: ReadonlyArray<ReadonlyArray<ProjectedMessage>>) => {
  for (const messages of steps) {
    const { db } = openToProject(file, "log")
    makeProjector(db).project(messages)
    db.close()
  }
  const { db } = openToProject(file, "log")
  return { db, queries: makeQueries(db), [Symbol.dispose]: () => db.close() }
}

/** The records of these messages in any order, some of them twice. */
const torn = (messages: ReadonlyArray<ProjectedMessage>): ReadonlyArray<ProjectedMessage> => {
  const random = makeRandom(seedOf("activity"))
  const records = messages.flatMap(recordsIn)
  const all = [...records, ...records.filter(() => random() < 0.2)]
    .map((record) => [random(), record] as const)
    .toSorted(([a], [b]) => a - b)
    .map(([, record]) => record)
  return Array.from({ length: 10 }, (_, i) => ({
    seq: i + 1,
    time: now,
    data: Buffer.from(JSON.stringify(all.filter((_, at) => at % 10 === i))),
  }))
}

const names = { delivered: "delivered", retrying: "retried", dead: "dead" } as const

/** Counted plainly: what fits, by the beginnings of its steps. */
const plainly = (records: ReadonlyArray<HistoryRecord>, stepMs: number, fits: (record: any) => boolean) => {
  const steps = new Map<number, { events: number; delivered: number; retried: number; dead: number }>()
  for (const record of records.filter(fits)) {
    const what =
      record.kind === "delivery.attempted"
        ? names[record.state as keyof typeof names]
        : record.kind === "event.routed" || record.kind === "event.unmatched"
          ? "events"
          : undefined
    if (what === undefined) continue
    const at = record.at - (record.at % stepMs)
    const step = steps.get(at) ?? { events: 0, delivered: 0, retried: 0, dead: 0 }
    step[what]++
    steps.set(at, step)
  }
  return [...steps].map(([at, step]) => ({ at, ...step })).toSorted((a, b) => a.at - b.at)
}

const expectCounted = (queries: Queries, records: ReadonlyArray<HistoryRecord>, from: number) => {
  for (const [minutes, stepMs] of [
    [true, minute],
    [true, 15 * minute],
    [false, hour],
  ] as const) {
    const asked = { from, to: now, stepMs, minutes }
    expect(queries.activity(asked)).toEqual(plainly(records, stepMs, () => true))
    for (const some of [workspaces.slice(0, 1), workspaces.slice(1)]) {
      const found = queries.activity({ ...asked, workspaces: some })
      expect(found).toEqual(plainly(records, stepMs, ({ workspace }) => some.includes(workspace)))
    }
    const [workspace, connection, rule] = ["workspace-0", "connection-0", "rule-2-1"]
    const attempts = records.filter((record) => "connection" in record && record.workspace === workspace)
    for (const filter of [{ connection }, { rule }, { connection, rule }]) {
      const fits = (one: any) => Object.entries(filter).every(([name, value]) => one[name] === value)
      expect(queries.activity({ ...asked, workspaces: [workspace], ...filter })).toEqual(
        plainly(attempts, stepMs, fits),
      )
    }
    const ofRule = attempts.filter((one): one is DeliveryAttempted => "rule" in one && one.rule === rule)
    const sum = plainly(ofRule, 1e15, () => true)[0]!
    const { at: _, events: __, ...rest } = sum
    const parts = queries.activityParts({ workspace, by: "rule", from, to: now, minutes })
    expect(parts.length).toBe(10)
    expect(parts.find((one) => one.rule === rule)).toEqual({
      rule,
      ...rest,
      last: Math.max(...ofRule.filter(({ state }) => state in names).map(({ at }) => at)),
    })
    const pairs = queries.activityParts({ workspace, by: "rule_connection", from, to: now, minutes })
    expect(pairs.filter((one) => one.rule === rule).reduce((n, one) => n + one.delivered, 0)).toBe(sum.delivered)
  }
}

test("each event and attempt is counted once in its minute and its hour, whatever is told twice and in whatever order", () => {
  const from = now - 24 * hour
  const messages = past(from)
  using found = projected(...torn(messages).map((message) => [message]))
  expectCounted(found.queries, messages.flatMap(recordsIn), from)
})

test("a step that fails half-way has counted nothing, and is counted when it is projected again", () => {
  const from = now - 24 * hour
  const messages = past(from)
  projected(messages.slice(0, 20))[Symbol.dispose]()
  const { db } = openToProject(file, "log")
  const late = makeProjector(db)
  // It writes all that it has, and finds only then that somebody else was faster.
  projected(messages.slice(20))[Symbol.dispose]()
  expect(() => late.project(messages.slice(20))).toThrow("somebody else projects too")
  db.close()
  using found = projected()
  expectCounted(found.queries, messages.flatMap(recordsIn), from)
})

test("minutes are kept for a day and a little, hours as long as their workspace's history", () => {
  const day = 24 * hour
  const messages = past(now - 20 * day)
  const { db, queries } = projected(messages)
  const all = (from: number, minutes: boolean, of?: ReadonlyArray<string>) =>
    queries.activity({ workspaces: of, from, to: now, stepMs: hour, minutes })
  const [ofOne, ofOther] = [["workspace-1"], ["workspace-2"]]
  const before = [all(now - 20 * day, false), all(now - 10 * day, false, ofOne), all(now - 20 * day, false, ofOther)]
  // What is too old to be kept by minutes is never written.
  expect(all(now - 20 * day, true)).toEqual(all(now - limits.activityMinutesMs - 2 * hour, true))
  db.exec(
    `INSERT INTO activity_minutes SELECT at - ${2 * day}, workspace, connection, rule, 1, 1, 1, 1, 1 FROM activity_minutes`,
  )
  const remover = makeRemover(db)
  while (!remover.bite({ before: now - 30 * day, workspaces: new Map([["workspace-1", now - 10 * day]]) }));
  expect(all(now - 20 * day, true)).toEqual(all(now - limits.activityMinutesMs - 2 * hour, true))
  expect([all(now - 20 * day, false), all(now - 20 * day, false, ofOne), all(now - 20 * day, false, ofOther)]).toEqual(
    before,
  )
  while (!remover.bite({ before: now - day, workspaces: new Map([["workspace-1", now - 10 * day]]) }));
  expect(all(now - 20 * day, false, ofOther)).toEqual(all(now - day, false, ofOther))
  // What all had together is kept as long as that of any.
  expect(all(now - 20 * day, false)).toEqual(before[0]!.filter(({ at }) => at >= now - 10 * day))
  db.close()
})

const deliveriesOf = ({ deliveries }: Queries, workspace: string): ReadonlyArray<DeliveryView> => {
  const found: Array<DeliveryView> = []
  for (let after; ;) {
    const page = deliveries({ workspace, limit: 200, after })
    found.push(...page.records)
    after = page.next
    if (after === undefined) return found
  }
}

test("the backlog is how many deliveries are not over, and groups are of those that are given up now", () => {
  // Of the last third some outcomes are not told yet, and some were lost in what was sent again.
  const messages = torn(past(now - 24 * hour)).slice(0, 7)
  using found = projected(...messages.map((message) => [message]))
  const { queries } = found
  let waiting = 0
  for (const workspace of workspaces) {
    const deliveries = deliveriesOf(queries, workspace)
    const open = deliveries.filter(({ status }) => ["pending", "processing", "retrying"].includes(status))
    expect(open.length).toBeGreaterThan(10)
    expect(queries.backlog([workspace])).toBe(open.length)
    waiting += open.length
    const connections = ["connection-0", "connection-3"]
    expect(queries.contacts(workspace, connections).map(({ backlog }) => backlog)).toEqual(
      connections.map((name) => open.filter(({ connection }) => connection === name).length),
    )
    const dead = deliveries.filter(({ status }) => status === "failed")
    const { groups, complete } = queries.deadGroups({ workspace })
    expect(complete).toBe(true)
    for (const { connection, outcome, http_status, ...group } of groups) {
      const those = dead.filter((one) => one.connection === connection)
      expect(those.every(({ last }) => last!.outcome === outcome && last!.status === http_status)).toBe(true)
      const latest = those[0]!
      expect(group).toEqual({
        count: those.length,
        first: those.at(-1)!.created,
        last: latest.created,
        example: latest.id,
        message: latest.last!.message,
      })
    }
    expect(groups.reduce((n, { count }) => n + count, 0)).toBe(dead.length)
    const [largest] = groups
    const only = queries.deadGroups({ workspace, connection: largest!.connection, from: largest!.last })
    expect(only.groups.map(({ example }) => example)).toEqual([largest!.example])
  }
  expect([queries.backlog(), queries.backlog(workspaces), queries.backlog(["nobody"])]).toEqual([waiting, waiting, 0])
})
