/**
 * Where deliveries are that somebody wants something of: by the history of a runtime, or by the log alone where no runtime need run.
 */
import * as Effect from "effect/Effect"
import { limits } from "../config/defaults.ts"
import { History } from "../history/history.ts"
import { findDelivery, listDeliveries } from "../history/read.ts"
import type { DeliveryView } from "../history/views.ts"
import { logTime } from "../log/log-time.ts"
import type { LogReader } from "../log/reader.ts"
import type { DeliveryState } from "../model/delivery.ts"
import type { LogUnavailable } from "../model/errors.ts"
import { timeOfId, type DeliveryId, type EventId, type WorkspaceId } from "../model/ids.ts"
import { stateOfStatus, statuses } from "../model/status.ts"
import { caughtUp, forEachPage } from "./choose.ts"

export interface Found {
  readonly id: DeliveryId
  readonly event: EventId
  readonly workspace: WorkspaceId
  readonly connection: string
  readonly rule: string
  readonly state: DeliveryState
}

export interface Finder<R> {
  /** `undefined`: there is no word of it. */
  readonly delivery: (id: DeliveryId) => Effect.Effect<Found | undefined, LogUnavailable, R>
  /** None: there is no word of the event, or nothing was made of it. */
  readonly ofEvent: (event: EventId) => Effect.Effect<ReadonlyArray<Found>, LogUnavailable, R>
}

/** Reads all that was recorded since: of a long history, for minutes. */
export const inLog: Finder<LogReader> = {
  delivery: findDelivery,
  ofEvent: (event) =>
    Effect.map(listDeliveries({ event, since: timeOfId(event) ?? 0 }), ({ deliveries }) => deliveries),
}

/** Of one workspace. What the log has by now is waited for. */
export const inHistory = (workspace: WorkspaceId): Finder<History> => ({
  delivery: Effect.fnUntraced(function* (id) {
    const history = yield* History
    yield* caughtUp(logTime())
    const found = yield* history.delivery(workspace, id, {})
    return found && foundOf(found.delivery)
  }),
  ofEvent: Effect.fnUntraced(function* (event) {
    const found: Array<Found> = []
    const page = { after: undefined, limit: limits.pageRecords }
    yield* forEachPage({ workspace, event, status: statuses }, page, logTime(), (views) =>
      Effect.sync(() => void found.push(...views.map(foundOf))),
    )
    return found
  }),
})

const foundOf = ({ status, ...view }: DeliveryView): Found => ({ ...view, state: stateOfStatus[status] })
