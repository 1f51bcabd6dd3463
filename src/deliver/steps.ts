/**
 * An action of several calls, such as one that looks an id up first. Each repeat begins with the first call.
 */
import * as Effect from "effect/Effect"
import { limits } from "../config/defaults.ts"
import { completeRequest } from "../model/complete.ts"
import type { Answer, Call, HttpResponse, StepsAction } from "../model/connector.ts"
import { parsed } from "../model/judge.ts"
import type { Outcome } from "../model/outcome.ts"
import { aboutOf, connectorFault, shown, type Attempt, type Exchanged } from "./exchange.ts"
import type { Prepared } from "./prepare.ts"

export interface Sent {
  readonly outcome: Outcome
  /** Calls that were made. */
  readonly calls: number
}

/** Ends an attempt of several calls from within one of them. */
class Ended extends Error {
  readonly exchanged: Exchanged
  constructor(exchanged: Exchanged) {
    super(exchanged.outcome.message)
    this.exchanged = exchanged
  }
}

export const takeSteps = (action: StepsAction<any, any>, { input, context }: Prepared, attempt: Attempt) =>
  Effect.gen(function* () {
    const { exchange } = attempt
    const runtime = yield* Effect.context<never>()
    const until = performance.now() + attempt.connection.timeoutMs
    let calls = 0
    let last: Exchanged | undefined
    const stop = new AbortController()
    const call: Call = async (said, accept) => {
      calls++
      const leftMs = Math.max(1, until - performance.now())
      const exchanged = await Effect.runPromiseWith(runtime)(
        exchange({
          ...attempt,
          connection: { ...attempt.connection, timeoutMs: leftMs },
          request: (token) => completeRequest(said, { ...aboutOf(attempt), token }),
          judge: action.outcome,
          read: limits.longResponseRead,
        }),
        { signal: stop.signal },
      )
      last = exchanged
      const { response, outcome } = exchanged
      const wanted = response !== undefined && (accept?.includes(response.status) ?? false)
      if (!wanted && outcome.kind !== "delivered") throw new Ended(exchanged)
      return answerOf(response!)
    }
    return yield* Effect.tryPromise({
      try: async (): Promise<Sent> => {
        const outcome = await action.steps(input, context, call)
        const said = outcome ?? last?.outcome ?? { kind: "delivered", message: "nothing was left to do" }
        return { outcome: shown({ ...last, outcome: said }, attempt), calls: Math.max(1, calls) }
      },
      catch: (cause) => cause,
    }).pipe(
      Effect.catch((cause) => {
        const exchanged = cause instanceof Ended ? cause.exchanged : { ...last, outcome: connectorFault(cause) }
        return Effect.succeed<Sent>({ outcome: shown(exchanged, attempt), calls: Math.max(1, calls) })
      }),
      Effect.onInterrupt(() => Effect.sync(() => stop.abort())),
    )
  })

export const answerOf = (response: HttpResponse): Answer => ({ ...response, json: parsed(response.body) })
