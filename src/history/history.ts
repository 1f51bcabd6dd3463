/**
 * The history as the process has it: kept up with the log by a supervised loop, in one process of those that share the data folder, and
 * asked by all of them. What is not projected (payloads, requests, answers) is read from the log itself.
 */
import { join } from "node:path"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { CurrentPlan } from "../config/current-plan.ts"
import { limits } from "../config/defaults.ts"
import type { Plan } from "../config/plan.ts"
import { HistoryLog } from "../log/history-log.ts"
import { logTime } from "../log/log-time.ts"
import { LogUnavailable } from "../model/errors.ts"
import type { AuditRecord, DeliveryAttempted } from "../model/record.ts"
import type { StoredEvent } from "../model/stored-event.ts"
import type { Month } from "../model/usage.ts"
import { Health } from "../observe/health.ts"
import { supervise } from "../observe/supervise.ts"
import type { About } from "./about.ts"
import type { ActivityFilter, ActivityPart, ActivityPartsFilter, ActivityView } from "./activity.ts"
import type { DeadGroups, DeadGroupsFilter } from "./dead-groups.ts"
import { makeDesk, type Desk } from "./desk.ts"
import { keepUp } from "./keep-up.ts"
import type { AttemptsFilter, ContactView, EventAttemptView, SeenFilter, SeenView } from "./overview.ts"
import type { AuditFilter, DeliveryFilter, EventFilter, Queries } from "./queries.ts"
import { recordsIn } from "./records.ts"
import type { Retention } from "./retention.ts"
import { searchEvents, type EventSearch } from "./search.ts"
import type { UsageView } from "./usage.ts"
import type { AttemptView, DeliveryView, DeliveryWhole, EventView, EventWhole, Page } from "./views.ts"

/** How far the answers reach. */
export interface Progress {
  /** Messages of the history that are not in them yet. */
  readonly behind: number
  /** All that the log stored before is in them; milliseconds since 1970. */
  readonly upTo: number
  /** Of what was stored before some is not in them, as the log no longer had it when this was made of it; 0: all is. */
  readonly since: number
}

type Asked<A> = Effect.Effect<A, LogUnavailable>

export class History extends Context.Service<
  History,
  {
    /** The latest first, a page at a time. */
    readonly events: (filter: EventFilter) => Asked<Page<EventView>>
    /** The same, of those whose payload has a text in it: a page also ends after so many events looked at. */
    readonly search: (search: EventSearch) => Asked<Page<EventView>>
    /** The latest event of an id that is about such a thing, with its deliveries; `undefined`: the workspace has none. */
    readonly event: (workspace: string, id: string, about: About) => Asked<EventWhole | undefined>
    /** An event as it was published, by its sequence; `undefined`: the log no longer has it, or it was refused. */
    readonly stored: (seq: number) => Asked<StoredEvent | undefined>
    readonly deliveries: (filter: DeliveryFilter) => Asked<Page<DeliveryView>>
    /** One whose event is about such a thing. */
    readonly delivery: (workspace: string, id: string, about: About) => Asked<DeliveryWhole | undefined>
    /** What was sent in an attempt and what came back, as far as it was kept; `undefined`: the log no longer has it. */
    readonly exchange: (delivery: string, attempt: AttemptView) => Asked<Exchange | undefined>
    /** Event types or resources that a workspace has seen, by their names. */
    readonly seen: (filter: SeenFilter) => Asked<ReadonlyArray<SeenView>>
    /** How these connections do, in their order. */
    readonly contacts: (workspace: string, connections: ReadonlyArray<string>) => Asked<ReadonlyArray<ContactView>>
    /** All attempts of the latest event of an id, delivery by delivery. */
    readonly attempts: (filter: AttemptsFilter) => Asked<ReadonlyArray<EventAttemptView>>
    /** The workspaces that have an event of that id. */
    readonly workspacesOf: (event: string) => Asked<ReadonlyArray<string>>
    readonly audit: (filter: AuditFilter) => Asked<Page<AuditRecord>>
    /** Of each of these workspaces in each month in which there was something, the latest month first. */
    readonly usage: (workspaces: ReadonlyArray<string>, month?: Month) => Asked<ReadonlyArray<UsageView>>
    /** Steps in which something happened, in order. */
    readonly activity: (filter: ActivityFilter) => Asked<ReadonlyArray<ActivityView>>
    /** What each rule, connection, or rule by connection had. */
    readonly activityParts: (filter: ActivityPartsFilter) => Asked<ReadonlyArray<ActivityPart>>
    /** Deliveries that are not over: of these workspaces together, of the installation when there are none given. */
    readonly backlog: (workspaces?: ReadonlyArray<string>) => Asked<number>
    /** What was given up, by connection and reason. */
    readonly deadGroups: (filter: DeadGroupsFilter) => Asked<DeadGroups>
    readonly progress: Asked<Progress>
  }
>()("meshes/History") {
  /** @param dataDir each replica has its own; workers of one share it */
  static readonly layer = (dataDir: string) =>
    Layer.effect(
      History,
      Effect.gen(function* () {
        const log = yield* HistoryLog
        const health = yield* Health
        const plan = yield* CurrentPlan
        const desk = yield* Effect.acquireRelease(
          Effect.sync(() => makeDesk(join(dataDir, "history"))),
          ({ close }) => Effect.promise(close),
        )
        health.expect("history")
        yield* Effect.forkScoped(
          supervise(
            "history",
            keepUp(desk, log, () => retentionOf(plan.get())),
          ),
        )
        const ask = asking(desk)
        return {
          events: (filter) => ask("events", filter),
          search: (search) => searchEvents(search, (filter) => ask("events", filter), log.event),
          event: (workspace, id, about) => ask("event", workspace, id, about),
          stored: log.event,
          deliveries: (filter) => ask("deliveries", filter),
          delivery: (workspace, id, about) => ask("delivery", workspace, id, about),
          exchange: (delivery, attempt) =>
            Effect.map(log.message(attempt.seq), (message) => message && exchangeIn(message, delivery, attempt)),
          seen: (filter) => ask("seen", filter),
          contacts: (workspace, connections) => ask("contacts", workspace, connections),
          attempts: (filter) => ask("attempts", filter),
          workspacesOf: (event) => ask("workspacesOf", event),
          audit: (filter) => ask("audit", filter),
          usage: (workspaces, month) => ask("usage", workspaces, month),
          activity: (filter) => ask("activity", filter),
          activityParts: (filter) => ask("activityParts", filter),
          backlog: (workspaces) => ask("backlog", workspaces),
          deadGroups: (filter) => ask("deadGroups", filter),
          progress: Effect.gen(function* () {
            const { id, first, last } = yield* log.extent
            const known = yield* ask("checkpoint")
            if (known.log !== id) return { behind: last - first + 1, upTo: 0, since: 0 }
            const { seq, time, since } = known
            return { behind: Math.max(0, last - seq), upTo: seq >= last ? logTime() : time, since }
          }),
        }
      }),
    )
}

export type Exchange = Pick<DeliveryAttempted, "request" | "response" | "shared">

const exchangeIn = (
  message: { readonly data: Uint8Array },
  delivery: string,
  { at, attempt }: AttemptView,
): Exchange | undefined => {
  for (const record of recordsIn(message)) {
    if (record.kind !== "delivery.attempted" || record.delivery !== delivery) continue
    if (record.at !== at || record.attempt !== attempt) continue
    const { request, response, shared } = record
    return {
      ...(request === undefined ? {} : { request }),
      ...(response === undefined ? {} : { response }),
      ...(shared === undefined ? {} : { shared }),
    }
  }
  return undefined
}

const day = 86_400_000

const retentionOf = ({ workspaces, accounts }: Plan): Retention => {
  const now = logTime()
  const daysOf = (account: string | undefined) =>
    account === undefined ? undefined : accounts?.get(account)?.limits?.auditRetentionDays
  const own = [...workspaces.values()].flatMap(({ id, account }) => {
    const days = daysOf(account)
    return days === undefined ? [] : [[id, now - days * day] as const]
  })
  return { before: now - limits.historyRetentionDays * day, workspaces: new Map(own) }
}

const asking =
  (desk: Desk) =>
  <Q extends keyof Queries>(question: Q, ...of: Parameters<Queries[Q]>): Asked<ReturnType<Queries[Q]>> =>
    Effect.tryPromise({
      try: () => desk.call("ask", question, of) as Promise<ReturnType<Queries[Q]>>,
      catch: (cause) =>
        new LogUnavailable({ operation: "reading the history", reason: (cause as Error).message, stored: "no" }),
    })
