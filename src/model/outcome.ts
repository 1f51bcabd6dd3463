/**
 * What one attempt came to. A failed attempt is an outcome, not an exception: it is stored, shown and acted on.
 */

/** The closed set of outcomes (DESIGN §5). */
export const outcomeKinds = [
  "delivered",
  "rejected",
  "server_error",
  "rate_limited",
  "auth_failed",
  "timeout",
  "network_error",
  "mapping_error",
  "blocked",
  "internal_error",
] as const
export type OutcomeKind = (typeof outcomeKinds)[number]

/**
 * Which outcomes end a delivery at once. `rejected`, `auth_failed`, `mapping_error` and `blocked` need a person to change
 * something; the others are worth another try. A connector may decide otherwise for a single answer (`Outcome.permanent`).
 */
export const permanentByDefault: { readonly [K in OutcomeKind]: boolean } = {
  delivered: true,
  rejected: true,
  server_error: false,
  rate_limited: false,
  auth_failed: true,
  timeout: false,
  network_error: false,
  mapping_error: true,
  blocked: true,
  internal_error: false,
}

/** What was sent, without secrets. */
export interface SentRequest {
  readonly method: string
  readonly url: string
  /** Of its body. */
  readonly bytes: number
  /** The head of its body, bounded by `limits.requestBodyKept`; only of an attempt that failed. It holds the customer's data. */
  readonly body?: string
}

export interface Outcome {
  readonly kind: OutcomeKind
  /** One line for a person: what happened and, when it is theirs to mend, what to do. */
  readonly message: string
  /** `true`: no further attempt can help. Absent: as `permanentByDefault` says for the kind. */
  readonly permanent?: boolean
  /** HTTP status, when there was one. */
  readonly status?: number
  /** How long the destination asked us to wait, in milliseconds. */
  readonly retryAfterMs?: number
  /** The destination's allowance is used up: nothing is sent to it for so long, in milliseconds, whatever became of this attempt. */
  readonly holdMs?: number
  /** The token was refused, and another may be taken. Of a 401 that is understood. */
  readonly tokenRefused?: boolean
  /** `true` when the destination said that it will never take anything again (410 Gone). */
  readonly gone?: boolean
  /**
   * The connection is to be paused until what is missing is there; a short code such as `secret_missing`, which the pause's reason begins
   * with. For outcomes that no destination had a part in.
   */
  readonly pause?: string
  /** What was sent, without secrets: shown to support staff. */
  readonly request?: SentRequest
  /** The head of what came back, bounded by `limits.responseBodyKept`. */
  readonly response?: string
  /** What was sent, what came back and what is said of it may be of other deliveries too: one call was made for several. */
  readonly shared?: true
}

export const isPermanent = (outcome: Outcome): boolean => outcome.permanent ?? permanentByDefault[outcome.kind]
