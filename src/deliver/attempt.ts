/**
 * One attempt, from the delivery's message to an outcome. Never fails: an answer that is no success, a mapping that throws, a bug in a
 * connector, each is an outcome that is stored and shown.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { limits } from "../config/defaults.ts"
import type { ConnectionPlan, Plan } from "../config/plan.ts"
import type { HttpRequest, Host, RequestAction } from "../model/connector.ts"
import type { Delivery } from "../model/delivery.ts"
import { httpOutcome } from "../model/http-outcome.ts"
import type { Outcome } from "../model/outcome.ts"
import type { HttpSender } from "./http.ts"
import { masked, maskedText } from "./mask.ts"
import { findTarget, prepare, type Prepared } from "./prepare.ts"

/** Why a connection is paused whose secrets are not all there. */
export const secretMissing = "secret_missing"

export interface AttemptDependencies {
  readonly plan: () => Plan
  /** A connection's settings with secrets in place of references, or why that cannot be. */
  readonly settings: (connection: ConnectionPlan) => Result.Result<unknown, string>
  readonly sender: HttpSender
  readonly host: Host
  /** The bytes of an event too large to travel with its delivery. */
  readonly event: (seq: number) => Promise<Uint8Array | undefined>
}

export const makeAttempt = (dependencies: AttemptDependencies) => {
  const { plan, settings, sender, host } = dependencies

  const run = Effect.fnUntraced(function* (delivery: Delivery, carried: Uint8Array) {
    const target = findTarget(plan(), delivery)
    if (Result.isFailure(target)) return target.failure
    const { connection } = target.success
    const resolved = settings(connection)
    if (Result.isFailure(resolved)) {
      // Not the delivery's fault: it waits, and goes out once the secret is set.
      return { kind: "auth_failed", permanent: false, pause: secretMissing, message: resolved.failure } as Outcome
    }
    const envelope =
      delivery.source === undefined ? carried : yield* Effect.promise(() => dependencies.event(delivery.source!))
    if (envelope === undefined) {
      const message = "the event is no longer in the log: it was older than the log keeps events"
      return { kind: "rejected", permanent: true, message } as Outcome
    }
    const attempt = { ...delivery, attempt: delivery.attempt + 1 }
    const prepared = yield* Effect.promise(() =>
      prepare(target.success, resolved.success, attempt, envelope, Date.now()),
    )
    if (Result.isFailure(prepared)) return prepared.failure
    const { action } = prepared.success
    const sent =
      "request" in action
        ? sendRequest(action, prepared.success, connection)
        : action.run(prepared.success.input, prepared.success.context, host).pipe(
            Effect.timeoutOrElse({
              duration: connection.timeoutMs,
              orElse: () =>
                Effect.succeed<Outcome>({ kind: "timeout", message: `no end within ${connection.timeoutMs} ms` }),
            }),
          )
    // A bug's message may hold what the connector had in its hands.
    const outcome = yield* caught(sent)
    return masked(outcome, connection.settings, resolved.success)
  })

  const sendRequest = (
    action: RequestAction<any, unknown>,
    { input, context }: Prepared,
    connection: ConnectionPlan,
  ) => {
    let request: HttpRequest
    try {
      request = action.request(input, context)
    } catch (cause) {
      return Effect.succeed(connectorBug(cause))
    }
    const facts = { method: request.method, url: request.shown ?? request.url, bytes: lengthOf(request.body) }
    return Effect.map(sender.send(request, connection), (sent): Outcome => {
      if (sent._tag === "Failure") return { ...sent.outcome, request: facts }
      const body = maskedText(sent.response.body, connection.settings, context.settings)
      const outcome = (action.outcome ?? httpOutcome)({ ...sent.response, body }, Date.now())
      const response = body === "" ? {} : { response: body.slice(0, limits.responseBodyKept) }
      return { ...outcome, request: facts, ...response }
    })
  }

  return (delivery: Delivery, carried: Uint8Array): Effect.Effect<Outcome> => caught(run(delivery, carried))
}

const caught = (attempt: Effect.Effect<Outcome>): Effect.Effect<Outcome> =>
  Effect.catchCause(attempt, (cause) =>
    Cause.hasInterrupts(cause) ? Effect.interrupt : Effect.succeed(connectorBug(Cause.squash(cause))),
  )

const lengthOf = (body: HttpRequest["body"]): number =>
  body === undefined ? 0 : typeof body === "string" ? Buffer.byteLength(body) : body.length

/** A bug, ours or the connector's: tried again, since a deployment may mend it. */
const connectorBug = (cause: unknown): Outcome => ({
  kind: "internal_error",
  message: `a bug: ${cause instanceof Error ? cause.message : String(cause)}`.slice(0, limits.messageCharacters),
})
