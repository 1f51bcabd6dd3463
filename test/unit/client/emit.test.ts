/** Events in the background: gathered, in order, bounded, and told of when they fail. */
import { expect, onTestFinished, test, vi } from "vitest"
import { createClient, type BatchOptions, type ClientOptions, type MeshesError } from "../../../client/index.ts"
import { answer, startReceiver, type Behaviour } from "../../support/receiver.ts"
import { bulksOf, refusing, taking } from "./bulk.ts"

/** Long enough that only what a test does makes events go. */
const long = 3_600_000

const emitter = (url: string, batch: BatchOptions = {}, more: Partial<ClientOptions> = {}) => {
  const errors: Array<MeshesError> = []
  const client = createClient({
    url,
    key: "k",
    retry: { minMs: 1, maxMs: 2, attempts: 3 },
    batch: { waitMs: long, ...batch },
    onError: (error) => void errors.push(error),
    ...more,
  } as ClientOptions)
  onTestFinished(() => client.close())
  return { client, errors }
}

const ids = (bulks: ReturnType<typeof bulksOf>) => bulks.map((bulk) => bulk.map(({ id }) => id))

test("emit gives the id at once, and a full batch goes by itself", async () => {
  await using receiver = await startReceiver(taking())
  const { client } = emitter(receiver.url, { size: 3 })
  const given = [1, 2, 3].map((n) => client.emit("a", { n }))
  await receiver.until(({ requests }) => requests.length === 1)
  expect(ids(bulksOf(receiver))).toEqual([given])
})

test("a batch goes when it has waited, or is large", async () => {
  await using receiver = await startReceiver(taking())
  const { client: patient } = emitter(receiver.url, { waitMs: 5 })
  patient.emit("a", {})
  await receiver.until(({ requests }) => requests.length === 1)
  const { client: small } = emitter(receiver.url, { bytes: 500 })
  small.emit("a", { text: "x".repeat(500) })
  await receiver.until(({ requests }) => requests.length === 2)
})

test("flush sends what waits, and ends when it is known what became of it", async () => {
  await using receiver = await startReceiver([refusing(503, "busy"), taking()])
  const { client, errors } = emitter(receiver.url)
  client.emit("a", {})
  client.emit("b", {})
  await client.flush()
  expect(bulksOf(receiver).map((bulk) => bulk.map(({ type }) => type))).toEqual([
    ["a", "b"],
    ["a", "b"],
  ])
  expect(errors).toEqual([])
  await client.flush()
  expect(receiver.requests).toHaveLength(2)
})

test("one batch is on its way at a time, so that order is kept through retries", async () => {
  const held: Array<() => void> = []
  const hold: Behaviour = (exchange) => void held.push(() => answer(503)(exchange))
  await using receiver = await startReceiver([hold, taking()])
  const { client } = emitter(receiver.url, { size: 2 })
  client.emit("a", {}, { id: "1" })
  client.emit("a", {}, { id: "2" })
  await receiver.until(({ requests }) => requests.length === 1)
  for (const id of ["3", "4", "5"]) client.emit("a", {}, { id })
  held[0]!()
  await client.flush()
  expect(ids(bulksOf(receiver))).toEqual([["1", "2"], ["1", "2"], ["3", "4"], ["5"]])
})

test("the payload is what it was when it was emitted", async () => {
  await using receiver = await startReceiver(taking())
  const { client } = emitter(receiver.url)
  const payload = { n: 1 }
  client.emit("a", payload)
  payload.n = 2
  await client.flush()
  expect(bulksOf(receiver)[0]![0]!.payload).toEqual({ n: 1 })
})

test("onError is told of what is refused, and the rest goes on", async () => {
  await using receiver = await startReceiver(
    taking(({ id }) => (id === "bad" ? { status: 422, message: "does not fit" } : undefined)),
  )
  const { client, errors } = emitter(receiver.url)
  for (const id of ["one", "bad", "two"]) client.emit("a", {}, { id })
  await client.flush()
  client.emit("a", {}, { id: "three" })
  await client.flush()
  expect(errors).toHaveLength(1)
  expect(errors[0]).toMatchObject({ kind: "refused", status: 422, events: [{ id: "bad" }] })
  expect(errors[0]!.published.map(({ id }) => id)).toEqual(["one", "two"])
  expect(receiver.requests).toHaveLength(2)
})

test("a batch that cannot be sent is told of and given up, and does not hold up the next", async () => {
  await using receiver = await startReceiver([
    refusing(503, "busy"),
    refusing(503, "busy"),
    refusing(503, "busy"),
    taking(),
  ])
  const { client, errors } = emitter(receiver.url, { size: 1 })
  client.emit("a", {}, { id: "1" })
  client.emit("a", {}, { id: "2" })
  await client.flush()
  expect(errors.map(({ kind, status, events }) => [kind, status, events.map(({ id }) => id)])).toEqual([
    ["unavailable", 503, ["1"]],
  ])
  expect(ids(bulksOf(receiver)).at(-1)).toEqual(["2"])
})

test("what exceeds the queue is dropped, newest first, and onError says so", async () => {
  await using receiver = await startReceiver(taking())
  const { client, errors } = emitter(receiver.url, { queueEvents: 2 })
  for (const id of ["1", "2", "3"]) client.emit("a", {}, { id })
  expect(errors).toMatchObject([{ kind: "dropped", events: [{ id: "3" }] }])
  const { client: small, errors: its } = emitter(receiver.url, { queueBytes: 300 })
  small.emit("a", { text: "x".repeat(300) })
  expect(its).toMatchObject([{ kind: "dropped" }])
  await client.flush()
  expect(ids(bulksOf(receiver))).toEqual([["1", "2"]])
})

test("emit never throws: not for what is no JSON, not after close, not when onError does", async () => {
  await using receiver = await startReceiver(taking())
  const { client, errors } = emitter(receiver.url)
  client.emit("a", { n: 1n })
  client.emit("a", {}, { id: "last" })
  await client.close()
  client.emit("a", {})
  expect(errors.map(({ kind }) => kind)).toEqual(["unreadable", "closed"])
  expect(ids(bulksOf(receiver))).toEqual([["last"]])

  const said = vi.spyOn(console, "error").mockImplementation(() => undefined)
  onTestFinished(() => said.mockRestore())
  const { client: other } = emitter(
    receiver.url,
    {},
    {
      onError: () => {
        throw new Error("a listener's own")
      },
    },
  )
  other.emit("a", { n: 1n })
  expect(String(said.mock.calls[0]![0])).toContain("a listener's own")
  const { client: silent } = emitter(receiver.url, {}, { onError: undefined as never })
  silent.emit("a", { n: 1n })
  expect(said.mock.calls[1]![0]).toContain("was not stored")
})
