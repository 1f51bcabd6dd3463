/**
 * The record of a connection that is authorized by OAuth, and what is done with it as a whole: keeping what a person has granted, reading
 * it, ending it. For commands as for the runtime.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { limits } from "../config/defaults.ts"
import type { ConnectionPlan } from "../config/plan.ts"
import type { Act, Audit } from "../log/audit.ts"
import { logTime } from "../log/log-time.ts"
import type { Token } from "../model/auth.ts"
import { connectionName, type ConnectionRef } from "../model/connection-state.ts"
import type { Actor } from "../model/record.ts"
import { appOf, hostOf, randomText, revoke, type App, type Granted, type Send } from "./oauth.ts"
import type { Place, Vault, VaultRecords } from "./vault.ts"

export type Records = VaultRecords["Service"]

/** What the vault holds of an authorized connection. Times are the log's, in milliseconds. */
export interface Authorization extends Token {
  /** Host of the token address: a connection that has become another vendor's does not send it this one's token. */
  readonly vendor: string
  readonly refreshToken?: string
  /** Absent: until the vendor refuses it. */
  readonly expiresAt?: number
  readonly scopes: ReadonlyArray<string>
  /** When this token was given. */
  readonly grantedAt: number
  /** When a person said yes, and who asked for it; for an app that needs nobody, when it was first let in. */
  readonly authorizedAt: number
  readonly by: string
  /** What the vendor said when it refused it: nothing is tried with it by itself any more. */
  readonly refused?: string
}

/** Why a connection is paused that somebody has to authorize (again). */
export const reauthorizationRequired = "oauth_reauthorization_required"

export const refOf = ({ workspace, id }: ConnectionPlan): ConnectionRef => ({ workspace, connection: id })

export const nameOf = (connection: ConnectionPlan): string => connectionName(refOf(connection))

/** Where the record of a connection is. */
export const recordPlace = ({ workspace, connection }: ConnectionRef): Place => ({
  kind: "token",
  workspace,
  name: connection,
})

/** Where the lock of whoever changes it is. */
export const lockPlace = ({ workspace, connection }: ConnectionRef): Place => ({
  kind: "refreshing",
  workspace,
  name: connection,
})

/** Gives the lock's revision, or nothing when somebody else has it. It vanishes by itself should its holder. */
export const takeLock = (records: Records, ref: ConnectionRef) =>
  records
    .write(lockPlace(ref), randomText(), { after: 0, ttlMs: limits.tokenLockMs })
    .pipe(Effect.catchTag("VaultConflict", () => Effect.succeed(undefined)))

export const releaseLock = (records: Records, ref: ConnectionRef, revision: number): Effect.Effect<void> =>
  Effect.ignore(records.remove(lockPlace(ref), { after: revision }))

/** @param before what it replaces: vendors repeat only what has changed */
export const authorizationOf = (
  app: App,
  granted: Granted,
  at: number,
  before?: Authorization,
  by = before?.by ?? "runtime",
): Authorization => {
  const refreshToken = granted.refreshToken ?? before?.refreshToken
  return {
    vendor: hostOf(app.tokenUrl),
    accessToken: granted.accessToken,
    ...(refreshToken === undefined ? {} : { refreshToken }),
    ...(granted.lifetimeMs === undefined ? {} : { expiresAt: at + granted.lifetimeMs }),
    scopes: granted.scopes ?? before?.scopes ?? app.scopes,
    kept: { ...before?.kept, ...granted.kept },
    grantedAt: at,
    authorizedAt: before?.authorizedAt ?? at,
    by,
  }
}

/** Keeps what was just granted, whatever was there. A connection that was paused for want of it goes on by that (`deliver/mend.ts`). */
export const keepAuthorization = Effect.fn("keepAuthorization")(function* (
  records: Records,
  connection: ConnectionPlan,
  app: App,
  granted: Granted,
  audit: Audit["Service"],
  actor: Actor,
) {
  const authorization = authorizationOf(app, granted, logTime(), undefined, actor.by)
  const first = audit.write(actor, actOn("connection.authorized", connection, authorization.scopes.join(" ")))
  yield* Effect.catchTag(
    records.write(recordPlace(refOf(connection)), JSON.stringify(authorization), { first }),
    "VaultConflict",
    Effect.die,
  )
  return authorization
})

/** Whether the connection still goes to the vendor that gave it. */
export const isOf = (authorization: Authorization, tokenUrl: string): boolean =>
  authorization.vendor === hostOf(tokenUrl)

export const readAuthorization = (records: Records, ref: ConnectionRef) =>
  Effect.map(records.read(recordPlace(ref)), (found) =>
    found === undefined ? undefined : (JSON.parse(found.text) as Authorization),
  )

/** As the process knows it. Failure: a line for the user. */
export const knownAuthorization = (
  vault: Vault["Service"],
  ref: ConnectionRef,
): Result.Result<Authorization | "none", string> =>
  Result.map(vault.get(recordPlace(ref)), (text) => (text === undefined ? "none" : (JSON.parse(text) as Authorization)))

/** Without tokens, as programs are shown it. */
export const shownAuthorization = ({ authorizedAt, by, scopes, expiresAt, refused }: Authorization) => ({
  authorized_at: new Date(authorizedAt).toISOString(),
  by,
  scopes,
  ...(expiresAt === undefined ? {} : { token_expires_at: new Date(expiresAt).toISOString() }),
  ...(refused === undefined ? {} : { refused }),
})

const actOn = (
  what: "connection.authorized" | "connection.disconnected",
  { id, workspace }: ConnectionPlan,
  scopes = "",
): Act => ({ what, target: id, workspaces: [workspace], ...(scopes === "" ? {} : { detail: scopes }) })

/** What became of a grant that somebody ends. */
export interface Disconnected {
  /** There was something to end. */
  readonly found: boolean
  /** Why the vendor did not confirm the end; absent when it did. */
  readonly unconfirmed?: string
}

/** Ends the grant: at the vendor, where it knows how, and here in any case. @param settings with secrets in place */
export const disconnect = Effect.fn("disconnect")(function* (
  records: Records,
  send: Send,
  connection: ConnectionPlan,
  settings: unknown,
  audit: Audit["Service"],
  actor: Actor,
) {
  const ref = refOf(connection)
  // Not while somebody refreshes: what they are given would outlive the end.
  let taken = yield* takeLock(records, ref)
  for (const until = performance.now() + limits.tokenLockMs; taken === undefined && performance.now() < until;) {
    yield* Effect.sleep(limits.tokenLookMs)
    taken = yield* takeLock(records, ref)
  }
  return yield* Effect.gen(function* () {
    const found = yield* readAuthorization(records, ref)
    if (found === undefined) return { found: false } as Disconnected
    yield* audit.write(actor, actOn("connection.disconnected", connection))
    const app = appOf(connection, settings)
    const unconfirmed =
      app === undefined || !isOf(found, app.tokenUrl)
        ? "the connection has another app now"
        : yield* revoke(send, app, found)
    yield* Effect.catchTag(records.remove(recordPlace(ref)), "VaultConflict", Effect.die)
    return { found: true, ...(unconfirmed === undefined ? {} : { unconfirmed }) } as Disconnected
  }).pipe(Effect.ensuring(taken === undefined ? Effect.void : releaseLock(records, ref, taken)))
})
