/**
 * `meshes start`: the runtime, until it is told to end.
 */
import { randomUUID } from "node:crypto"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import { hashKeys } from "../accounts/keys.ts"
import { readSecret } from "../config/secrets.ts"
import { limits } from "../config/defaults.ts"
import { PlanHolder } from "../config/current-plan.ts"
import type { Plan } from "../config/plan.ts"
import { workersProblem } from "../config/settings.ts"
import { runtime, type Ready } from "../main.ts"
import { otlpLayer } from "../observe/otlp.ts"
import * as Layer from "effect/Layer"
import { formatPath } from "../model/errors.ts"
import type { WorkspaceId } from "../model/ids.ts"
import { logLayer, settingsOf, shared } from "./context.ts"
import { good, note, print, printJson, startProgress, warn } from "./output.ts"
import { vaultFirst } from "../secrets/settings-resolver.ts"
import type { Vault } from "../secrets/vault.ts"
import { doRequests, listenForRequests, prepareConfig, reloadHere, appliedBy } from "./reload.ts"
import { leaveNote, removeNote } from "./running.ts"
import { secretIssues } from "./secret-issues.ts"
import { countsOf, showIssues } from "./validate.ts"
import { tellPrimary, workerNumber, workerRuntime } from "./worker.ts"
import { workers } from "./workers.ts"

export const listenFlags = {
  port: Flag.Int("port").pipe(
    Flag.withAlias("p"),
    Flag.filter(
      (port) => port >= 0 && port < 65_536,
      (port) => `${port} is not a port: 0 to 65535, 0 for any free one`,
    ),
    Flag.optional,
    Flag.withDescription("Where to listen (MESHES_PORT; default 4400; 0 for any free port)"),
  ),
  host: Flag.String("host").pipe(
    Flag.optional,
    Flag.withDescription("The address to listen on (MESHES_HOST; default 127.0.0.1)"),
  ),
}

const workersFlag = Flag.Int("workers").pipe(
  Flag.filter(
    (workers) => workersProblem(workers) === undefined,
    (workers) => workersProblem(workers) ?? "",
  ),
  Flag.optional,
  Flag.withDescription(
    "Processes that share the port and the work (MESHES_WORKERS; default 1): as many as there are cores",
  ),
)

const watchFlag = Flag.Boolean("watch").pipe(
  Flag.optional,
  Flag.withDescription("Take up the config whenever its files change (MESHES_WATCH); otherwise on SIGHUP alone"),
)

export const start = Command.make(
  "start",
  { ...listenFlags, workers: workersFlag, watch: watchFlag },
  Effect.fn(
    function* ({ port, host, workers: count, watch }) {
      const { config, json } = yield* shared
      const settings = yield* settingsOf({
        config,
        ...(Option.isSome(port) ? { port: port.value } : {}),
        ...(Option.isSome(host) ? { host: host.value } : {}),
        ...(Option.isSome(count) ? { workers: count.value } : {}),
        ...(Option.isSome(watch) ? { watch: watch.value } : {}),
      })
      const worker = workerNumber()
      const requests = yield* listenForRequests
      const files = new Set<string>()
      const loaded = yield* prepareConfig(settings, undefined, files)
      const current = new PlanHolder(appliedBy(loaded, "start"))
      const { plan } = loaded
      // A connection without its secret fails by itself and can be mended while the others work; a key that is missing would lock out.
      const hasVault = settings.secretKeys.length > 0
      const { missing, wrong } =
        hasVault || worker !== undefined ? { missing: [], wrong: [] } : secretIssues(plan, process.env)
      if (missing.length + wrong.length > 0) {
        const subject = "secrets (deliveries to these connections will fail)"
        showIssues({ subject, issues: [...missing, ...wrong] })
      }
      const keys = Result.getOrThrow(hashKeys([], settings.keys, (name) => readSecret(name, process.env)))
      const telemetry = Layer.provideMerge(
        otlpLayer(settings.otlpEndpoint, worker === undefined ? undefined : randomUUID()),
        logLayer(settings.logLevel, json),
      )
      const common = { settings, current, keys }
      // What is not in the environment may be in the vault. One of several workers looks for all.
      const tells = hasVault && (worker ?? 1) === 1
      const here = {
        ...common,
        env: process.env,
        print: json ? printLine : print,
        onVault: (found: Vault["Service"]) => {
          vault = found
          if (tells) tellMissing(current.get(), found)
        },
      }
      let vault: Vault["Service"] | undefined
      if (worker !== undefined) return yield* Effect.provide(workerRuntime(here), telemetry)
      const progress = startProgress()
      const onReady = (ready: Ready) =>
        Effect.gen(function* () {
          progress.stop()
          yield* Effect.promise(() => leaveNote(settings.dataDir, { pid: process.pid, ...ready }))
          if (json) return printJson({ event: "ready", http: ready.http, nats: ready.nats })
          const counts = countsOf(plan)
          good(`ready: ${ready.http} (reference at ${ready.http}/docs), log at ${ready.nats}`)
          note(
            `  config ${settings.configFile}, revision ${plan.revision}: ${counts.workspaces} workspaces, ${counts.connections} connections, ${counts.rules} rules`,
          )
          if (settings.natsUrl !== undefined) {
            note(
              "  201 means on disk if this server has `sync_interval: always`; whether it has cannot be seen from here",
            )
          }
          if (ready.adminKey !== undefined) {
            note(`  no key is configured, so one was made for this run: ${ready.adminKey}`)
            note("  set MESHES_ADMIN_KEY to keep one")
          }
        })
      const running =
        settings.workers === 1
          ? Effect.raceFirst(
              runtime({ ...here, onReady, progress: progress.say }),
              doRequests(
                requests,
                settings,
                files,
                reloadHere(settings, current, json, (now) => tellMissing(now, vault)),
              ),
            )
          : workers({ ...common, onReady, progress: progress.say, json, requests, files })
      yield* running.pipe(
        Effect.ensuring(
          Effect.promise(() => {
            progress.stop()
            return removeNote(settings.dataDir)
          }),
        ),
        Effect.provide(telemetry),
      )
    },
    Effect.scoped,
    tellPrimary,
  ),
).pipe(
  Command.withDescription("Run the runtime: accept, route and deliver events"),
  Command.withExamples([
    { command: "meshes start", description: "With meshes.config.ts, on port 4400" },
    { command: "meshes start --port 0 --json", description: "Any port; prints a JSON line when ready" },
    { command: "meshes start --workers 4", description: "Four processes on one port, to use four cores" },
  ]),
)

/** What is neither in the vault nor in the environment: one tenant's missing secret stops no other. A line each. */
const tellMissing = (plan: Plan, vault: Vault["Service"] | undefined): void => {
  const readerOf = vault === undefined ? undefined : (workspace: WorkspaceId) => vaultFirst(vault, workspace)
  const { missing, wrong } = secretIssues(plan, process.env, readerOf)
  const issues = [...missing, ...wrong]
  for (const { path, message } of issues.slice(0, limits.issuesShown)) warn(`${formatPath(path)}: ${message}`)
  if (issues.length > limits.issuesShown) warn(`… and ${issues.length - limits.issuesShown} more secrets`)
}

const printLine = (line: string): void => printJson({ event: "printed", line })
