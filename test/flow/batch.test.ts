/**
 * Deliveries of an action with a batch form go together, in as few calls as the vendor allows; what becomes of each is its own.
 */
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { afterAll, beforeAll, expect, test } from "vitest"
import { historyOnce, historyWith } from "../support/history.ts"
import { startNats, type TestNats } from "../support/nats.ts"
import { adminKey, startRuntime, type TestRuntime } from "../support/runtime.ts"

interface Upsert {
  readonly id: string
  readonly properties: { readonly [name: string]: string }
  readonly objectWriteTraceId: string
}

let nats: TestNats
let runtime: TestRuntime
let vendor: Server
/** The calls' inputs, by the token that they came with. */
const calls = new Map<string, Array<ReadonlyArray<Upsert>>>()
/** Tokens whose account is unwell. */
const unwell = new Set<string>()

/** HubSpot, as far as upserts go: refuses addresses that begin with `bad`, and those alone. */
const startVendor = async (): Promise<Server> => {
  const server = createServer((request, response) => {
    const chunks: Array<Buffer> = []
    request.on("data", (chunk: Buffer) => chunks.push(chunk))
    request.on("end", () => {
      const token = request.headers.authorization!.split(" ")[1]!
      const answer = (status: number, body: object) => {
        response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body))
      }
      if (unwell.has(token)) return answer(503, { message: "down" })
      const { inputs } = JSON.parse(Buffer.concat(chunks).toString()) as { readonly inputs: ReadonlyArray<Upsert> }
      calls.set(token, [...(calls.get(token) ?? []), inputs])
      const ids = new Set(inputs.map(({ id }) => id))
      if (inputs.length > 100 || ids.size < inputs.length) return answer(400, { message: "too many, or one twice" })
      const bad = inputs.filter(({ id }) => id.startsWith("bad"))
      const errors = bad.map(({ objectWriteTraceId }) => ({
        category: "VALIDATION_ERROR",
        message: "Email address is invalid",
        context: { objectWriteTraceId: [objectWriteTraceId] },
      }))
      const good = inputs.filter(({ id }) => !id.startsWith("bad"))
      answer(bad.length === 0 ? 200 : 207, {
        status: "COMPLETE",
        results: good.map(({ id }) => ({ properties: { email: id } })),
        ...(bad.length === 0 ? {} : { numErrors: bad.length, errors }),
      })
    })
  })
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening))
  return server
}

beforeAll(async () => {
  nats = await startNats()
  vendor = await startVendor()
  const at = `http://127.0.0.1:${(vendor.address() as AddressInfo).port}`
  const map = `{ email: "payload.email", "properties.step": "$string(payload.step)" }`
  runtime = await startRuntime({
    natsUrl: nats.url,
    config: `
const crm = (token, more) => hubspot({ token: secret(token), baseUrl: "${at}", allowPrivateNetwork: true, batch: { wait: "1 second" },
  rateLimit: { limit: 1000, per: "1 second" }, retry: { attempts: 3, initial: "50 milli", factor: 1, jitter: 0 },
  circuit: { failures: 2, wait: "200 milli", maxWait: "400 milli" }, ...more })
const rule = (connection) => ({ on: "lead." + connection, actions: [{ connection, action: "contact.upsert", map: ${map} }] })
export default defineConfig({
  eventTypes: { "lead.plain": {}, "lead.ordered": {}, "lead.down": {}, "lead.single": {} },
  workspaces: { acme: {
    connections: { plain: crm("PLAIN"), ordered: crm("ORDERED", { ordering: { key: "payload.email" } }), down: crm("DOWN"),
      single: crm("SINGLE", { batch: false }) },
    rules: { plain: rule("plain"), ordered: rule("ordered"), down: rule("down"), single: rule("single") },
  } } } as any)`,
    env: {
      MESHES_LOG_LEVEL: "error",
      PLAIN: "token-plain",
      ORDERED: "token-ordered",
      DOWN: "token-down",
      SINGLE: "token-single",
    },
  })
})

afterAll(async () => {
  await runtime[Symbol.asyncDispose]()
  vendor.closeAllConnections()
  vendor.close()
  await nats.stop()
})

const publish = async (type: string, payloads: ReadonlyArray<object>) => {
  const response = await fetch(`${runtime.http()}/api/v1/events/bulk`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${adminKey}` },
    body: JSON.stringify(payloads.map((payload) => ({ type, workspace: "acme", payload }))),
  })
  expect(response.status).toBe(201)
}

/** All attempts of a connection's deliveries, once so many deliveries have ended. */
const ended = async (connection: string, count: number) => {
  const mine = (records: ReadonlyArray<any>) =>
    records.filter((record) => record.kind === "delivery.attempted" && record.connection === connection)
  const over = ({ state }: any) => state === "delivered" || state === "dead"
  return mine(await historyOnce(nats.url, (records) => mine(records).filter(over).length >= count))
}

const leads = (count: number) => Array.from({ length: count }, (_, i) => ({ email: `ada${i}@example.com`, step: 1 }))

test("a thousand upserts go out in a dozen calls at the most: three are refused and die, the others are delivered", async () => {
  const payloads = leads(1000).map((lead, i) => (i % 400 === 100 ? { ...lead, email: `bad${i}` } : lead))
  await publish("lead.plain", payloads)
  const attempts = await ended("plain", 1000)
  const dead = attempts.filter(({ state }) => state === "dead")
  expect([attempts.filter(({ state }) => state === "delivered").length, dead.length]).toEqual([997, 3])
  expect(dead.every(({ outcome, message }) => outcome === "rejected" && /address is invalid/.test(message))).toBe(true)
  const made = calls.get("token-plain")!
  expect(made.length).toBeLessThanOrEqual(12)
  expect(made.flat().length).toBe(1000)
})

test("deliveries that keep an order go together across keys, and two of one key never do", async () => {
  const steps = [1, 2, 3].flatMap((step) => leads(100).map((lead) => ({ ...lead, step })))
  await publish("lead.ordered", steps)
  await ended("ordered", 300)
  const made = calls.get("token-ordered")!
  expect(made.flat().length).toBe(300)
  expect(made.length).toBeLessThanOrEqual(30)
  const seen = new Map<string, Array<string>>()
  for (const { id, properties } of made.flat()) seen.set(id, [...(seen.get(id) ?? []), properties["step"]!])
  for (const order of seen.values()) expect(order).toEqual(["1", "2", "3"])
})

test("what waited for a vendor that was down goes together when it is well again", async () => {
  unwell.add("token-down")
  await publish("lead.down", leads(3))
  await historyWith(
    nats.url,
    ({ kind, connection, to }) => kind === "connection.changed" && connection === "down" && to === "open",
  )
  await publish("lead.down", leads(300).slice(3))
  unwell.delete("token-down")
  const attempts = await ended("down", 300)
  expect(attempts.filter(({ state }) => state === "dead")).toEqual([])
  const made = calls.get("token-down")!
  expect(made.flat().length).toBe(300)
  // One is tried alone, and what follows is gathered while it comes back from the log.
  expect(made.length).toBeLessThanOrEqual(30)
})

test("a connection that wants none sends each by itself", async () => {
  await publish("lead.single", leads(5))
  await ended("single", 5)
  expect(calls.get("token-single")!.map((inputs) => inputs.length)).toEqual([1, 1, 1, 1, 1])
})
