/**
 * What a replay would do: how many deliveries by which rules over which connections, what became of them before, and the first requests
 * exactly as they would be sent. Nothing is sent and nothing is begun.
 */
import * as Effect from "effect/Effect"
import type { Plan } from "../config/plan.ts"
import { previewDelivery, type Preview } from "../deliver/preview.ts"
import { Past } from "../log/past.ts"
import type { EarlierState, ReplayRequest } from "../model/replay.ts"
import { compiledOf, makeChooser, choosesByEarlier, replayed, type Chosen } from "./choose.ts"
import { readEarlier } from "./earlier.ts"
import { forEachEvent } from "./events.ts"

export interface PreviewGroup {
  readonly workspace: string
  readonly rule: string
  /** Position of the action in its rule. */
  readonly action: number
  readonly connection: string
  readonly deliveries: number
  /** What became of them before. */
  readonly before: { readonly [state in EarlierState]?: number }
}

export interface ReplayPreview {
  readonly events: number
  readonly matched: number
  readonly deliveries: number
  readonly skipped: number
  readonly failed: number
  /** `false`: there are more events than were looked at. */
  readonly complete: boolean
  readonly by: ReadonlyArray<PreviewGroup>
  readonly requests: ReadonlyArray<
    Preview & { readonly event: string; readonly workspace: string; readonly rule: string }
  >
}

export interface PreviewOptions {
  readonly plan: Plan
  readonly env: NodeJS.ProcessEnv
  /** How many requests are made. */
  readonly requests: number
  /** Events that are looked at, at the most. */
  readonly events: number
  /** Told now and then how many events were looked at. */
  readonly progress?: (events: number) => void
}

/** Fails with `Unusable` when there is too much to know. */
export const previewReplay = Effect.fnUntraced(function* (request: ReplayRequest, options: PreviewOptions) {
  const { plan, env } = options
  const { filter, sameIds } = request
  const past = yield* Past
  const range = yield* past.range(filter.from)
  const reading = readEarlier(past, filter)
  const earlier = yield* choosesByEarlier(request)
    ? reading
    : Effect.catchTag(reading, "Unusable", () => Effect.succeed(undefined))
  const expression = yield* compiledOf(filter)
  const choose = makeChooser(() => plan, { filter, expression, sameIds, earlier })
  const groups = new Map<string, PreviewGroup>()
  const requests: Array<ReplayPreview["requests"][number]> = []
  const counts = { events: 0, matched: 0, deliveries: 0, skipped: 0, failed: 0 }
  let complete = true
  yield* forEachEvent(
    past,
    filter,
    range,
    Effect.fnUntraced(function* (message) {
      if (counts.events >= options.events) {
        complete = false
        return "enough"
      }
      const { stored, chosen, skipped, failed } = yield* Effect.promise(() => choose(message))
      counts.events++
      counts.skipped += skipped
      if (stored !== undefined) counts.matched++
      if (failed) counts.failed++
      for (const one of chosen) {
        counts.deliveries++
        count(groups, one)
        if (requests.length >= options.requests) continue
        const { event, workspace, rule } = one.delivery
        const delivery = replayed(one, { id: placeholder, created: Date.now(), sameIds })
        const made = yield* Effect.promise(() =>
          previewDelivery(plan, delivery, stored!.envelope, { now: Date.now(), env }),
        )
        requests.push({ event, workspace, rule, ...made })
      }
      options.progress?.(counts.events)
      return undefined
    }),
  )
  return { ...counts, complete, by: [...groups.values()], requests } satisfies ReplayPreview
})

const count = (groups: Map<string, PreviewGroup>, { delivery, before }: Chosen): void => {
  const { workspace, rule, action, connection } = delivery
  const key = `${workspace}/${rule}/${action}/${connection}`
  const group = groups.get(key) ?? { workspace, rule, action, connection, deliveries: 0, before: {} }
  const states = before === undefined ? group.before : { ...group.before, [before]: (group.before[before] ?? 0) + 1 }
  groups.set(key, { ...group, deliveries: group.deliveries + 1, before: states })
}

/** What stands for the id of a replay that was not begun. */
const placeholder = "rpl_preview"
