/**
 * Two runtimes over one log share the work, whichever of them comes and goes.
 */
import { expect, test } from "vitest"
import { startDestination } from "../support/destination.ts"
import { startNats } from "../support/nats.ts"
import { startRuntime } from "../support/runtime.ts"

test(
  "two runtimes over one log create no delivery twice and lose none, while one comes and goes",
  { timeout: 180_000 },
  async () => {
    const count = 2000
    const distinct = new Set<string>()
    const events = new Set<string>()
    await using nats = await startNats()
    await using destination = await startDestination(({ headers }) => {
      distinct.add(String(headers["webhook-id"]))
      events.add(String(headers["x-meshes-event-id"]))
      return 200
    })
    const config = `export default defineConfig({ workspaces: { acme: {
    connections: { erp: webhook({ url: "${destination.url}", allowPrivateNetwork: true }) },
    rules: { all: { on: ">", actions: [{ connection: "erp" }] } } } } })`
    const options = { natsUrl: nats.url, config, env: { MESHES_LOG_LEVEL: "error" } }
    await using one = await startRuntime(options)
    await using two = await startRuntime(options)
    const publish = async (runtime: typeof one, first: number) => {
      for (let i = first; i < first + count / 4; i++) {
        const { status } = await runtime.publish({
          id: `event-${i}`,
          type: "order.placed",
          workspace: "acme",
          payload: {},
        })
        expect(status).toBe(201)
      }
    }
    await Promise.all([publish(one, 0), publish(two, count / 4)])
    await two.kill("SIGKILL")
    await Promise.all([publish(one, count / 2), two.start()])
    await publish(two, (count * 3) / 4)
    await destination.until(() => events.size >= count)
    expect(distinct.size).toBe(count)
  },
)
