/**
 * Whatever is sent to whichever call, it is answered: never by a failure of the server's own, always by a problem that says what is
 * wrong, and the server goes on. The calls, and what they take, are read from the API's own description.
 */
import { request as httpRequest } from "node:http"
import * as fc from "fast-check"
import { afterAll, beforeAll, expect, test } from "vitest"
import { generateSecretKey } from "../../src/secrets/keyring.ts"
import { meantPath, shotsAt, type Shot } from "../support/api-fuzz.ts"
import { operationsOf, type Operation } from "../support/api-spec.ts"
import { startNats, type TestNats } from "../support/nats.ts"
import { seedOf } from "../support/random.ts"
import { answer, startReceiver, type Receiver } from "../support/receiver.ts"
import { adminKey, startRuntime, type TestRuntime } from "../support/runtime.ts"

/** For all calls together. */
const fuzzMs = 20_000
/** For each call, however slow the machine is. */
const shotsMin = 10
/** Longer than the server takes for anything but a stream without an end. */
const answerMs = 30_000

let nats: TestNats
let runtime: TestRuntime
let receiver: Receiver
let spec: any

beforeAll(async () => {
  nats = await startNats()
  receiver = await startReceiver(answer(200))
  runtime = await startRuntime({
    natsUrl: nats.url,
    env: { MESHES_SECRET_KEYS: generateSecretKey() },
    config: `export default defineConfig({ workspaces: { acme: {
      connections: { erp: http({ url: "${receiver.url}", allowPrivateNetwork: true }) },
      rules: { all: { on: ["order.*", "*"], actions: [{ connection: "erp" }] } },
    } } })`,
  })
  spec = await (await fetch(`${runtime.http()}/openapi.json`)).json()
  things.set("events", (await publish()).body.event.id)
})

afterAll(async () => {
  await runtime[Symbol.asyncDispose]()
  await receiver[Symbol.asyncDispose]()
  await nats.stop()
})

const publish = () => runtime.publish({ type: "order.paid", workspace: "acme", payload: {} })

interface Answer {
  readonly status: number
  readonly type: string
  readonly text: string
}

/** Straight on the wire: `fetch` would put the path right. A stream that has begun to answer has answered. */
const shoot = ({ method, path, headers, body }: Shot): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(runtime.http())
    const outgoing = httpRequest(
      { hostname, port, method, path, agent: false, headers: { ...headers, "content-length": body?.length ?? 0 } },
      (incoming) => {
        const chunks: Array<Buffer> = []
        incoming.on("data", (chunk: Buffer) => chunks.push(chunk))
        incoming.on("error", reject)
        incoming.on("end", () =>
          resolve({
            status: incoming.statusCode ?? 0,
            type: incoming.headers["content-type"] ?? "",
            text: Buffer.concat(chunks).toString(),
          }),
        )
      },
    )
    outgoing.setTimeout(answerMs, () => outgoing.destroy(new Error("no answer")))
    outgoing.on("error", reject)
    outgoing.end(body)
  })

/** Pages for people answer people. */
const isPage = ({ answers }: Operation) => answers.get(200)?.some((type) => type.startsWith("text/html")) === true

/** What everything is about. */
const things = new Map([
  ["workspaces", "acme"],
  ["connections", "erp"],
  ["secrets", "TOKEN"],
  ["integrations", "http"],
])

const expectRight = (operation: Operation, shot: Shot, { status, type, text }: Answer) => {
  const what = `${shot.method} ${shot.path.slice(0, 200)}: ${status} ${text.slice(0, 500)}`
  expect(status, what).toBeLessThan(500)
  if (status < 400 || shot.method === "HEAD") return
  if (isPage(operation) && type.startsWith("text/html")) return
  expect(type, what).toBe("application/problem+json")
  const problem = JSON.parse(text)
  expect(problem, what).toMatchObject({ title: expect.any(String), status, message: expect.any(String) })
  expect(problem.message, what).not.toBe("")
  // What the call itself refuses is what it says that it refuses.
  if (shot.method === operation.method && shot.path.split("?", 1)[0] === meantPath(operation, things)) {
    expect([...operation.answers.keys()], what).toContain(status)
  }
}

test("whatever is sent is answered, never by a failure, and the server goes on", { timeout: 180_000 }, async () => {
  const seed = seedOf("fuzz of the API")
  const operations = operationsOf(spec)
  const holders = [...Array.from({ length: 18 }, () => `Bearer ${adminKey}`), "Bearer none", ""]
  const until = Date.now() + fuzzMs
  let shots = 0
  for (const [i, operation] of operations.entries()) {
    const ends = Date.now() + (until - Date.now()) / (operations.length - i)
    const plain = operation.parameters.length + operation.bodies.length === 0
    let done = 0
    await fc.assert(
      fc.asyncProperty(shotsAt(spec, operation, things, holders), async (one) => {
        if (done >= shotsMin && Date.now() > ends) return
        done++
        expectRight(operation, one, await shoot(one))
      }),
      { seed, numRuns: plain ? 30 : 300 },
    )
    shots += done
  }
  console.info(`${shots} requests to ${operations.length} calls`)
  expect((await publish()).status).toBe(201)
  expect((await fetch(`${runtime.http()}/readyz`)).status).toBe(200)
  expect(runtime.stderr()).not.toContain("a request ended in a bug")
})
