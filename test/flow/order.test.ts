/**
 * Order is kept where it was asked for, whatever fails, and only there.
 */
import { afterAll, beforeAll, expect, test } from "vitest"
import { startDestination, type Destination } from "../support/destination.ts"
import { startNats, type TestNats } from "../support/nats.ts"
import { startRuntime, type TestRuntime } from "../support/runtime.ts"

let nats: TestNats
let runtime: TestRuntime
let destination: Destination
/** What to answer, by path and the event's number. */
let answers: (path: string, number: number, before: number) => number = () => 200

const retry = `retry: { attempts: 4, initial: "300 milli", factor: 1, jitter: 0 }`

beforeAll(async () => {
  nats = await startNats()
  const seen = new Map<string, number>()
  destination = await startDestination(({ path, body }) => {
    const { number } = JSON.parse(body).payload
    const before = seen.get(`${path}/${number}`) ?? 0
    seen.set(`${path}/${number}`, before + 1)
    return answers(path, number, before)
  })
  const connection = (name: string, ordering: string) =>
    `${name}: webhook({ url: "${destination.url}/${name}", allowPrivateNetwork: true, ${retry}, ordering: ${ordering} })`
  runtime = await startRuntime({
    natsUrl: nats.url,
    config: `export default defineConfig({ workspaces: { acme: {
      connections: { ${connection("line", '"connection"')}, ${connection("keys", '{ key: "payload.account" }')} },
      rules: Object.fromEntries(["line", "keys"].map((name) => [name, { on: name + ".sent", actions: [{ connection: name }] }])),
    } } } as any)`,
    env: { MESHES_LOG_LEVEL: "warn" },
  })
})

afterAll(async () => {
  await runtime[Symbol.asyncDispose]()
  await destination[Symbol.asyncDispose]()
  await nats.stop()
})

const publish = async (
  type: string,
  payloads: ReadonlyArray<{ readonly number: number; readonly account?: string }>,
) => {
  const response = await fetch(`${runtime.http()}/api/v1/events/bulk`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: "Bearer msh_test_admin_key_0123456789" },
    body: JSON.stringify(payloads.map((payload) => ({ type, workspace: "acme", payload }))),
  })
  expect(response.status).toBe(201)
}

/** Attempts at a path, in the order in which they came. */
const attempts = (path: string) =>
  destination.received
    .filter((one) => one.path === path)
    .map((one) => ({ ...(JSON.parse(one.body).payload as { number: number; account?: string }), status: one.status }))

const upTo = (count: number, from = 0) => Array.from({ length: count }, (_, i) => from + i)

test("a connection's deliveries wait for the one before, through its retries and its death", async () => {
  answers = (_, number, before) => (number === 3 && before < 2 ? 503 : number === 5 ? 400 : number === 7 ? 500 : 200)
  await publish(
    "line.sent",
    upTo(200).map((number) => ({ number })),
  )
  await destination.until(() => attempts("/line").some(({ number }) => number === 199))
  expect(attempts("/line").map(({ number }) => number)).toEqual([
    ...[0, 1, 2, 3, 3, 3, 4, 5, 6, 7, 7, 7, 7],
    ...upTo(192, 8),
  ])
})

test("a key that waits for a retry holds up itself alone, and goes on in order", async () => {
  answers = (_, number, before) => (number === 4 && before < 2 ? 503 : 200)
  const payloads = upTo(1200).map((number) => ({ number, account: `a${number % 4}` }))
  await publish("keys.sent", payloads.slice(0, 600))
  await publish("keys.sent", payloads.slice(600))
  const good = () => attempts("/keys").filter(({ status, number }) => status === 200 && number < 5000)
  await destination.until(() => good().length >= 1200)
  for (const account of ["a0", "a1", "a2", "a3"]) {
    const numbers = good().flatMap((one) => (one.account === account ? one.number : []))
    expect(numbers, account).toEqual(payloads.flatMap((one) => (one.account === account ? one.number : [])))
  }
  const order = attempts("/keys").map(({ number }) => number)
  const meanwhile = order.slice(order.indexOf(4), order.lastIndexOf(4)).filter((number) => number % 4 !== 0)
  expect(meanwhile.length, "others went on meanwhile").toBeGreaterThan(0)
})

test("deliveries without a key keep no order and are delivered", async () => {
  answers = () => 200
  await publish("keys.sent", [{ number: 5000 }, { number: 5001 }])
  await destination.until(() => attempts("/keys").filter(({ number }) => number >= 5000).length >= 2)
})
