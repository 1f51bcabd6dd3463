/**
 * "What happened?", asked at the command line of a history of 20,000 events: each question is one command.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { afterAll, beforeAll, expect, test, vi } from "vitest"
import { listDeliveries, type DeliveryView } from "../../src/history/read.ts"
import { LogReader } from "../../src/log/reader.ts"
import { startNats, type TestNats } from "../support/nats.ts"
import { madePast } from "../support/past.ts"
import { startRuntime, type TestRuntime } from "../support/runtime.ts"
import { writeHistory } from "../support/write-history.ts"

vi.setConfig({ testTimeout: 120_000, hookTimeout: 180_000 })

const config = `export default defineConfig({ workspaces: Object.fromEntries(["workspace-0", "workspace-1", "acme"].map((name) => [name, {
  connections: { "connection-0": console({}), erp: webhook({ url: "http://127.0.0.1:9/in", allowPrivateNetwork: true, retry: { attempts: 1 } }) },
  rules: { all: { on: "order.paid", actions: [{ connection: "connection-0" }, { connection: "erp" }] } },
}])) } as any)`

const day = 86_400_000
const today = Date.now() - (Date.now() % day)
const connection = "connection-0"
let nats: TestNats
let runtime: TestRuntime
/** What a plain reading of the log makes of it. */
let told: ReadonlyArray<DeliveryView>

beforeAll(async () => {
  nats = await startNats({ syncAlways: false })
  runtime = await startRuntime({ natsUrl: nats.url, config, env: { MESHES_LOG_LEVEL: "warn" } })
  const past = [...madePast({ events: 20_000, workspaces: 2, from: today - 2 * day, to: today })]
  await writeHistory(nats.url, past)
  const reader = LogReader.of({
    scan: () => Stream.fromIterable(past.map((message) => ({ ...message, subject: "history.x" }))),
  } as Partial<LogReader["Service"]> as LogReader["Service"])
  const { deliveries } = await Effect.runPromise(
    listDeliveries({ since: 0, workspace: "workspace-0", connection }).pipe(Effect.provideService(LogReader, reader)),
  )
  told = deliveries
  const last = deliveries.at(-1)!.id
  while ((await runtime.meshes("deliveries", "show", last)).status !== 0) await pause()
})
afterAll(async () => {
  await runtime[Symbol.asyncDispose]()
  await nats.stop()
})

const pause = () => new Promise((next) => void setTimeout(next, 50))

test("which deliveries of a workspace to a connection failed yesterday, and why", async () => {
  const asked = ["deliveries", "ls", "-w", "workspace-0", "--connection", connection, "--status", "failed"]
  const command = [...asked, "--since", "yesterday", "--until", "today", "--limit", "1000"]
  const expected = told.filter(({ state, created }) => state === "dead" && created >= today - day && created < today)
  expect(expected.length).toBeGreaterThan(10)
  const { records } = JSON.parse((await runtime.meshes(...command, "--json")).stdout)
  expect(records.map(({ id }: any) => id).toSorted()).toEqual(expected.map(({ id }) => id).toSorted())
  const { stdout } = await runtime.meshes(...command)
  expect(stdout.trim().split("\n").length).toBe(expected.length)
  expect(stdout).toContain("server_error 503: the destination answered 503 Service Unavailable")
  // Fewer are the latest of them.
  const few = JSON.parse((await runtime.meshes(...command.slice(0, -1), "3", "--json")).stdout)
  expect(few.records).toEqual(records.slice(-3))
})

test("what happened to an event, and to one of its deliveries, with each attempt", async () => {
  const { stdout } = await runtime.meshes(
    "publish",
    "order.paid",
    "-w",
    "acme",
    "-d",
    '{"email":"ada@x.test"}',
    "--json",
  )
  const { id } = JSON.parse(stdout).event
  const show = async () => runtime.meshes("events", "show", id, "--json", "--payload")
  const whole = async () => {
    for (;;) {
      const shown = await show()
      if (shown.status === 0 && JSON.parse(shown.stdout).counts.failed === 1) return JSON.parse(shown.stdout)
      await pause()
    }
  }
  const event = await whole()
  expect(event).toMatchObject({ status: "failed", payload: { email: "ada@x.test" } })
  expect(event.deliveries.length).toBe(2)
  const failed = event.deliveries.find((one: any) => one.status === "failed")
  const shown = await runtime.meshes("events", "show", id)
  expect(shown.stdout).toContain("1 completed, 1 failed")
  expect(shown.stdout).toMatch(new RegExp(`erp +failed +1× +${failed.id} +network_error: `))
  expect(shown.stdout).not.toContain("ada@x.test")
  const delivery = await runtime.meshes("deliveries", "show", failed.id)
  expect(delivery.stdout).toMatch(/attempt 1 .* network_error/)
  expect(delivery.stdout).toContain("POST http://127.0.0.1:9/in")

  const found = await runtime.meshes("events", "ls", "-w", "acme", "--text", "ADA@x", "--type", "order.paid", "--json")
  expect(JSON.parse(found.stdout).records.map((one: any) => one.id)).toEqual([id])
  expect((await runtime.meshes("events", "show", "evt_nowhere")).status).toBe(1)
  expect((await runtime.meshes("events", "ls", "--status", "brilliant")).stderr).toContain("pending, processing")
  expect((await runtime.meshes("events", "ls", "--since", "soon")).status).toBe(2)
})
