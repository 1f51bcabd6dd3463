/**
 * What every command begins with: the flags they share, the settings of the environment, the config, and a connection to the log.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as References from "effect/References"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import { loadPlan } from "../config/load.ts"
import { loadSettings, type LogLevel, type Settings, type SettingsFlags } from "../config/settings.ts"
import { Audit } from "../log/audit.ts"
import { Nats } from "../log/connection.ts"
import { ConnectionSwitch } from "../log/connections.ts"
import { Instructions } from "../log/instructions.ts"
import { ensureTopology } from "../log/ensure.ts"
import { Operations } from "../log/operations.ts"
import { Past } from "../log/past.ts"
import { LogReader } from "../log/reader.ts"
import { Replays } from "../log/replays.ts"
import { Unusable } from "../model/errors.ts"
import { Health } from "../observe/health.ts"
import { SettingsResolver } from "../secrets/settings-resolver.ts"
import { keyRingOf, Vault } from "../secrets/vault.ts"
import { compiler } from "../transform/compiler.ts"
import { natsUrlOf } from "./running.ts"

export const root = Command.make("meshes").pipe(
  Command.withSharedFlags({
    config: Flag.String("config").pipe(
      Flag.withAlias("c"),
      Flag.optional,
      Flag.withDescription("The config file (MESHES_CONFIG; default meshes.config.ts)"),
    ),
    json: Flag.Boolean("json").pipe(
      Flag.withDefault(false),
      Flag.withDescription("JSON on standard output, for programs"),
    ),
  }),
)

/** The flags that all commands share. */
export const shared = Effect.map(root, ({ config, json }) => ({ config: Option.getOrUndefined(config), json }))

export const settingsOf = (flags: {
  readonly config: string | undefined
  readonly port?: number
  readonly host?: string
  readonly workers?: number
  readonly watch?: boolean
}) => {
  const { config, ...rest } = flags
  const given: SettingsFlags = config === undefined ? rest : { ...rest, config }
  return Effect.fromResult(loadSettings(process.env, given))
}

export const planOf = (settings: Settings) => loadPlan(settings.configFile, compiler)

/** The log, to read, to switch connections, and to tell the audit; `Unusable` when none can be reached. */
export const withLog = <A, E, R>(settings: Settings, use: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const url = yield* Effect.tryPromise({
      try: () => natsUrlOf(settings),
      catch: (cause) => (cause instanceof Unusable ? cause : new Unusable({ message: String(cause) })),
    })
    return yield* use.pipe(
      Effect.provide(
        Layer.mergeAll(
          LogReader.layer,
          ConnectionSwitch.layer,
          Audit.layer,
          Instructions.layer,
          Operations.layer,
          Replays.layer.pipe(Layer.provideMerge(Past.layer)),
        ).pipe(Layer.provideMerge(Nats.layer(url, 0))),
      ),
      Effect.scoped,
    )
  })

/** The log of the settings that the command was given; what it tells of itself goes where log lines go. */
export const withOwnLog = <A, E, R>(use: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const { config, json } = yield* shared
    const settings = yield* settingsOf({ config })
    return yield* withLog(settings, use).pipe(Effect.provide(logLayer(settings.logLevel, json)))
  })

/** The log with the vault and what it takes to read a connection's secrets. */
export const withVault = <A, E, R>(settings: Settings, json: boolean, use: Effect.Effect<A, E, R>) =>
  withLog(
    settings,
    use.pipe(
      Effect.scoped,
      Effect.provide(
        SettingsResolver.layer(process.env).pipe(
          Layer.provideMerge(Vault.layer(keyRingOf(settings.secretKeys))),
          Layer.provide(Layer.effectDiscard(ensureTopology)),
          Layer.provide(Health.layer),
        ),
      ),
    ),
  ).pipe(Effect.provide(logLayer(settings.logLevel, json)))

const levels = { trace: "Trace", debug: "Debug", info: "Info", warn: "Warn", error: "Error", none: "None" } as const

/** Log lines go to standard error, as JSON where a program reads along. */
export const logLayer = (level: LogLevel, json: boolean): Layer.Layer<never> =>
  Layer.merge(
    Logger.layer([Logger.withConsoleError(json ? Logger.formatJson : Logger.formatLogFmt)]),
    Layer.succeed(References.MinimumLogLevel, levels[level]),
  )
