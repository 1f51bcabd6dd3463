/**
 * What Salesforce's answers mean: of a call, and of each record of a call that carried several.
 */
import { makeJudge, type Answer, type BatchItem, type Outcome, type Verdict } from "../../src/index.ts"

const second = 1000
const minute = 60 * second

/** The allowance of calls is counted over the last 24 hours: some comes back all the time. */
const allowanceWaitMs = 15 * minute
/** Too many long calls at once, which end by themselves. */
const concurrencyWaitMs = 10 * second

interface SalesforceError {
  readonly message?: string
  /** Of an answer as a whole. */
  readonly errorCode?: string
  /** Of one record of several. */
  readonly statusCode?: string
}

/** Codes that are no refusal for good. Another attempt may meet none of it. */
const transient = new Set([
  "UNABLE_TO_LOCK_ROW",
  "SERVER_UNAVAILABLE",
  "UNKNOWN_EXCEPTION",
  "QUERY_TIMEOUT",
  "REQUEST_RUNNING_TOO_LONG",
])

const verdictOf = ({ message = "", errorCode, statusCode }: SalesforceError, fallback: Verdict): Verdict => {
  const code = errorCode ?? statusCode ?? ""
  const words = [code, message].filter((part) => part !== "").join(": ")
  if (code === "REQUEST_LIMIT_EXCEEDED") {
    const retryAfterMs = /concurrent/i.test(message) ? concurrencyWaitMs : allowanceWaitMs
    return { kind: "rate_limited", message: words, retryAfterMs, permanent: false }
  }
  if (transient.has(code) || /too many soql queries/i.test(message)) {
    return { kind: "server_error", message: words, permanent: false }
  }
  // Nobody may use the API: it is not about this record.
  if (code === "API_DISABLED_FOR_ORG") return { kind: "auth_failed", message: words }
  return { ...fallback, message: words }
}

export const judge = makeJudge({
  verdict: ({ status, json, body }) => {
    if (status === 300) {
      const message = "the external id belongs to several records, and nothing was changed; make it unique"
      return { kind: "rejected", permanent: true, message }
    }
    if (status < 300) {
      return json === undefined && body !== "" ? { kind: "server_error", message: "an answer without JSON" } : undefined
    }
    const error: unknown = Array.isArray(json) ? json[0] : undefined
    if (typeof error !== "object" || error === null) return undefined
    const kind =
      status === 401 ? "auth_failed" : status >= 500 || status === 420 ? "server_error" : ("rejected" as const)
    return verdictOf(error, { kind })
  },
  // Of the sign-in address, and of what stands before Salesforce.
  message: ({ json }) => json?.error_description ?? json?.error,
  allowance: ({ header }) => {
    const uses = [...(header("sforce-limit-info") ?? "").matchAll(/api-usage=(\d+)\/(\d+)/g)]
    const left = uses.map(([, used, of]) => Number(of) - Number(used))
    return left.length === 0 ? undefined : { remaining: Math.min(...left), resetMs: allowanceWaitMs }
  },
})

/** The record is there already as it should be. */
export const isDuplicate = (code: unknown): boolean => code === "DUPLICATE_VALUE"

/**
 * What became of each record of a collection: results stand in the order of the records.
 *
 * @param isFine says which refusals are none
 */
export const outcomesOf =
  (isFine: (code: unknown) => boolean = () => false) =>
  ({ status, json }: Answer, items: ReadonlyArray<BatchItem<any, any>>): ReadonlyArray<Outcome> | undefined => {
    if (status !== 200 || !Array.isArray(json)) return undefined
    return items.map((_, i): Outcome => {
      const result = json[i]
      const error: SalesforceError | undefined = result?.errors?.[0]
      if (result?.success === true || (error !== undefined && isFine(error.statusCode))) {
        return { kind: "delivered", message: `HTTP ${status}`, status }
      }
      if (error === undefined) {
        return { kind: "server_error", message: `HTTP ${status}: nothing is said of the record`, status }
      }
      const { message = "", ...verdict } = verdictOf(error, { kind: "rejected", permanent: true })
      return { ...verdict, message: `HTTP ${status}: ${message}`, status }
    })
  }
