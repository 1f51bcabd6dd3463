/**
 * What the projection forgets for its age, and what it keeps.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, test } from "vitest"
import { makeProjector } from "../../../src/history/project.ts"
import { makeQueries, type Queries } from "../../../src/history/queries.ts"
import { makeRemover } from "../../../src/history/retention.ts"
import { openToProject } from "../../../src/history/shape.ts"
import type { DeliveryView, EventView } from "../../../src/history/views.ts"
import { makeDeliveryId } from "../../../src/model/ids.ts"
import type { AuditRecord, HistoryRecord } from "../../../src/model/record.ts"
import { madePast } from "../../support/past.ts"

const now = 1_800_000_000_000
const day = 86_400_000

const projected = () => {
  const folder = mkdtempSync(join(tmpdir(), "meshes-retention-"))
  const { db } = openToProject(join(folder, "history.sqlite"), "log")
  return {
    db,
    projector: makeProjector(db),
    queries: makeQueries(db),
    [Symbol.dispose]: () => {
      db.close()
      rmSync(folder, { recursive: true })
    },
  }
}

const workspaces = ["workspace-0", "workspace-1", "workspace-2"]

const all = <A>(read: (after: any) => { readonly records: ReadonlyArray<A>; readonly next?: any }): Array<A> => {
  const found: Array<A> = []
  let after
  do {
    const page = read(after)
    found.push(...page.records)
    after = page.next
  } while (after !== undefined)
  return found
}
const eventsOf = (queries: Queries) =>
  workspaces.flatMap((workspace) => all<EventView>((after) => queries.events({ workspace, limit: 200, after })))
const deliveriesOf = (queries: Queries) =>
  workspaces.flatMap((workspace) => all<DeliveryView>((after) => queries.deliveries({ workspace, limit: 200, after })))

const auditAt = (at: number, workspace: string | undefined, target: string): AuditRecord => ({
  kind: "audit",
  ...{ at, what: "secret.set", target, by: "key:ops" },
  ...(workspace === undefined ? {} : { workspace }),
})

test("each workspace keeps as long as its plan says; what is under way is kept, and what was used", () => {
  using made = projected()
  const { db, projector, queries } = made
  projector.project([...madePast({ events: 3000, workspaces: 3, from: now - 40 * day, to: now })])
  const audit = [35, 25, 5].flatMap((days) =>
    [...workspaces, undefined].map((workspace) => auditAt(now - days * day, workspace, `${days}`)),
  )
  const at = now - 39 * day
  const waits: HistoryRecord = {
    kind: "event.routed",
    ...{ at, event: "evt_waits", seq: 9999, type: "lead.created", workspace: "workspace-0", revision: "r" },
    deliveries: [
      { id: makeDeliveryId("evt_waits", 9999, at, "all", 0), rule: "all", action: 0, connection: "connection-0" },
    ],
  }
  const data = Buffer.from(JSON.stringify([...audit, waits]))
  projector.project([{ seq: projector.checkpoint().seq + 1, time: now, data }])
  const [events, deliveries, usage] = [eventsOf(queries), deliveriesOf(queries), queries.usage(workspaces)]

  const remover = makeRemover(db)
  const retention = { before: now - 30 * day, workspaces: new Map([["workspace-1", now - 10 * day]]) }
  let bites = 1
  while (!remover.bite(retention)) bites++
  expect(bites).toBeGreaterThan(5)

  const over = new Set(["completed", "failed", "canceled"])
  const kept = (workspace: string, status: string, at: number) =>
    !over.has(status) || at >= (workspace === "workspace-1" ? now - 10 * day : now - 30 * day)
  expect(deliveries.some(({ status, created }) => !over.has(status) && created < now - 30 * day)).toBe(true)
  expect(eventsOf(queries)).toEqual(events.filter(({ workspace, status, at }) => kept(workspace, status, at)))
  expect(deliveriesOf(queries)).toEqual(
    deliveries.filter(({ workspace, status, created }) => kept(workspace, status, created)),
  )
  expect(queries.usage(workspaces)).toEqual(usage)
  const targets = (workspace?: string) => queries.audit({ workspace, limit: 9 }).records.map(({ target }) => target)
  expect([targets("workspace-0"), targets("workspace-1"), targets()]).toEqual([["5", "25"], ["5"], ["5", "25"]])
  const orphans = "SELECT count(*) AS n FROM attempts WHERE (created, tie) NOT IN (SELECT created, tie FROM deliveries)"
  expect(db.prepare(orphans).get()).toEqual({ n: 0 })
  // Another round finds nothing.
  expect(remover.bite(retention)).toBe(true)
  expect(eventsOf(queries).length).toBeGreaterThan(1000)
})

test("the audit is listed by kind, actor, target and time, each workspace's own, however often it is told", () => {
  using made = projected()
  const { projector, queries } = made
  const records: ReadonlyArray<AuditRecord> = [
    auditAt(now, "acme", "A"),
    { ...auditAt(now, "acme", "B"), by: "cli:ada", from: "host", agent: "meshes/1", detail: "the second" },
    { ...auditAt(now + 1, "acme", "evt_1"), what: "payload.viewed", key: "key_1" },
    auditAt(now + 2, "globex", "A"),
    { ...auditAt(now + 3, undefined, "rev1"), what: "config.applied" },
  ]
  const message = (seq: number) => ({ seq, time: now, data: Buffer.from(JSON.stringify(records)) })
  projector.project([message(1)])
  projector.project([message(2)])
  const listed = (filter: Omit<Parameters<Queries["audit"]>[0], "limit">) =>
    queries.audit({ ...filter, limit: 10 }).records
  const workspace = "acme"
  expect(listed({ workspace }).toSorted((a, b) => a.at - b.at || (a.target < b.target ? -1 : 1))).toEqual(
    records.slice(0, 3),
  )
  expect(listed({ workspace: "globex" })).toEqual([records[3]])
  expect(listed({})).toEqual([records[4]])
  expect(listed({ workspace, what: "payload.viewed" })).toEqual([records[2]])
  expect(listed({ workspace, by: "cli:ada" })).toEqual([records[1]])
  expect(listed({ workspace, by: "key:ops", what: "secret.set" })).toEqual([records[0]])
  expect(listed({ workspace, target: "evt_1" })).toEqual([records[2]])
  expect(listed({ workspace, from: now + 1 })).toEqual([records[2]])
  expect(listed({ workspace, to: now })).toEqual([])
})

test("what a projection made of a shortened log does not know of is told", () => {
  using made = projected()
  const { projector } = made
  const [first, ...rest] = [...madePast({ events: 500, from: now - day, to: now })]
  projector.project([first!])
  expect(projector.checkpoint().since).toBe(0)
  projector.project(rest.slice(1, 3))
  expect(projector.checkpoint().since).toBe(rest[1]!.time)
})
