/**
 * Usage as the projection counts it: whatever comes twice or out of order is counted once, in the month in which it happened.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, test } from "vitest"
import { makeProjector } from "../../../src/history/project.ts"
import { makeQueries } from "../../../src/history/queries.ts"
import { recordsIn } from "../../../src/history/records.ts"
import { openToProject } from "../../../src/history/shape.ts"
import { timeOfId } from "../../../src/model/ids.ts"
import type { EventRefused, EventUnmatched, HistoryRecord } from "../../../src/model/record.ts"
import { monthOf, sumOfUsage, type Usage } from "../../../src/model/usage.ts"
import { madePast } from "../../support/past.ts"
import { makeRandom, seedOf } from "../../support/random.ts"

/** A few days around the turn of a month. */
const turn = Date.parse("2026-11-01T00:00:00Z")
const day = 86_400_000

const messageOf = (seq: number, records: ReadonlyArray<HistoryRecord>) => ({
  seq,
  time: turn,
  data: Buffer.from(JSON.stringify(records)),
})

const projected = (batches: ReadonlyArray<ReadonlyArray<HistoryRecord>>) => {
  const folder = mkdtempSync(join(tmpdir(), "meshes-usage-"))
  const file = join(folder, "history.sqlite")
  for (const [i, records] of batches.entries()) {
    // Another process each time: all that it knows is in the file.
    const { db } = openToProject(file, "log")
    makeProjector(db).project([messageOf(i + 1, records)])
    db.close()
  }
  const { db } = openToProject(file, "log")
  return {
    usage: makeQueries(db).usage,
    [Symbol.dispose]: () => {
      db.close()
      rmSync(folder, { recursive: true })
    },
  }
}

/** What each workspace used, by the natural keys of all that is told of. */
const plainly = (records: ReadonlyArray<HistoryRecord>): ReadonlyMap<string, Usage> => {
  const seen = new Map<string, { [What in keyof Usage]: Set<string> }>()
  const add = (workspace: string, at: number, what: keyof Usage, key: string | number) => {
    const place = `${workspace} ${monthOf(at)}`
    const sets = seen.get(place) ?? { events: new Set(), deliveries: new Set(), attempts: new Set() }
    seen.set(place, sets)
    sets[what].add(String(key))
  }
  for (const record of records) {
    if (record.kind === "event.routed" || record.kind === "event.unmatched")
      add(record.workspace, record.at, "events", record.seq)
    if (record.kind === "event.routed")
      for (const { id } of record.deliveries) add(record.workspace, timeOfId(id)!, "deliveries", id)
    if (record.kind === "delivery.attempted")
      add(record.workspace, record.at, "attempts", `${record.delivery} ${record.at} ${record.attempt}`)
  }
  return new Map(
    [...seen].map(([place, { events, deliveries, attempts }]) => [
      place,
      { events: events.size, deliveries: deliveries.size, attempts: attempts.size },
    ]),
  )
}

test("each event, delivery and attempt is counted once, whatever is told twice and in whatever order", () => {
  const random = makeRandom(seedOf("usage"))
  const past = madePast({ events: 2000, workspaces: 3, fanOut: 2, from: turn - 2 * day, to: turn + 2 * day })
  const records = [...past].flatMap(recordsIn) as Array<HistoryRecord>
  const torn = [...records, ...records.filter(() => random() < 0.2)]
    .map((record) => [random(), record] as const)
    .toSorted(([a], [b]) => a - b)
    .map(([, record]) => record)
  const batches = Array.from({ length: 10 }, (_, i) => torn.filter((_, at) => at % 10 === i))
  using found = projected(batches)
  const workspaces = ["workspace-0", "workspace-1", "workspace-2"]
  const usage = found.usage(workspaces)
  const expected = plainly(records)
  expect(expected.size).toBe(6)
  expect(new Map(usage.map(({ workspace, month, ...rest }) => [`${workspace} ${month}`, rest] as const))).toEqual(
    expected,
  )
  // The latest month first; of one month or of all.
  expect(usage.map(({ month }) => month)).toEqual(["2026-11", "2026-11", "2026-11", "2026-10", "2026-10", "2026-10"])
  expect(found.usage(workspaces, "2026-11")).toEqual(usage.slice(0, 3))
  expect(sumOfUsage(usage).events).toBe(2000)
  expect(found.usage([])).toEqual([])
  expect(found.usage(["nobody"])).toEqual([])
})

test("what was refused counts, the runtime's own events and replays of what is no longer there do not", () => {
  const facts = { at: turn, workspace: "acme", type: "lead.created" }
  const refused: EventRefused = {
    kind: "event.refused",
    ...facts,
    seq: 1,
    subject: "evt.0.acme.lead.created",
    reason: "?",
  }
  const about = { ...facts, kind: "event.unmatched", revision: "r" } as const
  const own: EventUnmatched = { ...about, event: "evt_2", seq: 2, type: "meshes.usage.warning" }
  const replayed: HistoryRecord = {
    ...about,
    kind: "event.routed",
    event: "evt_3",
    seq: 3,
    replay: "rpl_1",
    deliveries: [],
  }
  using found = projected([[refused, own, replayed]])
  expect(found.usage(["acme"])).toEqual([
    { workspace: "acme", month: "2026-11", events: 1, deliveries: 0, attempts: 0 },
  ])
})
