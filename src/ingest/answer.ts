/**
 * From what a call came to, to its answer: a refusal becomes a problem, and so does a log that does not answer.
 */
import * as Effect from "effect/Effect"
import type * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Result from "effect/Result"
import type { History } from "../history/history.ts"
import { LogUnavailable } from "../model/errors.ts"
import { type Problem, problemResponse, unavailable } from "./problem.ts"

/** Up to when the history is told, so that nobody takes what is yet to come for what never was. `null`: the log cannot say now. */
export const asOf = ({ progress }: History["Service"]) =>
  progress.pipe(
    Effect.map(({ upTo }) => ({ as_of: new Date(upTo).toISOString() })),
    Effect.orElseSucceed(() => ({ as_of: null })),
  )

type Response = HttpServerResponse.HttpServerResponse

/** For calls that may be repeated: all that read, and those that change nothing the second time. */
export const answered = (work: Effect.Effect<Response, Problem | LogUnavailable>): Effect.Effect<Response> =>
  Effect.catch(work, (failure) =>
    Effect.succeed(problemResponse(failure instanceof LogUnavailable ? unavailable(failure) : failure)),
  )

/** For calls that need nothing of the log. */
export const answeredNow = (result: Result.Result<Response, Problem>): Effect.Effect<Response> =>
  Effect.succeed(Result.match(result, { onSuccess: (response) => response, onFailure: problemResponse }))
