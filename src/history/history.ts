/**
 * What the projection of the history answers.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { LogUnavailable } from "../model/errors.ts"
import type { DeliveryAttempted } from "../model/record.ts"
import type { StoredEvent } from "../model/stored-event.ts"
import type { AuditFilter, AuditView } from "./audit.ts"
import type { AttemptsFilter, ContactView, EventAttemptView, SeenFilter, SeenView } from "./overview.ts"
import type { DeliveryFilter, EventFilter } from "./queries.ts"
import type { AttemptView, DeliveryView, DeliveryWhole, EventView, EventWhole, Page } from "./views.ts"

type Asked<A> = Effect.Effect<A, LogUnavailable>
export interface Progress {
  readonly behind: number
  readonly upTo: number
}
export interface EventSearch extends EventFilter {
  readonly text: string
}
export type Exchange = Pick<DeliveryAttempted, "request" | "response">

export class History extends Context.Service<
  History,
  {
    readonly events: (filter: EventFilter) => Asked<Page<EventView>>
    readonly search: (search: EventSearch) => Asked<Page<EventView>>
    readonly event: (workspace: string, id: string) => Asked<EventWhole | undefined>
    readonly stored: (seq: number) => Asked<StoredEvent | undefined>
    readonly deliveries: (filter: DeliveryFilter) => Asked<Page<DeliveryView>>
    readonly delivery: (workspace: string, id: string) => Asked<DeliveryWhole | undefined>
    readonly exchange: (delivery: string, attempt: AttemptView) => Asked<Exchange | undefined>
    /** Event types or resources that a workspace has seen, by their names. */
    readonly seen: (filter: SeenFilter) => Asked<ReadonlyArray<SeenView>>
    /** How these connections do, in their order. */
    readonly contacts: (workspace: string, connections: ReadonlyArray<string>) => Asked<ReadonlyArray<ContactView>>
    /** All attempts of an event, delivery by delivery. */
    readonly attempts: (filter: AttemptsFilter) => Asked<ReadonlyArray<EventAttemptView>>
    /** The workspaces that have an event of that id. */
    readonly workspacesOf: (event: string) => Asked<ReadonlyArray<string>>
    /** Who did what, the latest first. */
    readonly audit: (filter: AuditFilter) => Asked<Page<AuditView>>
    readonly progress: Asked<Progress>
  }
>()("meshes/History") {}
