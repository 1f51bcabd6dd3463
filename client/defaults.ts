/**
 * The client's defaults and limits, each with its unit: apart from the runtime's own (`src/config/defaults.ts`), which would be half of
 * what a browser loads. A test holds to each other what both must agree on.
 */

const second = 1000

/** How often, and for how long, a request that failed for a while is made again. */
export const retryDefaults = {
  attempts: 6,
  /** Before the second attempt, about; doubled for each one after. */
  minMs: 500,
  maxMs: 10 * second,
  /** From the first attempt to the beginning of the last one. */
  giveUpAfterMs: 60 * second,
}

/** How long one request may take. */
export const timeoutDefaultMs = 20 * second

/** When what was emitted is sent, and how much of it may wait. */
export const batchDefaults = {
  size: 100,
  bytes: 256 * 1024,
  waitMs: 200,
  queueEvents: 10_000,
  queueBytes: 16 * 1024 * 1024,
}

/** The runtime's own limits. */
export const runtimeLimits = {
  /** Events of one request. */
  events: 1000,
  /** One request: below the runtime's 16 MiB, as nobody should wait for so much. */
  bytes: 4 * 1024 * 1024,
  /** How long the runtime knows an event's id: a repeat after that would be another event. */
  idempotencyWindowMs: 120 * second,
}

/** What browsers take in all of requests that outlive their page is 64 KiB; some of it is headers. */
export const keepaliveBytes = 60 * 1024
