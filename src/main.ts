/**
 * The process: layers put together in the order that an event meets them, readiness announced, ended in the reverse order.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Semaphore from "effect/Semaphore"
import { Admission } from "./accounts/admission.ts"
import { generateKey, Keys } from "./accounts/keys.ts"
import { Sessions } from "./accounts/sessions.ts"
import { UsageWatch } from "./accounts/usage-watch.ts"
import { CurrentPlan, type PlanHolder } from "./config/current-plan.ts"
import { limits } from "./config/defaults.ts"
import type { ConnectionPlan, KeyPlan } from "./config/plan.ts"
import type { Settings } from "./config/settings.ts"
import { listChoices, testConnection } from "./deliver/check.ts"
import { Committer } from "./deliver/commit.ts"
import { credentialsLayer } from "./deliver/credentials.ts"
import { delivererLayer, Printer } from "./deliver/deliverer.ts"
import { Exchanges, type Attempt } from "./deliver/exchange.ts"
import { makeHttpSender } from "./deliver/http.ts"
import { explainBounded } from "./explain/bounded.ts"
import { History } from "./history/history.ts"
import { Operator } from "./ingest/acts.ts"
import { Backtester } from "./ingest/backtests.ts"
import { Checks } from "./ingest/checks.ts"
import { Explainer } from "./ingest/explain.ts"
import { Catalog } from "./ingest/integrations.ts"
import { Replayer } from "./ingest/replays.ts"
import { IngestAddress, ingestLayer } from "./ingest/server.ts"
import { AppliedConfig } from "./log/applied-config.ts"
import { Audit } from "./log/audit.ts"
import { ConnectionStates, ConnectionSwitch } from "./log/connections.ts"
import { Nats } from "./log/connection.ts"
import { NatsElsewhere } from "./log/elsewhere.ts"
import { embeddedServer } from "./log/embedded.ts"
import { ensureTopology } from "./log/ensure.ts"
import { EventLog } from "./log/event-log.ts"
import { HistoryLog } from "./log/history-log.ts"
import { IssuedKeys } from "./log/issued-keys.ts"
import { Instructions } from "./log/instructions.ts"
import { LaneLogs } from "./log/lane-log.ts"
import { Leases } from "./log/leases.ts"
import { Partitions } from "./log/partition.ts"
import { Past } from "./log/past.ts"
import { Operations } from "./log/operations.ts"
import { LogReader } from "./log/reader.ts"
import { Replays } from "./log/replays.ts"
import { KnownSessions } from "./log/sessions.ts"
import { tellConfigs } from "./log/tell-configs.ts"
import { UsageLog } from "./log/usage-log.ts"
import { Work } from "./log/work.ts"
import type { Connection } from "./model/connector.ts"
import type { Unusable } from "./model/errors.ts"
import type { Outcome } from "./model/outcome.ts"
import { Health } from "./observe/health.ts"
import { instruct, instructEvent } from "./operate/deliveries.ts"
import { countThose } from "./operate/choose.ts"
import { operationLayer } from "./operate/engine.ts"
import { inHistory } from "./operate/find.ts"
import { checkOperation } from "./operate/request.ts"
import { askBacktest } from "./replay/backtest-bounded.ts"
import { replayLayer } from "./replay/engine.ts"
import { previewReplay } from "./replay/preview.ts"
import { checkReplay } from "./replay/request.ts"
import { routerLayer } from "./route/router.ts"
import { Consent } from "./secrets/consent.ts"
import { SettingsResolver } from "./secrets/settings-resolver.ts"
import { Tokens } from "./secrets/tokens.ts"
import { keyRingOf, Vault } from "./secrets/vault.ts"

export interface Ready {
  readonly http: string
  readonly nats: string
  /** The admin key that was made because none is configured. */
  readonly adminKey?: string
}

export interface RuntimeOptions {
  readonly settings: Settings
  /** The plan, which may be swapped at any time. */
  readonly current: PlanHolder
  /** The keys of the settings, hashed. */
  readonly keys: ReadonlyArray<KeyPlan>
  /** Environment that secrets are taken from. */
  readonly env: NodeJS.ProcessEnv
  /** Called once, when the vault is known. */
  readonly onVault?: (vault: Vault["Service"]) => void
  /** Called once, as soon as `/readyz` is 200. */
  readonly onReady: (ready: Ready) => Effect.Effect<void>
  /** Told in a line what is being fetched or waited for. */
  readonly progress?: (line: string) => void
  /** Where the `console` connector prints. */
  readonly print: (line: string) => void
}

/** Runs until it is interrupted; then it stops accepting, lets what was begun end, stores what came of it, and disconnects. */
export const runtime = (options: RuntimeOptions): Effect.Effect<never, Unusable> =>
  Effect.scoped(
    Effect.gen(function* () {
      const { settings, current } = options
      const url = settings.natsUrl ?? (yield* embedded(options)).url
      const generated = hasNoKey(options) ? generateKey() : undefined
      const telling = tellConfigs(current)
      const stages = Layer.mergeAll(
        routerLayer,
        delivererLayer,
        replayLayer,
        operationLayer,
        ingestLayer(settings),
        telling,
      ).pipe(
        Layer.provideMerge(
          Layer.mergeAll(checksLayer, catalogLayer, replayerLayer, backtesterLayer, explainerLayer, operatorLayer),
        ),
        Layer.provideMerge(Exchanges.layer),
        Layer.provideMerge(credentialsLayer),
        Layer.provideMerge(oauthLayer),
        Layer.provideMerge(
          Layer.mergeAll(
            Admission.layer,
            UsageWatch.layer,
            Committer.layer,
            SettingsResolver.layer(options.env),
            History.layer(settings.dataDir),
          ),
        ),
        Layer.provideMerge(Sessions.layer),
        Layer.provideMerge(Keys.layer({ adminKey: settings.adminKey ?? generated, keys: options.keys })),
        Layer.provideMerge(
          Layer.mergeAll(
            EventLog.layer,
            HistoryLog.layer,
            Audit.layer,
            IssuedKeys.layer,
            KnownSessions.layer,
            Partitions.layer,
            Work.layer,
            LaneLogs.layer,
            Instructions.layer,
            LogReader.layer,
            Operations.layer,
            Leases.layer,
            ConnectionStates.layer,
            ConnectionSwitch.layer,
            NatsElsewhere.layer,
            AppliedConfig.layer,
            UsageLog.layer,
            Replays.layer.pipe(Layer.provideMerge(Past.layer)),
            Vault.layer(keyRingOf(settings.secretKeys)),
          ),
        ),
        // The streams are there before any stage begins.
        Layer.provideMerge(Layer.effectDiscard(ensureTopology)),
        Layer.provideMerge(Nats.layer(url)),
        Layer.provideMerge(
          Layer.mergeAll(
            Health.layer,
            Layer.succeed(CurrentPlan, current),
            Layer.succeed(Printer, { print: options.print }),
          ),
        ),
      )
      const services = yield* Layer.build(stages)
      options.onVault?.(Context.get(services, Vault))
      const health = Context.get(services, Health)
      while (!health.ready()) yield* Effect.sleep(limits.readyPollMs)
      yield* options.onReady({
        http: Context.get(services, IngestAddress).url,
        nats: url,
        ...(generated === undefined ? {} : { adminKey: generated }),
      })
      return yield* Effect.never
    }),
  )

/** Nobody could ask for anything: a key is made for the run. */
export const hasNoKey = ({ settings, keys, current }: Pick<RuntimeOptions, "settings" | "keys" | "current">): boolean =>
  settings.adminKey === undefined && keys.length + current.get().keys.length === 0

/** What people ask of connections is asked as deliveries are sent. */
const checksLayer = Layer.effect(
  Checks,
  Effect.gen(function* () {
    const exchange = yield* Exchanges
    const resolver = yield* SettingsResolver
    const resolved = (connection: ConnectionPlan): Result.Result<Attempt, Outcome> =>
      Result.mapBoth(resolver.resolve(connection), {
        onSuccess: (settings) => ({ connection, settings, exchange }),
        onFailure: (message) => ({ kind: "auth_failed" as const, permanent: false, message }),
      })
    return Checks.of({
      test: (connection) => {
        const attempt = resolved(connection)
        return Result.isSuccess(attempt)
          ? testConnection(attempt.success)
          : Effect.succeed({ outcome: attempt.failure, says: attempt.failure.message })
      },
      choices: (connection, list) => {
        const attempt = resolved(connection)
        return Result.isSuccess(attempt)
          ? listChoices(attempt.success, list)
          : Effect.succeed(Result.fail(attempt.failure))
      },
    })
  }),
)

/**
 * Replays are understood and shown as events are routed and sent, but without the secrets: what is shown is not to be good as a signed
 * request.
 */
const replayerLayer = Layer.effect(
  Replayer,
  Effect.gen(function* () {
    const past = yield* Past
    const current = yield* CurrentPlan
    const turns = yield* Semaphore.make(limits.previewsRunning)
    return Replayer.of({
      check: (value, workspace) => checkReplay(value, [current.get()], workspace, Date.now()),
      preview: (request, requests) =>
        previewReplay(request, { plan: current.get(), env: {}, requests, events: limits.previewEvents }).pipe(
          Effect.provideService(Past, past),
          Semaphore.withPermit(turns),
        ),
    })
  }),
)

/** What is tried is decided and shown in the same way. */
const explainerLayer = Layer.effect(
  Explainer,
  Effect.gen(function* () {
    const current = yield* CurrentPlan
    const turns = yield* Semaphore.make(limits.explainsRunning)
    return Explainer.of({
      explain: (given, workspace) =>
        Effect.promise(() => explainBounded(current.get(), workspace, given)).pipe(Semaphore.withPermit(turns)),
    })
  }),
)

const backtesterLayer = Layer.effect(
  Backtester,
  Effect.gen(function* () {
    const past = yield* Past
    const current = yield* CurrentPlan
    return Backtester.of({
      check: (value, workspace) =>
        Effect.map(
          Effect.promise(() => askBacktest(current.get(), workspace, value)),
          Result.map(({ run, ...asked }) => ({
            ...asked,
            run: (examples, progress) => Effect.provideService(run(examples, progress), Past, past),
          })),
        ),
    })
  }),
)

/** Where deliveries are, the history knows. */
const operatorLayer = Layer.effect(
  Operator,
  Effect.gen(function* () {
    const context = yield* Effect.context<LogReader | Instructions | Audit | History>()
    const turns = yield* Semaphore.make(limits.previewsRunning)
    return Operator.of({
      delivery: (kind, workspace, id, actor) =>
        Effect.provideContext(instruct(inHistory(workspace), kind, id, actor), context),
      event: (kind, workspace, id, actor, chosen) =>
        Effect.provideContext(instructEvent(inHistory(workspace), kind, id, actor, chosen), context),
      check: (value, workspace) => checkOperation(value, workspace, Date.now()),
      preview: (filter) => countThose(filter).pipe(Effect.provideContext(context), Semaphore.withPermit(turns)),
    })
  }),
)

const catalogLayer = Layer.succeed(Catalog, {
  connectors: async () =>
    Object.values(
      (await import("../connectors/index.ts")) as { readonly [name: string]: (settings: any) => Connection },
    ).map((make) => make({}).connector),
})

/** Tokens and consents, with a sender of their own. */
const oauthLayer = Layer.unwrap(
  Effect.map(makeHttpSender(), ({ send }) => Layer.merge(Tokens.layer(send), Consent.layer(send))),
)

/** The server that is started when no NATS URL is configured. */
export const embedded = ({ settings, progress }: Pick<RuntimeOptions, "settings" | "progress">) =>
  embeddedServer({
    dataDir: settings.dataDir,
    ...(settings.natsServer === undefined ? {} : { configured: settings.natsServer }),
    ...(progress === undefined ? {} : { progress }),
  })
