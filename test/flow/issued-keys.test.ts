/**
 * The keys' bucket over a real log: what one process makes or revokes, others know; and a key that is no longer there is good nowhere,
 * however its end was missed.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import { jetstreamManager, type JetStreamManager } from "@nats-io/jetstream"
import { connect, type NatsConnection } from "@nats-io/transport-node"
import { afterAll, beforeAll, expect, test } from "vitest"
import { issueKey } from "../../src/accounts/issue.ts"
import { Nats } from "../../src/log/connection.ts"
import { ensureTopology } from "../../src/log/ensure.ts"
import { IssuedKeys, KeyRecords } from "../../src/log/issued-keys.ts"
import { streams, subjects } from "../../src/log/topology.ts"
import { Health } from "../../src/observe/health.ts"
import { startNats, type TestNats } from "../support/nats.ts"

let nats: TestNats
let nc: NatsConnection
let jsm: JetStreamManager

beforeAll(async () => {
  nats = await startNats()
  nc = await connect({ servers: nats.url })
  jsm = await jetstreamManager(nc)
})
afterAll(async () => {
  await nc.close()
  await nats.stop()
})

/** A process that knows the keys. */
const open = (url = nats.url) =>
  ManagedRuntime.make(
    Layer.merge(IssuedKeys.layer, KeyRecords.layer).pipe(
      Layer.provide(Layer.effectDiscard(ensureTopology)),
      Layer.provide(Nats.layer(url)),
      Layer.provide(Health.layer),
    ),
  )

const actor = { by: "cli:tester", from: "here" }
const make = (name: string) => issueKey({ name, scopes: ["read"], publishable: false }, actor.by).record

const until = async (holds: () => boolean) => {
  while (!holds()) await new Promise((next) => setTimeout(next, 10))
}

/** The watch of every process is begun anew. */
const interruptWatches = async () => {
  for await (const { name } of jsm.consumers.list(streams.keys)) await jsm.consumers.delete(streams.keys, name)
}

test("what one process makes another knows, at once where it was made, and so with what is revoked", async () => {
  const [one, other] = [open(), open()]
  const [a, b] = [await one.runPromise(IssuedKeys), await other.runPromise(IssuedKeys)]
  const key = make("shared")
  await one.runPromise(a.create(key, actor))
  expect(a.find(key.hash)).toEqual(key)
  await until(() => b.find(key.hash) !== undefined)
  expect(b.find(key.hash)).toEqual(key)
  expect(b.find("0".repeat(64))).toBeUndefined()
  const before = a.version()
  await other.runPromise(b.revoke(key, actor))
  expect(b.find(key.hash)).toBeUndefined()
  await until(() => a.find(key.hash) === undefined)
  expect(a.version()).toBeGreaterThan(before)
  // To revoke it once more does no harm.
  await one.runPromise(a.revoke(key, actor))
  const listed = await one.runPromise(Effect.flatMap(KeyRecords, ({ list }) => list))
  expect(listed.map((one) => one.key.id)).not.toContain(key.id)
  await one.dispose()
  await other.dispose()
})

test("a key whose end was never heard of is good no more when the watch begins anew, though its last use is still told", async () => {
  const one = open()
  const keys = await one.runPromise(IssuedKeys)
  const [gone, stays] = [make("gone"), make("stays")]
  for (const key of [gone, stays]) await one.runPromise(keys.create(key, actor))
  // Revoked by somebody else, and so long ago that the log has forgotten that too.
  await jsm.streams.purge(streams.keys, { filter: subjects.key(gone.id) })
  await nc.request(subjects.keyUse(gone.id), "1")
  expect(keys.find(gone.hash)).toEqual(gone)
  await interruptWatches()
  await until(() => keys.find(gone.hash) === undefined)
  expect(keys.find(stays.hash)).toEqual(stays)
  const names = keys.list().map(({ key }) => key.name)
  expect([names.includes("gone"), names.includes("stays")]).toEqual([false, true])
  await one.dispose()
})

test("a record that cannot be read ends the key that it was", async () => {
  const one = open()
  const keys = await one.runPromise(IssuedKeys)
  const key = make("spoiled")
  await one.runPromise(keys.create(key, actor))
  await nc.request(subjects.key(key.id), "{")
  await until(() => keys.find(key.hash) === undefined)
  await one.dispose()
})

test("when a key was used is told by whoever ends, and known to all", async () => {
  const [one, other] = [open(), open()]
  const [a, b] = [await one.runPromise(IssuedKeys), await other.runPromise(IssuedKeys)]
  const key = make("used")
  await one.runPromise(a.create(key, actor))
  const usedBy = (keys: IssuedKeys["Service"]) => keys.list().find((one) => one.key.id === key.id)?.used
  await until(() => b.find(key.hash) !== undefined)
  expect(usedBy(b)).toBeUndefined()
  a.used(key.id)
  const used = usedBy(a)
  expect(used).toBeGreaterThan(key.created - 1)
  await one.dispose()
  await until(() => usedBy(b) !== undefined)
  expect(usedBy(b)).toBe(used)
  await other.dispose()
})

test("nothing is changed that the audit was not told of first", async () => {
  await using other = await startNats()
  const one = open(other.url)
  const keys = await one.runPromise(IssuedKeys)
  const key = make("untold")
  const connection = await connect({ servers: other.url })
  const manager = await jetstreamManager(connection)
  await manager.streams.delete(streams.history)
  const made = await one.runPromise(Effect.result(keys.create(key, actor)))
  expect(made).toMatchObject({ _tag: "Failure", failure: { operation: "writing the audit", stored: "no" } })
  expect(keys.find(key.hash)).toBeUndefined()
  expect((await manager.streams.info(streams.keys)).state.messages).toBe(0)
  await connection.close()
  await one.dispose()
})
