/**
 * `meshes replay`: events of the log delivered once more, in the background; how that goes, and stopping it.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import { limits } from "../config/defaults.ts"
import { Replays } from "../log/replays.ts"
import { InvalidInput } from "../model/errors.ts"
import { replayIdPattern } from "../model/ids.ts"
import { earlierNames, shownReplay, type Replay } from "../model/replay.ts"
import { previewReplay, type ReplayPreview } from "../replay/preview.ts"
import { checkReplay } from "../replay/request.ts"
import { backtestFlags, runBacktest } from "./backtest.ts"
import { logLayer, planOf, settingsOf, shared, withLog, withOwnLog } from "./context.ts"
import { showPreview } from "./explain.ts"
import {
  AnswerIsNo,
  bad,
  good,
  note,
  paint,
  print,
  printJson,
  showTime,
  startProgress,
  table,
  WrongUse,
} from "./output.ts"
import { allWorkspacesFlag, filterFlags, filterOf, workspaceOf } from "./replay-filter.ts"
import { whoseCommand } from "./who.ts"

const flags = {
  ...filterFlags,
  ...backtestFlags,
  allWorkspaces: allWorkspacesFlag,
  status: Flag.Literals("status", earlierNames).pipe(
    Flag.atLeast(0),
    Flag.withDescription(
      "By what became of the same delivery before; may be repeated. none: there was no such delivery",
    ),
  ),
  all: Flag.Boolean("all").pipe(Flag.withDefault(false), Flag.withDescription("Everything that the log has")),
  rate: Flag.Int("rate").pipe(
    Flag.withDefault(limits.replayRate),
    Flag.withDescription(`Deliveries a second, at the most; default ${limits.replayRate}`),
  ),
  sameIds: Flag.Boolean("same-ids").pipe(
    Flag.withDefault(false),
    Flag.withDescription("Keep the deliveries' ids: receivers that drop repeats drop what they have"),
  ),
  dryRun: Flag.Boolean("dry-run").pipe(
    Flag.withDefault(false),
    Flag.withDescription("Show what would be sent, and to whom; begin nothing"),
  ),
  requests: Flag.Int("requests").pipe(
    Flag.withDefault(limits.previewRequests),
    Flag.withDescription(`Requests that a dry run shows; default ${limits.previewRequests}`),
  ),
}

const ls = Command.make(
  "ls",
  {
    workspace: Flag.String("workspace").pipe(Flag.withAlias("w"), Flag.optional),
    state: Flag.Literals("state", ["running", "stopped", "done"]).pipe(Flag.optional),
    limit: Flag.Int("limit").pipe(
      Flag.withDefault(limits.linesListed),
      Flag.withDescription("The latest so many; default 50"),
    ),
  },
  Effect.fn(function* ({ workspace, state, limit }) {
    const { json } = yield* shared
    const all = yield* withReplays((replays) => replays.list(Option.getOrUndefined(workspace)))
    const found = all.filter((one) => Option.isNone(state) || one.state === state.value)
    const latest = found.slice(0, Math.max(1, limit))
    if (json) return printJson({ count: latest.length, records: latest.map(shownReplay) })
    if (latest.length === 0) return note("no replays")
    for (const line of table(
      latest.map((one) => [
        showTime(one.created),
        one.id,
        one.filter.workspace ?? "all workspaces",
        stateOf(one),
        `${one.progress.deliveries} deliveries of ${one.progress.events} events`,
        one.by,
      ]),
    ))
      print(line)
    if (latest.length < found.length) note(`the latest ${latest.length} are shown; see more with --limit`)
  }),
).pipe(Command.withDescription("List replays, the latest first"))

const id = Argument.String("replay").pipe(Argument.withDescription("The replay's id: rpl_…"))

const show = Command.make(
  "show",
  {
    id,
    follow: Flag.Boolean("follow").pipe(
      Flag.withAlias("f"),
      Flag.withDefault(false),
      Flag.withDescription("Until it is over; exit status 1: it was stopped"),
    ),
  },
  Effect.fn(function* ({ id, follow }) {
    const { json } = yield* shared
    const found = yield* known(id, (replays) => (follow ? untilOver(replays, id) : replays.find(id)))
    if (json) printJson(shownReplay(found))
    else showReplay(found)
    return follow && found.state === "stopped" ? yield* new AnswerIsNo() : undefined
  }),
).pipe(Command.withDescription("Show how far a replay has come"))

const stop = Command.make(
  "stop",
  { id },
  Effect.fn(function* ({ id }) {
    const { json } = yield* shared
    const stopped = yield* known(id, (replays) =>
      Effect.flatMap(replays.find(id), (one) =>
        one === undefined ? Effect.succeed(undefined) : replays.stop(one, whoseCommand()),
      ),
    )
    if (json) return printJson(shownReplay(stopped))
    good(`${id} is ${stopped.state}: ${stopped.progress.deliveries} deliveries were made, and go their way`)
  }),
).pipe(Command.withDescription("Stop a replay; what was made of it goes its way"))

export const replay = Command.make(
  "replay",
  flags,
  Effect.fn(function* (given) {
    const { config, json } = yield* shared
    if (given.backtest) {
      if (given.dryRun || given.sameIds || given.status.length > 0) {
        return yield* new WrongUse({
          message: "a backtest sends nothing: --dry-run, --same-ids and --status do not go with it",
        })
      }
      return yield* runBacktest(given, config, json)
    }
    const settings = yield* settingsOf({ config })
    const plan = yield* planOf(settings)
    const workspace = yield* workspaceOf(plan, given)
    const filter = { ...filterOf(given), ...(given.status.length === 0 ? {} : { status: given.status }) }
    const { rate, sameIds: same_ids, requests } = given
    const asked = checkReplay({ ...filter, rate, same_ids, requests }, [plan], workspace, Date.now())
    if (Result.isFailure(asked)) return yield* new InvalidInput({ subject: "the replay", issues: asked.failure })
    const { request } = asked.success
    if (given.dryRun) {
      const progress = startProgress()
      const preview = yield* withLog(
        settings,
        previewReplay(request, {
          plan,
          env: process.env,
          requests,
          events: Number.POSITIVE_INFINITY,
          progress: (events) => {
            if (events % limits.replayPageEvents === 0 && process.stderr.isTTY === true)
              progress.say(`${events} events`)
          },
        }),
      ).pipe(Effect.ensuring(Effect.sync(progress.stop)), Effect.provide(logLayer(settings.logLevel, json)))
      if (json) printJson(preview)
      else showDryRun(preview)
      return undefined
    }
    if (!given.all && Object.keys(filter).length === 0) {
      return yield* new WrongUse({
        message: "say what to replay (--from, --type, --rule …: see --help), or --all; look at it first with --dry-run",
      })
    }
    const begun = yield* withReplays((replays) => replays.begin(request, whoseCommand()))
    if (json) return printJson(shownReplay(begun))
    good(`${begun.id} has begun; a running runtime goes on with it`)
    note(`  how far it has come: meshes replay show ${begun.id} --follow`)
    return undefined
  }),
).pipe(
  Command.withDescription("Deliver events of the log once more"),
  Command.withExamples([
    {
      command: 'meshes replay -w acme --from "2 hours" --connection erp --status dead --dry-run',
      description: "What would be sent again",
    },
    {
      command: "meshes replay -w acme --rule new-rule --status none",
      description: "A new rule, for the events before it",
    },
    {
      command: "meshes replay --backtest --config new.config.ts --against meshes.config.ts --from '7 days'",
      description: "What a new config would have made of the last week",
    },
  ]),
  Command.withSubcommands([ls, show, stop]),
)

const withReplays = <A, E>(use: (replays: Replays["Service"]) => Effect.Effect<A, E>) =>
  withOwnLog(Effect.flatMap(Replays, use))

const known = <E>(id: string, use: (replays: Replays["Service"]) => Effect.Effect<Replay | undefined, E>) =>
  Effect.gen(function* () {
    if (!replayIdPattern.test(id)) return yield* new WrongUse({ message: `"${id}" is not a replay's id: rpl_…` })
    const found = yield* withReplays(use)
    if (found !== undefined) return found
    bad(`there is no replay ${id}: see meshes replay ls`)
    return yield* new AnswerIsNo()
  })

/** Says now and then how far it has come. */
const untilOver = (replays: Replays["Service"], id: string) =>
  Effect.gen(function* () {
    const progress = yield* Effect.acquireRelease(Effect.sync(startProgress), ({ stop }) => Effect.sync(stop))
    for (let said = ""; ; yield* Effect.sleep(limits.replayFollowMs)) {
      const found = yield* replays.find(id)
      if (found === undefined) return found
      const line = `${shareOf(found)} of the log, ${found.progress.deliveries} deliveries of ${found.progress.events} events`
      if (line !== said) progress.say((said = line))
      if (found.state !== "running") return found
    }
  }).pipe(Effect.scoped)

/** How much of what it is over it has looked at. */
const shareOf = (one: Replay): string => {
  const { first, last, at } = shownReplay(one).range
  return `${one.state === "done" || last < first ? 100 : Math.floor((100 * (at - first + 1)) / (last - first + 1))} %`
}

const stateOf = ({ state }: Replay): string =>
  state === "done" ? paint.green(state) : state === "stopped" ? paint.yellow(state) : state

const showReplay = (one: Replay): void => {
  const { filter, progress, range, ...shown } = shownReplay(one)
  const chosen = Object.entries(filter).map(([name, value]) => `${name} ${String(value)}`)
  const ended = one.ended === undefined ? "" : ` ${showTime(one.ended.at)}`
  for (const line of table([
    ["replay", one.id],
    ["state", `${stateOf(one)}${ended}${shown.stopped_by === undefined ? "" : ` by ${shown.stopped_by}`}`],
    ...(shown.reason === undefined ? [] : [["reason", shown.reason]]),
    ["workspace", shown.workspace ?? "all"],
    ["over", chosen.length === 0 ? "everything" : chosen.join(", ")],
    ["begun", `${showTime(one.created)} by ${one.by}`],
    ["rate", `${one.rate} a second${one.sameIds ? ", under the same ids" : ""}`],
    [
      "events",
      `${progress.events} looked at, ${progress.matched} chosen (up to ${range.last} in the log, ${shareOf(one)})`,
    ],
    ["deliveries", `${progress.deliveries} made, ${progress.skipped} skipped`],
    ...(progress.failed === 0 ? [] : [["failed", `the expression, for ${progress.failed} events`]]),
  ]))
    print(line)
}

const showDryRun = (preview: ReplayPreview): void => {
  for (const { workspace, rule, action, connection, deliveries, before } of preview.by.slice(0, limits.linesListed)) {
    const states = Object.entries(before).map(([state, count]) => `${count} ${state}`)
    print(`${workspace}  ${rule}[${action}] → ${connection}  ${deliveries}  before: ${states.join(", ")}`)
  }
  if (preview.by.length > limits.linesListed) note(`and ${preview.by.length - limits.linesListed} more: see --json`)
  for (const one of preview.requests) {
    print(`${one.workspace} ${one.event} by ${one.rule}`)
    showPreview(one)
  }
  const { events, matched, deliveries, skipped, failed } = preview
  if (skipped > 0) note(`${skipped} would be skipped: on their way already, or older than the history`)
  if (failed > 0) note(`the filter's expression failed for ${failed} events`)
  good(`${deliveries} deliveries of ${matched} events, ${events} looked at; nothing was sent`)
}
