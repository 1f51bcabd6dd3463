/**
 * `meshes replay --backtest`: what a config would make of past events, held against what was really made of them.
 */
import { access } from "node:fs/promises"
import { resolve } from "node:path"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Flag from "effect/cli/Flag"
import { limits } from "../config/defaults.ts"
import { loadPlan } from "../config/load.ts"
import type { Plan } from "../config/plan.ts"
import type { Settings } from "../config/settings.ts"
import { InvalidInput } from "../model/errors.ts"
import { backtest, type Backtest, type Deviations } from "../replay/backtest.ts"
import { checkReplay } from "../replay/request.ts"
import { compiler } from "../transform/compiler.ts"
import { logLayer, planOf, settingsOf, withLog } from "./context.ts"
import { AnswerIsNo, good, note, paint, print, printJson, startProgress, warn, WrongUse } from "./output.ts"
import { filterOf, type FilterFlags } from "./replay-filter.ts"

export const backtestFlags = {
  backtest: Flag.Boolean("backtest").pipe(
    Flag.withDefault(false),
    Flag.withDescription("Hold what --config would make of past events against what was made; send nothing"),
  ),
  against: Flag.String("against").pipe(
    Flag.optional,
    Flag.withDescription(
      "With --backtest: the config that was in force, to compare requests with (default: MESHES_CONFIG or meshes.config.ts, if --config is another)",
    ),
  ),
  show: Flag.Int("show").pipe(
    Flag.withDefault(limits.backtestExamples),
    Flag.withDescription(`With --backtest: examples of each difference; default ${limits.backtestExamples}`),
  ),
  exitCode: Flag.Boolean("exit-code").pipe(
    Flag.withDefault(false),
    Flag.withDescription("With --backtest: exit status 1 if there are differences"),
  ),
}

interface BacktestFlags extends FilterFlags {
  readonly against: Option.Option<string>
  readonly show: number
  readonly exitCode: boolean
}

/** @param config the flag, as it was given */
export const runBacktest = Effect.fn(function* (flags: BacktestFlags, config: string | undefined, json: boolean) {
  const { show } = flags
  if (show < 0 || show > limits.backtestExamplesMax) {
    return yield* new WrongUse({ message: `--show ${show}: give a number from 0 to ${limits.backtestExamplesMax}` })
  }
  const settings = yield* settingsOf({ config })
  const plan = yield* planOf(settings)
  const against = yield* baselineOf(settings, flags.against)
  const plans = against === undefined ? [plan] : [plan, against]
  const body = { from: `${limits.lookBackMs / 3_600_000} hours`, ...filterOf(flags) }
  const asked = checkReplay(body, plans, Option.getOrUndefined(flags.workspace), Date.now())
  if (Result.isFailure(asked)) return yield* new InvalidInput({ subject: "the backtest", issues: asked.failure })
  const progress = startProgress()
  const result = yield* withLog(
    settings,
    backtest(asked.success.request.filter, {
      plan,
      against,
      env: process.env,
      examples: show,
      progress: (events) => {
        if (events % limits.replayPageEvents === 0 && process.stderr.isTTY === true) progress.say(`${events} events`)
      },
    }),
  ).pipe(Effect.ensuring(Effect.sync(progress.stop)), Effect.provide(logLayer(settings.logLevel, json)))
  if (json) printJson(result)
  else showBacktest(result)
  const differences = result.added.deliveries + result.removed.deliveries + result.changed.deliveries
  return differences > 0 && flags.exitCode ? yield* new AnswerIsNo() : undefined
})

/** The config that was in force, as far as it can be known; `undefined`: none but the new one is at hand. */
const baselineOf = (
  settings: Settings,
  against: Option.Option<string>,
): Effect.Effect<Plan | undefined, InvalidInput> =>
  Effect.gen(function* () {
    if (Option.isSome(against)) return yield* loadPlan(resolve(against.value), compiler)
    const usual = (yield* settingsOf({ config: undefined })).configFile
    if (usual === settings.configFile || !(yield* isThere(usual))) return undefined
    return yield* loadPlan(usual, compiler)
  })

const isThere = (file: string): Effect.Effect<boolean> =>
  Effect.promise(() =>
    access(file).then(
      () => true,
      () => false,
    ),
  )

const showBacktest = (result: Backtest): void => {
  showDeviations(paint.green("+"), result.added, "newly matched")
  showDeviations(paint.red("-"), result.removed, "no longer matched")
  showDeviations(paint.yellow("~"), result.changed, "changed")
  const { events, unknown, same, added, removed, changed } = result
  if (!result.requests) {
    note("requests were not compared: name the config that was in force with --against")
  } else if (result.otherRevision > 0) {
    warn(
      `${result.otherRevision} deliveries were decided by another config than the one that requests were compared with`,
    )
  }
  if (unknown > 0) note(`${unknown} events were left out: the history does not know what became of them`)
  good(
    `${events} events compared: ${same} deliveries ${result.requests ? "the same" : "matched as before"}, ${added.deliveries} new, ` +
      `${removed.deliveries} gone, ${changed.deliveries} changed; nothing was sent`,
  )
}

const showDeviations = (mark: string, { actions }: Deviations, what: string): void => {
  for (const { workspace, rule, action, connection, deliveries, examples } of actions) {
    print(`${mark} ${workspace}  ${rule}[${action}] → ${connection}  ${deliveries} ${what}`)
    for (const { event, because, differences = [] } of examples) {
      print(`    ${event}${because === undefined ? "" : `: ${because}`}`)
      for (const { path, before, after } of differences) {
        print(`      ${path}: ${paint.red(before ?? "absent")} → ${paint.green(after ?? "absent")}`)
      }
    }
  }
  if (actions.length === limits.backtestActions) note(`the ${actions.length} most frequent are shown`)
}
