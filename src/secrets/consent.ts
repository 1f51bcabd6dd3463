/**
 * A person's consent, from the link that begins it to the callback that the vendor sends their browser to.
 *
 * An offer is a link for one person, good once and for ten minutes. Opened, it becomes a state: bound to that browser by a nonce in a
 * cookie, to one connection, to a PKCE verifier and to the redirect URI. The callback takes a state once. What is told to browsers and
 * vendors names a record; the record is found by its digest and is sealed (docs/decisions/0010 says what that covers).
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import { CurrentPlan } from "../config/current-plan.ts"
import { limits } from "../config/defaults.ts"
import type { ConnectionPlan } from "../config/plan.ts"
import { Audit } from "../log/audit.ts"
import { logTime } from "../log/log-time.ts"
import { connectionName, type ConnectionRef } from "../model/connection-state.ts"
import type { LogUnavailable, Unusable } from "../model/errors.ts"
import {
  disconnect,
  keepAuthorization,
  refOf,
  type Authorization,
  type Disconnected,
  type Records,
} from "./authorization.ts"
import type { Actor } from "../model/record.ts"
import { appOf, authorizeUrl, digest, exchangeCode, randomText, shown, type App, type Send } from "./oauth.ts"
import { SettingsResolver } from "./settings-resolver.ts"
import { Vault, type Place } from "./vault.ts"

/** For whom a flow is begun, and where their browser goes in the end. */
export interface Asked extends Pick<Actor, "by" | "key"> {
  readonly returnTo?: string
}

/** A link's record. */
interface Offer extends Asked {
  readonly step: "offered"
  readonly connection: string
}

/** A state's record. */
interface Begun extends Asked {
  readonly step: "begun"
  readonly connection: string
  readonly verifier: string
  readonly redirectUri: string
  /** Of what the browser's cookie holds. */
  readonly nonceDigest: string
}

/** A browser that is on its way to the vendor. */
export interface Departure {
  /** The vendor's page. */
  readonly url: string
  readonly state: string
  /** For the browser's cookie, by which the callback knows it again. */
  readonly nonce: string
}

/** What the vendor sent the browser back with. */
export interface Callback {
  readonly state: string | null
  readonly code: string | null
  readonly error: string | null
  readonly description: string | null
}

export interface Consented {
  readonly connection: ConnectionRef
  readonly authorization: Authorization
  readonly returnTo?: string
}

/** What is told to the person instead: what went wrong and what to do. */
export type Refused = string

type Failure = LogUnavailable | Unusable

export class Consent extends Context.Service<
  Consent,
  {
    /** Makes a link's secret. Whoever opens the link first is the one who is asked. */
    readonly offer: (connection: ConnectionPlan, asked: Asked) => Effect.Effect<Result.Result<string, Refused>, Failure>
    /** What a link is for; it stays good. */
    readonly look: (session: string) => Effect.Effect<Result.Result<Asked & ConnectionRef, Refused>, Failure>
    /** Opens a link, once. */
    readonly take: (session: string, redirectUri: string) => Effect.Effect<Result.Result<Departure, Refused>, Failure>
    /** Begins at once, for the browser that asks. */
    readonly begin: (
      connection: ConnectionPlan,
      asked: Asked,
      redirectUri: string,
    ) => Effect.Effect<Result.Result<Departure, Refused>, Failure>
    /**
     * @param nonceOf what the browser's cookie for a state holds
     * @param browser where the person said yes, for the audit
     */
    readonly finish: (
      callback: Callback,
      nonceOf: (state: string) => string | undefined,
      browser: Pick<Actor, "from" | "agent">,
    ) => Effect.Effect<Result.Result<Consented, Refused>, Failure>
    /** Ends what a person, or an app that needs nobody, was granted: at the vendor, where it knows how, and here in any case. */
    readonly end: (connection: ConnectionPlan, actor: Actor) => Effect.Effect<Disconnected, Failure>
  }
>()("meshes/Consent") {
  static readonly layer = (send: Send): Layer.Layer<Consent, never, Vault | Audit | CurrentPlan | SettingsResolver> =>
    Layer.effect(Consent, makeConsent(send))
}

const makeConsent = Effect.fnUntraced(function* (send: Send) {
  const records: Records = yield* Vault
  const audit = yield* Audit
  const current = yield* CurrentPlan
  const { resolve } = yield* SettingsResolver

  const offer = Effect.fnUntraced(function* (connection: ConnectionPlan, asked: Asked) {
    // What cannot be begun is told to whoever asks for the link, not to the person who opens it.
    const app = appFor(connection)
    if (Result.isFailure(app)) return Result.fail(app.failure)
    const session = newName(connection.workspace)
    yield* write(records, session, { ...asked, step: "offered", connection: connection.id })
    return Result.succeed(session)
  })

  const look = Effect.fnUntraced(function* (session: string) {
    const found = yield* read<Offer>(records, session, "offered")
    if (found === undefined) return Result.fail(linkOver)
    const { by, connection } = found.content
    return Result.succeed({ by, connection, workspace: workspaceOf(session)! })
  })

  const take = Effect.fnUntraced(function* (session: string, redirectUri: string) {
    const found = yield* read<Offer>(records, session, "offered")
    if (found === undefined || !(yield* isFirst(records, session, found.revision))) return Result.fail(linkOver)
    const connection = planOf(current, { workspace: workspaceOf(session)!, connection: found.content.connection })
    return connection === undefined ? Result.fail(gone) : yield* begin(connection, found.content, redirectUri)
  })

  const begin = Effect.fnUntraced(function* (
    connection: ConnectionPlan,
    { by, key, returnTo }: Asked,
    redirectUri: string,
  ) {
    const app = appFor(connection)
    if (Result.isFailure(app)) return Result.fail(app.failure)
    const [state, nonce, verifier] = [newName(connection.workspace), randomText(), randomText()]
    const url = authorizeUrl(app.success, { redirectUri, state, verifier })
    if (Result.isFailure(url)) return Result.fail(url.failure)
    yield* write(records, state, {
      step: "begun",
      connection: connection.id,
      by,
      ...(key === undefined ? {} : { key }),
      ...(returnTo === undefined ? {} : { returnTo }),
      verifier,
      redirectUri,
      nonceDigest: digest(nonce),
    })
    return Result.succeed<Departure>({ url: url.success, state, nonce })
  })

  const finish = Effect.fnUntraced(function* (
    { state, code, error, description }: Callback,
    nonceOf: (state: string) => string | undefined,
    browser: Pick<Actor, "from" | "agent">,
  ) {
    const found = state === null ? undefined : yield* read<Begun>(records, state, "begun")
    if (state === null || found === undefined) return Result.fail(flowOver)
    const { connection: id, by, key, returnTo, verifier, redirectUri, nonceDigest } = found.content
    const nonce = nonceOf(state)
    // The record stays: whoever has only the state cannot spoil the flow of the one who has the cookie.
    if (nonce === undefined || digest(nonce) !== nonceDigest) return Result.fail(otherBrowser)
    if (!(yield* isFirst(records, state, found.revision))) return Result.fail(flowOver)
    if (code === null) return Result.fail(saidNo(error, description))
    const connection = planOf(current, { workspace: workspaceOf(state)!, connection: id })
    if (connection === undefined) return Result.fail(gone)
    const app = appFor(connection)
    if (Result.isFailure(app)) return Result.fail(app.failure)
    const granted = yield* exchangeCode(send, app.success, { code, redirectUri, verifier })
    if (Result.isFailure(granted)) return Result.fail(`${granted.failure.message}. Begin again.`)
    const actor = { by, ...(key === undefined ? {} : { key }), ...browser }
    const authorization = yield* keepAuthorization(records, connection, app.success, granted.success, audit, actor)
    return Result.succeed<Consented>({
      connection: refOf(connection),
      authorization,
      ...(returnTo === undefined ? {} : { returnTo }),
    })
  })

  const appFor = (connection: ConnectionPlan): Result.Result<App, Refused> =>
    Result.flatMap(resolve(connection), (settings) => {
      const app = appOf(connection, settings)
      return app === undefined
        ? Result.fail(`${connectionName(refOf(connection))} does not use OAuth`)
        : Result.succeed(app)
    })

  const end = (connection: ConnectionPlan, actor: Actor) =>
    disconnect(records, send, connection, Result.getOrUndefined(resolve(connection)), audit, actor)

  return Consent.of({ offer, look, take, begin, finish, end })
})

/** A name that nobody guesses, for a link or a state; it says of which workspace its record is. */
const newName = (workspace: string): string => `${workspace}.${randomText()}`

const workspaceOf = (name: string): string | undefined => /^([a-z0-9][a-z0-9_-]{0,62})\.[\w-]{43}$/.exec(name)?.[1]

/** The log has only a digest of the name: who reads the log's subjects cannot open a link. */
const placeOf = (name: string): Place | undefined => {
  const workspace = workspaceOf(name)
  return workspace === undefined ? undefined : { kind: "authorization", workspace, name: digest(name) }
}

const write = (records: Records, name: string, content: Offer | Begun) =>
  records
    .write(placeOf(name)!, JSON.stringify(content), { after: 0, ttlMs: limits.authorizationMs })
    .pipe(Effect.catchTag("VaultConflict", Effect.die))

const read = <A extends Offer | Begun>(records: Records, name: string, step: A["step"]) => {
  const place = placeOf(name)
  if (place === undefined) return Effect.succeed(undefined)
  return Effect.map(records.read(place), (found) => {
    if (found === undefined) return undefined
    const content = JSON.parse(found.text) as Offer | Begun
    return content.step === step ? { content: content as A, revision: found.revision } : undefined
  })
}

/** Removes the record; false when somebody else was faster. */
const isFirst = (records: Records, name: string, revision: number) =>
  records.remove(placeOf(name)!, { after: revision }).pipe(
    Effect.as(true),
    Effect.catchTag("VaultConflict", () => Effect.succeed(false)),
  )

const planOf = (current: CurrentPlan["Service"], { workspace, connection }: ConnectionRef) =>
  current.get().workspaces.get(workspace)?.connections.get(connection)

const linkOver: Refused =
  "This link was opened already, or is older than ten minutes. If it was not you who opened it, somebody else has the link: ask for another one, and keep it to yourself."
const flowOver: Refused = "This was finished already, or took longer than ten minutes. Begin again."
const otherBrowser: Refused =
  "This was begun in another browser, or this one does not keep cookies. Finish it in the browser it was begun in, or begin again."
const gone: Refused = "The connection is no longer in the config."

const saidNo = (error: string | null, description: string | null): Refused => {
  const words = [error, description].filter((part) => part !== null).map((part) => shown(part))
  return error === "access_denied"
    ? "The vendor says that access was refused. If that was a mistake, begin again."
    : `The vendor did not agree${words.length === 0 ? "" : ` (${words.join(": ")})`}. Check the app's settings there, and begin again.`
}

/** When a link that is made now is no longer good, by the log's clock. */
export const linkEnds = (): number => logTime() + limits.authorizationMs
