/**
 * What is wrong, broken or hostile, coming in and answering: each gets a clear answer or outcome, and nothing else is harmed by it. One
 * runtime meets it all.
 */
import { createServer, type Server } from "node:http"
import { connect, type AddressInfo } from "node:net"
import { afterAll, afterEach, beforeAll, expect, test } from "vitest"
import { startDestination, type Destination } from "../support/destination.ts"
import { startNats, type TestNats } from "../support/nats.ts"
import { adminKey, startRuntime, type TestRuntime } from "../support/runtime.ts"

let nats: TestNats
let healthy: Destination
let hostile: Server
let runtime: TestRuntime
let sentBytes = 0

beforeAll(async () => {
  nats = await startNats()
  healthy = await startDestination()
  hostile = createServer((request, response) => {
    request.resume()
    switch (request.url) {
      case "/silent":
        return
      case "/huge": {
        const chunk = Buffer.alloc(1024 * 1024)
        let left = 100
        const more = () => {
          while (left-- > 0) {
            sentBytes += chunk.length
            if (!response.write(chunk)) return void response.once("drain", more)
          }
          response.end()
        }
        response.writeHead(200)
        return more()
      }
      case "/broken":
        response.writeHead(200, { "content-length": "1000" })
        response.write("half an ans")
        return void setImmediate(() => response.socket?.destroy())
      case "/loop":
        return void response.writeHead(302, { location: "/loop" }).end()
      default:
        return void response.writeHead(404).end()
    }
  })
  await new Promise<void>((listening) => hostile.listen(0, "127.0.0.1", listening))
  const origin = `http://127.0.0.1:${(hostile.address() as AddressInfo).port}`
  const names = ["silent", "huge", "broken", "loop"]
  runtime = await startRuntime({
    natsUrl: nats.url,
    config: `
const options = { allowPrivateNetwork: true, timeout: "1 second", retry: { attempts: 2, initial: "50 milli" } } as const
export default defineConfig({
  workspaces: { acme: {
    eventTypes: { "typed.thing": { schema: { type: "object", properties: { n: { type: "number" } }, required: ["n"] } }, ${[...names, "healthy", "throws", "loops", "private", "condition"].map((name) => `"${name}": {}`).join(", ")} },
    connections: {
      healthy: webhook({ url: "${healthy.url}/ok", ...options }),
      private: webhook({ url: "${origin}/private" }),
      ${names.map((name) => `${name}: webhook({ url: "${origin}/${name}", ...options })`).join(",\n      ")}
    },
    rules: {
      healthy: { on: "healthy", actions: [{ connection: "healthy" }] },
      throws: { on: "throws", actions: [{ connection: "healthy", map: '$error("no")' }] },
      loops: { on: "loops", actions: [{ connection: "healthy", map: "( $f := function($x) { $f($x) }; $f(1) )" }] },
      condition: { on: "condition", when: { expression: '$error("no")' }, actions: [{ connection: "healthy" }] },
      private: { on: "private", actions: [{ connection: "private" }] },
      ${names.map((name) => `${name}: { on: "${name}", actions: [{ connection: "${name}" }] }`).join(",\n      ")}
    },
  } } })`,
  })
})

afterAll(async () => {
  await runtime[Symbol.asyncDispose]()
  hostile.closeAllConnections()
  await new Promise((closed) => hostile.close(closed))
  await healthy[Symbol.asyncDispose]()
  await nats.stop()
})

/** After each of them the runtime accepts, delivers and is ready as before. */
afterEach(async () => {
  const { status, body } = await runtime.publish({ type: "healthy", workspace: "acme", payload: {} })
  expect(status).toBe(201)
  await healthy.until((received) => received.some(({ headers }) => headers["x-meshes-event-id"] === body.event.id))
  expect((await fetch(`${runtime.http()}/readyz`)).status).toBe(200)
})

const post = async (body: string | Uint8Array, path = "/api/v1/events", headers: Record<string, string> = {}) => {
  const response = await fetch(`${runtime.http()}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${adminKey}`, ...headers },
    body: body as never,
  })
  return { status: response.status, type: response.headers.get("content-type"), body: (await response.json()) as any }
}

const event = (more: object = {}): string =>
  JSON.stringify({ type: "healthy", workspace: "acme", payload: {}, ...more })

test.for([
  ["malformed JSON", '{"type": "x",', 400],
  ["a text in place of an object", '"hello"', 400],
  ["100,000 nested arrays", `${"[".repeat(100_000)}${"]".repeat(100_000)}`, 400],
  ["a payload nested too deeply", event({ payload: { a: JSON.parse(`${"[".repeat(200)}${"]".repeat(200)}`) } }), 400],
  [
    "wrong types",
    JSON.stringify({ type: 5, workspace: ["acme"], payload: "x", time: "yesterday", resource: "a b" }),
    400,
  ],
  ["an unknown workspace", event({ workspace: "nobody" }), 404],
  ["a payload that does not fit its type", event({ type: "typed.thing", payload: { n: "1" } }), 422],
  ["invalid UTF-8", Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]), 400],
] as const)("%s is answered with a problem", async ([, body, status]) => {
  const answer = await post(body)
  expect(answer.status).toBe(status)
  expect(answer.type).toContain("application/problem+json")
  expect(answer.body).toMatchObject({ status, title: expect.any(String), message: expect.any(String) })
})

test("wrong types are all told at once, each with its path", async () => {
  const { body } = await post(
    JSON.stringify({ type: 5, workspace: ["acme"], payload: "x", time: "yesterday", resource: "a b" }),
  )
  expect(body.errors.map(({ path }: any) => path).toSorted()).toEqual([
    "payload",
    "resource",
    "time",
    "type",
    "workspace",
  ])
})

test("a body of 20 MB is answered with 413 without being read whole", async () => {
  const socket = connect(Number(new URL(runtime.http()).port), "127.0.0.1")
  let answer = ""
  socket.setEncoding("utf8").on("data", (text: string) => void (answer += text))
  const closed = new Promise((done) => socket.once("close", done))
  socket.on("error", () => undefined)
  socket.write(
    `POST /api/v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${adminKey}\r\ncontent-type: application/json\r\ncontent-length: ${20 * 1024 * 1024}\r\n\r\n`,
  )
  socket.write(Buffer.alloc(1024 * 1024, 0x20))
  while (!answer.includes("\r\n\r\n")) await new Promise((next) => setImmediate(next))
  expect(answer).toMatch(/^HTTP\/1.1 413 /)
  socket.destroy()
  await closed
})

test("an id that comes twice in one bulk is stored once", async () => {
  const { status, body } = await post(
    `[${event({ id: "twice" })},${event({ id: "twice" })},${event({ type: "no type!" })}]`,
    "/api/v1/events/bulk",
  )
  expect(status).toBe(207)
  expect(body).toMatchObject({ count: 3, error_count: 1 })
  expect(body.records[1].duplicate).toBe(true)
  await healthy.until((received) => received.some(({ headers }) => headers["x-meshes-event-id"] === "twice"))
})

test("no key, and a key that nobody has, are answered with 401", async () => {
  expect((await post(event(), "/api/v1/events", { authorization: "" })).status).toBe(401)
  expect((await post(event(), "/api/v1/events", { authorization: "Bearer msh_guess" })).status).toBe(401)
})

/** Publishes, and waits until the event's only delivery is dead. */
const deadOf = async (type: string): Promise<any> => {
  const { body } = await runtime.publish({ type, workspace: "acme", payload: {} })
  for (;;) {
    const { stdout } = await runtime.meshes(
      "deliveries",
      "ls",
      "--event",
      body.event.id,
      "--status",
      "failed",
      "--json",
    )
    const { records } = JSON.parse(stdout)
    if (records.length === 1)
      return JSON.parse((await runtime.meshes("deliveries", "show", records[0].id, "--json")).stdout)
  }
}

test("a mapping that throws is dead at once, with its own words", async () => {
  const { attempts } = await deadOf("throws")
  expect(attempts).toHaveLength(1)
  expect(attempts[0]).toMatchObject({ outcome: "mapping_error", message: expect.stringContaining("no") })
})

test("a mapping that loops for ever is ended", async () => {
  const { attempts } = await deadOf("loops")
  expect(attempts).toHaveLength(1)
  expect(attempts[0].outcome).toBe("mapping_error")
})

test("a condition that throws does not match, and the history says why", async () => {
  const { body } = await runtime.publish({ type: "condition", workspace: "acme", payload: {} })
  const { stdout } = await runtime.meshes("explain", "condition", "-w", "acme", "--json")
  expect(JSON.parse(stdout).rules.find(({ rule }: any) => rule === "condition").because).toContain("failed")
  expect(JSON.parse((await runtime.meshes("deliveries", "ls", "--event", body.event.id, "--json")).stdout).count).toBe(
    0,
  )
})

test.for([
  ["never answers", "silent", "timeout"],
  ["closes in the middle of its answer", "broken", "network_error"],
] as const)("a destination that %s is tried again, then dead", async ([, type, outcome]) => {
  const { attempts } = await deadOf(type)
  expect(attempts.map((attempt: any) => attempt.outcome)).toEqual([outcome, outcome])
})

test("a redirect loop ends after a few", async () => {
  const { attempts } = await deadOf("loop")
  expect(attempts[0].message).toMatch(/redirect/i)
})

test("an answer of 100 MB is not read to its end", async () => {
  const { body } = await runtime.publish({ type: "huge", workspace: "acme", payload: {} })
  for (;;) {
    const { records } = JSON.parse(
      (await runtime.meshes("deliveries", "ls", "--event", body.event.id, "--json")).stdout,
    )
    if (records[0]?.attempt_count > 0) break
  }
  expect(sentBytes).toBeLessThan(20 * 1024 * 1024)
})

test("an address of this machine is blocked unless the connection allows it", async () => {
  const { attempts } = await deadOf("private")
  expect(attempts).toHaveLength(1)
  expect(attempts[0]).toMatchObject({ outcome: "blocked", message: expect.stringContaining("allowPrivateNetwork") })
})
