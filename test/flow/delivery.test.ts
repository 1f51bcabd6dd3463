/**
 * The main job, as its users see it: a real runtime, a real nats-server, a real destination, and the command line that tells about it.
 */
import { Webhook } from "standardwebhooks"
import { afterAll, beforeAll, expect, test } from "vitest"
import { startDestination, type Destination, type Received } from "../support/destination.ts"
import { historyWith } from "../support/history.ts"
import { startNats, type TestNats } from "../support/nats.ts"
import { startRuntime, type TestRuntime } from "../support/runtime.ts"

const secret = `whsec_${Buffer.from("a signing secret of 24 b").toString("base64")}`
const retry = `retry: { attempts: 4, initial: "50 milli", factor: 1 }`

let nats: TestNats
let destination: Destination
let runtime: TestRuntime
let down = true

beforeAll(async () => {
  nats = await startNats()
  destination = await startDestination(({ path }, before) => {
    if (path === "/flaky") return before < 2 ? 500 : 200
    if (path === "/strict") return 400
    return path === "/down" && down ? 503 : 200
  })
  const connection = (path: string) =>
    `webhook({ url: "${destination.url}${path}", secret: secret("SIGNING"), allowPrivateNetwork: true, ${retry} })`
  runtime = await startRuntime({
    natsUrl: nats.url,
    env: { SIGNING: secret },
    config: `export default defineConfig({ workspaces: { acme: {
      connections: { log: console({}), ok: ${connection("/ok")}, flaky: ${connection("/flaky")}, strict: ${connection("/strict")}, down: ${connection("/down")} },
      rules: {
        log: { on: "seen", actions: [{ connection: "log" }] },
        ok: { on: "seen", actions: [{ connection: "ok" }, { connection: "ok", map: { text: '"Hi " & payload.name' } }] },
        flaky: { on: "flaky", actions: [{ connection: "flaky" }] },
        strict: { on: "strict", actions: [{ connection: "strict" }] },
        down: { on: "down", actions: [{ connection: "down" }] },
      } } } })`,
  })
})

afterAll(async () => {
  await runtime[Symbol.asyncDispose]()
  await destination[Symbol.asyncDispose]()
  await nats.stop()
})

const publish = async (type: string): Promise<string> => {
  const { status, body } = await runtime.publish({ type, workspace: "acme", payload: { name: "Ada" } })
  expect(status).toBe(201)
  return body.event.id as string
}

const at = (path: string) => (received: ReadonlyArray<Received>) => received.filter((one) => one.path === path)

/** The only delivery of an event, once the history says that it is so. */
const delivery = async (event: string, status: string): Promise<any> => {
  for (;;) {
    const { stdout } = await runtime.meshes("deliveries", "ls", "--event", event, "--status", status, "--json")
    const { records } = JSON.parse(stdout) as { records: ReadonlyArray<{ readonly id: string }> }
    if (records.length === 1)
      return JSON.parse((await runtime.meshes("deliveries", "show", records[0]!.id, "--json")).stdout)
  }
}

test("an event is printed, sent as its envelope and sent as mapped, each signed so that the receiver can verify it", async () => {
  const event = await publish("seen")
  const mine = (received: ReadonlyArray<Received>) =>
    at("/ok")(received).filter((one) => one.headers["x-meshes-event-id"] === event)
  await destination.until((received) => mine(received).length === 2)
  const [one, two] = mine(destination.received)
  for (const { headers, body } of [one!, two!]) {
    expect(() => new Webhook(secret).verify(body, headers as Record<string, string>)).not.toThrow()
    expect(() => new Webhook(secret).verify(`${body} `, headers as Record<string, string>)).toThrow()
    expect(headers["x-meshes-event-id"]).toBe(event)
    expect(headers["x-meshes-attempt"]).toBe("1")
  }
  const bodies = [one!, two!].map(({ body }) => JSON.parse(body) as { id?: string; text?: string })
  expect(bodies.find(({ id }) => id === event)).toMatchObject({
    type: "seen",
    workspace: "acme",
    payload: { name: "Ada" },
  })
  expect(bodies.find(({ text }) => text !== undefined)).toEqual({ text: "Hi Ada" })
  expect(one!.headers["webhook-id"]).not.toBe(two!.headers["webhook-id"])
  while (!runtime.stdout().includes(event)) await new Promise((next) => setImmediate(next))
})

test("a destination that answers 500 twice and then 200 has it on attempt 3, under one id", async () => {
  const event = await publish("flaky")
  const found = await delivery(event, "completed")
  expect(found.attempts.map(({ outcome, status }: any) => [outcome, status])).toEqual([
    ["server_error", "retrying"],
    ["server_error", "retrying"],
    ["delivered", "completed"],
  ])
  const requests = at("/flaky")(destination.received)
  expect(requests.map(({ headers }) => headers["x-meshes-attempt"])).toEqual(["1", "2", "3"])
  expect(new Set(requests.map(({ headers }) => headers["webhook-id"]))).toEqual(new Set([found.id]))
})

test("an answer of 400 is the end at once", async () => {
  const event = await publish("strict")
  const found = await delivery(event, "failed")
  expect(found.attempts).toHaveLength(1)
  expect(found.attempts[0]).toMatchObject({ outcome: "rejected", http_status: 400 })
  expect(at("/strict")(destination.received)).toHaveLength(1)
})

test("503 for ever goes through the whole schedule to the dead letters, and `dead retry` sends it again", async () => {
  const event = await publish("down")
  const dead = await delivery(event, "failed")
  expect(dead.attempts.map(({ attempt, status }: any) => [attempt, status])).toEqual([
    [1, "retrying"],
    [2, "retrying"],
    [3, "retrying"],
    [4, "failed"],
  ])
  const listed = JSON.parse((await runtime.meshes("dead", "ls", "--connection", "down", "--json")).stdout)
  expect(listed.records.map(({ id }: any) => id)).toEqual([dead.id])

  down = false
  const again = await runtime.meshes("dead", "retry", dead.id)
  expect(again.stderr).toContain("1 sent again")
  expect(again.status).toBe(0)
  const delivered = await delivery(event, "completed")
  expect(delivered.id).toBe(dead.id)
  expect(delivered.sent_again).toHaveLength(1)
  expect(new Set(at("/down")(destination.received).map(({ headers }) => headers["webhook-id"]))).toEqual(
    new Set([dead.id]),
  )
  expect(JSON.parse((await runtime.meshes("dead", "ls", "--connection", "down", "--json")).stdout).count).toBe(0)
  const twice = await runtime.meshes("dead", "retry", dead.id)
  expect(twice.status).toBe(1)

  const shown = await runtime.meshes("deliveries", "show", dead.id)
  expect(shown.stdout).toContain("server_error 503")
  expect(shown.stdout).toContain("sent again")
})

test("an event that no rule wants is recorded as unmatched", async () => {
  const explained = await runtime.meshes("explain", "nobody.cares", "--workspace", "acme")
  expect(explained.stderr).toContain("no rule wants it")
  const event = await publish("nobody.cares")
  const unmatched = (record: any): boolean => record.kind === "event.unmatched" && record.event === event
  expect((await historyWith(nats.url, unmatched)).filter((record) => record.event === event)).toEqual([
    expect.objectContaining({ kind: "event.unmatched", type: "nobody.cares", workspace: "acme" }),
  ])
})

test("an event with several deliveries is recorded with each of them, once", async () => {
  const event = await publish("seen")
  const routed = (record: any): boolean => record.kind === "event.routed" && record.event === event
  const records = (await historyWith(nats.url, routed)).filter(routed)
  expect(records).toHaveLength(1)
  expect(records[0].deliveries.map(({ rule, action, connection }: any) => [rule, action, connection])).toEqual([
    ["log", 0, "log"],
    ["ok", 0, "ok"],
    ["ok", 1, "ok"],
  ])
})
