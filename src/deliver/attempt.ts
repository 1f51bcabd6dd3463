/**
 * One attempt, from deliveries' messages to outcomes: of one delivery, or of several that go in one call (`batch.ts`). Never fails: an
 * answer that is no success, a mapping that throws, a bug in a connector, each is an outcome that is stored and shown.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { ConnectionPlan, Plan } from "../config/plan.ts"
import { secretMissing } from "../model/connection-state.ts"
import type { AnyAction, Host } from "../model/connector.ts"
import type { Delivery } from "../model/delivery.ts"
import type { Outcome } from "../model/outcome.ts"
import { sendBatch, type Attempted } from "./batch.ts"
import { aboutOf, connectorFault, shown, type Attempt, type Exchange } from "./exchange.ts"
import { findTarget, prepare, requestFor, withToken, type Prepared, type Target } from "./prepare.ts"
import { takeSteps, type Sent } from "./steps.ts"

export interface AttemptDependencies {
  readonly plan: () => Plan
  /** A connection's settings with secrets in place of references, or why that cannot be. */
  readonly settings: (connection: ConnectionPlan) => Result.Result<unknown, string>
  readonly exchange: Exchange
  readonly host: Host
  /** The bytes of an event too large to travel with its delivery. */
  readonly event: (seq: number) => Promise<Uint8Array | undefined>
}

/** What is to be sent: a delivery, and its event unless that is too large to travel with it. */
export interface Sending {
  readonly delivery: Delivery
  readonly event: Uint8Array
}

export type MakeAttempt = (sendings: ReadonlyArray<Sending>) => Effect.Effect<Attempted>

/** @param sendings of one connection; several only of one action that has a batch form */
export const makeAttempt = (dependencies: AttemptDependencies): MakeAttempt => {
  const { plan, settings, exchange, host } = dependencies

  const ready = Effect.fnUntraced(function* (target: Target, attempt: Attempt, { delivery, event }: Sending) {
    const envelope =
      delivery.source === undefined ? event : yield* Effect.promise(() => dependencies.event(delivery.source!))
    if (envelope === undefined) {
      const message = "the event is no longer in the log: it was older than the log keeps events"
      return Result.fail<Outcome>({ kind: "rejected", permanent: true, message })
    }
    const next = { ...delivery, attempt: delivery.attempt + 1 }
    return yield* Effect.promise(() => prepare(target, attempt.settings, next, envelope, Date.now()))
  })

  const run: (config: Plan, sendings: ReadonlyArray<Sending>) => Effect.Effect<Attempted> = Effect.fnUntraced(
    function* (config: Plan, sendings: ReadonlyArray<Sending>) {
      const targets = sendings.map(({ delivery }) => findTarget(config, delivery))
      const found = targets.find(Result.isSuccess)
      if (found === undefined) return allOf(targets.map((target) => Result.merge(target) as Outcome))
      const { connection, action } = found.success
      // They were gathered by a config that may be in force no longer.
      if (sendings.length > 1 && !goTogether(targets, action)) {
        return oneByOne(yield* Effect.forEach(sendings, (sending) => run(config, [sending])))
      }
      const resolved = settings(connection)
      if (Result.isFailure(resolved)) {
        // Not the deliveries' fault: they wait, and go out once the secret is set.
        const message = resolved.failure
        return allOf(sendings.map(() => ({ kind: "auth_failed", permanent: false, pause: secretMissing, message })))
      }
      const attempt: Attempt = { connection, settings: resolved.success, exchange }
      const prepared: Array<Result.Result<Prepared, Outcome>> = []
      for (const [i, target] of targets.entries()) {
        const one = Result.isFailure(target)
          ? Result.fail(target.failure)
          : yield* ready(target.success, attempt, sendings[i]!)
        prepared.push(one)
      }
      // A bug's message may hold what the connector had in its hands.
      return yield* caught(
        "batch" in action ? sendBatch(action, prepared, attempt) : sendAlone(prepared[0]!, attempt),
        sendings,
        (outcome) => shown({ outcome }, attempt),
      )
    },
  )

  const sendAlone = (prepared: Result.Result<Prepared, Outcome>, attempt: Attempt): Effect.Effect<Attempted> =>
    Result.isFailure(prepared)
      ? Effect.succeed(allOf([prepared.failure]))
      : Effect.map(sendOne(prepared.success, attempt), ({ outcome, calls }) => ({
          outcomes: [outcome],
          call: outcome,
          calls,
        }))

  const sendOne = (prepared: Prepared, attempt: Attempt): Effect.Effect<Sent> => {
    const { action, input, context } = prepared
    if ("steps" in action) return takeSteps(action, prepared, attempt)
    if ("run" in action) {
      const { timeoutMs } = attempt.connection
      const late: Outcome = { kind: "timeout", message: `no end within ${timeoutMs} ms` }
      return action.run(input, context, host).pipe(
        Effect.timeoutOrElse({ duration: timeoutMs, orElse: () => Effect.succeed(late) }),
        Effect.map((outcome) => ({ outcome: shown({ outcome }, attempt), calls: 1 })),
      )
    }
    const request = (token: Parameters<typeof withToken>[1]) =>
      requestFor(action, { input, context: withToken(context, token) }, { ...aboutOf(attempt), token })
    return Effect.map(exchange({ ...attempt, request, judge: action.outcome }), (exchanged) => ({
      outcome: shown(exchanged, attempt),
      calls: 1,
    }))
  }

  return (sendings) => {
    const config = plan()
    return Effect.map(caught(run(config, sendings), sendings), (attempted) => ({
      ...attempted,
      revision: config.revision,
    }))
  }
}

const goTogether = (targets: ReadonlyArray<Result.Result<Target, Outcome>>, action: AnyAction): boolean =>
  "batch" in action && targets.every((target) => Result.isFailure(target) || target.success.action === action)

const oneByOne = (each: ReadonlyArray<Attempted>): Attempted => ({
  outcomes: each.flatMap(({ outcomes }) => outcomes),
  call: (each.find(({ call }) => call.kind !== "delivered") ?? each[0]!).call,
  calls: each.reduce((sum, { calls }) => sum + calls, 0),
})

/** @param as how the outcome of a bug is kept */
const caught = (
  attempt: Effect.Effect<Attempted>,
  sendings: ReadonlyArray<Sending>,
  as: (outcome: Outcome) => Outcome = (outcome) => outcome,
): Effect.Effect<Attempted> =>
  Effect.catchCause(attempt, (cause) =>
    Cause.hasInterrupts(cause)
      ? Effect.interrupt
      : Effect.succeed(allOf(sendings.map(() => as(connectorFault(Cause.squash(cause)))))),
  )

/** Nothing was sent, or each stands for itself. */
const allOf = (outcomes: ReadonlyArray<Outcome>): Attempted => ({ outcomes, call: outcomes[0]!, calls: 1 })
