/**
 * `meshes events ls | show`: the events of workspaces, and what happened to one of them.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import { statuses, type Status } from "../model/status.ts"
import { settingsOf, shared } from "./context.ts"
import {
  findWhole,
  latest,
  limitFlag,
  paintStatus,
  statusFlag,
  whyOf,
  workspaceFlag,
  type DeliveryRecord,
} from "./deliveries.ts"
import { momentFlag, momentText } from "./moments.ts"
import { note, paint, print, printJson, showTime, table } from "./output.ts"
import { remoteFlags, remoteOf } from "./remote.ts"

/** As the API says it. */
interface EventRecord {
  readonly id: string
  readonly type: string
  readonly workspace: string
  readonly resource?: string
  readonly resource_id?: string
  readonly status: Status
  readonly created_at: string
  readonly counts: { readonly [S in Status]: number }
  readonly reason?: string
  readonly revision?: string
}

interface EventWhole extends EventRecord {
  readonly time?: string
  readonly source?: string
  readonly payload?: unknown
  readonly payload_missing?: string
  readonly deliveries: ReadonlyArray<DeliveryRecord>
  readonly rule_failures: ReadonlyArray<{ readonly rule: string; readonly reason: string }>
}

const timeOf = (text: string): string => showTime(Date.parse(text))

/** `2 completed, 1 failed` */
const countsOf = ({ counts }: EventRecord): string => {
  const parts = statuses.flatMap((status) => (counts[status] > 0 ? [`${counts[status]} ${status}`] : []))
  return parts.length === 0 ? "no deliveries" : parts.join(", ")
}

const aboutOf = ({ resource, resource_id }: EventRecord): string =>
  resource === undefined && resource_id === undefined ? "" : `${resource ?? ""}/${resource_id ?? ""}`

export const lsEvents = Command.make(
  "ls",
  {
    workspace: workspaceFlag,
    type: Flag.String("type").pipe(Flag.optional, Flag.withDescription("Of this type")),
    status: statusFlag,
    resource: Flag.String("resource").pipe(Flag.optional, Flag.withDescription("About such a resource: page")),
    resourceId: Flag.String("resource-id").pipe(Flag.optional, Flag.withDescription("About this one")),
    id: Flag.String("id").pipe(Flag.optional, Flag.withDescription("Of this id: one may be used again, much later")),
    text: Flag.String("text").pipe(
      Flag.optional,
      Flag.withDescription("With this text in the payload; looked for in the last day, or from --since on"),
    ),
    since: momentFlag("since", "Stored then or later"),
    until: momentFlag("until", "Stored before"),
    limit: limitFlag,
    ...remoteFlags,
  },
  Effect.fn(function* ({ workspace, since, until, limit, url, key, ...filters }) {
    const { config, json } = yield* shared
    const remote = yield* remoteOf(yield* settingsOf({ config }), { url, key })
    const { type, status, resource, resourceId, id, text } = filters
    const query = {
      type: Option.getOrUndefined(type),
      status: Option.getOrUndefined(status),
      resource: Option.getOrUndefined(resource),
      resource_id: Option.getOrUndefined(resourceId),
      id: Option.getOrUndefined(id),
      text: Option.getOrUndefined(text),
      from: momentText(since),
      to: momentText(until),
    }
    const { records, more } = yield* latest<EventRecord>(remote, workspace, "events", query, limit)
    if (json) return printJson({ count: records.length, records })
    if (records.length === 0) {
      return note("no events match; what was stored a moment ago may come up to a second later")
    }
    const rows = records.map((record) => [
      timeOf(record.created_at),
      record.workspace,
      record.type,
      aboutOf(record),
      paintStatus(record.status),
      record.id,
      record.reason ?? countsOf(record),
    ])
    for (const line of table(rows)) print(line)
    if (more) note(`the latest ${records.length} are shown; see more with --limit`)
  }),
).pipe(
  Command.withDescription("List events, the latest last"),
  Command.withExamples([
    { command: "meshes events ls -w acme --status failed --since yesterday", description: "What did not arrive" },
    { command: "meshes events ls -w acme --text ada@example.com", description: "By a text in the payload" },
  ]),
)

export const showEvent = Command.make(
  "show",
  {
    id: Argument.String("event").pipe(Argument.withDescription("The event's id")),
    workspace: workspaceFlag,
    payload: Flag.Boolean("payload").pipe(
      Flag.withDefault(false),
      Flag.withDescription("Its payload too: needs the scope payload:read"),
    ),
    ...remoteFlags,
  },
  Effect.fn(function* ({ id, workspace, payload: withPayload, url, key }) {
    const { config, json } = yield* shared
    const remote = yield* remoteOf(yield* settingsOf({ config }), { url, key })
    const { payload, payload_missing, ...found } = yield* findWhole<EventWhole>(remote, workspace, "events", id)
    if (json) return printJson(withPayload ? { ...found, payload, payload_missing } : found)
    const about = aboutOf(found)
    const rows = [
      ["event", found.id],
      ["status", `${paintStatus(found.status)}  ${found.reason ?? countsOf(found)}`],
      ["type", found.type],
      ["workspace", found.workspace],
      ...(about === "" ? [] : [["about", about]]),
      ["stored", timeOf(found.created_at)],
      ...(found.revision === undefined ? [] : [["decided", `by config ${found.revision}`]]),
    ]
    for (const line of table(rows)) print(line)
    if (found.deliveries.length > 0) print("")
    const matrix = found.deliveries.map((delivery) => [
      delivery.rule,
      delivery.connection,
      paintStatus(delivery.status),
      `${delivery.attempt_count}×`,
      delivery.id,
      whyOf(delivery),
    ])
    for (const line of table(matrix)) print(line)
    for (const { rule, reason } of found.rule_failures) print(`${paint.red("condition failed")} ${rule}: ${reason}`)
    if (!withPayload) return
    if (payload === undefined) note(`no payload: ${payload_missing ?? "the log no longer has it"}`)
    else print(`\n${JSON.stringify(payload, null, 2)}`)
  }),
).pipe(Command.withDescription("Show one event with what became of it, delivery by delivery"))
