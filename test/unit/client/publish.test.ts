/** Publishing and waiting for it, over real HTTP, from a runtime that is well, unwell, or none. */
import { assert, expect, onTestFinished, test, vi } from "vitest"
import { createClient, MeshesError, type ClientOptions } from "../../../client/index.ts"
import { timeOfId } from "../../../src/model/ids.ts"
import { limits } from "../../../src/config/defaults.ts"
import { batchDefaults, retryDefaults, runtimeLimits, timeoutDefaultMs } from "../../../client/defaults.ts"
import { answer, hangUp, never, redirect, startReceiver } from "../../support/receiver.ts"
import { bulksOf, refusing, taking } from "./bulk.ts"

const soon = { minMs: 1, maxMs: 2 }

const clientOf = (url: string, more: Partial<ClientOptions> = {}) =>
  createClient({ url, key: "secret-key", workspace: "acme", retry: soon, ...more } as ClientOptions)

const errorOf = async (promise: Promise<unknown>): Promise<MeshesError> => {
  const error = await promise.then(
    () => undefined,
    (cause: unknown) => cause,
  )
  assert(error instanceof MeshesError)
  return error
}

test("an event goes out once, with an id that sorts by time, its time, its workspace and the key", async () => {
  await using receiver = await startReceiver(taking())
  const before = Date.now()
  const stored = await clientOf(`${receiver.url}/behind/a/proxy`).publish("lead.created", { email: "ada@example.com" })
  expect(stored).toMatchObject({ type: "lead.created", workspace: "acme", duplicate: false })
  const [request] = receiver.requests
  expect(request).toMatchObject({
    method: "POST",
    path: "/behind/a/proxy/api/v1/events/bulk",
    headers: { authorization: "Bearer secret-key", "content-type": "application/json" },
  })
  const [event] = bulksOf(receiver)[0]!
  expect(event).toMatchObject({ id: stored.id, workspace: "acme", payload: { email: "ada@example.com" } })
  expect(timeOfId(event!.id)).toBeGreaterThanOrEqual(before)
  expect(Date.parse(event!.time)).toBeGreaterThanOrEqual(before)
})

test("what is said of an event goes along, and its own workspace wins", async () => {
  await using receiver = await startReceiver(taking())
  const options = {
    id: "mine",
    time: new Date(0),
    resource: "order",
    resourceId: "o1",
    source: "shop",
    workspace: "eu",
  }
  await clientOf(receiver.url).publish("order.paid", {}, options)
  expect(bulksOf(receiver)[0]).toEqual([
    {
      id: "mine",
      type: "order.paid",
      workspace: "eu",
      resource: "order",
      resource_id: "o1",
      time: "1970-01-01T00:00:00.000Z",
      source: "shop",
      payload: {},
    },
  ])
})

test("a publishable key goes in its own header", async () => {
  await using receiver = await startReceiver(taking())
  await createClient({ url: receiver.url, publishableKey: "pub" }).publish("a", {})
  expect(receiver.requests[0]!.headers).toMatchObject({ "x-meshes-publishable-key": "pub" })
  expect(receiver.requests[0]!.headers.authorization).toBeUndefined()
})

test("what may be over soon is tried again under the same id: 429, 503, a proxy's 502, no answer", async () => {
  const script = [refusing(429, "slowly"), refusing(503, "busy"), answer(502, {}, "<html>"), hangUp, taking()]
  await using receiver = await startReceiver(script)
  const stored = await clientOf(receiver.url).publish("a", {})
  expect(bulksOf(receiver).map(([event]) => event!.id)).toEqual(script.map(() => stored.id))
})

test("a request that is never answered is given up for another", async () => {
  await using receiver = await startReceiver([never, taking()])
  await clientOf(receiver.url, { timeoutMs: 50 }).publish("a", {})
  expect(receiver.requests).toHaveLength(2)
})

test("Retry-After is obeyed", async () => {
  await using receiver = await startReceiver([refusing(503, "busy", { "retry-after": "1" }), taking()])
  const begun = Date.now()
  await clientOf(receiver.url).publish("a", {})
  // Never sooner; how much later is the machine's affair.
  expect(Date.now() - begun).toBeGreaterThanOrEqual(1000)
})

test("a Retry-After beyond the client's patience is told at once, with when", async () => {
  await using receiver = await startReceiver(
    refusing(429, "the month's events are used up", { "retry-after": "86400" }),
  )
  const error = await errorOf(clientOf(receiver.url).publish("a", {}))
  expect(error).toMatchObject({
    kind: "unavailable",
    status: 429,
    retryAfterMs: 86_400_000,
    problem: { message: "the month's events are used up", title: "Refused" },
  })
  expect(receiver.requests).toHaveLength(1)
})

test("a machine that slept between two attempts makes no other, as the runtime would not know the repeat", async () => {
  onTestFinished(() => void vi.useRealTimers())
  await using receiver = await startReceiver((exchange) => {
    refusing(503, "busy")(exchange)
    exchange.response.once("finish", () =>
      setTimeout(() => vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 600_000 }), 100),
    )
  })
  const error = await errorOf(clientOf(receiver.url, { retry: { minMs: 1000 } }).publish("a", {}))
  expect(error).toMatchObject({ kind: "unavailable", status: 503 })
  expect(receiver.requests).toHaveLength(1)
})

test("after the last attempt the publisher is told which event, and why", async () => {
  await using receiver = await startReceiver(hangUp)
  const error = await errorOf(clientOf(receiver.url, { retry: { ...soon, attempts: 3 } }).publish("a", {}, { id: "x" }))
  expect(error).toMatchObject({ kind: "unavailable", status: undefined, events: [{ id: "x", type: "a" }] })
  expect(error.message).toContain("a (x) was not stored")
  expect(error.cause).toBeDefined()
  expect(receiver.requests).toHaveLength(3)
})

test("a refusal is the end at once: 401 for all, 422 for the event", async () => {
  await using closed = await startReceiver(refusing(401, "the key is not known here"))
  expect(await errorOf(clientOf(closed.url).publish("a", {}))).toMatchObject({
    kind: "refused",
    status: 401,
    problem: { status: 401, message: "the key is not known here" },
  })
  const errors = [{ path: "payload.email", message: "is required" }]
  await using open = await startReceiver(taking(() => ({ status: 422, message: "does not fit", errors })))
  expect(await errorOf(clientOf(open.url).publish("a", {}))).toMatchObject({
    kind: "refused",
    status: 422,
    problem: { status: 422, message: "does not fit", errors },
    events: [{ type: "a", workspace: "acme", status: 422, errors }],
  })
  expect([closed.requests.length, open.requests.length]).toEqual([1, 1])
})

test("a key follows no redirect, and an address that is no runtime's is named", async () => {
  await using elsewhere = await startReceiver(taking())
  await using receiver = await startReceiver(redirect(`${elsewhere.url}/api/v1/events/bulk`))
  const error = await errorOf(clientOf(receiver.url).publish("a", {}))
  expect(error).toMatchObject({ kind: "refused", status: 307 })
  expect(error.message).toContain(receiver.url)
  expect(elsewhere.requests).toHaveLength(0)
})

test("of many, what is stored and what is not is told event by event, and only what may pass is tried again", async () => {
  const tried = new Map<string, number>()
  const refused = ({ id }: { readonly id: string }) => {
    tried.set(id, (tried.get(id) ?? 0) + 1)
    if (id === "bad") return { status: 422, message: "does not fit" }
    return id === "later" && tried.get(id) === 1 ? { status: 503, message: "not now" } : undefined
  }
  await using receiver = await startReceiver(taking(refused))
  const events = ["one", "bad", "later", "two"].map((id) => ({ type: "a", payload: {}, id }))
  const error = await errorOf(clientOf(receiver.url).publishMany(events))
  expect(error.events.map(({ id, status }) => [id, status])).toEqual([["bad", 422]])
  expect(error.published.map(({ id }) => id)).toEqual(["one", "later", "two"])
  expect(bulksOf(receiver).map((bulk) => bulk.map(({ id }) => id))).toEqual([["one", "bad", "later", "two"], ["later"]])
})

test("more than one request takes go in several, in order", async () => {
  await using receiver = await startReceiver(taking())
  const events = Array.from({ length: 2500 }, (_, i) => ({ type: "a", payload: {}, id: `e${i}` }))
  const stored = await clientOf(receiver.url).publishMany(events)
  expect(stored.map(({ id }) => id)).toEqual(events.map(({ id }) => id))
  expect(bulksOf(receiver).map(({ length }) => length)).toEqual([1000, 1000, 500])
})

test("where a whole request could not be stored, those after it are not waited for", async () => {
  await using receiver = await startReceiver(refusing(503, "busy"))
  const events = Array.from({ length: 2500 }, (_, i) => ({ type: "a", payload: {}, id: `e${i}` }))
  const error = await errorOf(clientOf(receiver.url, { retry: { ...soon, attempts: 2 } }).publishMany(events))
  expect(error.events).toHaveLength(2500)
  expect(error.problem?.message).toBe("busy")
  expect(receiver.requests).toHaveLength(2)
})

test("what cannot be written as JSON, or comes after the end, is a MeshesError too", async () => {
  await using receiver = await startReceiver(taking())
  const client = clientOf(receiver.url)
  expect(await errorOf(client.publish("a", { n: 1n }))).toMatchObject({ kind: "unreadable" })
  await client.close()
  expect(await errorOf(client.publish("a", {}))).toMatchObject({ kind: "closed" })
  expect(receiver.requests).toHaveLength(0)
})

test("wrong options are errors at once, and none shows a key", () => {
  const right = { url: "https://events.test", key: "secret-key" }
  const wrong: ReadonlyArray<readonly [any, RegExp]> = [
    [{ url: "events.test", key: "secret-key" }, /url is "events.test"/],
    [{ url: right.url }, /publishableKey/],
    [{ ...right, publishableKey: "p" }, /publishableKey/],
    [{ ...right, timeoutMs: 0 }, /timeoutMs is 0/],
    [{ ...right, retry: { attempts: Number.NaN } }, /retry\.attempts is NaN/],
    [{ ...right, retry: { giveUpAfterMs: 110_000 } }, /together at most 120000/],
    [{ ...right, batch: { size: 1001 } }, /batch\.size is 1001/],
  ]
  for (const [options, message] of wrong) {
    expect(() => createClient(options)).toThrow(message)
    expect(() => createClient(options)).not.toThrow(/secret-key/)
  }
})

test("the client's limits are those of the runtime", () => {
  expect(runtimeLimits.events).toBe(limits.bulkEvents)
  expect(runtimeLimits.bytes).toBeLessThan(limits.bulkBytes)
  expect(runtimeLimits.idempotencyWindowMs).toBe(limits.idempotencyWindowMs)
  expect(batchDefaults.size).toBeLessThanOrEqual(limits.bulkEvents)
  expect(retryDefaults.giveUpAfterMs + timeoutDefaultMs).toBeLessThanOrEqual(limits.idempotencyWindowMs)
})
