/**
 * The embedded nats-server: started with the runtime, ended with it, and found again by the next one when the runtime was killed.
 */
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { expect, test } from "vitest"
import { startDestination } from "../support/destination.ts"
import { startRuntime } from "../support/runtime.ts"
import { isAlive } from "../support/alive.ts"

const configFor = (url: string): string => `export default defineConfig({ workspaces: { acme: {
  connections: { erp: webhook({ url: "${url}", allowPrivateNetwork: true, retry: { attempts: 50, initial: "100 milli", factor: 1 } }) },
  rules: { all: { on: ">", actions: [{ connection: "erp" }] } } } } })`

test("what a killed runtime had accepted is delivered by the next one over the same folder", async () => {
  let up = false
  await using destination = await startDestination(() => (up ? 200 : 503))
  await using runtime = await startRuntime({ config: configFor(destination.url) })
  const { status, body } = await runtime.publish({ type: "order.placed", workspace: "acme", payload: {} })
  expect(status).toBe(201)
  await destination.until((received) => received.length > 0)
  await runtime.kill("SIGKILL")
  up = true
  await runtime.start()
  await destination.until((received) => received.some((one) => one.status === 200))
  const delivered = destination.received.find((one) => one.status === 200)!
  expect(delivered.headers["x-meshes-event-id"]).toBe(body.event.id)
  expect(new Set(destination.received.map(({ headers }) => headers["webhook-id"])).size).toBe(1)
})

test("a runtime that is told to end takes its server with it, and another may not have its folder meanwhile", async () => {
  await using destination = await startDestination()
  await using runtime = await startRuntime({ config: configFor(destination.url) })
  const server = Number(await readFile(join(runtime.folder, "data/nats/nats.pid"), "utf8"))
  expect(isAlive(server)).toBe(true)
  const second = await runtime.meshes("start", "--port", "0")
  expect(second.status).toBe(1)
  expect(second.stderr).toContain(`process ${runtime.pid()}`)
  expect((await runtime.meshes("doctor", "--json")).stdout).toContain('"ok":true')
  expect(await runtime.kill("SIGTERM")).toBe(0)
  expect(isAlive(server)).toBe(false)
  const after = await runtime.meshes("dead", "ls")
  expect(after.status).toBe(1)
  expect(after.stderr).toContain("meshes start")
})
