/**
 * `meshes deliveries ls | show | retry | cancel`: what became of events, delivery by delivery.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import { limits } from "../config/defaults.ts"
import { outcomeKinds, type OutcomeKind } from "../model/outcome.ts"
import type { Status } from "../model/status.ts"
import { cancelDeliveries, retryDeliveries } from "./acts.ts"
import { settingsOf, shared } from "./context.ts"
import { momentFlag, momentText } from "./moments.ts"
import { AnswerIsNo, bad, note, paint, print, printJson, showTime, showWait, table } from "./output.ts"
import { find, inWorkspace, list, remoteFlags, remoteOf, workspacesMeant } from "./remote.ts"

/** As the API says it. */
export interface DeliveryRecord {
  readonly id: string
  readonly event: string
  readonly type: string
  readonly workspace: string
  readonly rule: string
  readonly action: number
  readonly connection: string
  readonly replay?: string
  readonly status: Status
  readonly created_at: string
  readonly attempt_count: number
  readonly last_attempt?: {
    readonly at: string
    readonly outcome: OutcomeKind
    readonly http_status?: number
    readonly message?: string
  }
  readonly next_attempt_at?: string
}

interface DeliveryWhole extends DeliveryRecord {
  readonly attempts: ReadonlyArray<{
    readonly attempt: number
    readonly at: string
    readonly duration_ms: number
    readonly outcome: OutcomeKind
    readonly status: Status
    readonly http_status?: number
    readonly message?: string
    readonly revision: string
    readonly request?: { readonly method: string; readonly url: string; readonly bytes: number }
    readonly response?: string
  }>
  readonly sent_again: ReadonlyArray<{ readonly at: string; readonly by: string }>
  readonly canceled: ReadonlyArray<{ readonly at: string; readonly by: string }>
}

export const statusFlag = Flag.String("status").pipe(
  Flag.withAlias("state"),
  Flag.optional,
  Flag.withDescription("pending, processing, retrying, completed, failed or canceled; several with commas"),
)
export const workspaceFlag = Flag.String("workspace").pipe(
  Flag.withAlias("w"),
  Flag.optional,
  Flag.withDescription("Of this workspace; default all that the key may see"),
)
export const limitFlag = Flag.Int("limit").pipe(
  Flag.withDefault(limits.linesListed),
  Flag.withDescription("The latest so many; default 50"),
)

const ls = Command.make(
  "ls",
  {
    workspace: workspaceFlag,
    connection: Flag.String("connection").pipe(Flag.optional),
    rule: Flag.String("rule").pipe(Flag.optional),
    event: Flag.String("event").pipe(Flag.optional, Flag.withDescription("The deliveries of one event, by its id")),
    status: statusFlag,
    outcome: Flag.Literals("outcome", outcomeKinds).pipe(
      Flag.optional,
      Flag.withDescription("How the last attempt ended"),
    ),
    replay: Flag.String("replay").pipe(Flag.optional, Flag.withDescription("The deliveries of one replay, by its id")),
    resource: Flag.String("resource").pipe(
      Flag.optional,
      Flag.withDescription("Of events about such a resource: page"),
    ),
    resource_id: Flag.String("resource-id").pipe(Flag.optional, Flag.withDescription("Of events about this one")),
    since: momentFlag("since", "Created then or later"),
    until: momentFlag("until", "Created before"),
    limit: limitFlag,
    ...remoteFlags,
  },
  Effect.fn(function* ({ workspace, since, until, limit, url, key, ...filters }) {
    const { config, json } = yield* shared
    const remote = yield* remoteOf(yield* settingsOf({ config }), { url, key })
    const given = Object.fromEntries(
      Object.entries(filters).map(([name, flag]) => [name, Option.getOrUndefined(flag as Option.Option<string>)]),
    )
    const query = { ...given, from: momentText(since), to: momentText(until) }
    const { records, more } = yield* latest<DeliveryRecord>(remote, workspace, "deliveries", query, limit)
    if (json) return printJson({ count: records.length, records })
    if (records.length === 0) {
      return note("no deliveries match; what was stored a moment ago may come up to a second later")
    }
    for (const line of table(records.map(deliveryRow))) print(line)
    if (more) note(`the latest ${records.length} are shown; see more with --limit`)
  }),
).pipe(
  Command.withDescription("List deliveries, the latest last"),
  Command.withExamples([
    {
      command: "meshes deliveries ls -w acme --connection erp --status failed --since yesterday --until today",
      description: "Which deliveries to a connection failed yesterday, and why",
    },
    { command: "meshes deliveries ls --event evt_…", description: "What became of one event" },
  ]),
)

type Remote = Parameters<typeof list>[0]

/** The latest records of a list of workspaces, the latest last. */
export const latest = <A extends { readonly created_at: string }>(
  remote: Remote,
  workspace: Option.Option<string>,
  path: string,
  query: Parameters<typeof list>[2],
  limit: number,
) =>
  Effect.gen(function* () {
    const wanted = Math.max(1, limit)
    const pages = yield* Effect.forEach(yield* workspacesMeant(remote, workspace), (id) =>
      list(remote, inWorkspace(id, path), query, wanted),
    )
    const all = pages.flatMap(({ records }) => records as ReadonlyArray<A>)
    const records = all.toSorted((a, b) => Date.parse(b.created_at) - Date.parse(a.created_at)).slice(0, wanted)
    const [asOf] = pages.flatMap((page) => page.asOf ?? []).toSorted()
    if (asOf !== undefined && Date.now() - Date.parse(asOf) > limits.historyLateMs) {
      note(`the history is told up to ${timeOf(asOf)} only: it is being caught up with`)
    }
    return { records: records.toReversed(), more: records.length < all.length || pages.some(({ more }) => more) }
  })

/** What has an id in the one workspace that knows it. */
export const findWhole = Effect.fnUntraced(function* <A>(
  remote: Remote,
  workspace: Option.Option<string>,
  what: "events" | "deliveries",
  id: string,
) {
  for (const one of yield* workspacesMeant(remote, workspace)) {
    const found = yield* find(remote, inWorkspace(one, `${what}/${encodeURIComponent(id)}`))
    if (found !== undefined) return found as A
  }
  bad(`the history knows no ${what === "events" ? "event" : "delivery"} ${id}`)
  return yield* new AnswerIsNo()
})

export const paintStatus = (status: Status): string =>
  (status === "completed"
    ? paint.green
    : status === "failed"
      ? paint.red
      : status === "pending"
        ? paint.dim
        : paint.yellow)(status)

const timeOf = (text: string): string => showTime(Date.parse(text))
const waitOf = (text: string): string => showWait(Date.parse(text) - Date.now())

/** Why it is not delivered, in one line. */
export const whyOf = ({ status, last_attempt: last, next_attempt_at: next }: DeliveryRecord): string => {
  if (last === undefined || status === "completed") return ""
  const http = last.http_status === undefined ? "" : ` ${last.http_status}`
  const message = last.message === undefined ? "" : `: ${last.message.replaceAll(/\s+/g, " ")}`
  return `${last.outcome}${http}${message}${next === undefined ? "" : `, next ${waitOf(next)}`}`
}

const deliveryRow = (record: DeliveryRecord): ReadonlyArray<string> => [
  timeOf(record.created_at),
  record.workspace,
  record.type,
  record.connection,
  paintStatus(record.status),
  `${record.attempt_count}×`,
  record.id,
  whyOf(record),
]

const show = Command.make(
  "show",
  {
    id: Argument.String("delivery").pipe(Argument.withDescription("The delivery's id: dlv_…")),
    workspace: workspaceFlag,
    ...remoteFlags,
  },
  Effect.fn(function* ({ id, workspace, url, key }) {
    const { config, json } = yield* shared
    const remote = yield* remoteOf(yield* settingsOf({ config }), { url, key })
    const found = yield* findWhole<DeliveryWhole>(remote, workspace, "deliveries", id)
    if (json) return printJson(found)
    const next = found.next_attempt_at
    const rows = [
      ["delivery", found.id],
      [
        "status",
        `${paintStatus(found.status)}${next === undefined ? "" : `, next attempt ${waitOf(next)} (${timeOf(next)})`}`,
      ],
      ["event", `${found.event} ${found.type}`],
      ["workspace", found.workspace],
      ["rule", `${found.rule}, action ${found.action}`],
      ["connection", found.connection],
      ["created", timeOf(found.created_at)],
      ...(found.replay === undefined ? [] : [["replay", found.replay]]),
    ]
    for (const line of table(rows)) print(line)
    for (const line of found.attempts.flatMap(attemptLines)) print(line)
    for (const { at, by } of found.sent_again) print(`\nsent again  ${timeOf(at)}  by ${by}`)
    for (const { at, by } of found.canceled) print(`\ncanceled  ${timeOf(at)}  by ${by}`)
  }),
).pipe(Command.withDescription("Show one delivery with each of its attempts"))

const attemptLines = (attempt: DeliveryWhole["attempts"][number]): ReadonlyArray<string> => {
  const http = attempt.http_status === undefined ? "" : ` ${attempt.http_status}`
  const colour = attempt.status === "completed" ? paint.green : attempt.status === "failed" ? paint.red : paint.yellow
  const { request, message, response } = attempt
  return [
    "",
    `attempt ${attempt.attempt}  ${timeOf(attempt.at)}  ${Math.round(attempt.duration_ms)} ms  ${colour(attempt.outcome)}${http}`,
    ...(request === undefined ? [] : [`  ${request.method} ${request.url} (${request.bytes} bytes)`]),
    `  by config ${attempt.revision}`,
    ...(message === undefined ? [] : [`  ${message}`]),
    ...(response === undefined ? [] : [`  answer: ${response}`]),
  ]
}

export const deliveries = Command.make("deliveries").pipe(
  Command.withDescription("What became of events"),
  Command.withSubcommands([ls, show, retryDeliveries, cancelDeliveries]),
)
