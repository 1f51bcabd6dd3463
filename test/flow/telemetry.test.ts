/**
 * Telemetry, as a collector receives it.
 */
import { expect, test } from "vitest"
import { startDestination } from "../support/destination.ts"
import { startNats } from "../support/nats.ts"
import { startRuntime } from "../support/runtime.ts"

test("a collector is sent the metrics, under the product's name", async () => {
  await using nats = await startNats()
  await using collector = await startDestination()
  await using runtime = await startRuntime({
    natsUrl: nats.url,
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url },
    config: `export default defineConfig({ workspaces: { acme: { connections: { log: console({}) }, rules: { all: { on: ">", actions: [{ connection: "log" }] } } } } })`,
  })
  expect((await runtime.publish({ type: "order.placed", workspace: "acme", payload: {} })).status).toBe(201)
  const hasMetrics = ({ path, body }: { readonly path: string; readonly body: string }): boolean =>
    path === "/v1/metrics" && body.includes("delivery_attempts_total")
  await collector.until((received) => received.some(hasMetrics))
  expect(collector.received.find(hasMetrics)!.body).toContain('"meshes"')
})
