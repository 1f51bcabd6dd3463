/**
 * The key ring is changed under running runtimes: nothing that is delivered meanwhile lacks its signature, and a ring that does not open
 * what is sealed says so, loses nothing, and is mended by the right one.
 */
import { createHmac, randomBytes } from "node:crypto"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, expect, test } from "vitest"
import { generateSecretKey } from "../../src/secrets/keyring.ts"
import { startDestination, type Received } from "../support/destination.ts"
import { startNats, type TestNats } from "../support/nats.ts"
import { publishTo, startRuntime, type TestRuntime } from "../support/runtime.ts"

let nats: TestNats
let folder: string

beforeAll(async () => {
  nats = await startNats()
  folder = await mkdtemp(join(tmpdir(), "meshes-rotation-"))
})
afterAll(async () => {
  await nats.stop()
  await rm(folder, { recursive: true, force: true })
})

const signing = randomBytes(32)
const whsec = `whsec_${signing.toString("base64")}`

/** Whether the receiver can tell that it is from us, as Standard Webhooks has it. */
const verifies = ({ headers, body }: Received): boolean => {
  const signed = `${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`
  return headers["webhook-signature"] === `v1,${createHmac("sha256", signing).update(signed).digest("base64")}`
}

const configFor = (url: string) => `export default defineConfig({
  eventTypes: { "order.placed": {} },
  workspaces: { acme: {
    connections: { erp: webhook({ url: "${url}/erp", secret: secret("ERP_SIGNING"), allowPrivateNetwork: true,
      retry: { attempts: 20, initial: "100 milli", factor: 1, jitter: 0 } }) },
    rules: { erp: { on: "order.placed", actions: [{ connection: "erp" }] } },
  } } })`

test(
  "a rotation while replicas deliver: every delivery verifies, before, meanwhile and after",
  { timeout: 240_000 },
  async () => {
    await using destination = await startDestination()
    const ringFile = join(folder, "ring")
    const [old, fresh] = [generateSecretKey(), generateSecretKey()]
    await writeFile(ringFile, old)
    const options = {
      natsUrl: nats.url,
      config: configFor(destination.url),
      env: { MESHES_LOG_LEVEL: "error", MESHES_SECRET_KEYS_FILE: ringFile },
    }
    await using one = await startRuntime(options)
    await using two = await startRuntime(options)
    const set = await one.pipe(whsec, "secrets", "set", "acme", "ERP_SIGNING")
    expect(set.status, set.stderr).toBe(0)

    // Publishes all the while, to whichever replica answers.
    const published = new Set<string>()
    let publishing = true
    const publisher = (async () => {
      while (publishing) {
        for (const { http } of [one, two] satisfies ReadonlyArray<TestRuntime>) {
          const answer = await publishTo(http(), { type: "order.placed", workspace: "acme", payload: {} }).catch(
            () => undefined,
          )
          if (answer?.status === 201) published.add(answer.body.event.id)
          await new Promise((resolve) => setTimeout(resolve, 20))
        }
      }
    })()
    const arrived = () => new Set(destination.received.map(({ headers }) => headers["x-meshes-event-id"] as string))
    const moreArrive = () => {
      const before = arrived().size
      return destination.until(() => arrived().size > before + 10)
    }
    const roll = async (ring: string) => {
      await writeFile(ringFile, ring)
      for (const replica of [one, two]) {
        await replica.kill("SIGTERM")
        await replica.start()
      }
      await moreArrive()
    }
    await moreArrive()
    await roll(`${fresh},${old}`)
    const rotated = JSON.parse((await one.meshes("secrets", "rotate", "--json")).stdout)
    expect(rotated).toMatchObject({ resealed: 1, kept: 0, failed: [] })
    expect(rotated.unused_keys).toHaveLength(1)
    await moreArrive()
    const again = JSON.parse((await two.meshes("secrets", "rotate", "--json")).stdout)
    expect(again).toMatchObject({ resealed: 0, kept: 1, failed: [] })
    await roll(fresh)
    publishing = false
    await publisher
    await destination.until(() => [...published].every((id) => arrived().has(id)))
    expect(published.size).toBeGreaterThan(40)
    expect(destination.received.filter((one) => !verifies(one))).toEqual([])
    expect(JSON.parse((await one.meshes("dead", "ls", "--json")).stdout).count).toBe(0)
  },
)

test(
  "a ring that lacks a key says so at start, in doctor and in rotate; nothing is lost, and the right ring goes on",
  { timeout: 240_000 },
  async () => {
    await using own = await startNats()
    await using destination = await startDestination()
    const ringFile = join(folder, "wrong")
    const [right, wrong] = [generateSecretKey(), generateSecretKey()]
    await writeFile(ringFile, right)
    await using runtime = await startRuntime({
      natsUrl: own.url,
      config: configFor(destination.url),
      env: { MESHES_LOG_LEVEL: "error", MESHES_SECRET_KEYS_FILE: ringFile },
    })
    const set = JSON.parse((await runtime.pipe(whsec, "secrets", "set", "acme", "ERP_SIGNING", "--json")).stdout)
    await runtime.kill("SIGTERM")
    await writeFile(ringFile, wrong)
    await runtime.start()
    const sealed = `secret "ERP_SIGNING" of workspace "acme" is sealed under the key ${set.key}`
    expect(runtime.stderr()).toContain(sealed)
    const { body } = await runtime.publish({ type: "order.placed", workspace: "acme", payload: {} })
    for (;;) {
      const { records } = JSON.parse((await runtime.meshes("connections", "ls", "--json")).stdout)
      if (records[0].state !== "paused") continue
      expect(records[0].reason).toContain(`secret_missing: ${sealed}`)
      break
    }
    const doctor = await runtime.meshes("doctor", "--json")
    const check = JSON.parse(doctor.stdout).checks.find((one: { readonly check: string }) => one.check === "key ring")
    expect([doctor.status, check.ok, check.detail]).toEqual([1, false, expect.stringContaining(`1 under ${set.key}`)])
    const rotate = await runtime.meshes("secrets", "rotate", "--json")
    expect(rotate.status).toBe(1)
    expect(JSON.parse(rotate.stdout).failed).toMatchObject([{ name: "ERP_SIGNING", key: set.key }])
    expect(destination.received).toEqual([])
    await runtime.kill("SIGTERM")
    await writeFile(ringFile, `${wrong}\n${right}\n`)
    await runtime.start()
    await destination.until((received) => received.length > 0)
    expect(destination.received.map(({ headers }) => headers["x-meshes-event-id"])).toEqual([body.event.id])
    expect(destination.received.every(verifies)).toBe(true)
  },
)
