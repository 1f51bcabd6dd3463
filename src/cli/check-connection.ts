/**
 * `meshes connections test | lists`: asks a connection's vendor, with a call that does no harm, whether it works, and what there is to
 * choose from.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import type { ConnectionPlan } from "../config/plan.ts"
import { resolveSecrets } from "../config/secrets.ts"
import type { Settings } from "../config/settings.ts"
import { listChoices, testConnection } from "../deliver/check.ts"
import { credentialsLayer } from "../deliver/credentials.ts"
import { CredentialStore, makeExchange, type Attempt, type Credentials } from "../deliver/exchange.ts"
import { makeHttpSender } from "../deliver/http.ts"
import { testedOf } from "../ingest/checks.ts"
import { Audit } from "../log/audit.ts"
import { connectionName } from "../model/connection-state.ts"
import { Unusable } from "../model/errors.ts"
import { oauthOf } from "../secrets/oauth.ts"
import { SettingsResolver } from "../secrets/settings-resolver.ts"
import { Tokens } from "../secrets/tokens.ts"
import { logLayer, planOf, settingsOf, shared, withLog, withVault } from "./context.ts"
import { find, target } from "./find-connection.ts"
import { AnswerIsNo, bad, good, note, print, printJson, table } from "./output.ts"
import { whoseCommand } from "./who.ts"

export const test = Command.make(
  "test",
  target,
  Effect.fn(function* (ref) {
    const { config, json } = yield* shared
    const settings = yield* settingsOf({ config })
    const plan = yield* find(yield* planOf(settings), ref)
    // What is asked of a vendor needs no log, and is told where there is one.
    const act = { what: "connection.tested", target: plan.id, workspaces: [plan.workspace] } as const
    yield* withLog(
      settings,
      Effect.flatMap(Audit, (audit) => audit.write(whoseCommand(), act)),
    ).pipe(Effect.ignore, Effect.provide(logLayer("none", json)))
    const tested = testedOf(plan, yield* asConnection(settings, json, plan, testConnection))
    if (json) printJson(tested)
    else (tested.works ? good : bad)(`${connectionName(ref)}: ${tested.says}`)
    if (!tested.works) return yield* new AnswerIsNo()
  }),
).pipe(
  Command.withDescription("Make a call to a connection's vendor that does no harm, and explain its answer"),
  Command.withExamples([{ command: "meshes connections test acme-prod crm", description: "Does it work?" }]),
)

export const lists = Command.make(
  "lists",
  { ...target, list: Argument.String("list").pipe(Argument.optional) },
  Effect.fn(function* ({ list, ...ref }) {
    const { config, json } = yield* shared
    const settings = yield* settingsOf({ config })
    const plan = yield* find(yield* planOf(settings), ref)
    const { name, lists: known = {} } = plan.connection.connector
    if (Option.isNone(list)) {
      const records = Object.entries(known).map(([id, { title }]) => ({ id, title }))
      if (json) return printJson({ count: records.length, records })
      if (records.length === 0) return note(`${name} has no lists to choose from`)
      for (const line of table(records.map(({ id, title }) => [id, title]))) print(line)
      return
    }
    const choices = yield* asConnection(settings, json, plan, (attempt) => listChoices(attempt, list.value))
    if (Result.isFailure(choices)) return yield* new Unusable({ message: choices.failure.message })
    if (json) return printJson({ count: choices.success.length, records: choices.success })
    if (choices.success.length === 0) return note("there is nothing to choose from")
    for (const line of table(choices.success.map(({ id, name }) => [id, name]))) print(line)
  }),
).pipe(
  Command.withDescription("List what there is to choose from at a connection's vendor: audiences, channels, tags"),
  Command.withExamples([
    { command: "meshes connections lists acme-prod crm", description: "Which lists there are" },
    { command: "meshes connections lists acme-prod crm lists", description: "What is in one" },
  ]),
)

/** Makes calls with the connection's secrets: of the environment alone where it needs no vault, so that no log need be there. */
const asConnection = <A, E, R>(
  settings: Settings,
  json: boolean,
  plan: ConnectionPlan,
  use: (attempt: Attempt) => Effect.Effect<A, E, R>,
) => {
  const withSettings = (resolved: Result.Result<unknown, string>, credentials: Credentials) =>
    Effect.gen(function* () {
      if (Result.isFailure(resolved)) return yield* new Unusable({ message: resolved.failure })
      const exchange = makeExchange(yield* makeHttpSender(), credentials)
      return yield* use({ connection: plan, settings: resolved.success, exchange })
    })
  if (settings.secretKeys.length === 0 && oauthOf(plan) === undefined) {
    const resolved = Result.mapError(resolveSecrets(plan.settings, process.env), (missing) =>
      missing.map(({ message }) => message).join("; "),
    )
    return Effect.scoped(withSettings(resolved, noCredentials))
  }
  return withVault(
    settings,
    json,
    Effect.gen(function* () {
      const { send } = yield* makeHttpSender()
      const credentials = yield* CredentialStore.pipe(
        Effect.provide(credentialsLayer),
        Effect.provide(Tokens.layer(send)),
      )
      return yield* withSettings((yield* SettingsResolver).resolve(plan), credentials)
    }),
  )
}

const never = () => Effect.die("a connection without OAuth has no token")
const noCredentials: Credentials = { token: never, renew: never }
