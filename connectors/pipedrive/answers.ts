/**
 * What Pipedrive's answers mean.
 */
import { makeJudge, type Read } from "../../src/index.ts"

const second = 1000
const minute = 60 * second
const hour = 60 * minute

/** Of the day's budget, which comes back at midnight in the server's time zone: that is not told, and `Retry-After` knows nothing of it. */
const dailyWaitMs = hour
/** Of the block that follows when a limit is not kept to. */
const blockedWaitMs = minute
/** Of the burst limit, which has windows of 2 seconds. */
const burstWaitMs = 2 * second

const isDayUsedUp = ({ header }: Read): boolean =>
  [header("x-daily-ratelimit-token-remaining"), header("x-daily-requests-left")].includes("0")

const resetMs = ({ header }: Read): number | undefined => {
  const reset = header("x-ratelimit-reset")
  return reset !== undefined && /^\d+(?:\.\d+)?$/.test(reset) ? Number(reset) * second : undefined
}

export const judge = makeJudge({
  verdict: (answer) => {
    const { status, json, body } = answer
    if (status === 429 && isDayUsedUp(answer)) {
      return { kind: "rate_limited", message: "the day's budget is used up", retryAfterMs: dailyWaitMs }
    }
    // From what stands before Pipedrive; a refusal of its own is JSON.
    if (status === 403 && json === undefined) {
      return { kind: "rate_limited", message: "blocked for a while", retryAfterMs: blockedWaitMs }
    }
    // The plan has no room for one more: it is not about the token.
    if (status === 403 && String(json?.code).startsWith("feature_capping")) return { kind: "rejected", permanent: true }
    // The account is not paid for: nothing will be taken until it is.
    if (status === 402) return { kind: "auth_failed" }
    // Of the one record.
    if (status === 410) return { kind: "rejected", permanent: true, gone: false }
    if (status >= 300) return undefined
    if (json === undefined && body !== "") return { kind: "server_error", message: "an answer without JSON" }
    return json?.success === false
      ? { kind: "rejected", permanent: true, message: String(json.error ?? "not done") }
      : undefined
  },
  message: ({ json }) =>
    [json?.code, json?.error ?? json?.message].filter((part) => typeof part === "string" && part !== "").join(": "),
  wait: resetMs,
  allowance: (answer) => {
    if (isDayUsedUp(answer)) return { remaining: 0, resetMs: dailyWaitMs }
    const [remaining, wait] = [answer.header("x-ratelimit-remaining"), resetMs(answer)]
    return remaining === undefined || wait === undefined ? undefined : { remaining: Number(remaining), resetMs: wait }
  },
  blindWaitMs: burstWaitMs,
})
