/**
 * Going on with one operation, from its checkpoint to its end. It walks through what the history says of the deliveries, the latest
 * first; what is done to those of a page is stored in one batch with the checkpoint that accounts for it.
 */
import * as Effect from "effect/Effect"
import { limits } from "../config/defaults.ts"
import { History } from "../history/history.ts"
import type { DeliveryView } from "../history/views.ts"
import { instructionOf, Instructions, type Target } from "../log/instructions.ts"
import { logTime } from "../log/log-time.ts"
import { Operations, type Revival } from "../log/operations.ts"
import type { LogUnavailable } from "../model/errors.ts"
import type { Operation, OperationProgress } from "../model/operation.ts"
import { counted, countThose, forEachPage, type Cursor } from "./choose.ts"

/** Ends when the operation is over. Whatever fails ends it too: it is gone on with by calling it again, here or elsewhere. */
export const runOperation = Effect.fnUntraced(function* (
  operation: Operation,
): Effect.fn.Return<void, LogUnavailable, Operations | Instructions | History> {
  const operations = yield* Operations
  const instructions = yield* Instructions
  const { action, filter, preview, created, by } = operation
  const open = yield* operations.open(operation)
  if (open === undefined) return
  let progress: OperationProgress = open.progress
  const { after } = open.position
  let position = open.position
  const wanted = { ...filter, to: Math.min(filter.to ?? Number.POSITIVE_INFINITY, created + 1) }
  if (!preview && progress.expected === undefined) {
    progress = { ...progress, expected: (yield* countThose(wanted, created)).deliveries }
    yield* open.commit(position, progress, [], [])
  }

  const revive = Effect.fnUntraced(function* (views: ReadonlyArray<DeliveryView>) {
    const made = yield* Effect.forEach(views, (view) => operations.revival(targetOf(view), operation), {
      concurrency: limits.instructedAtOnce,
    })
    return views.flatMap((view, i) => (made[i] === undefined ? [] : { view, revival: made[i] }))
  })

  yield* forEachPage(
    wanted,
    { after: after === undefined ? undefined : (JSON.parse(after) as Cursor), limit: pageOf(operation) },
    created,
    Effect.fnUntraced(function* (views: ReadonlyArray<DeliveryView>, next: Cursor | undefined) {
      if (next !== undefined) position = { seq: 0, after: JSON.stringify(next) }
      if (preview) {
        progress = counted(progress, views, views.length)
        return yield* open.commit(position, progress, [], [])
      }
      const letters: ReadonlyArray<{ readonly view: DeliveryView; readonly revival: Revival }> =
        action === "retry" ? yield* revive(views.filter(({ status }) => status === "failed")) : []
      const waiting = views.filter(({ status }) => status !== "failed")
      const at = logTime()
      const told = waiting.map((view) => instructionOf(targetOf(view), { kind: action, event: view.event, by, at }))
      progress = counted(progress, [...letters.map(({ view }) => view), ...waiting], views.length)
      const messages = [...letters.map(({ revival }) => revival.message), ...told]
      yield* open.commit(
        position,
        progress,
        messages,
        letters.map(({ revival }) => revival.record),
      )
      // No faster than the lanes carry it out.
      yield* Effect.forEach(waiting, (view) => instructions.result(targetOf(view)), {
        concurrency: limits.instructedAtOnce,
        discard: true,
      })
    }),
  )
  yield* open.end(position, progress)
})

const targetOf = ({ workspace, connection, id: delivery }: DeliveryView): Target => ({
  workspace,
  connection,
  delivery,
})

const pageOf = ({ preview }: Operation): number => (preview ? limits.operationPreviewPage : limits.operationPage)
