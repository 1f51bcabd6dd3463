/**
 * Events that were stored while no runtime ran.
 */
import { expect, test } from "vitest"
import { publishToLog } from "../bench/publish.ts"
import { startDestination } from "../support/destination.ts"
import { startNats } from "../support/nats.ts"
import { startRuntime } from "../support/runtime.ts"

// Regression: the router's reader answered one request twice when messages came in a burst, and gave the second answer's events to nobody.
test("20,000 events that waited in the log are all delivered once a runtime starts", async () => {
  const count = 20_000
  await using nats = await startNats({ syncAlways: false })
  const distinct = new Set<string>()
  await using destination = await startDestination(({ headers }) => {
    distinct.add(String(headers["x-meshes-event-id"]))
    return 200
  })
  await using runtime = await startRuntime({
    natsUrl: nats.url,
    config: `export default defineConfig({ workspaces: { acme: {
      connections: { erp: webhook({ url: "${destination.url}", allowPrivateNetwork: true }) },
      rules: { all: { on: ">", actions: [{ connection: "erp" }] } } } } })`,
  })
  await runtime.kill("SIGTERM")
  await publishToLog(nats.url, "events.acme.order.placed", { number: 1 }, count)
  await runtime.start()
  await destination.until(() => distinct.size >= count)
  expect(distinct.size).toBe(count)
})
