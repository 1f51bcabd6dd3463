/**
 * `meshes connections authorize | disconnect`: a person lets a connection use their account at a vendor, and ends that.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import type { ConnectionPlan } from "../config/plan.ts"
import type { Settings } from "../config/settings.ts"
import { makeHttpSender } from "../deliver/http.ts"
import { connectedPage } from "../ingest/page.ts"
import { Audit } from "../log/audit.ts"
import { connectionName } from "../model/connection-state.ts"
import { Unusable } from "../model/errors.ts"
import {
  disconnect as endGrant,
  keepAuthorization,
  readAuthorization,
  refOf,
  shownAuthorization,
  type Authorization,
} from "../secrets/authorization.ts"
import { appOf, askAsApp, authorizeUrl, exchangeCode, oauthOf, randomText, shown } from "../secrets/oauth.ts"
import type { App, Granted, Send } from "../secrets/oauth.ts"
import { SettingsResolver } from "../secrets/settings-resolver.ts"
import { keyRingOf, Vault, VaultRecords } from "../secrets/vault.ts"
import { openBrowser, openCallback } from "./callback.ts"
import { planOf, settingsOf, shared, withVault } from "./context.ts"
import { find, target } from "./find-connection.ts"
import { good, note, print, printJson, showTime, table, WrongUse } from "./output.ts"
import { whoseCommand } from "./who.ts"

const defaultTimeoutSeconds = 300

export const authorize = Command.make(
  "authorize",
  {
    ...target,
    port: Flag.Int("port").pipe(
      Flag.withDefault(0),
      Flag.filter(
        (port) => port >= 0 && port < 65_536,
        (port) => `${port} is not a port: 0 to 65535`,
      ),
      Flag.withDescription(
        "Where the browser comes back to on this machine, for vendors that must know it before; default any free one",
      ),
    ),
    noBrowser: Flag.Boolean("no-browser").pipe(
      Flag.withDefault(false),
      Flag.withDescription("Only print the address to open"),
    ),
    timeout: Flag.Int("timeout").pipe(
      Flag.withDefault(defaultTimeoutSeconds),
      Flag.withDescription(`How long to wait for the browser, in seconds; default ${defaultTimeoutSeconds}`),
    ),
  },
  Effect.fn(function* ({ port, noBrowser, timeout, ...ref }) {
    const { config, json } = yield* shared
    const settings = yield* settingsOf({ config })
    const plan = yield* usingOAuth(yield* find(yield* planOf(settings), ref))
    const authorization = yield* withVault(
      settings,
      json,
      Effect.gen(function* () {
        const app = yield* appFor(plan)
        const { send } = yield* makeHttpSender()
        if (app.oauth.grant === "client_credentials") {
          return yield* keep(plan, app, yield* orUnusable(yield* askAsApp(send, app)))
        }
        return yield* askPerson(send, plan, app, { port, browser: !noBrowser, timeoutMs: timeout * 1000 })
      }),
    )
    if (json) return printJson({ ...ref, ...shownAuthorization(authorization) })
    good(`${connectionName(ref)} is authorized`)
    for (const line of table(authorizationLines(authorization))) print(line)
  }),
).pipe(
  Command.withDescription(
    "Let a connection use your account at its vendor (OAuth): opens the vendor's page in your browser",
  ),
  Command.withExamples([
    { command: "meshes connections authorize acme-prod crm", description: "Say yes in the browser" },
    {
      command: "meshes connections authorize acme-prod crm --port 7777 --no-browser",
      description: "For a vendor that knows http://127.0.0.1:7777/oauth/callback",
    },
  ]),
)

export const disconnect = Command.make(
  "disconnect",
  target,
  Effect.fn(function* (ref) {
    const { config, json } = yield* shared
    const settings = yield* settingsOf({ config })
    const plan = yield* usingOAuth(yield* find(yield* planOf(settings), ref))
    const ended = yield* withVault(
      settings,
      json,
      Effect.gen(function* () {
        const { send } = yield* makeHttpSender()
        const resolved = Result.getOrUndefined((yield* SettingsResolver).resolve(plan))
        return yield* endGrant(yield* Vault, send, plan, resolved, yield* Audit, whoseCommand())
      }),
    )
    if (json) return printJson({ ...ref, ...ended })
    if (!ended.found) return note(`${connectionName(ref)} was not authorized`)
    good(`${connectionName(ref)} is disconnected: what is meant for it waits until somebody authorizes it again`)
    if (ended.unconfirmed !== undefined) note(`at the vendor the grant may still be there: ${ended.unconfirmed}`)
  }),
).pipe(Command.withDescription("End an authorization: at the vendor, where it knows how, and here"))

const usingOAuth = (plan: ConnectionPlan) =>
  oauthOf(plan) === undefined
    ? new WrongUse({ message: `${connectionName(refOf(plan))} does not use OAuth: its settings have no "auth"` })
    : Effect.succeed(plan)

const appFor = Effect.fnUntraced(function* (plan: ConnectionPlan) {
  const resolved = (yield* SettingsResolver).resolve(plan)
  if (Result.isFailure(resolved)) return yield* new Unusable({ message: resolved.failure })
  return appOf(plan, resolved.success)!
})

const keep = Effect.fnUntraced(function* (plan: ConnectionPlan, app: App, granted: Granted) {
  return yield* keepAuthorization(yield* Vault, plan, app, granted, yield* Audit, whoseCommand())
})

const orUnusable = <A>(result: Result.Result<A, { readonly message: string } | string>) =>
  Result.isSuccess(result)
    ? Effect.succeed(result.success)
    : new Unusable({ message: typeof result.failure === "string" ? result.failure : result.failure.message })

interface Asking {
  readonly port: number
  readonly browser: boolean
  readonly timeoutMs: number
}

const askPerson = Effect.fnUntraced(function* (
  send: Send,
  plan: ConnectionPlan,
  app: App,
  { port, browser, timeoutMs }: Asking,
) {
  const [state, verifier] = [randomText(), randomText()]
  const { redirectUri, arrival } = yield* openCallback(port, state)
  const url = yield* orUnusable(authorizeUrl(app, { redirectUri, state, verifier }))
  note(`The vendor must know this redirect URI: ${redirectUri}`)
  note(`Say yes in your browser: ${url}`)
  if (browser) openBrowser(url)
  const { code, error, answer } = yield* Effect.timeoutOrElse(arrival, {
    duration: timeoutMs,
    orElse: () =>
      new Unusable({
        message:
          `no browser came back within ${timeoutMs / 1000} s. If the vendor's page complained of the redirect URI, ` +
          `enter ${redirectUri} there and keep to its port with --port`,
      }),
  })
  const kept = yield* Effect.gen(function* () {
    if (code === null) {
      return yield* new Unusable({ message: `the vendor did not agree: ${shown(error ?? "it gave no code")}` })
    }
    const granted = yield* exchangeCode(send, app, { code, redirectUri, verifier })
    return yield* keep(plan, app, yield* orUnusable(granted))
  }).pipe(Effect.tapError(({ message }) => answer(400, { title: "Not connected", paragraphs: [message] })))
  yield* answer(200, connectedPage(refOf(plan)))
  return kept
})

/** A connection's authorization, for people who look; `undefined`: it uses none. */
export const findAuthorization = (settings: Settings, plan: ConnectionPlan) =>
  oauthOf(plan) === undefined
    ? Effect.succeed(undefined)
    : Effect.flatMap(VaultRecords, (records) => readAuthorization(records, refOf(plan))).pipe(
        Effect.map((found) => found ?? ("none" as const)),
        Effect.provide(VaultRecords.layer(keyRingOf(settings.secretKeys))),
      )

export const authorizationLines = ({ authorizedAt, by, scopes, expiresAt, refreshToken, refused }: Authorization) => [
  ["authorized", `${showTime(authorizedAt)} by ${by}`],
  ["scopes", scopes.join(" ")],
  [
    "token",
    expiresAt === undefined
      ? "good until the vendor refuses it"
      : `good until ${showTime(expiresAt)}${refreshToken === undefined ? "" : ", then refreshed"}`,
  ],
  ...(refused === undefined ? [] : [["refused", refused]]),
]
