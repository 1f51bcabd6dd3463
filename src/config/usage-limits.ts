/**
 * Limits of counting usage and of keeping to plans; part of `limits`.
 */
export const usageLimits = {
  /** Of what is left of a month's events, a replica reserves one part in so many at a time, or what it needs at once. */
  usageShare: 16,
  /** How long an event waits for what others have reserved before it is refused, and how often it is looked. */
  usageWaitMs: 2000,
  usageLookMs: 100,
  /** What a replica that is gone had reserved counts for so long still: what it had begun to store may arrive. */
  usageSettleMs: 15_000,
  /** When so refused, what is reserved is worth another try after this. */
  usageRetryMs: 5000,
  /** Of more events than these it is noted how far they were counted. */
  usageRecounted: 5000,
  /** What the server counts by is forgotten after this. */
  usageConsumerMs: 1000,
  /** How long a record stays that nobody changes: longer than the month that it is about. */
  usageMaxAgeMs: 62 * 24 * 60 * 60 * 1000,
  /** How often it is looked, at least and at most, how much of a limit is used: for warnings, and for what comes in over NATS. */
  usageWatchMs: 1000,
  usageWatchMaxMs: 30_000,
} as const
