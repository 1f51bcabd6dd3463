/**
 * Which deliveries a replay makes of an event: those that the rules of the config in force want, as far as the filter leaves them.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { limits } from "../config/defaults.ts"
import type { Expression, Plan } from "../config/plan.ts"
import type { FoundWhole } from "../log/direct.ts"
import { parseEventSubject } from "../log/topology.ts"
import type { Delivery } from "../model/delivery.ts"
import { Unusable } from "../model/errors.ts"
import { makeReplayedId } from "../model/ids.ts"
import type { EarlierState, Replay, ReplayFilter } from "../model/replay.ts"
import { decodeStored, type StoredEvent } from "../model/stored-event.ts"
import { deliveryOf } from "../route/decision.ts"
import { makeRuleIndex, wantedBy, type RuleIndex } from "../route/match.ts"
import { compileExpression } from "../transform/expression.ts"
import type { Earlier } from "./earlier.ts"
import { leaves } from "./events.ts"

export interface Chosen {
  /** Orders the deliveries of an event. */
  readonly key: string
  /** As the router made it, or would have. */
  readonly delivery: Delivery
  /** What became of it before; absent: it is not known. */
  readonly before?: EarlierState
}

export interface Choice {
  /** Absent: the message is no event that the filter leaves. */
  readonly stored?: StoredEvent
  readonly chosen: ReadonlyArray<Chosen>
  readonly skipped: number
  /** The filter's expression failed. */
  readonly failed: boolean
}

export interface Choosing {
  readonly filter: ReplayFilter
  readonly expression: Expression | undefined
  readonly sameIds: boolean
  /** Absent: it is not known what became of the deliveries before, and plays no part. */
  readonly earlier: Earlier | undefined
}

/** Whether it matters what became of the deliveries before. */
export const choosesByEarlier = ({ filter, sameIds }: Pick<Choosing, "filter" | "sameIds">): boolean =>
  sameIds || filter.status !== undefined

const nothing: Choice = { chosen: [], skipped: 0, failed: false }
const failed: Choice = { ...nothing, failed: true }

/** @param current the plan in force; each event is decided by what it gives then */
export const makeChooser = (current: () => Plan, { filter, expression, sameIds, earlier }: Choosing) => {
  let plan: Plan | undefined
  let index: RuleIndex
  return async (message: FoundWhole, after?: string): Promise<Choice> => {
    const now = current()
    if (now !== plan) {
      plan = now
      index = makeRuleIndex(now)
    }
    const stored = decode(message)
    const workspace = stored === undefined ? undefined : now.workspaces.get(stored.event.workspace)
    if (stored === undefined || workspace === undefined) return nothing
    try {
      if (!(await leaves(filter, expression, stored.event))) return nothing
    } catch {
      return failed
    }
    const { wanted } = await wantedBy(index, workspace, stored.event, after)
    const chosen: Array<Chosen> = []
    let skipped = 0
    for (const one of wanted) {
      if (filter.rule !== undefined && one.rule !== filter.rule) continue
      if (filter.connection !== undefined && one.action.connection !== filter.connection) continue
      const delivery = deliveryOf(message, stored, now.revision, one)
      if (earlier === undefined) {
        chosen.push({ key: one.key, delivery })
        continue
      }
      const before = earlier.of(delivery.id, message.time)
      if (filter.status !== undefined && before !== undefined && !filter.status.includes(before)) continue
      // On its way under that very id.
      const underWay = sameIds && (before === "pending" || before === "retrying")
      if (underWay || (before === undefined && choosesByEarlier({ filter, sameIds }))) skipped++
      else chosen.push({ key: one.key, delivery, ...(before === undefined ? {} : { before }) })
    }
    return { stored, chosen, skipped, failed: false }
  }
}

/** The filter's expression, compiled; `Unusable` when it is none. */
export const compiledOf = ({ expression }: ReplayFilter): Effect.Effect<Expression | undefined, Unusable> =>
  expression === undefined
    ? Effect.succeed(undefined)
    : Effect.fromResult(
        Result.mapError(
          compileExpression(expression),
          (message) => new Unusable({ message: `the expression \`${expression}\`: ${message}` }),
        ),
      )

/** The event in a message of `EVENTS`; `undefined`: it is none. */
export const decode = (message: FoundWhole): StoredEvent | undefined => {
  const { workspace, type } = parseEventSubject(message.subject)
  const input = { subjectWorkspace: workspace, subjectType: type, headers: message.header, ...message }
  return Result.getOrUndefined(decodeStored(input, limits))
}

/** The delivery that a replay makes of what it chose. */
export const replayed = (
  { delivery }: Chosen,
  { id, created, sameIds }: Pick<Replay, "id" | "created" | "sameIds">,
): Delivery => ({
  ...delivery,
  id: sameIds ? delivery.id : makeReplayedId(id, created, delivery.id),
  created,
  replay: id,
})
