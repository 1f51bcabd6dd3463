/**
 * Taking up a changed config without a restart: what asks for it (SIGHUP, a changed file), how the new one is loaded and checked before
 * anything is swapped, and what is said of it. A config that is wrong changes nothing.
 */
import { hostname } from "node:os"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as Queue from "effect/Queue"
import * as Result from "effect/Result"
import { hashKeys } from "../accounts/keys.ts"
import type { Applied, PlanHolder, Refused } from "../config/current-plan.ts"
import { limits } from "../config/defaults.ts"
import { keepEqual } from "../config/keep-equal.ts"
import { letGoOf, loadAnew, type LoadedConfig } from "../config/load.ts"
import type { Plan } from "../config/plan.ts"
import { readSecret } from "../config/secrets.ts"
import type { Settings } from "../config/settings.ts"
import { WatchedFiles } from "../config/watched-files.ts"
import { formatPath, InvalidInput } from "../model/errors.ts"
import { configRefused, configReloads } from "../observe/metrics.ts"
import { compiler } from "../transform/compiler.ts"
import { good, note, printJson } from "./output.ts"
import { countsOf, showIssues } from "./validate.ts"

/** The config as it is on the disk now, ready to be put into force. @param before what is equal to it is kept */
export const prepareConfig = (
  settings: Settings,
  before?: Plan,
  files = new Set<string>(),
): Effect.Effect<LoadedConfig, InvalidInput> =>
  Effect.gen(function* () {
    const { plan: loaded, config } = yield* loadAnew(settings.configFile, compiler, files)
    const keys = hashKeys(loaded.declaredKeys ?? [], [], (name) => readSecret(name, process.env))
    if (Result.isFailure(keys)) {
      letGoOf(config)
      return yield* new InvalidInput({ subject: "keys", issues: keys.failure })
    }
    const plan = { ...loaded, keys: keys.success }
    return { config, plan: before === undefined ? plan : keepEqual(before, plan) }
  })

const cause = (why: string): string => `${why} on ${hostname()}`

export const appliedBy = (loaded: LoadedConfig, why: string): Applied => ({
  ...loaded,
  at: Date.now(),
  by: cause(why),
})

export const refusedBy = ({ issues }: InvalidInput, why: string): Refused => {
  const places = issues.slice(0, placesNamed).map(({ path }) => formatPath(path) || "(the whole)")
  const more = issues.length > placesNamed ? ", …" : ""
  return { at: Date.now(), by: cause(why), what: `${issues.length} wrong: ${places.join(", ")}${more}` }
}

/** Of what is wrong, for the audit. */
const placesNamed = 5

/** Puts a config into force, and counts that. */
export const swapPlan = (holder: PlanHolder, applied: Applied): Effect.Effect<void> =>
  Effect.andThen(
    Effect.sync(() => holder.swap(applied)),
    Effect.andThen(Metric.update(configReloads.applied, 1), Metric.update(configRefused, 0)),
  )

export const refusePlan = (holder: PlanHolder, refused: Refused): Effect.Effect<void> =>
  Effect.andThen(
    Effect.sync(() => holder.refuse(refused)),
    Effect.andThen(Metric.update(configReloads.refused, 1), Metric.update(configRefused, 1)),
  )

/** Somebody wants the config to be taken up, and what for. */
export type Requests = Queue.Queue<string>

/** SIGHUP, heard from now on. Several that come while one is being done are one. */
export const listenForRequests = Effect.gen(function* () {
  const requests: Requests = yield* Queue.sliding<string>(1)
  const onSignal = () => void Queue.offerUnsafe(requests, "SIGHUP")
  process.on("SIGHUP", onSignal)
  yield* Effect.addFinalizer(() => Effect.sync(() => process.off("SIGHUP", onSignal)))
  return requests
})

/** How one request ended. */
export interface Outcome {
  readonly files: ReadonlySet<string>
  readonly valid: boolean
}

/**
 * Does what is requested, one after the other, for ever.
 *
 * @param first the files of the config in force
 * @param reload never fails: what is wrong was said
 */
export const doRequests = (
  requests: Requests,
  settings: Settings,
  first: ReadonlySet<string>,
  reload: (why: string) => Effect.Effect<Outcome>,
) =>
  Effect.gen(function* () {
    const watched = new WatchedFiles()
    yield* Effect.promise(() => watched.end(first, true))
    const look = Effect.gen(function* () {
      for (;;) {
        yield* Effect.sleep(limits.configLookMs)
        if (yield* Effect.promise(() => watched.changed())) yield* Queue.offer(requests, "a changed file")
      }
    })
    const work = Effect.gen(function* () {
      for (;;) {
        const why = yield* Queue.take(requests)
        yield* Effect.promise(() => watched.begin())
        const { files, valid } = yield* reload(why)
        yield* Effect.promise(() => watched.end(files, valid))
      }
    })
    return yield* settings.watch ? Effect.raceFirst(work, look) : work
  })

/** The reload of a process that is a runtime by itself. */
export const reloadHere =
  (settings: Settings, holder: PlanHolder, json: boolean, onApplied: (plan: Plan) => void) =>
  (why: string): Effect.Effect<Outcome> => {
    const files = new Set<string>()
    const before = holder.get()
    return prepareConfig(settings, before, files).pipe(
      Effect.flatMap((loaded) => Effect.as(swapPlan(holder, appliedBy(loaded, why)), loaded.plan)),
      Effect.tap((plan) => Effect.sync(() => (sayApplied(plan, before, json), onApplied(plan)))),
      Effect.as({ files, valid: true }),
      Effect.catch((error) =>
        Effect.as(Effect.andThen(refusePlan(holder, refusedBy(error, why)), sayRefused(error, before, json)), {
          files,
          valid: false,
        }),
      ),
    )
  }

export const sayApplied = (plan: Plan, before: Plan, json: boolean): void => {
  if (json) return printJson({ event: "reloaded", revision: plan.revision, before: before.revision })
  const { workspaces, connections, rules } = countsOf(plan)
  const was = plan.revision === before.revision ? "read anew" : `was ${before.revision}`
  good(
    `revision ${plan.revision} is in force (${was}): ${workspaces} workspaces, ${connections} connections, ${rules} rules`,
  )
}

export const sayRefused = (error: InvalidInput, before: Plan, json: boolean): Effect.Effect<void> => {
  const end = `the runtime goes on with the config before, revision ${before.revision}`
  if (json) {
    const issues = error.issues.slice(0, limits.issuesShown)
    const shown = new InvalidInput({ subject: error.subject, issues })
    return Effect.logError(`the config was refused, ${error.issues.length} to mend: ${shown.message}\n${end}`)
  }
  return Effect.sync(() => {
    showIssues(error)
    note(end)
  })
}
