/**
 * The events that a filter leaves, read from the log in order.
 */
import * as Effect from "effect/Effect"
import { limits } from "../config/defaults.ts"
import type { Expression } from "../config/plan.ts"
import type { FoundWhole } from "../log/direct.ts"
import type { Past, Range } from "../log/past.ts"
import { partitionOf, subjects } from "../log/topology.ts"
import type { LogUnavailable } from "../model/errors.ts"
import type { Event } from "../model/event.ts"
import type { ReplayFilter } from "../model/replay.ts"
import { matchesType } from "../model/type-pattern.ts"
import { isTrue } from "../route/match.ts"

/** Reads on until `use` says that it is enough, or the range is at its end. */
export const forEachEvent = <E>(
  past: Past["Service"],
  filter: ReplayFilter,
  range: Range,
  use: (message: FoundWhole) => Effect.Effect<"enough" | void, E>,
): Effect.Effect<void, LogUnavailable | E> =>
  Effect.gen(function* () {
    const { workspace = "*", types, to = Number.POSITIVE_INFINITY } = filter
    const subject = subjects.stored(workspace, types?.length === 1 ? types[0]! : ">")
    const end = Math.max(...range.last)
    for (let next = range.first; next <= end;) {
      const page = yield* past.next("EVENTS", subject, next, limits.replayPageEvents)
      if (page.length === 0) return
      for (const message of page) {
        if (message.seq > end || message.time >= to) return
        // Not routed when the range was fixed: what it makes comes by itself.
        if (message.seq > range.last[partitionOf(message.subject)]!) continue
        if ((yield* use(message)) === "enough") return
      }
      next = page.at(-1)!.seq + 1
    }
  })

/**
 * Whether a filter leaves an event, by what the event says. Rejects when its expression fails.
 *
 * @param expression the filter's, compiled
 */
export const leaves = async (
  { types, resource, resource_id }: ReplayFilter,
  expression: Expression | undefined,
  event: Event,
): Promise<boolean> =>
  (types === undefined || types.some((pattern) => matchesType(pattern, event.type))) &&
  (resource === undefined || event.resource === resource) &&
  (resource_id === undefined || event.resource_id === resource_id) &&
  (expression === undefined || isTrue(await expression.evaluate(event)))
