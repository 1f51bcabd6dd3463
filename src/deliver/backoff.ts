/**
 * When a failed delivery is tried next.
 */
import { limits } from "../config/defaults.ts"
import type { RetryPlan } from "../config/plan.ts"
import type { Outcome } from "../model/outcome.ts"

/**
 * The wait after attempt number `attempt` (1 for the first), in milliseconds: exponential with jitter, and never shorter than the
 * destination asked for.
 *
 * @param random from 0 (shortest) to 1 (longest)
 */
export const delayAfter = (retry: RetryPlan, attempt: number, outcome: Outcome, random: number): number => {
  const plain = Math.min(retry.initialMs * retry.factor ** (attempt - 1), retry.maxMs)
  const jittered = plain * (1 + retry.jitter * (2 * random - 1))
  const asked = Math.min(outcome.retryAfterMs ?? 0, limits.retryAfterMaxMs)
  return Math.round(Math.max(jittered, asked))
}
