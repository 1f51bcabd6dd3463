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
