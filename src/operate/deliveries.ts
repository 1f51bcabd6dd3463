/**
 * Retrying and cancelling what is not over: of one delivery, and of all deliveries of an event. The history says where a delivery is;
 * its lane decides, and its word is waited for: what is answered is so.
 */
import * as Effect from "effect/Effect"
import { limits } from "../config/defaults.ts"
import { Audit } from "../log/audit.ts"
import { findDelivery, listDeliveries, type DeliveryView } from "../history/read.ts"
import { Instructions } from "../log/instructions.ts"
import { logTime } from "../log/log-time.ts"
import { LogReader } from "../log/reader.ts"
import { subjects } from "../log/topology.ts"
import type { DeliveryState } from "../model/delivery.ts"
import type { LogUnavailable } from "../model/errors.ts"
import { timeOfId, type DeliveryId, type EventId, type WorkspaceId } from "../model/ids.ts"
import type { Answer, Instruction } from "../model/instruction.ts"
import type { Actor } from "../model/record.ts"

type Kind = Instruction["kind"]
type Needed = LogReader | Instructions | Audit

/** @param workspace only a delivery of that one; `undefined`: of any. Gives `undefined` when the history knows no such delivery. */
export const instruct = Effect.fnUntraced(function* (
  kind: Kind,
  id: DeliveryId,
  actor: Actor,
  workspace?: WorkspaceId,
): Effect.fn.Return<Answer | undefined, LogUnavailable, Needed> {
  const view = yield* findDelivery(id)
  if (view === undefined || (workspace !== undefined && view.workspace !== workspace)) return undefined
  yield* tell(kind, actor, id, view.workspace)
  return yield* instructOne(kind, view, actor.by)
})

/** The same of all deliveries of an event; none when the history knows of none. */
export const instructEvent = Effect.fnUntraced(function* (
  kind: Kind,
  event: EventId,
  actor: Actor,
  chosen: {
    readonly workspace?: WorkspaceId
    readonly rule?: string | undefined
    /** Only these. */
    readonly among?: ReadonlySet<DeliveryId> | undefined
  },
): Effect.fn.Return<ReadonlyArray<Answer>, LogUnavailable, Needed> {
  const { deliveries } = yield* listDeliveries({ event, workspace: chosen.workspace, since: timeOfId(event) ?? 0 })
  const views = deliveries.filter(
    ({ id, rule }) => (chosen.rule === undefined || rule === chosen.rule) && chosen.among?.has(id) !== false,
  )
  for (const workspace of new Set(views.map(({ workspace }) => workspace))) yield* tell(kind, actor, event, workspace)
  return yield* Effect.forEach(views, (view) => instructOne(kind, view, actor.by), {
    concurrency: limits.instructedAtOnce,
  })
})

/** Before it is done: nothing is done that is not told of. */
const tell = (kind: Kind, actor: Actor, target: string, workspace: WorkspaceId) =>
  Effect.flatMap(Audit, ({ write }) => write(actor, { what: whats[kind], target, workspaces: [workspace] }))

const whats = { retry: "deliveries.retried", cancel: "deliveries.canceled" } as const

const instructOne = (kind: Kind, view: DeliveryView, by: string) =>
  kind === "cancel" ? cancel(view, by) : retry(view, by)

const cancel = Effect.fnUntraced(function* (view: DeliveryView, by: string) {
  const { id, state } = view
  if (state === "cancelled") return answer(id, state, "nothing", "it was cancelled before")
  if (state === "delivered") return answer(id, state, "refused", "it is delivered: there is nothing left to cancel")
  if (state === "dead") return answer(id, state, "refused", "it has died: nothing more of it is sent")
  const { result, at } = yield* ask("cancel", view, by)
  if (result === undefined) return answer(id, "sending", "asked", underWay)
  // The lane knows what it holds; what ended just before it was asked, the history knows.
  const after = result === "cancelled" ? (yield* findDelivery(id, at - limits.instructionWaitMs))?.state : result
  if (after === "delivered") return answer(id, after, "refused", "it was delivered meanwhile")
  if (after === "dead") return answer(id, after, "refused", "it died meanwhile: nothing more of it is sent")
  return answer(id, "cancelled", "done", "it is cancelled: nothing more of it is sent")
})

const underWay =
  "it is being sent, or no runtime runs its lane now: what is under way ends as it does, and nothing is sent after that"

const retry = Effect.fnUntraced(function* (view: DeliveryView, by: string) {
  const { id, state, workspace } = view
  const reader = yield* LogReader
  switch (state) {
    case "delivered":
      return answer(id, state, "refused", "it is delivered: replay it instead (meshes replay)")
    case "cancelled":
      return answer(id, state, "refused", "it was cancelled: replay it instead (meshes replay)")
    case "pending":
    case "sending":
      return answer(
        id,
        "pending",
        "nothing",
        "it waits for its attempt, or is being sent: there is nothing to bring forward",
      )
    case "dead":
      return (yield* reader.revive(subjects.dead(workspace, "*", id), by))
        ? answer(id, "pending", "done", "it is sent again, with all its attempts before it")
        : answer(id, state, "refused", "its dead letter is no longer in the log: replay it instead (meshes replay)")
    case "retrying": {
      const { result } = yield* ask("retry", view, by)
      if (result === undefined)
        return answer(id, "retrying", "asked", "its next attempt is made as soon as its lane runs")
      if (result === "retrying") return answer(id, "retrying", "done", "its next attempt is made now")
      return answer(id, result, "nothing", "it was being sent at that moment")
    }
  }
})

const ask = Effect.fnUntraced(function* (kind: Kind, view: DeliveryView, by: string) {
  const instructions = yield* Instructions
  const { id: delivery, event, workspace, connection } = view
  const at = logTime()
  yield* instructions.give({ workspace, connection, delivery }, { kind, event, by, at })
  return { at, result: yield* instructions.result({ workspace, connection, delivery }) }
})

const answer = (delivery: DeliveryId, state: DeliveryState, result: Answer["result"], message: string): Answer => ({
  delivery,
  state,
  result,
  message,
})
