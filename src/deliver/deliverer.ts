/**
 * The third stage: runs all shards in this process, each under supervision, with one sender, one committer and one host for them all.
 */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import { CurrentPlan } from "../config/current-plan.ts"
import { connectionDefaults, limits } from "../config/defaults.ts"
import type { ConnectionPlan, Plan, RetryPlan } from "../config/plan.ts"
import { NatsElsewhere } from "../log/elsewhere.ts"
import { Work } from "../log/work.ts"
import { LogUnavailable } from "../model/errors.ts"
import type { Delivery } from "../model/delivery.ts"
import type { DeliveryAttempted } from "../model/record.ts"
import { Health } from "../observe/health.ts"
import { attemptOutcomes, attemptSeconds, deliveriesDead } from "../observe/metrics.ts"
import { supervise } from "../observe/supervise.ts"
import { makeAttempt } from "./attempt.ts"
import { Committer } from "./commit.ts"
import { makeHttpSender } from "./http.ts"
import type { LaneSettings } from "./lane.ts"
import { Shard } from "./shard.ts"

/** Puts secrets in place of references. Given by whoever starts the runtime: it knows the environment. */
export class SettingsResolver extends Context.Service<
  SettingsResolver,
  { readonly resolve: (connection: ConnectionPlan) => Result.Result<unknown, string> }
>()("meshes/SettingsResolver") {}

/** Where the `console` connector prints. */
export class Printer extends Context.Service<Printer, { readonly print: (line: string) => void }>()("meshes/Printer") {}

export const delivererLayer = Layer.effectDiscard(
  Effect.gen(function* () {
    const work = yield* Work
    const current = yield* CurrentPlan
    const committer = yield* Committer
    const health = yield* Health
    const resolver = yield* SettingsResolver
    const printer = yield* Printer
    const elsewhere = yield* NatsElsewhere
    const sender = yield* makeHttpSender()
    const attempts = yield* FiberSet.make<void>()
    const run = yield* FiberSet.runtime(attempts)()
    const context = yield* Effect.context<never>()

    const resolved = new WeakMap<ConnectionPlan, Result.Result<unknown, string>>()
    const attempt = makeAttempt({
      plan: current.get,
      settings: (connection) => {
        let settings = resolved.get(connection)
        if (settings === undefined) {
          settings = resolver.resolve(connection)
          resolved.set(connection, settings)
        }
        return settings
      },
      sender,
      host: { nats: elsewhere.publish, print: (line) => Effect.sync(() => printer.print(line)) },
      event: work.event,
    })

    const shards = Array.from(
      { length: limits.shards },
      (_, shard) =>
        new Shard({
          shard,
          work,
          committer,
          attempt,
          settings: (workspace, connection) => laneSettings(current.get(), workspace, connection),
          retry: (delivery) => retryOf(current.get(), delivery),
          run: (effect) => void run(effect),
          observe: (record) => observe(record, context),
          log: (message) => void Effect.runForkWith(context)(Effect.logWarning(message)),
        }),
    )

    yield* Effect.addFinalizer(() => stop(shards, committer, attempts))
    for (const [index, shard] of shards.entries()) {
      const name = `deliver.${index}`
      health.expect(name)
      yield* Effect.forkScoped(supervise(name, runShard(name, index, shard)))
    }
  }),
)

const laneSettings = (plan: Plan, workspace: string, connection: string): LaneSettings =>
  plan.workspaces.get(workspace)?.connections.get(connection) ?? { concurrency: connectionDefaults.concurrency }

const retryOf = (plan: Plan, delivery: Delivery): RetryPlan => {
  const workspace = plan.workspaces.get(delivery.workspace)
  const action = workspace?.rules.find((rule) => rule.id === delivery.rule)?.actions[delivery.action]
  return action?.retry ?? workspace?.connections.get(delivery.connection)?.retry ?? connectionDefaults.retry
}

const observe = (record: DeliveryAttempted, context: Context.Context<never>): void => {
  attemptSeconds.updateUnsafe(record.duration_ms / 1000, context)
  attemptOutcomes[record.outcome].updateUnsafe(1, context)
  if (record.state === "dead") deliveriesDead.updateUnsafe(1, context)
}

/** Takes work until the consumer is gone or turns out to be stuck; tends the lanes meanwhile. */
const runShard = (name: string, index: number, shard: Shard) =>
  Effect.gen(function* () {
    const work = yield* Work
    const health = yield* Health
    const gone = yield* Deferred.make<never, LogUnavailable>()
    yield* work.prepare(index)
    const parked = yield* work.parked(index)
    yield* Effect.acquireRelease(
      Effect.sync(() =>
        shard.start(parked, (reason) => {
          Deferred.doneUnsafe(gone, new LogUnavailable({ operation: `reading ${name}`, reason, stored: "no" }))
        }),
      ),
      () => Effect.sync(() => shard.pause()),
    )
    health.beat(name)
    let swept = 0
    let overdue = 0
    for (;;) {
      const end = yield* Deferred.await(gone).pipe(Effect.timeoutOption(limits.laneCheckMs))
      if (Option.isSome(end)) return
      shard.tend()
      shard.reassure()
      if (performance.now() - swept < limits.sweepEveryMs) continue
      swept = performance.now()
      if (shard.finished > 0 || shard.held > 0) {
        shard.finished = 0
        yield* work.sweep(index)
        overdue = 0
      } else if (yield* work.waiting(index)) {
        // Work is there, room is here, and nothing comes: twice in a row is no coincidence.
        if (++overdue > 1) return yield* new LogUnavailable(stuck(name))
      } else overdue = 0
      health.beat(name)
    }
  }).pipe(Effect.scoped)

const stuck = (name: string) => ({
  operation: `reading ${name}`,
  reason: "deliveries are ready in the log and none arrives",
  stored: "no" as const,
})

/** No new work; what was begun ends, within bounds; what came of it is stored. */
const stop = (shards: ReadonlyArray<Shard>, committer: Committer["Service"], attempts: FiberSet.FiberSet<void>) =>
  Effect.gen(function* () {
    for (const shard of shards) shard.stop()
    yield* FiberSet.awaitEmpty(attempts).pipe(Effect.timeoutOption(limits.shutdownMs))
    yield* Effect.promise(committer.drain).pipe(Effect.timeoutOption(limits.shutdownMs))
  })
