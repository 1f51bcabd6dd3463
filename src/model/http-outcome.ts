/**
 * What an HTTP answer means for a delivery, where a connector has nothing more precise to say: by RFC 9110 and 6585, and by the
 * Standard Webhooks specification (410: stop; 429, 502, 504: slow down; `Retry-After` is obeyed).
 */
import type { HttpResponse } from "./connector.ts"
import type { Outcome, OutcomeKind } from "./outcome.ts"

/** Client errors that a later attempt may not meet: 408 Request Timeout, 421 Misdirected, 425 Too Early. */
const transientClientErrors = new Set([408, 421, 425])
/** Server errors that no later attempt helps: 501 Not Implemented, 505 HTTP Version, 511 Network Authentication Required. */
const permanentServerErrors = new Set([501, 505, 511])

const shownCharacters = 200

/** @param now milliseconds since 1970, to turn a date of `Retry-After` into a wait */
export const httpOutcome = (response: HttpResponse, now: number): Outcome => {
  const { status } = response
  if (status >= 200 && status < 300) return { kind: "delivered", message: `HTTP ${status}`, status }
  const kind = kindOf(status)
  const outcome = { kind, message: describe(response), status }
  if (status >= 300 && status < 400) {
    const location = header(response, "location")
    return {
      ...outcome,
      permanent: true,
      message: `HTTP ${status}: redirects${location === undefined ? "" : ` to ${originOf(location)}`} are not followed; use the final URL`,
    }
  }
  if (status === 410) return { ...outcome, permanent: true, gone: true }
  if (permanentServerErrors.has(status)) return { ...outcome, permanent: true }
  if (transientClientErrors.has(status)) return { ...outcome, permanent: false, ...waitOf(response, now) }
  return kind === "server_error" || kind === "rate_limited" ? { ...outcome, ...waitOf(response, now) } : outcome
}

const kindOf = (status: number): OutcomeKind => {
  if (status >= 500) return "server_error"
  if (status === 429) return "rate_limited"
  if (status === 401 || status === 403) return "auth_failed"
  if (status === 408) return "timeout"
  return "rejected"
}

/** The status and the head of the body, in one line. */
export const describe = ({ status, body }: HttpResponse): string => {
  // oxlint-disable-next-line no-control-regex -- control characters are what is taken out
  const text = body.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, " ").trim()
  return text === "" ? `HTTP ${status}` : `HTTP ${status}: ${text.slice(0, shownCharacters)}`
}

const header = (response: HttpResponse, name: string): string | undefined => {
  const value = response.headers[name]
  return typeof value === "string" ? value : value?.[0]
}

const originOf = (location: string): string => {
  try {
    return new URL(location).origin
  } catch {
    return location.slice(0, shownCharacters)
  }
}

const waitOf = (response: HttpResponse, now: number): { readonly retryAfterMs?: number } => {
  const asked = parseRetryAfter(header(response, "retry-after"), now) ?? seconds(header(response, "ratelimit-reset"))
  return asked === undefined ? {} : { retryAfterMs: asked }
}

const seconds = (value: string | undefined): number | undefined =>
  value !== undefined && /^\d+(?:\.\d+)?$/.test(value.trim()) ? Math.ceil(Number(value) * 1000) : undefined

/** Seconds, an HTTP date, or (as some vendors send) an ISO 8601 date and time. In milliseconds from `now`; `undefined` when it is none of these. */
export const parseRetryAfter = (value: string | undefined, now: number): number | undefined => {
  const plain = seconds(value)
  if (plain !== undefined || value === undefined) return plain
  const at = Date.parse(value)
  return Number.isNaN(at) ? undefined : Math.max(0, at - now)
}
