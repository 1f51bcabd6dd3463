/**
 * `meshes plan`: what a config would change if it came into force now, by what the log knows of the one that is; and what waits for
 * connections that it no longer has.
 */
import { relative } from "node:path"
import * as Effect from "effect/Effect"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import { compare, type Change, type FieldChange, type Shown } from "../config/compare.ts"
import { limits } from "../config/defaults.ts"
import { loadAnew } from "../config/load.ts"
import { sectionsOf, type PartKind } from "../config/summary.ts"
import { AppliedConfig } from "../log/applied-config.ts"
import type { ConnectionRef } from "../model/connection-state.ts"
import { compiler } from "../transform/compiler.ts"
import { logLayer, settingsOf, shared, withLog } from "./context.ts"
import { AnswerIsNo, good, note, paint, print, printJson, showTime, warn, WrongUse } from "./output.ts"

export const plan = Command.make(
  "plan",
  {
    exitCode: Flag.Boolean("exit-code").pipe(
      Flag.withDefault(false),
      Flag.withDescription("Exit status 0: nothing would change, 1: something would, 2: it could not be found out"),
    ),
  },
  Effect.fn(function* ({ exitCode }) {
    const { config, json } = yield* shared
    const compared = Effect.gen(function* () {
      const settings = yield* settingsOf({ config })
      const loaded = yield* loadAnew(settings.configFile, compiler, new Set())
      const after = { revision: loaded.plan.revision, sections: sectionsOf(loaded.config) }
      const found = yield* withLog(settings, Effect.provide(comparison(after), AppliedConfig.layer)).pipe(
        Effect.provide(logLayer(settings.logLevel, json)),
      )
      return { ...found, file: relative(process.cwd(), settings.configFile) || settings.configFile }
    })
    const { file, ...found } = yield* exitCode
      ? Effect.mapError(compared, ({ message }) => new WrongUse({ message }))
      : compared
    if (json) printJson(found)
    else show(found, file)
    if (exitCode && found.changes.length > 0) return yield* new AnswerIsNo()
  }),
).pipe(
  Command.withDescription("Show what the config would change of the one in force"),
  Command.withExamples([
    { command: "meshes plan", description: "meshes.config.ts against what runs" },
    { command: "meshes plan --exit-code --json", description: "For a pipeline: 0 nothing, 1 changes, 2 an error" },
  ]),
)

type Comparison = Effect.Success<ReturnType<typeof comparison>>

const comparison = ({ revision, sections }: { revision: string; sections: ReturnType<typeof sectionsOf> }) =>
  Effect.gen(function* () {
    const log = yield* AppliedConfig
    const applied = yield* log.read
    const changes = [...compare(applied?.kept ?? new Map(), sections)]
    const removed = connectionsRemoved(changes)
    const waiting: Array<ConnectionRef & { readonly deliveries: number }> = []
    for (const [workspace, connections] of Map.groupBy(removed, (one) => one.workspace)) {
      const counts = yield* log.waiting(workspace)
      for (const { connection } of connections) {
        const deliveries = counts.get(connection) ?? 0
        if (deliveries > 0) waiting.push({ workspace, connection, deliveries })
      }
    }
    return { revision, in_force: applied?.facts ?? null, changes, waiting }
  })

const connectionsRemoved = (changes: ReadonlyArray<Change>): ReadonlyArray<ConnectionRef> =>
  changes.flatMap(({ change, kind, workspace, name, connections }) => {
    if (change !== "removed") return []
    if (kind === "workspaces") return (connections ?? []).map((connection) => ({ workspace: name, connection }))
    return kind === "connections" && workspace !== undefined ? [{ workspace, connection: name }] : []
  })

const show = ({ revision, in_force: applied, changes, waiting }: Comparison, file: string): void => {
  note(
    applied === null
      ? `nothing was ever in force here; ${file} is revision ${revision}`
      : `in force: revision ${applied.revision}, since ${showTime(applied.at)} (${applied.by}); ${file} is ${revision}`,
  )
  for (const change of changes.slice(0, limits.changesShown)) for (const line of linesOf(change)) print(line)
  if (changes.length > limits.changesShown) {
    note(`… and ${changes.length - limits.changesShown} more changes; see them all with --json`)
  }
  for (const { workspace, connection, deliveries } of waiting) {
    warn(
      `about ${deliveries} ${deliveries === 1 ? "delivery waits" : "deliveries wait"} for ${workspace}/${connection}, which is removed: ` +
        "they will be dead letters, to be retried once it is back",
    )
  }
  if (changes.length === 0) return good("nothing would change")
  const count = (kind: Change["change"]) => changes.filter(({ change }) => change === kind).length
  note(`${count("added")} added, ${count("changed")} changed, ${count("removed")} removed`)
}

const nouns: { readonly [K in PartKind]: string } = {
  plans: "plan",
  accounts: "account",
  keys: "key",
  eventTypes: "event type",
  workspaces: "workspace",
  connections: "connection",
  rules: "rule",
}

const signs = { added: paint.green("+"), changed: paint.yellow("~"), removed: paint.red("-") } as const

const linesOf = ({ change, kind, workspace, name, fields, connections, rules }: Change): ReadonlyArray<string> => {
  const where = workspace === undefined ? name : `${workspace}/${name}`
  const holds = connections === undefined ? "" : `: ${connections.length} connections, ${rules?.length ?? 0} rules`
  return [
    `${signs[change]} ${nouns[kind]} ${where}${holds}`,
    ...(fields ?? []).map((field) => `    ${field.field}: ${shownChange(field)}`),
  ]
}

/** Of what is not kept, that it is another. */
const shownChange = ({ change, from, to }: FieldChange): string => {
  const [old, now] = [from === undefined ? "…" : shownValue(from), to === undefined ? "…" : shownValue(to)]
  if (change === "added") return `added${to === undefined ? "" : `, ${now}`}`
  if (change === "removed") return `removed${from === undefined ? "" : `, was ${old}`}`
  return from === undefined && to === undefined ? "changed" : `${old} → ${now}`
}

const shownValue = (value: Shown): string =>
  typeof value === "object" ? `secret("${value.secret}")` : JSON.stringify(value)
