/**
 * The history kept up with a real log by its loop and its thread, in one or several processes over a folder.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { jetstream, jetstreamManager } from "@nats-io/jetstream"
import { connect } from "@nats-io/transport-node"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as ManagedRuntime from "effect/ManagedRuntime"
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest"
import { CurrentPlan } from "../../src/config/current-plan.ts"
import { History } from "../../src/history/history.ts"
import { Nats } from "../../src/log/connection.ts"
import { ensureTopology } from "../../src/log/ensure.ts"
import { HistoryLog } from "../../src/log/history-log.ts"
import type { DeliveryAttempted, EventRouted } from "../../src/model/record.ts"
import { makeDeliveryId } from "../../src/model/ids.ts"
import { Health } from "../../src/observe/health.ts"
import { startNats, type TestNats } from "../support/nats.ts"
import { madePast } from "../support/past.ts"
import { writeHistory } from "../support/write-history.ts"

vi.setConfig({ testTimeout: 60_000 })

const now = Date.now()
const workspace = "workspace-0"
let nats: TestNats
let folder: string

beforeAll(async () => {
  nats = await startNats({ syncAlways: false })
  await Effect.runPromise(ensureTopology.pipe(Effect.provide(Nats.layer(nats.url)), Effect.scoped))
})
afterAll(() => nats.stop())
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "meshes-history-"))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

/** A process that has the history in a folder. */
const open = async (dataDir: string, url = nats.url) => {
  const said: Array<string> = []
  const runtime = ManagedRuntime.make(
    History.layer(dataDir).pipe(
      Layer.provide(HistoryLog.layer),
      Layer.provide(Layer.succeed(CurrentPlan, { get: () => ({ revision: "r", workspaces: new Map(), keys: [] }) })),
      Layer.provideMerge(Health.layer),
      Layer.provide(Layer.effectDiscard(ensureTopology)),
      Layer.provide(Nats.layer(url)),
      Layer.provideMerge(Logger.layer([Logger.make(({ message }) => void said.push(String(message)))])),
    ),
  )
  return {
    said,
    history: await runtime.runPromise(History),
    health: await runtime.runPromise(Health),
    run: <A>(effect: Effect.Effect<A, unknown>) => runtime.runPromise(effect),
    close: () => runtime.dispose(),
  }
}
type Process = Awaited<ReturnType<typeof open>>

const pause = () => new Promise((next) => void setTimeout(next, 20))

/** Waits until all that is in the log is in the lists. */
const upToDate = async ({ history, run }: Process): Promise<void> => {
  while ((await run(Effect.catch(history.progress, () => Effect.succeed({ behind: -1 })))).behind !== 0) await pause()
}

let begun = 1
/** Another one each time. */
const past = (events: number) => {
  const first = begun
  begun += events
  return madePast({ seed: first, first, events, workspaces: 3, from: now - 60_000, to: now })
}
const latest = { workspace, limit: 200 }
const lists = async (process: Process) => {
  await upToDate(process)
  const { history, run } = process
  return [await run(history.events(latest)), await run(history.deliveries(latest))]
}

test("the lists come up with the log and stay up with it, here and in a replica with a folder of its own", async () => {
  await writeHistory(nats.url, past(2000))
  const one = await open(join(folder, "one"))
  const before = await lists(one)
  expect(before[1]!.records.length).toBe(200)
  await writeHistory(nats.url, past(300))
  const other = await open(join(folder, "other"))
  const after = await lists(one)
  expect(after).not.toEqual(before)
  expect(await lists(other)).toEqual(after)
  expect(one.said.join("\n")).toMatch(/the history is \d+ messages behind the log: it is made anew, as there was none/)
  expect(one.health.loops()).toMatchObject([{ name: "history", alive: true }])
  await one.close()
  await other.close()
  // Gone on with, not begun anew.
  const again = await open(join(folder, "one"))
  expect(await lists(again)).toEqual(after)
  expect(again.said).toEqual([])
  await again.close()
})

test("of two processes over a folder one projects and both answer; when it ends the other goes on", async () => {
  const one = await open(folder)
  await upToDate(one)
  const other = await open(folder)
  await writeHistory(nats.url, past(300))
  expect(await lists(other)).toEqual(await lists(one))
  const before = await lists(other)
  await one.close()
  await writeHistory(nats.url, past(300))
  const after = await lists(other)
  expect(after).not.toEqual(before)
  const third = await open(join(folder, "third"))
  expect(await lists(third)).toEqual(after)
  await third.close()
  await other.close()
})

test("a projection that is damaged, and one of another log, is made anew", async () => {
  const one = await open(folder)
  const before = await lists(one)
  await one.close()
  await writeFile(join(folder, "history", "history.sqlite"), "this is no database".repeat(1000))
  const again = await open(folder)
  expect(await lists(again)).toEqual(before)
  expect(again.said.join("\n")).toContain("it is made anew, as it was damaged")
  await again.close()

  const another = await startNats({ syncAlways: false })
  const elsewhere = await open(folder, another.url)
  expect(await lists(elsewhere)).toMatchObject([{ records: [] }, { records: [] }])
  expect(elsewhere.said.join("\n")).toContain("it is made anew, as it was of another log")
  await elsewhere.close()
  await another.stop()
})

test("payloads, requests and answers are read from the log, and a text in payloads is found", async () => {
  const nc = await connect({ servers: nats.url })
  const published: Array<EventRouted> = []
  for (let i = 0; i < 30; i++) {
    const payload = { name: i === 7 ? "Ada Lovelace" : `nobody ${i}` }
    const { seq } = await jetstream(nc).publish("events.acme.lead.created", JSON.stringify(payload))
    const stored = await (await jetstreamManager(nc)).streams.getMessage("EVENTS", { seq })
    const at = stored!.time.getTime()
    const event = `evt_${i}`
    const id = makeDeliveryId(event, seq, at, "all", 0)
    const deliveries = [{ id, rule: "all", action: 0, connection: "erp" }]
    published.push({
      kind: "event.routed",
      ...{ at, event, seq, type: "lead.created", workspace: "acme" },
      revision: "r",
      deliveries,
    })
  }
  const { deliveries, event, at } = published[7]!
  const attempted: DeliveryAttempted = {
    kind: "delivery.attempted",
    ...{
      at: at + 5,
      delivery: deliveries[0]!.id,
      event,
      type: "lead.created",
      workspace: "acme",
      rule: "all",
      action: 0,
    },
    ...{
      connection: "erp",
      attempt: 1,
      outcome: "rejected",
      message: "no",
      status: 400,
      duration_ms: 4,
      state: "dead",
    },
    request: { method: "POST", url: "https://erp.test/in", bytes: 10 },
    response: "we do not want it",
    revision: "r",
  }
  await writeHistory(
    nats.url,
    [published, [attempted]].map((records) => ({ data: Buffer.from(JSON.stringify(records)) })),
  )
  await nc.close()

  const one = await open(folder)
  await upToDate(one)
  const { history, run } = one
  const found = await run(history.search({ workspace: "acme", limit: 10, text: "ada love" }))
  expect(found.records).toMatchObject([{ id: "evt_7", status: "failed" }])
  expect(await run(history.stored(found.records[0]!.seq))).toMatchObject({
    event: { payload: { name: "Ada Lovelace" } },
  })
  const whole = (await run(history.event("acme", "evt_7", {})))!
  const delivery = (await run(history.delivery("acme", whole.deliveries[0]!.id, {})))!
  expect(await run(history.exchange(delivery.delivery.id, delivery.attempts[0]!))).toEqual({
    request: { method: "POST", url: "https://erp.test/in", bytes: 10 },
    response: "we do not want it",
  })
  const first = await run(history.search({ workspace: "acme", limit: 4, text: "NOBODY" }))
  expect(first.records.map(({ id }) => id)).toEqual(["evt_29", "evt_28", "evt_27", "evt_26"])
  const second = await run(history.search({ workspace: "acme", limit: 4, text: "nobody", after: first.next }))
  expect(second.records[0]!.id).toBe("evt_25")
  await one.close()
})
