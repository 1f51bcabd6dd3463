/**
 * `meshes dev`: the runtime, which takes up the config whenever a source beside it changes. A config that became wrong is told, and the
 * runtime goes on with the one before.
 */
import { spawn, type ChildProcess } from "node:child_process"
import { watch } from "node:fs"
import { dirname, relative } from "node:path"
import { fileURLToPath } from "node:url"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Command from "effect/cli/Command"
import { limits } from "../config/defaults.ts"
import { Unusable } from "../model/errors.ts"
import { settingsOf, shared } from "./context.ts"
import { note } from "./output.ts"
import { listenFlags } from "./start.ts"

/** Editors write a file in several steps. */
const quietMs = 150

const ignored = /(?:^|[/\\])(?:node_modules|\.git|\.meshes|dist)(?:[/\\]|$)/
const sources = /\.(?:[cm]?[jt]s|json)$/

export const dev = Command.make(
  "dev",
  listenFlags,
  Effect.fn(function* ({ port, host }) {
    const { config, json } = yield* shared
    const settings = yield* settingsOf({ config })
    const folder = dirname(settings.configFile)
    const args = [
      // What the config imports may be elsewhere.
      "--watch",
      ...(Option.isSome(port) ? ["--port", String(port.value)] : []),
      ...(Option.isSome(host) ? ["--host", host.value] : []),
      ...(json ? ["--json"] : []),
      "--config",
      settings.configFile,
    ]
    const changes = yield* Queue.sliding<string>(1)
    yield* Effect.acquireRelease(
      Effect.try({
        try: () =>
          watch(folder, { recursive: true }, (_, file) => {
            if (file !== null && sources.test(file) && !ignored.test(file)) Queue.offerUnsafe(changes, file)
          }),
        catch: (cause) => new Unusable({ message: `cannot watch ${folder}: ${(cause as Error).message}` }),
      }),
      (watcher) => Effect.sync(() => watcher.close()),
    )
    // The terminal is gone: what was started is to end with it.
    process.once("SIGHUP", () => process.kill(process.pid, "SIGTERM"))
    let child: ChildProcess | undefined
    yield* Effect.addFinalizer(() => Effect.promise(() => end(child)))
    const begin = Effect.gen(function* () {
      if (yield* isValid(settings.configFile)) child = run("start", args)
      else note("waiting for the config to be mended")
    })
    yield* begin
    for (;;) {
      const file = yield* Queue.take(changes)
      yield* Effect.sleep(quietMs)
      yield* Queue.clear(changes)
      note(`${relative(process.cwd(), folder) || "."}/${file} changed`)
      if (child === undefined || hasEnded(child)) yield* begin
      else child.kill("SIGHUP")
    }
  }, Effect.scoped),
).pipe(Command.withDescription("Run the runtime, and take up the config whenever it changes"))

const bin = fileURLToPath(new URL(import.meta.url.endsWith(".ts") ? "bin.ts" : "bin.js", import.meta.url))

/** In a group of its own: Ctrl-C reaches us alone, and we end it in order. */
const run = (command: string, args: ReadonlyArray<string>): ChildProcess =>
  spawn(process.execPath, [...process.execArgv, bin, command, ...args], {
    stdio: ["ignore", "inherit", "inherit"],
    detached: true,
  })

/** Prints what is wrong itself. */
const isValid = (configFile: string) =>
  Effect.promise(
    () =>
      new Promise<boolean>((answer) => {
        const checking = spawn(process.execPath, [...process.execArgv, bin, "validate", "--config", configFile], {
          stdio: ["ignore", "ignore", "inherit"],
        })
        checking.once("error", () => answer(false))
        checking.once("exit", (status) => answer(status === 0))
      }),
  )

const hasEnded = ({ exitCode, signalCode }: ChildProcess): boolean => exitCode !== null || signalCode !== null

const end = async (child: ChildProcess | undefined): Promise<void> => {
  if (child === undefined || hasEnded(child)) return
  const ended = new Promise((done) => child.once("exit", done))
  child.kill("SIGTERM")
  const timer = setTimeout(() => child.kill("SIGKILL"), limits.shutdownMs * 2)
  await ended
  clearTimeout(timer)
}
