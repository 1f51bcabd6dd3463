/** An event that was answered with 201 is in the log, whatever happens to the server behind it. */
import { assert, it } from "@effect/vitest"
import { headers as natsHeaders } from "@nats-io/nats-core"
import { Effect, Layer, Result } from "effect"
import { describe } from "vitest"
import { Keys } from "../../src/accounts/keys.ts"
import { Sessions } from "../../src/accounts/sessions.ts"
import { CurrentPlan } from "../../src/config/current-plan.ts"
import { limits } from "../../src/config/defaults.ts"
import type { Plan, WorkspacePlan } from "../../src/config/plan.ts"
import { IngestAddress, ingestLayer } from "../../src/ingest/server.ts"
import { Nats } from "../../src/log/connection.ts"
import { ensureTopology } from "../../src/log/ensure.ts"
import { EventLog } from "../../src/log/event-log.ts"
import { parseEventSubject, streams, subjects } from "../../src/log/topology.ts"
import { decodeStored } from "../../src/model/stored-event.ts"
import { Health } from "../../src/observe/health.ts"
import { makeMemoryCircuits } from "../unit/ingest/memory-circuits.ts"
import { noPast } from "../unit/ingest/no-past.ts"
import { noVendors } from "../unit/ingest/no-vendors.ts"
import { makeMemoryKeys } from "../unit/ingest/memory-keys.ts"
import { makeMemoryVault } from "../unit/ingest/memory-vault.ts"
import { noLimits } from "../unit/ingest/no-limits.ts"
import { startNats, type TestNats } from "../support/nats.ts"

const workspace: WorkspacePlan = { id: "acme", tags: [], eventTypes: new Map(), connections: new Map(), rules: [] }
const plan: Plan = { revision: "000000000000", workspaces: new Map([["acme", workspace]]), keys: [] }
const event = { type: "order.paid", workspace: "acme", payload: { amount: 12 } }

const nats = Effect.acquireRelease(
  Effect.promise(() => startNats()),
  (server) => Effect.promise(() => server.stop()),
)

const runtime = (server: TestNats) => {
  const log = EventLog.layer.pipe(Layer.provideMerge(Layer.effectDiscard(ensureTopology)))
  const keys = Sessions.layer.pipe(Layer.provideMerge(Keys.layer({ adminKey: "admin", keys: [] })))
  const services = Layer.mergeAll(
    noLimits.pipe(Layer.provideMerge(log)),
    noVendors,
    noPast,
    Health.layer,
    keys,
    makeMemoryCircuits().layer,
    makeMemoryVault().layer,
  ).pipe(
    Layer.provideMerge(Layer.merge(makeMemoryKeys().layer, Layer.succeed(CurrentPlan, { get: () => plan }))),
    Layer.provideMerge(Nats.layer(server.url)),
  )
  return ingestLayer({ host: "127.0.0.1", port: 0 }).pipe(Layer.provideMerge(services))
}

const post = (path: string, body: unknown) =>
  Effect.gen(function* () {
    const { url } = yield* IngestAddress
    return yield* Effect.promise(async () => {
      const answer = await fetch(`${url}${path}`, {
        method: "POST",
        headers: { authorization: "Bearer admin", "content-type": "application/json" },
        body: JSON.stringify(body),
      })
      return { status: answer.status, json: (await answer.json()) as any }
    })
  })

/** What the log holds at a sequence, as the routers read it. */
const stored = (seq: number) =>
  Effect.gen(function* () {
    const { jsm } = yield* Nats
    const message = yield* Effect.promise(() => jsm.direct.getMessage(streams.events, { seq }))
    if (message === null) return undefined
    const { workspace: subjectWorkspace, type: subjectType } = parseEventSubject(message.subject)
    const decoded = decodeStored(
      {
        subjectWorkspace,
        subjectType,
        headers: (name) => message.header.get(name),
        data: message.data,
        seq,
        time: message.time.getTime(),
      },
      limits,
    )
    return Result.getOrThrow(decoded)
  })

const lastSeq = Effect.gen(function* () {
  const { jsm } = yield* Nats
  return (yield* Effect.promise(() => jsm.streams.info(streams.events))).state.last_seq
})

const until = (holds: () => boolean) =>
  Effect.gen(function* () {
    while (!holds()) yield* Effect.sleep("5 millis")
  })

describe("an accepted event", () => {
  it.live("is in the log byte by byte as it is passed on, once for each id", () =>
    Effect.gen(function* () {
      const server = yield* nats
      yield* Effect.gen(function* () {
        const first = yield* post("/api/v1/events", { ...event, id: "a" })
        assert.strictEqual(first.status, 201)
        const bulk = yield* post("/api/v1/events/bulk", [
          { ...event, id: "a" },
          { ...event, id: "b" },
          { ...event, id: "b" },
        ])
        assert.deepStrictEqual(
          bulk.json.records.map((one: any) => [one.event.id, one.duplicate === true]),
          [
            ["a", true],
            ["b", false],
            ["b", true],
          ],
        )
        assert.strictEqual(bulk.json.records[0].event.created_at, first.json.event.created_at)
        assert.strictEqual(yield* lastSeq, 2)
        const one = yield* stored(1)
        assert.isTrue(one?.canonical)
        assert.strictEqual(one?.event.id, "a")
      }).pipe(Effect.provide(runtime(server)))
    }),
  )

  it.live("survives kill -9 of the log's server, and what was refused meanwhile was not stored", () =>
    Effect.gen(function* () {
      const server = yield* nats
      yield* Effect.gen(function* () {
        const answers = new Map<string, { readonly status: number; readonly message?: string }>()
        const state = { publishing: true }
        const publisher = (name: number) =>
          Effect.gen(function* () {
            for (let i = 0; state.publishing; i++) {
              const id = `${name}-${i}`
              const { status, json } = yield* post("/api/v1/events", { ...event, id })
              answers.set(id, { status, message: json.message })
            }
          })
        const count = (status: number) => [...answers.values()].filter((one) => one.status === status).length
        const publishers = Effect.forEach([1, 2, 3, 4, 5, 6, 7, 8], publisher, { concurrency: 8, discard: true })
        const director = Effect.gen(function* () {
          yield* until(() => count(201) > 200)
          yield* Effect.promise(() => server.kill("SIGKILL"))
          yield* until(() => count(503) > 0)
          yield* Effect.promise(() => server.restart())
          const before = count(201)
          yield* until(() => count(201) > before + 200)
          state.publishing = false
        })
        yield* Effect.all([publishers, director], { concurrency: 2, discard: true })
        const ids: Array<string> = []
        for (let seq = 1; seq <= (yield* lastSeq); seq++) ids.push((yield* stored(seq))!.event.id)
        const kept = new Set(ids)
        assert.lengthOf(ids, kept.size, "no event is stored twice")
        for (const [id, { status, message }] of answers) {
          if (status === 201) assert.isTrue(kept.has(id), `${id} was accepted`)
          else assert.strictEqual(status, 503)
          if (message?.includes("nothing was stored")) assert.isFalse(kept.has(id), `${id} was refused`)
        }
      }).pipe(Effect.provide(runtime(server)))
    }),
  )

  it.live("may as well be published straight to NATS, and reads the same each time", () =>
    Effect.gen(function* () {
      const server = yield* nats
      yield* Effect.gen(function* () {
        const { nc } = yield* Nats
        const publish = (body: unknown, given: { readonly [name: string]: string } = {}) =>
          Effect.promise(() => {
            const headers = natsHeaders()
            for (const [name, value] of Object.entries(given)) headers.set(name, value)
            return nc.request(subjects.event("acme", "order.paid"), JSON.stringify(body), { timeout: 5000, headers })
          })
        yield* publish({ amount: 12 })
        yield* publish({ amount: 12 }, { "Meshes-Resource": "order", "Nats-Msg-Id": "mine" })
        yield* publish({ type: "order.paid", payload: { amount: 12 } }, { "Meshes-Envelope": "1" })
        yield* publish(
          { amount: 12 },
          { "ce-specversion": "1.0", "ce-id": "42", "ce-source": "/shop", "ce-type": "order.paid" },
        )
        for (let seq = 1; seq <= 4; seq++) {
          const read = yield* stored(seq)
          assert.deepStrictEqual(read, yield* stored(seq))
          assert.deepStrictEqual(read?.event.payload, { amount: 12 })
        }
        const named = yield* stored(2)
        assert.deepStrictEqual([named?.event.id, named?.event.resource], ["mine", "order"])
        assert.strictEqual((yield* stored(4))?.event.id, "42")
      }).pipe(Effect.provide(runtime(server)))
    }),
  )
})
