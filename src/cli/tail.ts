/**
 * `meshes tail`: what happens, as it happens: events routed, attempts made, refusals.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import { recordsIn } from "../history/records.ts"
import { LogReader } from "../log/reader.ts"
import { streams } from "../log/topology.ts"
import type { HistoryRecord } from "../model/record.ts"
import { parseDuration, durationForm } from "../config/duration.ts"
import { logLayer, settingsOf, shared, withLog } from "./context.ts"
import { note, paint, print, printJson, showTime, showWait } from "./output.ts"

export const sinceFlag = Flag.String("since").pipe(
  Flag.filter(
    (text) => parseDuration(text) !== undefined,
    (text) => `"${text}" is not ${durationForm}`,
  ),
  Flag.optional,
)

export const tail = Command.make(
  "tail",
  {
    workspace: Flag.String("workspace").pipe(
      Flag.withAlias("w"),
      Flag.optional,
      Flag.withDescription("Of one workspace alone"),
    ),
    since: sinceFlag.pipe(Flag.withDescription('Begin in the past: "10 minutes"')),
  },
  Effect.fn(function* ({ workspace, since }) {
    const { config, json } = yield* shared
    const settings = yield* settingsOf({ config })
    const wanted = Option.getOrUndefined(workspace)
    const back = Option.isSome(since) ? parseDuration(since.value) : undefined
    yield* withLog(
      settings,
      Effect.gen(function* () {
        const reader = yield* LogReader
        if (process.stderr.isTTY === true) note("waiting for events; end with Ctrl-C")
        yield* reader
          .scan(streams.history, { follow: true, ...(back === undefined ? {} : { fromTime: Date.now() - back }) })
          .pipe(
            Stream.runForEach((message) =>
              Effect.sync(() => {
                for (const record of recordsIn(message)) {
                  if (wanted !== undefined && record.workspace !== wanted) continue
                  if (json) printJson(record)
                  else for (const line of linesOf(record)) print(line)
                }
              }),
            ),
          )
      }),
    ).pipe(Effect.provide(logLayer(settings.logLevel, json)))
  }),
).pipe(
  Command.withDescription("Watch events and deliveries as they happen"),
  Command.withExamples([{ command: "meshes tail --workspace acme", description: "What happens in one workspace" }]),
)

const linesOf = (record: HistoryRecord): ReadonlyArray<string> => {
  const head = (at: number, workspace: string, what: string) => `${showTime(at)} ${workspace} ${what}`
  switch (record.kind) {
    case "event.routed":
      return record.deliveries.map(({ id, rule, connection }) =>
        head(
          record.at,
          record.workspace,
          `${record.event} ${record.type} → ${connection} by ${rule} ${paint.dim(id)}${record.replay === undefined ? "" : ` replayed by ${record.replay}`}`,
        ),
      )
    case "event.unmatched":
      return [head(record.at, record.workspace, `${record.event} ${record.type} ${paint.yellow("no rule wants it")}`)]
    case "event.refused":
      return [head(record.at, record.workspace, `${paint.red("refused")} ${record.subject}: ${record.reason}`)]
    case "rule.failed":
      return [
        head(
          record.at,
          record.workspace,
          `${record.event} ${paint.red("condition failed")} ${record.rule}: ${record.reason}`,
        ),
      ]
    case "connection.changed":
      return [
        head(
          record.at,
          record.workspace,
          `${record.connection} ${paint.yellow(record.to)} by ${record.by}: ${record.reason}`,
        ),
      ]
    case "audit": {
      const from = record.from === undefined ? "" : ` from ${record.from}`
      const detail = record.detail === undefined ? "" : `: ${record.detail}`
      return [
        head(record.at, record.workspace ?? "*", `${record.what} ${record.target} by ${record.by}${from}${detail}`),
      ]
    }
    case "delivery.revived":
      return [head(record.at, record.workspace, `${record.delivery} sent again by ${record.by}`)]
    case "delivery.cancelled":
      return [head(record.at, record.workspace, `${record.delivery} ${paint.yellow("cancelled")} by ${record.by}`)]
    case "delivery.attempted": {
      const colour = record.state === "delivered" ? paint.green : record.state === "dead" ? paint.red : paint.yellow
      const next = record.next === undefined ? "" : `, next ${showWait(record.next - record.at)}`
      const why = record.state === "delivered" ? "" : ` ${record.outcome}: ${record.message ?? ""}`
      return [
        head(
          record.at,
          record.workspace,
          `${record.delivery} ${record.connection} ${colour(record.state)} attempt ${record.attempt}, ${Math.round(record.duration_ms)} ms${next}${why}`,
        ),
      ]
    }
  }
}
