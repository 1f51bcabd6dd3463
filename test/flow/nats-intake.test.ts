/**
 * Events published straight to NATS, in each of the forms of the contract, and what cannot be read among them.
 */
import { connect } from "@nats-io/transport-node"
import { headers as makeHeaders, type NatsConnection } from "@nats-io/nats-core"
import { afterAll, beforeAll, expect, test } from "vitest"
import { startDestination, type Destination } from "../support/destination.ts"
import { historyWith } from "../support/history.ts"
import { startNats, type TestNats } from "../support/nats.ts"
import { startRuntime, type TestRuntime } from "../support/runtime.ts"

let nats: TestNats
let nc: NatsConnection
let destination: Destination
let runtime: TestRuntime

beforeAll(async () => {
  nats = await startNats()
  nc = await connect({ servers: nats.url })
  destination = await startDestination()
  runtime = await startRuntime({
    natsUrl: nats.url,
    config: `export default defineConfig({ workspaces: { acme: {
      connections: { erp: webhook({ url: "${destination.url}", allowPrivateNetwork: true }), bus: nats({ subject: "out.{workspace}.{type}" }) },
      rules: { all: { on: ">", actions: [{ connection: "erp" }] }, relay: { on: "relayed.>", actions: [{ connection: "bus" }] } } } } })`,
  })
})

afterAll(async () => {
  await nc.close()
  await runtime[Symbol.asyncDispose]()
  await destination[Symbol.asyncDispose]()
  await nats.stop()
})

const publish = (subject: string, body: string, fields: Record<string, string> = {}): void => {
  const headers = makeHeaders()
  for (const [name, value] of Object.entries(fields)) headers.set(name, value)
  nc.publish(subject, body, { headers })
}

const deliveredOf = async (type: string): Promise<any> => {
  const of = () => destination.received.find(({ headers }) => headers["x-meshes-event-type"] === type)
  await destination.until(() => of() !== undefined)
  return JSON.parse(of()!.body)
}

test("the body is the payload, and headers carry the rest", async () => {
  publish("events.acme.plain.one", '{"n":1}', {
    "Meshes-Resource": "page",
    "Meshes-Resource-Id": "home",
    "Meshes-Time": "2026-01-31T09:30:00Z",
  })
  expect(await deliveredOf("plain.one")).toMatchObject({
    workspace: "acme",
    type: "plain.one",
    resource: "page",
    resource_id: "home",
    time: "2026-01-31T09:30:00Z",
    payload: { n: 1 },
  })
})

test("with Meshes-Envelope the body is the whole event", async () => {
  const event = { id: "mine-1", type: "whole.one", workspace: "acme", payload: { n: 2 } }
  publish("events.acme.whole.one", JSON.stringify(event), { "Meshes-Envelope": "1" })
  expect(await deliveredOf("whole.one")).toMatchObject(event)
})

test("a CloudEvent is known by its headers", async () => {
  publish("events.acme.cloud.one", '{"n":3}', {
    "ce-specversion": "1.0",
    "ce-id": "ce-1",
    "ce-source": "/shop",
    "ce-type": "cloud.one",
    "content-type": "application/json",
  })
  expect(await deliveredOf("cloud.one")).toMatchObject({ type: "cloud.one", source: "/shop", payload: { n: 3 } })
})

test("what cannot be read is recorded with its reason and stops nothing behind it", async () => {
  publish("events.acme.broken.one", "{not json")
  publish("events.acme.after.one", "{}")
  await deliveredOf("after.one")
  const isRefusal = ({ kind }: { readonly kind: string }): boolean => kind === "event.refused"
  const refused = (await historyWith(nats.url, isRefusal)).find(isRefusal)
  expect(refused).toMatchObject({ workspace: "acme", type: "broken.one", reason: expect.any(String) })
})

// Regression: of an event too large to travel with its delivery, the bytes as published were taken for the envelope.
test("a payload too large to travel along is delivered as a whole event all the same", async () => {
  publish("events.acme.large.one", JSON.stringify({ text: "x".repeat(100_000) }))
  const delivered = await deliveredOf("large.one")
  expect(delivered).toMatchObject({ type: "large.one", workspace: "acme" })
  expect(delivered.payload.text).toHaveLength(100_000)
})

// Regression: the original of a repeat was read as if every event in the log were an envelope.
test("an event that came over NATS first is answered over HTTP as a repeat of itself", async () => {
  publish("events.acme.plain.again", '{"n":5}', { "Nats-Msg-Id": "acme/again-1" })
  const first = await deliveredOf("plain.again")
  const { status, body } = await runtime.publish({
    id: "again-1",
    type: "plain.again",
    workspace: "acme",
    payload: { n: 5 },
  })
  expect(status).toBe(200)
  expect(body).toMatchObject({ duplicate: true, event: { id: first.id, type: "plain.again" } })
})

test("an event can be passed on to another subject", async () => {
  const subscription = nc.subscribe("out.acme.>", { max: 1 })
  await nc.flush()
  publish("events.acme.relayed.one", '{"n":4}')
  for await (const message of subscription) {
    expect(message.subject).toBe("out.acme.relayed.one")
    expect(message.json()).toMatchObject({ type: "relayed.one", payload: { n: 4 } })
  }
})
