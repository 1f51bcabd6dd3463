/**
 * `meshes start`: the runtime, until it is told to end.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import { hashKeys } from "../accounts/keys.ts"
import { readSecret } from "../config/secrets.ts"
import { runtime, type Ready } from "../main.ts"
import { otlpLayer } from "../observe/otlp.ts"
import * as Layer from "effect/Layer"
import { InvalidInput } from "../model/errors.ts"
import { logLayer, planOf, settingsOf, shared } from "./context.ts"
import { good, note, print, printJson, startProgress } from "./output.ts"
import { leaveNote, removeNote } from "./running.ts"
import { secretIssues } from "./secret-issues.ts"
import { countsOf, showIssues } from "./validate.ts"

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

export const start = Command.make(
  "start",
  listenFlags,
  Effect.fn(function* ({ port, host }) {
    const { config, json } = yield* shared
    const settings = yield* settingsOf({
      config,
      ...(Option.isSome(port) ? { port: port.value } : {}),
      ...(Option.isSome(host) ? { host: host.value } : {}),
    })
    const plan = yield* planOf(settings)
    // A connection without its secret fails by itself and can be mended while the others work; a key that is missing would lock out.
    const missing = secretIssues(plan, process.env)
    if (missing.length > 0)
      showIssues({ subject: "secrets (deliveries to these connections will fail)", issues: missing })
    const keys = hashKeys(plan.declaredKeys ?? [], settings.keys, (name) => readSecret(name, process.env))
    if (Result.isFailure(keys)) return yield* new InvalidInput({ subject: "keys", issues: keys.failure })
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
    yield* runtime({
      settings,
      plan,
      keys: keys.success,
      env: process.env,
      onReady,
      progress: progress.say,
      print: json ? (line) => printJson({ event: "printed", line }) : print,
    }).pipe(
      Effect.ensuring(
        Effect.promise(() => {
          progress.stop()
          return removeNote(settings.dataDir)
        }),
      ),
      Effect.provide(Layer.provideMerge(otlpLayer(settings.otlpEndpoint), logLayer(settings.logLevel, json))),
    )
  }),
).pipe(
  Command.withDescription("Run the runtime: accept, route and deliver events"),
  Command.withExamples([
    { command: "meshes start", description: "With meshes.config.ts, on port 4400" },
    { command: "meshes start --port 0 --json", description: "Any port; prints a JSON line when ready" },
  ]),
)
