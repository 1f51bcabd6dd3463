/**
 * Every metric, in one list. Names are `meshes_<noun>_<verb>_<unit>`; the prefix is added where they are printed. Labels come from the
 * config or from closed sets, so that their number is bounded.
 */
import * as Metric from "effect/Metric"

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
