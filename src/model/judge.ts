/**
 * Makes a judge of a vendor's answers out of what is particular to the vendor, for connectors; all else is as `httpOutcome` has it.
 */
import type { HttpResponse, Judge } from "./connector.ts"
import { describe, httpOutcome, parseRetryAfter } from "./http-outcome.ts"
import type { Outcome, OutcomeKind } from "./outcome.ts"

/** An answer as rules see it. */
export interface Read {
  readonly status: number
  /** A header's value, by its name in lower case. */
  readonly header: (name: string) => string | undefined
  readonly body: string
  /** The body as JSON; `undefined` when it is none. */
  readonly json: any
  readonly now: number
}

/** What a rule says of an answer. The message is the vendor's own unless it is given. */
export interface Verdict {
  readonly kind: OutcomeKind
  readonly permanent?: boolean
  readonly message?: string
  /** How long to wait, in milliseconds. */
  readonly retryAfterMs?: number
  /** The token was refused, and another may be taken, though the status is not 401. */
  readonly tokenRefused?: boolean
  /** The destination will never take anything again. `false`: it will, though the status is 410. */
  readonly gone?: boolean
}

export interface JudgeRules {
  /** The first word, before the status says anything: vendors that refuse with 200, limits that look like refusals. */
  readonly verdict?: (answer: Read) => Verdict | undefined
  /** What kinds statuses are, where they are not what HTTP means by them. */
  readonly statuses?: { readonly [status: number]: OutcomeKind }
  /** The vendor's words about what went wrong. */
  readonly message?: (answer: Read) => string | undefined
  /** How long the vendor says to wait, in milliseconds from `now`, where it is not in `Retry-After` (seconds or a date). */
  readonly wait?: (answer: Read) => number | undefined
  /** What is left of the vendor's allowance, and when there is more: nothing is sent while nothing is left. */
  readonly allowance?: (answer: Read) => { readonly remaining: number; readonly resetMs: number } | undefined
  /** How long to wait after a `rate_limited` of which nothing says how long, in milliseconds. */
  readonly blindWaitMs?: number
}

export const makeJudge =
  (rules: JudgeRules): Judge =>
  (response, now) => {
    const answer = readAnswer(response, now)
    const usual = httpOutcome(response, now)
    const verdict = rules.verdict?.(answer)
    const kind = verdict?.kind ?? rules.statuses?.[response.status] ?? usual.kind
    // What HTTP says of the status no longer holds when the kind is another.
    const base: Outcome = kind === usual.kind ? usual : { kind, message: usual.message, status: response.status }
    const words = verdict?.message ?? (kind === "delivered" ? undefined : rules.message?.(answer))
    const left = rules.allowance?.(answer)
    const retryAfterMs = verdict?.retryAfterMs ?? waitOf(kind, base, answer, rules, left?.resetMs)
    return {
      ...base,
      ...(words === undefined || words === "" ? {} : { message: `HTTP ${response.status}: ${oneLine(words)}` }),
      ...(kind === "delivered" && words === undefined ? { message: `HTTP ${response.status}` } : {}),
      ...(verdict?.permanent === undefined ? {} : { permanent: verdict.permanent }),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      ...(verdict?.tokenRefused === true ? { tokenRefused: true } : {}),
      ...(verdict?.gone === undefined ? {} : { gone: verdict.gone }),
      ...(left !== undefined && left.remaining <= 0 ? { holdMs: Math.max(0, left.resetMs) } : {}),
    }
  }

const waitOf = (
  kind: OutcomeKind,
  base: Outcome,
  answer: Read,
  rules: JudgeRules,
  resetMs: number | undefined,
): number | undefined => {
  if (kind !== "rate_limited" && kind !== "server_error") return base.retryAfterMs
  const asked = parseRetryAfter(answer.header("retry-after"), answer.now) ?? rules.wait?.(answer)
  if (asked !== undefined) return Math.max(0, asked)
  return kind === "rate_limited" ? (base.retryAfterMs ?? resetMs ?? rules.blindWaitMs) : base.retryAfterMs
}

export const readAnswer = (response: HttpResponse, now: number): Read => ({
  status: response.status,
  header: (name) => {
    const value = response.headers[name]
    return typeof value === "string" ? value : value?.[0]
  },
  body: response.body,
  json: parsed(response.body),
  now,
})

export const parsed = (body: string): any => {
  try {
    return JSON.parse(body) as unknown
  } catch {
    return undefined
  }
}

/** Milliseconds until a time in Unix seconds, as many vendors' headers have it. */
export const untilUnix = (value: string | undefined, now: number): number | undefined =>
  value !== undefined && /^\d+(?:\.\d+)?$/.test(value) ? Math.max(0, Math.ceil(Number(value) * 1000 - now)) : undefined

const oneLine = (words: string): string => describe({ status: 0, headers: {}, body: words }).replace(/^HTTP 0: /, "")
