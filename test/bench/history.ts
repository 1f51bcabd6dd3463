/**
 * How fast the history is projected, and how fast questions are answered over a long one: `npm run bench:history`, or with how many
 * events, how many workspaces and how many messages go in a transaction: `node test/bench/history.ts 5000000 100 50`. The file of
 * 5,000,000 has 2.4 GB, in `TMPDIR`.
 */
import { mkdtempSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { makeProjector, type ProjectedMessage } from "../../src/history/project.ts"
import { makeQueries } from "../../src/history/queries.ts"
import { openToProject, openToRead } from "../../src/history/shape.ts"
import { madePast } from "../support/past.ts"

const [events = 1_000_000, workspaceCount = 100, together = 50] = process.argv.slice(2).map(Number)
const day = 86_400_000
const to = Date.now()
const folder = mkdtempSync(join(tmpdir(), "meshes-bench-"))
const file = join(folder, "history.sqlite")

const project = () => {
  const { db } = openToProject(file, "bench")
  const projector = makeProjector(db)
  let batch: Array<ProjectedMessage> = []
  let records = 0
  let wallMs = 0
  let cpuMs = 0
  const flush = () => {
    const began = performance.now()
    const cpu = process.cpuUsage()
    records += projector.project(batch)
    const { user, system } = process.cpuUsage(cpu)
    wallMs += performance.now() - began
    cpuMs += (user + system) / 1000
    batch = []
  }
  for (const message of madePast({ events, workspaces: workspaceCount, from: to - 7 * day, to })) {
    batch.push(message)
    if (batch.length >= together) flush()
  }
  flush()
  db.close()
  console.log(
    `projected ${records} records: ${Math.round((records / wallMs) * 1000)}/s, ${((cpuMs * 1000) / records).toFixed(1)} µs of CPU ` +
      `each; the file has ${Math.round(statSync(file).size / 1e6)} MB`,
  )
}

const ask = () => {
  const db = openToRead(file)
  const queries = makeQueries(db)
  const big = { workspace: "workspace-0", limit: 50 }
  const { workspace } = big
  const everyone = Array.from({ length: workspaceCount }, (_, i) => `workspace-${i}`)
  const [workspaces, fifty] = [[workspace], everyone.slice(0, 50)]
  const yesterday = { from: to - 2 * day, to: to - day }
  const { records } = queries.deliveries({ ...big, ...yesterday })
  const { id, event } = records[0]!
  const questions: { readonly [question: string]: () => unknown } = {
    "failed deliveries of a connection yesterday": () =>
      queries.deliveries({ ...big, ...yesterday, connection: "connection-0", statuses: ["failed"] }),
    "failed deliveries of a workspace": () => queries.deliveries({ ...big, statuses: ["failed"] }),
    "the latest deliveries": () => queries.deliveries(big),
    "the latest deliveries of a connection": () => queries.deliveries({ ...big, connection: "connection-3" }),
    "deliveries of a rule that failed (no index)": () =>
      queries.deliveries({ ...big, rule: "rule-4-0", statuses: ["failed"] }),
    "deliveries of a rule that is not there (no index)": () => queries.deliveries({ ...big, rule: "nowhere" }),
    "deliveries about one thing": () => queries.deliveries({ ...big, resource: "page", resource_id: "page-7" }),
    "failed deliveries about one thing": () =>
      queries.deliveries({ ...big, resource: "page", resource_id: "page-7", statuses: ["failed"] }),
    "deliveries about a resource": () => queries.deliveries({ ...big, resource: "page" }),
    "deliveries about a resource that is not there (no index)": () =>
      queries.deliveries({ ...big, resource: "nothing" }),
    "deliveries about a thing of 35,000": () =>
      queries.deliveries({ ...big, resource: "audience", resource_id: "all" }),
    "failed deliveries about a thing of 35,000": () =>
      queries.deliveries({ ...big, resource: "audience", resource_id: "all", statuses: ["failed"] }),
    "deliveries of an event": () => queries.deliveries({ ...big, event }),
    "what happened to a delivery": () => queries.delivery("workspace-0", id),
    "what happened to an event": () => queries.event("workspace-0", event),
    "the latest events": () => queries.events(big),
    "events of a type that failed": () => queries.events({ ...big, type: "invoice.failed", statuses: ["failed"] }),
    "events about one thing": () => queries.events({ ...big, resource: "page", resource_id: "page-7" }),
    "events about a resource that is not there (no index)": () => queries.events({ ...big, resource: "nothing" }),
    "activity of the installation, the last day": () =>
      queries.activity({ from: to - day, to, stepMs: 900_000, minutes: true }),
    "activity of the installation, the last week": () =>
      queries.activity({ from: to - 7 * day, to, stepMs: 7_200_000, minutes: false }),
    "activity of a connection, the last day": () =>
      queries.activity({ workspaces, connection: "connection-0", from: to - day, to, stepMs: 900_000, minutes: true }),
    "activity of 50 workspaces, the last day": () =>
      queries.activity({ workspaces: fifty, from: to - day, to, stepMs: 900_000, minutes: true }),
    "activity of each rule by each connection, the last week": () =>
      queries.activityParts({ workspace, by: "rule_connection", from: to - 7 * day, to, minutes: false }),
    "the backlog of the installation": () => queries.backlog(),
    "what was given up in a workspace, by connection and reason": () => queries.deadGroups({ workspace }),
    "usage of all workspaces this month": () => queries.usage(everyone, new Date(to).toISOString().slice(0, 7)),
    "events of a small workspace a week ago": () =>
      queries.events({ workspace: "workspace-9", limit: 50, to: to - 6.9 * day }),
  }
  for (const [question, run] of Object.entries(questions)) {
    const cpu = process.cpuUsage()
    const took = Array.from({ length: 20 }, () => {
      const began = performance.now()
      run()
      return performance.now() - began
    })
    const { user, system } = process.cpuUsage(cpu)
    const sorted = took.toSorted((a, b) => a - b)
    console.log(
      `${question}: first ${took[0]!.toFixed(1)} ms, median ${sorted[10]!.toFixed(1)}, slowest ${sorted[19]!.toFixed(1)}; ` +
        `${((user + system) / 20_000).toFixed(1)} ms of CPU each`,
    )
  }
  db.close()
}

try {
  project()
  ask()
} finally {
  rmSync(folder, { recursive: true, force: true })
}
