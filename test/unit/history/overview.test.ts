/**
 * What was seen, how connections do and what was tried for an event: the same whatever the order of the records, and however often they come.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, expect, test } from "vitest"
import { makeProjector } from "../../../src/history/project.ts"
import { makeQueries, type Queries } from "../../../src/history/queries.ts"
import { openToProject } from "../../../src/history/shape.ts"
import { makeDeliveryId } from "../../../src/model/ids.ts"
import type { DeliveryAttempted, EventRouted, HistoryRecord } from "../../../src/model/record.ts"

const now = 1_800_000_000_000
let folder: string
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "meshes-overview-"))))
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const routed = (workspace: string, seq: number, type: string, resource?: string): EventRouted => {
  const event = `evt-${seq}`
  return {
    kind: "event.routed",
    ...{ at: now + seq, event, seq, type, workspace, revision: "r" },
    ...(resource === undefined ? {} : { resource, resource_id: "1" }),
    deliveries: [
      ...[{ id: makeDeliveryId(event, seq, now + seq, "one", 0), rule: "one", action: 0, connection: "crm" }],
      ...[{ id: makeDeliveryId(event, seq, now + seq, "two", 0), rule: "two", action: 0, connection: "erp" }],
    ],
  }
}

const attempted = (of: EventRouted, i: number, attempt: number, good: boolean): DeliveryAttempted => {
  const { event, type, workspace } = of
  const { id, ...about } = of.deliveries[i]!
  return {
    kind: "delivery.attempted",
    ...{ delivery: id, at: of.at + attempt * 100, event, type, workspace, ...about, attempt, duration_ms: 3 },
    ...(good ? { outcome: "delivered" } : { outcome: "server_error", message: `no ${attempt}`, status: 503 }),
    state: good ? "delivered" : "retrying",
    revision: "r",
  }
}

const first = routed("acme", 1, "order.paid", "order")
const second = routed("acme", 2, "order.paid")
const records: ReadonlyArray<HistoryRecord> = [
  first,
  second,
  routed("globex", 3, "secret.thing", "secret"),
  attempted(first, 0, 1, false),
  attempted(first, 0, 2, true),
  attempted(first, 1, 1, false),
  attempted(first, 1, 2, false),
]

const projected = (order: ReadonlyArray<HistoryRecord>, check: (queries: Queries) => void) => {
  const { db } = openToProject(join(folder, "history.sqlite"), String(Math.random()))
  const projector = makeProjector(db)
  for (const [i, record] of order.entries()) {
    projector.project([{ seq: i + 1, time: now, data: Buffer.from(JSON.stringify([record])) }])
  }
  check(makeQueries(db))
  db.close()
}

const inAnyOrder = (check: (queries: Queries) => void) => {
  for (const order of [records, records.toReversed(), [...records, ...records]]) projected(order, check)
}

test("types and resources are known with when they were first and last seen, each workspace its own", () => {
  inAnyOrder((queries) => {
    const seen = { workspace: "acme", limit: 9 }
    expect(queries.seen({ ...seen, kind: "type" })).toEqual([{ name: "order.paid", first: now + 1, last: now + 2 }])
    expect(queries.seen({ ...seen, kind: "resource" })).toEqual([{ name: "order", first: now + 1, last: now + 1 }])
    expect(queries.seen({ ...seen, kind: "type", after: "order.paid" })).toEqual([])
    expect(queries.seen({ workspace: "nobody", kind: "type", limit: 9 })).toEqual([])
  })
})

test("a connection's last success and last failure are the latest by time, and its backlog what is not done", () => {
  inAnyOrder((queries) => {
    const failure = { outcome: "server_error", http_status: 503 }
    expect(queries.contacts("acme", ["crm", "erp", "unused"])).toEqual([
      { backlog: 1, success: first.at + 200, failure: { ...failure, at: first.at + 100, message: "no 1" } },
      { backlog: 2, failure: { ...failure, at: first.at + 200, message: "no 2" } },
      { backlog: 0 },
    ])
  })
})

test("the attempts of an event are read page by page, of one rule or of all, each once", () => {
  inAnyOrder((queries) => {
    const all = queries.attempts({ workspace: "acme", event: "evt-1", limit: 9 })
    expect(all.map(({ rule, attempt }) => `${rule} ${attempt}`).toSorted()).toEqual([
      "one 1",
      "one 2",
      "two 1",
      "two 2",
    ])
    const paged = queries.attempts({ workspace: "acme", event: "evt-1", limit: 3 })
    const rest = queries.attempts({ workspace: "acme", event: "evt-1", limit: 3, after: paged.at(-1)!.position })
    expect([...paged, ...rest]).toEqual(all)
    const ofTwo = queries.attempts({ workspace: "acme", event: "evt-1", rule: "two", limit: 9 })
    expect(ofTwo.map(({ connection, attempt }) => [connection, attempt])).toEqual([
      ["erp", 1],
      ["erp", 2],
    ])
    expect(queries.attempts({ workspace: "globex", event: "evt-1", limit: 9 })).toEqual([])
    expect(queries.workspacesOf("evt-3")).toEqual(["globex"])
  })
})
