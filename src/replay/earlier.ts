/**
 * What became of deliveries before, by the history: for replays that choose by it. A delivery that a replay made counts for the one that
 * it is a repeat of, so that what was sent by one replay is not sent by the next.
 */
import * as Effect from "effect/Effect"
import { limits } from "../config/defaults.ts"
import type { Past } from "../log/past.ts"
import type { DeliveryState } from "../model/delivery.ts"
import type { LogUnavailable, Unusable } from "../model/errors.ts"
import { makeDeliveryId, timeOfId, type DeliveryId } from "../model/ids.ts"
import type { HistoryRecord } from "../model/record.ts"
import { standingOf } from "../model/standing.ts"
import type { EarlierState, ReplayFilter } from "../model/replay.ts"
import { forEachRecord } from "./records.ts"

export interface Earlier {
  /** @param time when the log stored its event. `undefined`: the history does not reach back so far. */
  readonly of: (delivery: DeliveryId, time: number) => EarlierState | undefined
}

/** Reads the history; `Unusable` when it tells of more deliveries than can be remembered. */
export const readEarlier = Effect.fnUntraced(function* (
  past: Past["Service"],
  filter: ReplayFilter,
): Effect.fn.Return<Earlier, LogUnavailable | Unusable> {
  const ledger = new Ledger(filter)
  const since = yield* forEachRecord(
    past,
    filter.from,
    (record) => ledger.note(record),
    () =>
      ledger.size > limits.replayKnown
        ? `the history tells of more than ${limits.replayKnown} deliveries since then: choose a shorter time, a rule or a connection`
        : false,
  )
  ledger.settle()
  return { of: (delivery, time) => (time < since ? undefined : ledger.stateOf(delivery)) }
})

interface Entry {
  /** When it came to its state, in milliseconds. */
  at: number
  state: DeliveryState
  /** When it was last sent again, and last cancelled. */
  revived?: number
  cancelled?: number
}

/** Records come in any order: an attempt's may be stored before the decision's. */
class Ledger {
  readonly #filter: ReplayFilter
  readonly #entries = new Map<DeliveryId, Entry>()
  /** Deliveries of replays, and what each is a repeat of. */
  readonly #repeats = new Map<DeliveryId, DeliveryId>()

  constructor(filter: ReplayFilter) {
    this.#filter = filter
  }

  get size(): number {
    return this.#entries.size
  }

  note(record: HistoryRecord): void {
    const { workspace, rule, connection } = this.#filter
    if (workspace !== undefined && record.workspace !== workspace) return
    switch (record.kind) {
      case "event.routed": {
        if (!this.#within(record.at)) return
        for (const one of record.deliveries) {
          if (rule !== undefined && one.rule !== rule) continue
          if (connection !== undefined && one.connection !== connection) continue
          this.#come(one.id, timeOfId(one.id) ?? record.at, "pending")
          if (record.replay === undefined) continue
          const original = makeDeliveryId(record.event, record.seq, record.at, one.rule, one.action)
          if (original !== one.id) this.#repeats.set(one.id, original)
        }
        return
      }
      case "delivery.attempted":
        if (rule !== undefined && record.rule !== rule) return
        if (connection !== undefined && record.connection !== connection) return
        // The id of a replay's delivery does not say when its event was stored.
        if (record.replay === undefined && !this.#within(timeOfId(record.delivery) ?? record.at)) return
        return this.#come(record.delivery, record.at, record.state)
      case "delivery.revived":
      case "delivery.cancelled": {
        if (connection !== undefined && record.connection !== connection) return
        const entry = this.#entries.get(record.delivery) ?? { at: 0, state: "pending" }
        const what = record.kind === "delivery.revived" ? "revived" : "cancelled"
        entry[what] = Math.max(entry[what] ?? 0, record.at)
        this.#entries.set(record.delivery, entry)
        return
      }
      default:
    }
  }

  /** Of several deliveries of the same, the one that moved last counts. */
  settle(): void {
    for (const [repeat, original] of this.#repeats) {
      const { at, cancelled = 0 } = this.#entries.get(repeat)!
      this.#come(original, Math.max(at, cancelled), this.stateOf(repeat) as DeliveryState)
    }
  }

  stateOf(delivery: DeliveryId): EarlierState {
    const entry = this.#entries.get(delivery)
    if (entry === undefined) return "none"
    return standingOf({ last: entry, revived: entry.revived, cancelled: entry.cancelled }) as EarlierState
  }

  #come(delivery: DeliveryId, at: number, state: DeliveryState): void {
    const entry = this.#entries.get(delivery)
    if (entry === undefined) this.#entries.set(delivery, { at, state })
    else if (at >= entry.at && !(at === entry.at && state === "pending")) Object.assign(entry, { at, state })
  }

  #within(time: number): boolean {
    const { from = 0, to = Number.POSITIVE_INFINITY } = this.#filter
    return time >= from && time < to
  }
}
