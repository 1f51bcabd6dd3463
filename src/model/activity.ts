/**
 * What activity is told of, and what needs somebody: named alike where it is found out and where it is shown.
 */

/** What activity is split up by: each rule, each connection, or each rule by each of its connections. */
export const activityBy = ["rule", "connection", "rule_connection"] as const
export type ActivityBy = (typeof activityBy)[number]

/** What needs somebody, the worst first. */
export const attentionKinds = [
  "limit_reached",
  "authorization_refused",
  "connection_stopped",
  "circuit_open",
  "connection_paused",
  "limit_near",
] as const
export type AttentionKind = (typeof attentionKinds)[number]
