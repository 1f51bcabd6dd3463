/**
 * `meshes connections`: how the destinations are, and stopping and starting what is sent to one.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import { limits } from "../config/defaults.ts"
import type { Plan } from "../config/plan.ts"
import { ConnectionSwitch } from "../log/connections.ts"
import {
  connectionName,
  shownState,
  switched,
  type ConnectionRef,
  type ConnectionState,
} from "../model/connection-state.ts"
import { authorizationLines, authorize, disconnect, findAuthorization } from "./authorize.ts"
import { shownAuthorization } from "../secrets/authorization.ts"
import { lists, test } from "./check-connection.ts"
import { logLayer, planOf, settingsOf, shared, withLog } from "./context.ts"
import { find, target } from "./find-connection.ts"
import { good, note, paint, print, printJson, showTime, showWait, table } from "./output.ts"
import { whoseCommand } from "./who.ts"

const states = ["closed", "open", "paused"] as const

interface Line extends ConnectionRef {
  /** Absent: it is no longer in the config. */
  readonly connector?: string
  readonly state: ConnectionState
}

/** A circuit that was never in trouble. */
const untroubled: ConnectionState = { state: "closed", reason: "", at: 0, by: "" }

const linesOf = (
  plan: Plan,
  known: ReadonlyArray<ConnectionRef & { readonly state: ConnectionState }>,
): ReadonlyArray<Line> => {
  const found = new Map(known.map((one) => [connectionName(one), one.state]))
  const lines: Array<Line> = []
  for (const workspace of plan.workspaces.values()) {
    for (const { id, connection } of workspace.connections.values()) {
      const name = `${workspace.id}/${id}`
      const state = found.get(name) ?? untroubled
      lines.push({ workspace: workspace.id, connection: id, connector: connection.connector.name, state })
      found.delete(name)
    }
  }
  for (const one of known) if (found.has(connectionName(one))) lines.push(one)
  return lines
}

const recordOf = ({ workspace, connection, connector, state }: Line) => ({
  workspace,
  connection,
  connector: connector ?? null,
  ...shownState(state === untroubled ? undefined : state),
})

const colourOf = ({ state }: ConnectionState) =>
  state === "closed" ? paint.green : state === "open" ? paint.red : paint.yellow

const ls = Command.make(
  "ls",
  {
    workspace: Flag.String("workspace").pipe(Flag.withAlias("w"), Flag.optional),
    state: Flag.Literals("state", states).pipe(Flag.optional),
    limit: Flag.Int("limit").pipe(
      Flag.withDefault(limits.linesListed),
      Flag.withDescription("The first so many; default 50"),
    ),
  },
  Effect.fn(function* ({ workspace, state, limit }) {
    const { config, json } = yield* shared
    const settings = yield* settingsOf({ config })
    const plan = yield* planOf(settings)
    const known = yield* withLog(
      settings,
      Effect.flatMap(ConnectionSwitch, (one) => one.list(Option.getOrUndefined(workspace))),
    ).pipe(Effect.provide(logLayer(settings.logLevel, json)))
    const lines = linesOf(plan, known).filter(
      (line) =>
        (Option.isNone(workspace) || line.workspace === workspace.value) &&
        (Option.isNone(state) || line.state.state === state.value),
    )
    const first = lines.slice(0, Math.max(1, limit))
    if (json) return printJson({ count: first.length, records: first.map(recordOf) })
    if (lines.length === 0) return note("no connection is like that")
    for (const line of table(
      first.map(({ workspace, connection, connector, state }) => [
        workspace,
        connection,
        connector ?? "no longer in the config",
        colourOf(state)(state.state),
        state === untroubled ? "" : `since ${showTime(state.at)} by ${state.by}`,
        `${state.reason}${state.probe === undefined ? "" : `; tried ${showWait(state.probe - Date.now())}`}`,
      ]),
    ))
      print(line.trimEnd())
    if (first.length < lines.length) note(`the first ${first.length} of ${lines.length}; see more with --limit`)
  }),
).pipe(
  Command.withDescription("List connections with the state of their circuits"),
  Command.withExamples([
    { command: "meshes connections ls --state open", description: "Destinations that the runtime waits for" },
  ]),
)

const show = Command.make(
  "show",
  target,
  Effect.fn(function* (ref) {
    const { config, json } = yield* shared
    const settings = yield* settingsOf({ config })
    const plan = yield* find(yield* planOf(settings), ref)
    const [state, authorization] = yield* withLog(
      settings,
      Effect.all([
        Effect.flatMap(ConnectionSwitch, (one) => one.read(ref)),
        Effect.result(findAuthorization(settings, plan)),
      ]),
    ).pipe(Effect.provide(logLayer(settings.logLevel, json)))
    const line: Line = { ...ref, connector: plan.connection.connector.name, state: state ?? untroubled }
    const found = Result.getOrUndefined(authorization)
    if (json) {
      const shown = found === undefined || found === "none" ? null : shownAuthorization(found)
      return printJson({ ...recordOf(line), ...(found === undefined ? {} : { authorization: shown }) })
    }
    const { ordering } = plan
    for (const text of table([
      ["connection", connectionName(ref)],
      ["connector", line.connector!],
      ["circuit", colourOf(line.state)(line.state.state)],
      ...(state === undefined
        ? []
        : [
            ["since", `${showTime(state.at)} by ${state.by}`],
            ["reason", state.reason],
          ]),
      ...(state?.probe === undefined ? [] : [["tried next", showWait(state.probe - Date.now())]]),
      ...(Result.isFailure(authorization)
        ? [["authorized", `not known: ${authorization.failure.message}`]]
        : found === undefined
          ? []
          : found === "none"
            ? [["authorized", `not yet: meshes connections authorize ${ref.workspace} ${ref.connection}`]]
            : authorizationLines(found)),
      ["order", typeof ordering === "string" ? ordering : `by ${ordering.key.source}`],
      ["concurrency", String(plan.concurrency)],
      ...(plan.rateLimit === undefined
        ? []
        : [["rate limit", `${plan.rateLimit.limit} per ${plan.rateLimit.perMs} ms`]]),
    ]))
      print(text)
  }),
).pipe(Command.withDescription("Show one connection"))

const turn = (
  name: "pause" | "resume",
  to: "paused" | "closed",
  words: { readonly done: string; readonly was: string },
) =>
  Command.make(
    name,
    {
      ...target,
      reason: Flag.String("reason").pipe(
        Flag.withDefault(""),
        Flag.filter(
          (reason) => reason.length <= limits.pauseReasonCharacters,
          (reason) => `the reason has ${reason.length} characters, at most ${limits.pauseReasonCharacters} are kept`,
        ),
        Flag.withDescription("Shown to whoever asks why"),
      ),
    },
    Effect.fn(function* ({ reason, ...ref }) {
      const { config, json } = yield* shared
      const settings = yield* settingsOf({ config })
      const plan = yield* find(yield* planOf(settings), ref)
      const who = whoseCommand()
      let changed = false
      const state = yield* withLog(
        settings,
        Effect.flatMap(ConnectionSwitch, (one) =>
          one.change(
            ref,
            (before) => {
              const after = switched(before, to, who.by, reason, Date.now())
              changed = after !== undefined
              return after
            },
            who,
          ),
        ),
      ).pipe(Effect.provide(logLayer(settings.logLevel, json)))
      const line: Line = { ...ref, connector: plan.connection.connector.name, state: state ?? untroubled }
      if (json) return printJson({ ...recordOf(line), changed })
      const since = to === "closed" || state === undefined ? "" : ` since ${showTime(state.at)} by ${state.by}`
      if (changed) good(`${connectionName(ref)} ${words.done}`)
      else note(`${connectionName(ref)} ${words.was}${since}`)
    }),
  )

const pause = turn("pause", "paused", {
  done: "is paused: what is meant for it waits in the log",
  was: "was paused already",
}).pipe(
  Command.withDescription("Send nothing over a connection until it is resumed; nothing is lost meanwhile"),
  Command.withExamples([
    {
      command: 'meshes connections pause acme-prod crm --reason "CRM is being migrated"',
      description: "Stop one connection",
    },
  ]),
)

const resume = turn("resume", "closed", { done: "is resumed", was: "was not paused" }).pipe(
  Command.withDescription("Send again over a connection that was paused, or whose circuit is open"),
)

export const connections = Command.make("connections").pipe(
  Command.withDescription("How destinations are, and pausing them"),
  Command.withSubcommands([ls, show, test, lists, pause, resume, authorize, disconnect]),
)
