/**
 * The client while its runtime is killed.
 */
import { expect, test } from "vitest"
import { createClient, type MeshesError } from "../../client/index.ts"
import { freePort, startNats } from "../support/nats.ts"
import { adminKey, startRuntime } from "../support/runtime.ts"

const events = 1000
/** The runtime is killed after so many of 50 batches. */
const batchesBefore = 10

test("a runtime that is killed under a client loses nothing of what is emitted, and stores nothing twice", async () => {
  await using nats = await startNats()
  await using runtime = await startRuntime({
    natsUrl: nats.url,
    port: await freePort(),
    config: `export default defineConfig({ workspaces: { acme: {
      connections: { log: console({}) },
      rules: { all: { on: ">", actions: [{ connection: "log", map: { text: '"event " & payload.n & "."' } }] } },
    } } })`,
  })
  const errors: Array<MeshesError> = []
  let answers = 0
  let inTheMiddle = () => {}
  const middle = new Promise<void>((reached) => void (inTheMiddle = reached))
  const client = createClient({
    url: runtime.http(),
    key: adminKey,
    workspace: "acme",
    retry: { minMs: 50, maxMs: 500, attempts: 60 },
    batch: { size: 20 },
    fetch: async (...request) => {
      const answer = await fetch(...request)
      if (++answers === batchesBefore) inTheMiddle()
      return answer
    },
    onError: (error) => void errors.push(error),
  })
  for (let n = 0; n < events; n++) client.emit("count", { n })
  const flushed = client.flush()
  await middle
  await runtime.kill("SIGKILL")
  expect(answers).toBeLessThan(events / 20)
  await runtime.start()
  await flushed
  await client.close()
  expect(errors).toEqual([])
  const seen = () => runtime.stdout().match(/event \d+\./g) ?? []
  while (new Set(seen()).size < events) await new Promise((next) => setTimeout(next, 50))
  // Events are stored once; a delivery that was on its way when the runtime died may be printed again.
  const count = async () => {
    const { stdout } = await runtime.meshes("events", "ls", "--limit", String(events * 2), "--json")
    return JSON.parse(stdout).count
  }
  while ((await count()) < events) await new Promise((next) => setTimeout(next, 50))
  expect(await count()).toBe(events)
}, 120_000)
