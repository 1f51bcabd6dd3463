/**
 * Retrying and cancelling what is not over: of one delivery, and of all deliveries of an event. Where a delivery is, is looked up
 * (`find.ts`); its lane decides, and its word is waited for: what is answered is so.
 */
import * as Effect from "effect/Effect"
import { limits } from "../config/defaults.ts"
import { Audit } from "../log/audit.ts"
import { findDelivery } from "../history/read.ts"
import { Instructions } from "../log/instructions.ts"
import { logTime } from "../log/log-time.ts"
import { LogReader } from "../log/reader.ts"
import { subjects } from "../log/topology.ts"
import type { DeliveryState } from "../model/delivery.ts"
import type { LogUnavailable } from "../model/errors.ts"
import type { DeliveryId, EventId, WorkspaceId } from "../model/ids.ts"
import type { Answer, Instruction } from "../model/instruction.ts"
import type { Actor } from "../model/record.ts"
import type { Finder, Found } from "./find.ts"

type Kind = Instruction["kind"]
type Needed = LogReader | Instructions | Audit

/** Gives `undefined` when it is not found. */
export const instruct = Effect.fnUntraced(function* <R>(
  find: Finder<R>,
  kind: Kind,
  id: DeliveryId,
  actor: Actor,
): Effect.fn.Return<Answer | undefined, LogUnavailable, Needed | R> {
  const found = yield* find.delivery(id)
  if (found === undefined) return undefined
  yield* tell(kind, actor, id, found.workspace)
  return yield* instructOne(kind, found, actor.by)
})

/** The same of all deliveries of an event, or those chosen; none when none is found. */
export const instructEvent = Effect.fnUntraced(function* <R>(
  find: Finder<R>,
  kind: Kind,
  event: EventId,
  actor: Actor,
  chosen: { readonly rule?: string | undefined; readonly among?: ReadonlySet<DeliveryId> | undefined } = {},
): Effect.fn.Return<ReadonlyArray<Answer>, LogUnavailable, Needed | R> {
  const found = (yield* find.ofEvent(event)).filter(
    ({ id, rule }) => (chosen.rule === undefined || rule === chosen.rule) && chosen.among?.has(id) !== false,
  )
  for (const workspace of new Set(found.map(({ workspace }) => workspace))) yield* tell(kind, actor, event, workspace)
  return yield* Effect.forEach(found, (one) => instructOne(kind, one, actor.by), {
    concurrency: limits.instructedAtOnce,
  })
})

/** Before it is done: nothing is done that is not told of. */
const tell = (kind: Kind, actor: Actor, target: string, workspace: WorkspaceId) =>
  Effect.flatMap(Audit, ({ write }) => write(actor, { what: whats[kind], target, workspaces: [workspace] }))

const whats = { retry: "deliveries.retried", cancel: "deliveries.canceled" } as const

const instructOne = (kind: Kind, found: Found, by: string) => (kind === "cancel" ? cancel(found, by) : retry(found, by))

const cancel = Effect.fnUntraced(function* (found: Found, by: string) {
  const { id, state } = found
  if (state === "cancelled") return answer(id, state, "nothing", "it was cancelled before")
  if (state === "delivered") return answer(id, state, "refused", "it is delivered: there is nothing left to cancel")
  if (state === "dead") return answer(id, state, "refused", "it has died: nothing more of it is sent")
  const { result, at } = yield* ask("cancel", found, by)
  if (result === undefined) return answer(id, "sending", "asked", underWay)
  // The lane knows what it holds; what ended just before it was asked, the history knows.
  const after = result === "cancelled" ? (yield* findDelivery(id, at - limits.instructionWaitMs))?.state : result
  if (after === "delivered") return answer(id, after, "refused", "it was delivered meanwhile")
  if (after === "dead") return answer(id, after, "refused", "it died meanwhile: nothing more of it is sent")
  return answer(id, "cancelled", "done", "it is cancelled: nothing more of it is sent")
})

const underWay =
  "it is being sent, or no runtime runs its lane now: what is under way ends as it does, and nothing is sent after that"

const retry = Effect.fnUntraced(function* (found: Found, by: string) {
  const { id, state, workspace } = found
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
      const { result } = yield* ask("retry", found, by)
      if (result === undefined)
        return answer(id, "retrying", "asked", "its next attempt is made as soon as its lane runs")
      if (result === "retrying") return answer(id, "retrying", "done", "its next attempt is made now")
      return answer(id, result, "nothing", "it was being sent at that moment")
    }
  }
})

const ask = Effect.fnUntraced(function* (
  kind: Kind,
  { id: delivery, event, workspace, connection }: Found,
  by: string,
) {
  const instructions = yield* Instructions
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
