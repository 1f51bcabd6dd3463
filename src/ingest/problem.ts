/**
 * Every refusal over HTTP: `application/problem+json` that says what is wrong and what to do, field by field where it can.
 */
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import { limits } from "../config/defaults.ts"
import { logTime } from "../log/log-time.ts"
import { formatPath, type Issue, type LogUnavailable } from "../model/errors.ts"
import type { LimitReached } from "../model/usage.ts"

export const titles = {
  400: "Malformed request",
  401: "Not authenticated",
  403: "Not allowed",
  404: "Not found",
  405: "Method not allowed",
  409: "Not possible now",
  413: "Too large",
  415: "Unsupported content type",
  422: "Payload does not fit its event type",
  429: "Limit reached",
  500: "Internal error",
  502: "The vendor failed",
  503: "Unavailable",
} as const

export type ProblemStatus = keyof typeof titles

export interface Problem {
  readonly status: ProblemStatus
  /** What is wrong and what to do. */
  readonly message: string
  /** What is wrong with the input, value by value; paths from its root. */
  readonly errors?: ReadonlyArray<{ readonly path: string; readonly message: string }>
  readonly headers?: { readonly [name: string]: string }
  /** When what is used up is there again, in RFC 3339. */
  readonly resets_at?: string
}

/** Seconds after which a refusal that is ours to mend is worth another try. */
const retryAfter = { "retry-after": "1" } as const

export const problem = (status: ProblemStatus, message: string): Problem => ({ status, message })

export const inputProblem = (
  status: ProblemStatus,
  issues: ReadonlyArray<Issue>,
  root: ReadonlyArray<string | number> = [],
): Problem => {
  const errors = issues.map((issue) => ({ path: formatPath([...root, ...issue.path]), message: issue.message }))
  const first = errors[0]
  const message =
    errors.length === 1 && first !== undefined
      ? `${first.path} ${first.message}`.trim()
      : `${errors.length} values are wrong, see errors`
  return { status, message, errors }
}

export const busy: Problem = {
  status: 503,
  message: "too many requests are under way: nothing was stored, send it again",
  headers: retryAfter,
}

export const logProblem = (error: LogUnavailable): Problem => ({
  status: 503,
  message:
    error.stored === "no"
      ? `the log cannot store it now, nothing was stored: send it again (${error.reason})`
      : `the log did not answer, it is not known whether it was stored: send it again with the same id, it is then kept once (${error.reason})`,
  headers: retryAfter,
})

const limitProblem = (error: LimitReached): Problem => ({
  status: 429,
  message: error.message,
  headers: {
    "retry-after": String(Math.ceil((error.reserved ? limits.usageRetryMs : error.resets - logTime()) / 1000)),
  },
  resets_at: new Date(error.resets).toISOString(),
})

export const refusalProblem = (error: LogUnavailable | LimitReached): Problem =>
  error._tag === "LogUnavailable" ? logProblem(error) : limitProblem(error)

/** Of a call that may be repeated, whatever became of the first. */
export const unavailable = ({ reason }: LogUnavailable, advice = "send it again"): Problem => ({
  status: 503,
  message: `the log does not answer now: ${advice} (${reason})`,
  headers: retryAfter,
})

/** What a record of a bulk holds instead of an event. */
export const problemRecord = (given: Problem) => ({
  status: given.status,
  title: titles[given.status],
  message: given.message,
  errors: given.errors ?? [],
  resets_at: given.resets_at,
})

export const problemBody = (given: Problem) => ({
  title: titles[given.status],
  status: given.status,
  message: given.message,
  errors: given.errors,
  resets_at: given.resets_at,
})

export const problemResponse = (given: Problem): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.text(JSON.stringify(problemBody(given)), {
    status: given.status,
    contentType: "application/problem+json",
    ...(given.headers === undefined ? {} : { headers: given.headers }),
  })

export const bug: Problem = problem(500, "something went wrong here that is not yours to mend: it was logged")
