/**
 * A sender for one test: what `makeHttpSender` gives, by promises, with its connections closed at the test's end.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type { Lookup } from "../../../src/deliver/address.ts"
import { makeHttpSender, type Sent, type SendOptions } from "../../../src/deliver/http.ts"
import type { HttpRequest, HttpResponse } from "../../../src/model/connector.ts"
import type { Outcome } from "../../../src/model/outcome.ts"

/** Long enough for a busy machine; where the end is a timeout, the test says how short. */
const patientMs = 30_000

export interface OpenSender {
  /** A POST of `{}` to the URL, to any address, unless said otherwise. */
  readonly send: (
    request: string | (Partial<HttpRequest> & { readonly url: string }),
    options?: Partial<SendOptions>,
    signal?: AbortSignal,
  ) => Promise<Sent>
  readonly [Symbol.asyncDispose]: () => Promise<void>
}

export const openSender = async (lookup?: Lookup): Promise<OpenSender> => {
  const scope = await Effect.runPromise(Scope.make())
  const sender = await Effect.runPromise(Scope.provide(makeHttpSender(lookup), scope))
  return {
    send: (request, options, signal) =>
      Effect.runPromise(
        sender.send(
          {
            method: "POST",
            headers: { "content-type": "application/json" },
            body: "{}",
            ...(typeof request === "string" ? { url: request } : request),
          },
          { timeoutMs: patientMs, allowPrivateNetwork: true, ...options },
        ),
        signal === undefined ? undefined : { signal },
      ),
    [Symbol.asyncDispose]: () => Effect.runPromise(Scope.close(scope, Exit.void)),
  }
}

/** The answer, or an error that says what came instead. */
export const answerOf = (sent: Sent): HttpResponse => {
  if (sent._tag === "Failure") throw new Error(`no answer but ${sent.outcome.kind}: ${sent.outcome.message}`)
  return sent.response
}

/** The outcome of a failure, or an error that says what was answered. */
export const failureOf = (sent: Sent): Outcome => {
  if (sent._tag === "Answer") throw new Error(`no failure but HTTP ${sent.response.status}`)
  return sent.outcome
}
