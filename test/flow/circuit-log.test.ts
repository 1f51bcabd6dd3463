/**
 * Changes of circuits in the log: each is decided over the one before it, and told once, whatever the log's answer to it.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { afterAll, beforeAll, expect, test } from "vitest"
import { Nats } from "../../src/log/connection.ts"
import { ConnectionStates, ConnectionSwitch } from "../../src/log/connections.ts"
import { subjects } from "../../src/log/topology.ts"
import { switched } from "../../src/model/connection-state.ts"
import { Health } from "../../src/observe/health.ts"
import { historyWith } from "../support/history.ts"
import { startNats, type TestNats } from "../support/nats.ts"
import { startRuntime } from "../support/runtime.ts"

let nats: TestNats

beforeAll(async () => {
  nats = await startNats()
  // A runtime was there once: the log has its streams.
  const runtime = await startRuntime({
    natsUrl: nats.url,
    config: "export default defineConfig({ workspaces: {} })",
    env: { MESHES_LOG_LEVEL: "error" },
  })
  await runtime[Symbol.asyncDispose]()
})

afterAll(() => nats.stop())

/** A connection to NATS that loses the answer to the first change of a circuit: the log has it, and nobody is told so. */
const forgetful = (connection: string) =>
  Layer.effect(
    Nats,
    Effect.map(Nats, (real) => {
      let lost = false
      const nc = new Proxy(real.nc, {
        get: (target, name) => {
          const value = Reflect.get(target, name, target)
          if (name !== "request") return typeof value === "function" ? value.bind(target) : value
          return async (subject: string, ...rest: ReadonlyArray<unknown>) => {
            const answer = await (value as (...all: ReadonlyArray<unknown>) => Promise<unknown>).call(
              target,
              subject,
              ...rest,
            )
            if (lost || subject !== subjects.connection("acme", connection)) return answer
            lost = true
            throw new Error("timeout")
          }
        },
      })
      return { ...real, nc }
    }),
  ).pipe(Layer.provide(Nats.layer(nats.url, 0)))

const pausedRecords = async (connection: string) => {
  const all = await historyWith(nats.url, (record) => record.connection === connection)
  return all.filter((record) => record.kind === "connection.changed" && record.connection === connection)
}

test("Regression: a person's change is told though the log's answer to it was lost", async () => {
  const state = await Effect.runPromise(
    Effect.flatMap(ConnectionSwitch, (one) =>
      one.change({ workspace: "acme", connection: "a" }, (before) => switched(before, "paused", "cli:test", "why", 1)),
    ).pipe(Effect.provide(ConnectionSwitch.layer.pipe(Layer.provide(forgetful("a")))), Effect.scoped),
  )
  expect(state).toMatchObject({ state: "paused", by: "cli:test" })
  expect(await pausedRecords("a")).toMatchObject([{ from: "closed", to: "paused", by: "cli:test" }])
})

test("Regression: a change of the runtime's own is told though the log's answer to it was lost", async () => {
  await Effect.runPromise(
    Effect.gen(function* () {
      const states = yield* ConnectionStates
      states.change({ workspace: "acme", connection: "b" }, () => ({
        state: "open",
        reason: "HTTP 503",
        at: 1,
        by: "runtime",
      }))
      const records = yield* Effect.promise(() => pausedRecords("b"))
      expect(records).toMatchObject([{ from: "closed", to: "open", by: "runtime" }])
    }).pipe(
      Effect.provide(ConnectionStates.layer.pipe(Layer.provide(Layer.merge(forgetful("b"), Health.layer)))),
      Effect.scoped,
    ),
  )
})
