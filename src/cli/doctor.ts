/**
 * `meshes doctor`: is everything here that the runtime needs, and does what runs run well? Each check says what to do when it fails.
 */
import { access, constants, mkdir } from "node:fs/promises"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Cause from "effect/Cause"
import * as Option from "effect/Option"
import type * as Result from "effect/Result"
import * as Command from "effect/cli/Command"
import { natsServerMinimum } from "../config/defaults.ts"
import type { Plan } from "../config/plan.ts"
import type { Settings } from "../config/settings.ts"
import { Nats } from "../log/connection.ts"
import { findNatsServer } from "../log/nats-server.ts"
import { LogReader } from "../log/reader.ts"
import { streams } from "../log/topology.ts"
import { formatPath, type InvalidInput } from "../model/errors.ts"
import { keyId } from "../secrets/keyring.ts"
import { VaultRecords } from "../secrets/vault.ts"
import { planOf, logLayer, settingsOf, shared } from "./context.ts"
import { AnswerIsNo, bad, good, note, printJson, startProgress } from "./output.ts"
import { findRunning, type Running } from "./running.ts"
import { secretIssues } from "./secret-issues.ts"
import { countsOf } from "./validate.ts"

interface Finding {
  readonly check: string
  readonly ok: boolean
  readonly detail: string
}

export const doctor = Command.make(
  "doctor",
  {},
  Effect.fn(
    function* () {
      const { config, json } = yield* shared
      const settings = yield* settingsOf({ config })
      const progress = startProgress()
      const findings: Array<Finding> = []
      const found = (finding: Finding) => {
        findings.push(finding)
        if (json) return
        progress.stop()
        ;(finding.ok ? good : bad)(`${finding.check}: ${finding.detail}`)
      }
      found({ check: "node", ok: true, detail: `${process.versions.node} at ${process.execPath}` })
      yield* Effect.promise(() => checkDataDir(settings)).pipe(Effect.map(found))
      const plan = yield* Effect.result(planOf(settings))
      found(checkConfig(settings, plan))
      const running = yield* Effect.promise(() => findRunning(settings.dataDir))
      found(yield* checkServer(settings, running, progress.say))
      const url = settings.natsUrl ?? running?.nats
      if (url !== undefined) (yield* checkLog(url)).forEach(found)
      const sealed = url === undefined ? undefined : yield* sealedIn(url)
      found(checkKeyRing(settings, sealed))
      if (plan._tag === "Success") found(checkSecrets(settings, plan.success, sealed))
      if (running === undefined)
        found({ check: "runtime", ok: true, detail: `none is running over ${settings.dataDir}` })
      else found(yield* Effect.promise(() => checkRunning(running)))
      progress.stop()
      const wrong = findings.filter(({ ok }) => !ok)
      if (json) printJson({ ok: wrong.length === 0, checks: findings })
      else note(wrong.length === 0 ? "all is well" : `${wrong.length} to mend`)
      if (wrong.length > 0) return yield* new AnswerIsNo()
    },
    Effect.provide(logLayer("error", false)),
  ),
).pipe(Command.withDescription("Check this machine, the config, NATS and the running runtime"))

const checkDataDir = async ({ dataDir }: Settings): Promise<Finding> => {
  try {
    await mkdir(dataDir, { recursive: true })
    await access(dataDir, constants.W_OK)
    return { check: "data folder", ok: true, detail: dataDir }
  } catch (cause) {
    const detail = `${dataDir} cannot be written (${(cause as Error).message}): choose another with MESHES_DATA_DIR`
    return { check: "data folder", ok: false, detail }
  }
}

const checkConfig = ({ configFile }: Settings, checked: Result.Result<Plan, InvalidInput>): Finding => {
  if (checked._tag === "Failure") {
    const { issues } = checked.failure
    const detail = issues.length === 1 ? issues[0]!.message : `${issues.length} errors: see meshes validate`
    return { check: "config", ok: false, detail: `${configFile}: ${detail}` }
  }
  const { workspaces, connections, rules } = countsOf(checked.success)
  return {
    check: "config",
    ok: true,
    detail: `revision ${checked.success.revision}: ${workspaces} workspaces, ${connections} connections, ${rules} rules`,
  }
}

type SealedRecords = Effect.Success<ReturnType<VaultRecords["Service"]["list"]>>

/** What the vault holds; `undefined` when it cannot be asked. */
const sealedIn = (url: string) =>
  Effect.flatMap(VaultRecords, (records) => records.list("*")).pipe(
    Effect.provide(VaultRecords.layer(undefined).pipe(Layer.provide(Nats.layer(url, 0)))),
    Effect.scoped,
    Effect.option,
    Effect.map(Option.getOrUndefined),
  )

const checkKeyRing = ({ secretKeys }: Settings, sealed: SealedRecords | undefined): Finding => {
  const ids = secretKeys.map(keyId)
  const lost = new Map<string, number>()
  for (const { key } of sealed ?? []) if (!ids.includes(key)) lost.set(key, (lost.get(key) ?? 0) + 1)
  if (lost.size > 0) {
    const list = [...lost].map(([key, count]) => `${count} under ${key}`).join(", ")
    const detail = `records are sealed under keys that MESHES_SECRET_KEYS does not hold (${list}): put these keys back`
    return { check: "key ring", ok: false, detail }
  }
  const detail =
    ids.length === 0
      ? "none, so there is no vault: secrets are taken from the environment (MESHES_SECRET_KEYS makes one)"
      : `${ids.length} ${ids.length === 1 ? "key" : "keys"}, ${ids[0]} the newest` +
        (sealed === undefined ? "" : `; it opens all ${sealed.length} records of the vault`)
  return { check: "key ring", ok: true, detail }
}

const checkSecrets = ({ secretKeys }: Settings, plan: Plan, sealed: SealedRecords | undefined): Finding => {
  const { missing, wrong } = secretIssues(plan, process.env)
  const set = new Set(sealed?.map(({ place }) => `${place.kind}/${place.workspace}/${place.name}`))
  const nowhere = missing.filter(({ workspace, name }) => !set.has(`secret/${workspace}/${name}`))
  // Without the log it is not known what the vault has.
  const unsure = secretKeys.length > 0 && sealed === undefined
  const count = wrong.length + (unsure ? 0 : nowhere.length)
  if (count > 0) {
    const [first] = [...wrong, ...nowhere]
    return {
      check: "secrets",
      ok: false,
      detail: `${count} cannot be used, such as at ${formatPath(first!.path)}: ${first!.message}`,
    }
  }
  const detail = nowhere.length === 0 ? "every one is set" : `${nowhere.length} are in the vault, if they are set`
  return { check: "secrets", ok: true, detail }
}

const checkServer = (settings: Settings, running: Running | undefined, progress: (line: string) => void) =>
  settings.natsUrl !== undefined || running !== undefined
    ? Effect.succeed<Finding>({
        check: "nats-server",
        ok: true,
        detail: settings.natsUrl === undefined ? "embedded, running" : "named by MESHES_NATS_URL",
      })
    : findNatsServer({
        dataDir: settings.dataDir,
        progress,
        ...(settings.natsServer === undefined ? {} : { configured: settings.natsServer }),
      }).pipe(
        Effect.match({
          onSuccess: (server): Finding => ({
            check: "nats-server",
            ok: true,
            detail: `${server.version} (${server.source}) at ${server.path}`,
          }),
          onFailure: (error): Finding => ({ check: "nats-server", ok: false, detail: error.message }),
        }),
      )

const checkLog = (url: string) =>
  Effect.gen(function* () {
    const nats = yield* Nats
    const reader = yield* LogReader
    const version = nats.nc.info?.version ?? "?"
    const findings: Array<Finding> = [
      { check: "log", ok: true, detail: `nats-server ${version} (at least ${natsServerMinimum} is needed)` },
    ]
    for (const stream of [streams.events, streams.deliveries, streams.dead, streams.history]) {
      const extent = yield* Effect.result(reader.extent(stream))
      findings.push(
        extent._tag === "Success"
          ? { check: `stream ${stream}`, ok: true, detail: `${extent.success.count} messages` }
          : {
              check: `stream ${stream}`,
              ok: false,
              detail: `${extent.failure.reason}: the runtime makes it when it starts`,
            },
      )
    }
    return findings
  }).pipe(
    Effect.provide(LogReader.layer.pipe(Layer.provideMerge(Nats.layer(url, 0)))),
    Effect.scoped,
    Effect.exit,
    Effect.map((exit): ReadonlyArray<Finding> =>
      Exit.isSuccess(exit)
        ? exit.value
        : [{ check: "log", ok: false, detail: (Cause.squash(exit.cause) as Error).message }],
    ),
  )

const checkRunning = async ({ http, pid }: Running): Promise<Finding> => {
  try {
    const response = await fetch(new URL("/readyz", http), { signal: AbortSignal.timeout(5000) })
    const state = (await response.json()) as {
      readonly loops: ReadonlyArray<{ readonly name: string; readonly alive: boolean; readonly failure?: string }>
    }
    const stuck = state.loops.filter(({ alive }) => !alive)
    return stuck.length === 0
      ? { check: "runtime", ok: true, detail: `ready at ${http} (process ${pid}), ${state.loops.length} loops` }
      : {
          check: "runtime",
          ok: false,
          detail: `not ready: ${stuck.map(({ name, failure }) => `${name}${failure === undefined ? "" : ` (${failure})`}`).join(", ")}`,
        }
  } catch (cause) {
    return {
      check: "runtime",
      ok: false,
      detail: `process ${pid} does not answer at ${http}: ${(cause as Error).message}`,
    }
  }
}
