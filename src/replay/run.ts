/**
 * Going on with one replay: from its checkpoint to its end, no faster than it may. What is committed together is small enough to keep to
 * the rate, and each commit says how far it has come, within an event too.
 */
import * as Effect from "effect/Effect"
import { CurrentPlan } from "../config/current-plan.ts"
import { limits } from "../config/defaults.ts"
import type { Position } from "../log/partition.ts"
import { Past } from "../log/past.ts"
import { Replays } from "../log/replays.ts"
import { readyMessage } from "../log/work.ts"
import type { Delivery } from "../model/delivery.ts"
import type { LogUnavailable } from "../model/errors.ts"
import type { Event } from "../model/event.ts"
import type { DeliveryRevived, EventRouted, HistoryRecord } from "../model/record.ts"
import type { EarlierState, Replay, ReplayProgress } from "../model/replay.ts"
import type { StoredEvent } from "../model/stored-event.ts"
import { factsOf, summaryOf, type Place } from "../route/decision.ts"
import { choosesByEarlier, compiledOf, makeChooser, replayed } from "./choose.ts"
import { readEarlier } from "./earlier.ts"
import { forEachEvent } from "./events.ts"

/** Ends when the replay is over. Whatever fails ends it too: it is gone on with by calling it again, here or elsewhere. */
export const runReplay = Effect.fnUntraced(function* (
  replay: Replay,
): Effect.fn.Return<void, LogUnavailable, Replays | Past | CurrentPlan> {
  const replays = yield* Replays
  yield* goOn(replay).pipe(
    // Nothing that another try would change.
    Effect.catchTag("Unusable", (error) => replays.stop(replay, { by: "runtime" }, error.message)),
  )
})

const goOn = Effect.fnUntraced(function* (replay: Replay) {
  const replays = yield* Replays
  const past = yield* Past
  const current = yield* CurrentPlan
  const open = yield* replays.open(replay)
  if (open === undefined) return
  const { filter, sameIds } = replay
  const expression = yield* compiledOf(filter)
  const earlier = choosesByEarlier(replay) ? yield* readEarlier(past, filter) : undefined
  const choose = makeChooser(current.get, { filter, expression, sameIds, earlier })

  const pace = makePace(replay.rate)
  const size = Math.min(limits.replayCommit, Math.ceil(replay.rate * commitSeconds))
  let progress: ReplayProgress = open.progress
  let { seq, after }: Position = open.position
  let made: Array<Made> = []
  let committed = performance.now()
  const commit = Effect.fnUntraced(function* (position: Position) {
    if (made.length > 0) yield* Effect.sleep(pace(made.length))
    progress = { ...progress, deliveries: progress.deliveries + made.length }
    const messages = made.map(({ delivery, stored }) => readyMessage(delivery, stored.envelope))
    yield* open.commit(position, progress, messages, recordsOf(replay, made))
    made = []
    committed = performance.now()
  })

  yield* forEachEvent(
    past,
    filter,
    { first: seq + 1, last: replay.last },
    Effect.fnUntraced(function* (message) {
      const choice = yield* Effect.promise(() => choose(message, after))
      for (const one of choice.chosen) {
        made.push({ place: message, stored: choice.stored!, delivery: replayed(one, replay), before: one.before })
        if (made.length >= size) yield* commit({ seq, after: one.key })
      }
      after = undefined
      ;({ seq } = message)
      progress = {
        ...progress,
        events: progress.events + 1,
        matched: progress.matched + (choice.stored === undefined ? 0 : 1),
        skipped: progress.skipped + choice.skipped,
        failed: progress.failed + (choice.failed ? 1 : 0),
      }
      if (performance.now() - committed > limits.replayCheckpointMs) yield* commit({ seq })
    }),
  )
  if (made.length > 0) yield* commit({ seq })
  yield* open.end({ seq }, progress)
})

/** How much of a second's deliveries go together: few commits, and no bursts. */
const commitSeconds = 0.25

/** Gives how long to wait before the next so many, in milliseconds. */
const makePace = (rate: number) => {
  let next = performance.now()
  return (count: number): number => {
    const now = performance.now()
    const wait = Math.max(0, next - now)
    next = Math.max(next, now) + (count / rate) * 1000
    return wait
  }
}

interface Made {
  readonly place: Place
  readonly stored: { readonly event: Event; readonly envelope: StoredEvent["envelope"] }
  readonly delivery: Delivery
  readonly before: EarlierState | undefined
}

/** A delivery under an id that was there before is sent again; all others are created, each event's together. */
const recordsOf = (replay: Replay, made: ReadonlyArray<Made>): ReadonlyArray<HistoryRecord> => {
  const records: Array<HistoryRecord> = []
  let routed: { readonly seq: number; readonly deliveries: Array<EventRouted["deliveries"][number]> } | undefined
  for (const { place, stored, delivery, before } of made) {
    if (replay.sameIds && before !== "none") {
      records.push(revivedOf(replay, delivery))
      continue
    }
    if (routed?.seq !== place.seq) {
      routed = { seq: place.seq, deliveries: [] }
      const { deliveries } = routed
      const facts = factsOf(place, stored.event)
      records.push({ kind: "event.routed", ...facts, revision: delivery.revision, replay: replay.id, deliveries })
    }
    routed.deliveries.push(summaryOf(delivery))
  }
  return records
}

const revivedOf = (replay: Replay, { id, event, workspace, connection }: Delivery): DeliveryRevived => ({
  kind: "delivery.revived",
  at: Date.now(),
  delivery: id,
  event,
  workspace,
  connection,
  by: replay.by,
  replay: replay.id,
})
