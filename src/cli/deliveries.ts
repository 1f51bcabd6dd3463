/**
 * `meshes deliveries ls | show | retry | cancel`: what became of events, from the history in the log.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import { limits } from "../config/defaults.ts"
import { parseDuration } from "../config/duration.ts"
import { findDelivery, listDeliveries, type DeliveryView } from "../history/read.ts"
import { cancelDeliveries, retryDeliveries } from "./acts.ts"
import { logLayer, settingsOf, shared, withLog } from "./context.ts"
import { AnswerIsNo, bad, note, paint, print, printJson, showTime, showWait, startProgress, table } from "./output.ts"
import { sinceFlag } from "./tail.ts"

const states = ["pending", "retrying", "delivered", "dead", "cancelled"] as const

const ls = Command.make(
  "ls",
  {
    workspace: Flag.String("workspace").pipe(Flag.withAlias("w"), Flag.optional),
    connection: Flag.String("connection").pipe(Flag.optional),
    event: Flag.String("event").pipe(Flag.optional, Flag.withDescription("The deliveries of one event, by its id")),
    state: Flag.Literals("state", states).pipe(Flag.optional),
    since: sinceFlag.pipe(Flag.withDescription('How far back to look; default "1 day"')),
    limit: Flag.Int("limit").pipe(
      Flag.withDefault(limits.linesListed),
      Flag.withDescription("The latest so many; default 50"),
    ),
  },
  Effect.fn(function* ({ workspace, connection, event, state, since, limit }) {
    const { config, json } = yield* shared
    const settings = yield* settingsOf({ config })
    const back = (Option.isSome(since) ? parseDuration(since.value) : undefined) ?? limits.lookBackMs
    const progress = startProgress()
    if (process.stderr.isTTY === true) progress.say("reading the history")
    const { deliveries, more } = yield* withLog(
      settings,
      listDeliveries({
        workspace: Option.getOrUndefined(workspace),
        connection: Option.getOrUndefined(connection),
        event: Option.getOrUndefined(event),
        state: Option.getOrUndefined(state),
        since: Date.now() - back,
      }),
    ).pipe(Effect.ensuring(Effect.sync(progress.stop)), Effect.provide(logLayer(settings.logLevel, json)))
    const latest = deliveries.slice(-Math.max(1, limit))
    if (json) return printJson({ count: latest.length, records: latest })
    if (latest.length === 0)
      return note("no deliveries match; look further back with --since, or publish one: meshes publish --help")
    for (const line of table(latest.map(rowOf))) print(line)
    if (more || latest.length < deliveries.length) note(`the latest ${latest.length} are shown; see more with --limit`)
  }),
).pipe(
  Command.withDescription("List deliveries, the latest last"),
  Command.withExamples([
    { command: "meshes deliveries ls --state dead", description: "What was given up" },
    { command: "meshes deliveries ls --event evt_…", description: "What became of one event" },
  ]),
)

const colourOf = (state: DeliveryView["state"]) =>
  state === "delivered" ? paint.green : state === "dead" ? paint.red : state === "pending" ? paint.dim : paint.yellow

const rowOf = (view: DeliveryView): ReadonlyArray<string> => {
  const last = view.attempts.at(-1)
  const why =
    last === undefined || last.state === "delivered"
      ? ""
      : `${last.outcome}${last.status === undefined ? "" : ` ${last.status}`}`
  const next = view.next === undefined ? "" : ` next ${showWait(view.next - Date.now())}`
  return [
    showTime(view.created),
    view.workspace,
    view.type,
    view.connection,
    colourOf(view.state)(view.state),
    `${view.attempts.length}×`,
    view.id,
    `${why}${next}`,
  ]
}

const show = Command.make(
  "show",
  { id: Argument.String("delivery").pipe(Argument.withDescription("The delivery's id: dlv_…")) },
  Effect.fn(function* ({ id }) {
    const { config, json } = yield* shared
    const settings = yield* settingsOf({ config })
    const view = yield* withLog(settings, findDelivery(id)).pipe(Effect.provide(logLayer(settings.logLevel, json)))
    if (view === undefined) {
      bad(`the history knows no delivery ${id}`)
      return yield* new AnswerIsNo()
    }
    if (json) return printJson(view)
    for (const line of table([
      ["delivery", view.id],
      [
        "state",
        `${colourOf(view.state)(view.state)}${view.next === undefined ? "" : `, next attempt ${showWait(view.next - Date.now())} (${showTime(view.next)})`}`,
      ],
      ["event", `${view.event} ${view.type}`],
      ["workspace", view.workspace],
      ["rule", `${view.rule}, action ${view.action}`],
      ["connection", view.connection],
      ["created", showTime(view.created)],
      ...(view.replay === undefined ? [] : [["replay", view.replay]]),
    ]))
      print(line)
    for (const attempt of view.attempts) {
      const request =
        attempt.request === undefined
          ? ""
          : ` ${attempt.request.method} ${attempt.request.url} (${attempt.request.bytes} bytes)`
      print(
        `\nattempt ${attempt.attempt}  ${showTime(attempt.at)}  ${Math.round(attempt.duration_ms)} ms  ${colourOf(attempt.state)(attempt.outcome)}${attempt.status === undefined ? "" : ` ${attempt.status}`}`,
      )
      if (request !== "") print(` ${request}`)
      const { revision, sent_revision: sent } = attempt
      print(sent === undefined ? `  by config ${revision}` : `  by config ${sent}; ${revision} decided on it`)
      if (attempt.message !== undefined) print(`  ${attempt.message}`)
      if (attempt.response !== undefined) print(`  answer: ${attempt.response}`)
    }
    for (const again of view.revived) print(`\nsent again  ${showTime(again.at)}  by ${again.by}`)
    if (view.cancelled !== undefined) print(`\ncancelled  ${showTime(view.cancelled.at)}  by ${view.cancelled.by}`)
  }),
).pipe(Command.withDescription("Show one delivery with each of its attempts"))

export const deliveries = Command.make("deliveries").pipe(
  Command.withDescription("What became of events"),
  Command.withSubcommands([ls, show, retryDeliveries, cancelDeliveries]),
)
