/**
 * A destination that is stuck holds up nobody but itself, however much waits for it, and gets it all once it comes round.
 */
import { createServer, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { expect, test } from "vitest"
import { startDestination } from "../support/destination.ts"
import { startNats } from "../support/nats.ts"
import { adminKey, startRuntime } from "../support/runtime.ts"

test("5,000 deliveries that wait for a stuck destination delay no other, and all arrive once it answers", async () => {
  const waiting = 5000
  const held: Array<ServerResponse> = []
  const arrived = new Set<string>()
  let stuck = true
  const server = createServer((request, response) => {
    request.resume()
    arrived.add(String(request.headers["webhook-id"]))
    if (stuck) held.push(response)
    else response.end()
  })
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening))
  await using healthy = await startDestination()
  await using nats = await startNats()
  await using runtime = await startRuntime({
    natsUrl: nats.url,
    config: `export default defineConfig({ workspaces: { acme: {
      connections: {
        stuck: webhook({ url: "http://127.0.0.1:${(server.address() as AddressInfo).port}", allowPrivateNetwork: true, concurrency: 4, timeout: "4 minutes" }),
        healthy: webhook({ url: "${healthy.url}", allowPrivateNetwork: true }) },
      rules: { stuck: { on: "stuck", actions: [{ connection: "stuck" }] }, healthy: { on: "healthy", actions: [{ connection: "healthy" }] } } } } })`,
  })
  const bulk = async (type: string, count: number) => {
    for (let left = count; left > 0; left -= 500) {
      const events = Array.from({ length: Math.min(500, left) }, () => ({ type, workspace: "acme", payload: {} }))
      const response = await fetch(`${runtime.http()}/api/v1/events/bulk`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${adminKey}` },
        body: JSON.stringify(events),
      })
      expect(response.status).toBe(201)
    }
  }
  await bulk("stuck", waiting)
  while (held.length < 4) await new Promise((next) => setImmediate(next))
  await bulk("healthy", 1000)
  await healthy.until((received) => received.length >= 1000)
  expect(arrived.size).toBe(4)

  stuck = false
  for (const response of held) response.end()
  while (arrived.size < waiting) await new Promise((next) => setTimeout(next, 20))
  server.closeAllConnections()
  await new Promise((closed) => server.close(closed))
})
