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
import { findRule } from "../config/find-rule.ts"
import type { Plan, RetryPlan } from "../config/plan.ts"
import { ConnectionStates } from "../log/connections.ts"
import { NatsElsewhere } from "../log/elsewhere.ts"
import { Instructions } from "../log/instructions.ts"
import { LaneLogs } from "../log/lane-log.ts"
import { Leases, units } from "../log/leases.ts"
import { shardOf } from "../log/topology.ts"
import { Work } from "../log/work.ts"
import {
  changeOf,
  runtime,
  secretMissing,
  type ConnectionRef,
  type ConnectionState,
} from "../model/connection-state.ts"
import { LogUnavailable } from "../model/errors.ts"
import type { Delivery } from "../model/delivery.ts"
import type { ConnectionRecord, DeliveryAttempted } from "../model/record.ts"
import { Health } from "../observe/health.ts"
import { attemptOutcomes, attemptSeconds, circuitChanges, deliveriesDead } from "../observe/metrics.ts"
import { reauthorizationRequired } from "../secrets/authorization.ts"
import { SettingsResolver } from "../secrets/settings-resolver.ts"
import { Tokens } from "../secrets/tokens.ts"
import { Vault } from "../secrets/vault.ts"
import { makeAttempt } from "./attempt.ts"
import type { CircuitStateName } from "./circuit.ts"
import { Committer } from "./commit.ts"
import type { Change, GateSettings } from "./gate.ts"
import { Exchanges } from "./exchange.ts"
import type { Form } from "./gather.ts"
import { makeMender, type Mender } from "./mend.ts"
import { findTarget } from "./prepare.ts"
import { Shard } from "./shard.ts"

/** Where the `console` connector prints. */
export class Printer extends Context.Service<Printer, { readonly print: (line: string) => void }>()("meshes/Printer") {}

export const delivererLayer = Layer.effectDiscard(
  Effect.gen(function* () {
    const work = yield* Work
    const current = yield* CurrentPlan
    const committer = yield* Committer
    const logs = yield* LaneLogs
    const instructions = yield* Instructions
    const leases = yield* Leases
    const states = yield* ConnectionStates
    const resolver = yield* SettingsResolver
    const vault = yield* Vault
    const tokens = yield* Tokens
    const printer = yield* Printer
    const elsewhere = yield* NatsElsewhere
    const exchange = yield* Exchanges
    const attempts = yield* FiberSet.make<void>()
    const run = yield* FiberSet.runtime(attempts)()
    const context = yield* Effect.context<never>()

    const attempt = makeAttempt({
      plan: current.get,
      settings: resolver.resolve,
      exchange,
      host: { nats: elsewhere.publish, print: (line) => Effect.sync(() => printer.print(line)) },
      event: work.event,
    })

    const shards = Array.from(
      { length: limits.shards },
      (_, shard) =>
        new Shard({
          shard,
          work,
          logs,
          committer,
          instructions,
          attempt,
          settings: (ref) => gateSettings(current.get(), ref),
          retry: (delivery) => retryOf(current.get(), delivery),
          form: (delivery) => formOf(current.get(), delivery),
          mayRun: leases.valid,
          state: states.get,
          onChange: (ref, change) => {
            changed(ref, change, states, committer)
            count(change, context)
          },
          run: (effect) => void run(effect),
          observe: (record) => observe(record, context),
          log: (message) => void Effect.runForkWith(context)(Effect.logWarning(message)),
        }),
    )
    /** The shards that this replica runs. */
    const running = new Set<number>()
    const mender = makeMender({
      plan: current.get,
      states,
      missing: [
        { code: secretMissing, isThere: (connection) => Result.isSuccess(resolver.resolve(connection)) },
        { code: reauthorizationRequired, isThere: tokens.mayWork },
      ],
      isMine: ({ workspace, connection }) => running.has(shardOf(workspace, connection)),
    })
    yield* Effect.acquireRelease(
      Effect.sync(() => [
        states.listen((ref, state) => {
          // What the runtime changed by itself, the lane's owner knows.
          if (state.by !== runtime) shards[shardOf(ref.workspace, ref.connection)]!.apply(ref, state)
          else if (state.state === "paused") mender.connection(ref)
        }),
        // After the resolver, which was made before and listens too.
        vault.listen(({ workspace }) => mender.workspace(workspace)),
        current.listen?.(() => {
          resolver.lookAgain()
          mender.all()
          for (const shard of shards) shard.configChanged()
        }),
      ]),
      (stops) => Effect.sync(() => stops.forEach((stop) => stop?.())),
    )
    // Together, so that at the end they let go at the same time.
    const loops = shards.map((shard, index) =>
      leases.whileHeld(units.deliver(index), runShard(index, shard, running, mender)),
    )
    yield* Effect.forkScoped(Effect.all(loops, { concurrency: "unbounded", discard: true }))
  }),
)

const changed = (
  ref: ConnectionRef,
  { from, to, reason, probe, probes, quiet }: Change,
  states: ConnectionStates["Service"],
  committer: Committer["Service"],
): void => {
  const at = Date.now()
  if (to === "halfOpen" || from === "halfOpen") {
    const names = { from: recordName(from), to: recordName(to) }
    committer.add({
      record: { kind: "connection.changed", at, ...ref, ...names, reason, by: runtime },
      acknowledge: () => {},
    })
  }
  if (to === "halfOpen") return
  const state: ConnectionState = {
    state: to,
    reason,
    at,
    by: runtime,
    ...(probe === undefined ? {} : { probe, probes }),
  }
  states.change(ref, (before) => {
    // What a person paused, only a person resumes.
    if (before?.state === "paused" && to !== "paused") return undefined
    // Whoever was told that a circuit opened is told of its end, whatever found it out; an opening found out by an alert has no end.
    const untold = before?.state === "open" && to !== "paused" ? before.quiet === true : quiet
    return untold ? { ...state, quiet: true } : state
  })
}

const count = ({ from, to }: Change, context: Context.Context<never>): void => {
  if (to === "halfOpen") return
  const happened = changeOf(from === "halfOpen" ? "open" : from, to)
  if (happened !== undefined && happened !== "resumed") circuitChanges[happened].updateUnsafe(1, context)
}

const recordName = (state: CircuitStateName): ConnectionRecord["from"] => (state === "halfOpen" ? "half_open" : state)

const gateSettings = (plan: Plan, { workspace, connection }: ConnectionRef): GateSettings =>
  plan.workspaces.get(workspace)?.connections.get(connection) ?? { concurrency: connectionDefaults.concurrency }

const retryOf = (plan: Plan, delivery: Delivery): RetryPlan => {
  const workspace = plan.workspaces.get(delivery.workspace)
  const action = workspace === undefined ? undefined : findRule(workspace, delivery.rule)?.actions[delivery.action]
  return action?.retry ?? workspace?.connections.get(delivery.connection)?.retry ?? connectionDefaults.retry
}

/** How a delivery goes together with others. */
const formOf = (plan: Plan, delivery: Delivery): Form | undefined => {
  const found = findTarget(plan, delivery)
  if (Result.isFailure(found)) return undefined
  const { connection, rule, action } = found.success
  if (!("batch" in action) || connection.batch === false) return undefined
  const { size = action.batch.max, waitMs } = connection.batch
  return { action: rule.action, size: Math.min(size, action.batch.max, limits.batchSizeMax), waitMs }
}

const observe = (record: DeliveryAttempted, context: Context.Context<never>): void => {
  attemptSeconds.updateUnsafe(record.duration_ms / 1000, context)
  attemptOutcomes[record.outcome].updateUnsafe(1, context)
  if (record.state === "dead") deliveriesDead.updateUnsafe(1, context)
}

/** Takes work until a consumer is gone or turns out to be stuck; tends the lanes meanwhile. At the end, what was begun ends first. */
const runShard = (index: number, shard: Shard, running: Set<number>, mender: Mender) =>
  Effect.gen(function* () {
    const name = units.deliver(index)
    const work = yield* Work
    const health = yield* Health
    const committer = yield* Committer
    const gone = yield* Deferred.make<never, LogUnavailable>()
    const failed = (reason: string) =>
      new LogUnavailable({ operation: `reading ${name}`, reason, stored: "no" as const })
    yield* work.prepare(index)
    // We hold the lease: whoever is given the deliveries now is no longer to be.
    yield* Effect.promise(() => work.unpin(index))
    const parked = yield* work.parked(index)
    yield* Effect.addFinalizer(() => drain(shard, committer))
    yield* Effect.tryPromise({
      try: () => shard.start(parked, (reason) => Deferred.doneUnsafe(gone, failed(reason))),
      catch: (cause) => failed(String(cause)),
    })
    yield* Effect.acquireRelease(
      Effect.sync(() => running.add(index)),
      () => Effect.sync(() => running.delete(index)),
    )
    mender.all()
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
        // Work is there, room is here, and nothing comes: a few times in a row is no coincidence.
        if (++overdue > limits.overdueLooks) return yield* new LogUnavailable(stuck(name))
      } else overdue = 0
      health.beat(name)
    }
  }).pipe(Effect.scoped)

/** No new work; what was begun ends, within bounds; what came of it is stored. */
const drain = (shard: Shard, committer: Committer["Service"]) =>
  Effect.gen(function* () {
    shard.stop()
    const until = performance.now() + limits.handOverMs
    while (shard.sending > 0 && performance.now() < until) {
      shard.reassure()
      yield* Effect.sleep(limits.readyPollMs)
    }
    yield* Effect.promise(committer.drain).pipe(Effect.timeoutOption(limits.batchTimeoutMs))
    yield* Effect.promise(() => shard.settle()).pipe(Effect.timeoutOption(limits.batchTimeoutMs))
  })

const stuck = (name: string) => ({
  operation: `reading ${name}`,
  reason: "deliveries are ready in the log and none arrives",
  stored: "no" as const,
})
