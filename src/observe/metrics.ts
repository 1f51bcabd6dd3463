/**
 * Every metric, in one list. Names are `meshes_<noun>_<verb>_<unit>`; the prefix is added where they are printed. Labels come from the
 * config or from closed sets, so that their number is bounded.
 */
import * as Metric from "effect/Metric"
import { outcomeKinds, type OutcomeKind } from "../model/outcome.ts"

/** Events that a router has decided on. */
export const eventsRouted = Metric.counter("events_routed_total", {
  description: "events decided by the routers",
  incremental: true,
})

/** Events that the log has and whose publisher was told so; repeats not counted. */
export const eventsAccepted = Metric.counter("events_accepted_total", {
  description: "events stored and acknowledged over HTTP",
  incremental: true,
})

/** Events whose id or idempotency key was there already. */
export const eventsRepeated = Metric.counter("events_repeated_total", {
  description: "events answered as repeats of an earlier one",
  incremental: true,
})

const refused = Metric.counter("events_refused_total", {
  description: "requests and records of a bulk that were refused, by HTTP status",
  incremental: true,
})

/** Requests and records of a bulk that were refused, by what their publisher was told. */
export const eventsRefused: { readonly [status: number]: typeof refused } = Object.fromEntries(
  [400, 401, 403, 404, 405, 413, 415, 422, 429, 500, 503].map((status) => [
    status,
    Metric.withAttributes(refused, { status: `${status}` }),
  ]),
)

/** Publishing requests that are being read or stored. */
export const requestsInFlight = Metric.gauge("requests_in_flight", {
  description: "publishing requests being read or stored",
})

/** Seconds from a publishing request's head to its answer. */
export const acceptSeconds = Metric.histogram("accept_seconds", {
  description: "time from a publishing request to its answer",
  boundaries: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
})

const attempts = Metric.counter("delivery_attempts_total", {
  description: "attempts made, by what they came to",
  incremental: true,
})

/** Attempts, by outcome. */
export const attemptOutcomes: { readonly [K in OutcomeKind]: typeof attempts } = Object.fromEntries(
  outcomeKinds.map((outcome) => [outcome, Metric.withAttributes(attempts, { outcome })]),
) as { [K in OutcomeKind]: typeof attempts }

/** Seconds that an attempt took. */
export const attemptSeconds = Metric.histogram("delivery_attempt_seconds", {
  description: "time from the beginning of an attempt to its outcome",
  boundaries: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
})

/** Deliveries that were given up and became dead letters. */
export const deliveriesDead = Metric.counter("deliveries_dead_total", {
  description: "deliveries that became dead letters",
  incremental: true,
})

const changes = Metric.counter("connection_changes_total", {
  description: "circuits that changed their state by themselves, by what happened to them",
  incremental: true,
})

/** Changes of circuits. What a person does is not among them, nor that an open one was tried in vain. */
export const circuitChanges = {
  opened: Metric.withAttributes(changes, { to: "opened" }),
  closed: Metric.withAttributes(changes, { to: "closed" }),
  paused: Metric.withAttributes(changes, { to: "paused" }),
} as const

/** 1 while the newest config is wrong and an older one in force; of several workers, as many as say so. */
export const configRefused = Metric.gauge("config_refused", {
  description: "1 while the newest config was refused and an older one is in force",
})

const reloads = Metric.counter("config_reloads_total", {
  description: "configs that were loaded while running, by what became of them",
  incremental: true,
})

/** Reloads, by what became of the newer config. */
export const configReloads = {
  applied: Metric.withAttributes(reloads, { result: "applied" }),
  refused: Metric.withAttributes(reloads, { result: "refused" }),
} as const

/** Of one process: the one that projects. */
export const historyBehind = Metric.gauge("history_behind_messages", {
  description:
    "messages of the history that the lists do not know yet, as far as they were there when projecting began",
})
