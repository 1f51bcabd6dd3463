/**
 * The tokens that requests are made with: replaced before they expire and when a vendor refuses them, by one replica at a time.
 *
 * A refresh token that rotates is worth as much as the authorization itself: used twice, many vendors end the grant. So whoever
 * refreshes holds a lock, reads the record again once it has it, claims it, and stores what it was given before anybody uses it. What
 * could not be stored is tried again for as long as the process lives (docs/decisions/0010).
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import { limits } from "../config/defaults.ts"
import type { ConnectionPlan } from "../config/plan.ts"
import { logTime } from "../log/log-time.ts"
import type { Token } from "../model/auth.ts"
import type { ConnectionRef } from "../model/connection-state.ts"
import {
  authorizationOf,
  isOf,
  lockPlace,
  nameOf,
  recordPlace,
  refOf,
  releaseLock,
  takeLock,
  type Authorization,
} from "./authorization.ts"
import { appOf, askAsApp, refreshToken, tokenUrlOf, type App, type Send, type TokenProblem } from "./oauth.ts"
import { type Place, Vault } from "./vault.ts"

type Fetched = Result.Result<Token, TokenProblem>

export class Tokens extends Context.Service<
  Tokens,
  {
    /** A token that is good for now. From memory, unless it must be fetched. @param settings with secrets in place */
    readonly get: (connection: ConnectionPlan, settings: unknown) => Effect.Effect<Fetched>
    /** A token in place of one that the vendor refuses. */
    readonly renew: (connection: ConnectionPlan, settings: unknown, refused: Token) => Effect.Effect<Fetched>
    /** Whether there is an authorization that its vendor has not refused. */
    readonly mayWork: (connection: ConnectionPlan) => boolean
  }
>()("meshes/Tokens") {
  static readonly layer = (send: Send): Layer.Layer<Tokens, never, Vault> => Layer.effect(Tokens, makeTokens(send))
}

/** A record and what it holds. The refresh token is not for connectors. */
interface Known {
  readonly text: string
  readonly authorization: Authorization
  readonly token: Token
}

/** A record that a new one is to be written over; without a text, there is none. */
interface Claimed {
  readonly text?: string
  readonly revision: number
}

/** What is wanted: a good token of a connection, other than the one that the vendor refuses. */
interface Wanted {
  readonly connection: ConnectionPlan
  readonly app: App
  readonly refused: string | undefined
}

const makeTokens = Effect.fnUntraced(function* (send: Send) {
  const vault = yield* Vault
  const run = Effect.runPromiseWith(yield* Effect.context<never>())
  /** What is being fetched: concurrent callers wait for the same. It goes on if they leave. */
  const underWay = new Map<string, Promise<Fetched>>()
  /** Until when a vendor that failed is left alone, by `performance.now()`. */
  const notBefore = new Map<string, { readonly until: number; readonly problem: TokenProblem }>()
  /** The last record of each connection that was parsed. */
  const parsed = new Map<string, Known>()

  const parse = (name: string, text: string): Known => {
    let known = parsed.get(name)
    if (known?.text !== text) {
      const authorization = JSON.parse(text) as Authorization
      const token = { accessToken: authorization.accessToken, kept: authorization.kept }
      parsed.set(name, (known = { text, authorization, token }))
    }
    return known
  }

  const get = (connection: ConnectionPlan, settings: unknown): Effect.Effect<Fetched> => {
    const app = appOf(connection, settings)
    if (app === undefined) return Effect.succeed(noOAuth)
    const found = vault.get(recordPlace(refOf(connection)))
    if (Result.isFailure(found)) return Effect.succeed(later(found.failure))
    const known = found.success === undefined ? undefined : parse(nameOf(connection), found.success)
    return known !== undefined && isOf(known.authorization, app.tokenUrl) && isGood(known.authorization, app)
      ? Effect.succeed(Result.succeed(known.token))
      : fetch({ connection, app, refused: undefined })
  }

  const renew = (connection: ConnectionPlan, settings: unknown, refused: Token): Effect.Effect<Fetched> => {
    const app = appOf(connection, settings)
    return app === undefined ? Effect.succeed(noOAuth) : fetch({ connection, app, refused: refused.accessToken })
  }

  const mayWork = (connection: ConnectionPlan): boolean => {
    const text = Result.getOrUndefined(vault.get(recordPlace(refOf(connection))))
    if (text === undefined) return false
    const { authorization } = parse(nameOf(connection), text)
    return authorization.refused === undefined && isOf(authorization, tokenUrlOf(connection) ?? "")
  }

  const fetch = (wanted: Wanted): Effect.Effect<Fetched> =>
    Effect.promise(() => {
      const key = `${nameOf(wanted.connection)} ${wanted.refused ?? ""}`
      const known = underWay.get(key)
      if (known !== undefined) return known
      const begun = run(replace(wanted)).finally(() => void underWay.delete(key))
      underWay.set(key, begun)
      return begun
    }).pipe(
      Effect.timeoutOrElse({
        duration: limits.tokenWaitMs,
        orElse: () => Effect.succeed(later("the token is still being fetched or stored")),
      }),
    )

  /** Looks whether the log has a good token by now; takes the lock, or waits for whoever has it. */
  const replace = (wanted: Wanted): Effect.Effect<Fetched> => {
    const ref = refOf(wanted.connection)
    const until = performance.now() + limits.tokenWaitMs
    return Effect.gen(function* () {
      for (;;) {
        const found = yield* vault.read(recordPlace(ref))
        const { settled, known } = settle(wanted, found)
        if (settled !== undefined) {
          const noted = yield* noteRefusal(wanted, settled, known, found?.revision)
          if (noted !== undefined) return noted
          yield* word(vault, ref)
          continue
        }
        const pause = notBefore.get(nameOf(wanted.connection))
        const waitMs = pause === undefined ? 0 : pause.until - performance.now()
        if (waitMs > 0) return orStill(wanted, known, { ...pause!.problem, retryAfterMs: Math.ceil(waitMs) })
        if (performance.now() > until) {
          return orStill(wanted, known, { kind: "later", message: "another replica is fetching the token" })
        }
        const lockedAt = performance.now()
        const lock = yield* takeLock(vault, ref)
        if (lock === undefined) {
          yield* word(vault, ref)
          continue
        }
        const fetched = yield* replaceLocked(wanted, lockedAt).pipe(Effect.ensuring(releaseLock(vault, ref, lock)))
        if (fetched !== undefined) return fetched
      }
    }).pipe(Effect.catch((error) => Effect.succeed(later(error.message))))
  }

  /** Gives nothing when the record has changed under it: it is to be looked at again. */
  const replaceLocked = Effect.fnUntraced(function* (wanted: Wanted, lockedAt: number) {
    const { connection, app } = wanted
    const place = recordPlace(refOf(connection))
    const name = nameOf(connection)
    // Somebody may have replaced it just before we had the lock.
    const before = yield* vault.read(place)
    const { settled, known } = settle(wanted, before)
    if (settled !== undefined) return settled
    const token = needsNobody(app) ? undefined : known?.authorization.refreshToken
    const claimed = yield* claim(place, before, token !== undefined)
    if (claimed === undefined) return undefined
    if (performance.now() - lockedAt > limits.tokenLockUsedMs) return later("the log is too slow now to fetch a token")
    const asked = logTime()
    const answer = yield* token === undefined ? askAsApp(send, app) : refreshToken(send, app, token)
    if (Result.isSuccess(answer)) {
      notBefore.delete(name)
      return yield* store(wanted, authorizationOf(app, answer.success, asked, known?.authorization), claimed)
    }
    const problem = answer.failure
    if (problem.kind === "later") {
      const wait = Math.min(problem.retryAfterMs ?? limits.tokenRetryMs, limits.tokenRetryMaxMs)
      notBefore.set(name, { until: performance.now() + wait, problem })
      return orStill(wanted, known, problem)
    }
    return yield* noteRefusal(wanted, Result.fail(problem), known, claimed.revision)
  })

  /**
   * Makes sure that a record is the last: what was read may be what a follower of the log's leader still had, and the leader takes a
   * write over nothing but the last. Gives nothing when it is not.
   */
  const claim = (place: Place, found: Claimed | undefined, isPrecious: boolean) =>
    found === undefined || !isPrecious
      ? Effect.succeed<Claimed>(found ?? { revision: 0 })
      : Effect.map(
          unlessChanged(vault.write(place, found.text!, { after: found.revision })),
          (revision): Claimed | undefined => (revision === undefined ? undefined : { ...found, revision }),
        )

  /** So that all replicas know, whenever they begin. Gives nothing when the record has changed: a person has authorized again meanwhile. */
  const noteRefusal = (wanted: Wanted, fetched: Fetched, known: Known | undefined, revision: number | undefined) => {
    if (known === undefined || revision === undefined || Result.isSuccess(fetched)) return Effect.succeed(fetched)
    if (fetched.failure.kind !== "reauthorize" || known.authorization.refused === fetched.failure.message) {
      return Effect.succeed(fetched)
    }
    const text = JSON.stringify({ ...known.authorization, refused: fetched.failure.message } satisfies Authorization)
    return Effect.map(
      unlessChanged(vault.write(recordPlace(refOf(wanted.connection)), text, { after: revision })),
      (written): Fetched | undefined => (written === undefined ? undefined : fetched),
    )
  }

  /**
   * Before anybody uses it, over what was claimed: at its first revision, or at a later one that says the same (keys of the vault are
   * changed by writing records anew). Another record wins, since a person has authorized again. Gives nothing then.
   */
  const store = (wanted: Wanted, next: Authorization, claimed: Claimed): Effect.Effect<Fetched | undefined> => {
    const name = nameOf(wanted.connection)
    const place = recordPlace(refOf(wanted.connection))
    const text = JSON.stringify(next)
    const good: Fetched = Result.succeed(parse(name, text).token)
    const write = Effect.gen(function* () {
      if ((yield* unlessChanged(vault.write(place, text, { after: claimed.revision }))) !== undefined) return good
      const found = yield* vault.read(place)
      // It may be in the log, though the log did not say so.
      if (found?.text === text) return good
      // Read from a follower that has not caught up, or the same anew.
      const isOlder = found !== undefined && found.revision <= claimed.revision
      return isOlder || (found !== undefined && found.text === claimed.text)
        ? yield* Effect.delay(store(wanted, next, isOlder ? claimed : found), limits.natsReconnectWaitMs)
        : undefined
    })
    return Effect.catch(write, (error) =>
      Effect.logError(`a new token of ${name} cannot be stored yet and is kept in memory: ${error.message}`).pipe(
        Effect.andThen(Effect.sleep(limits.tokenLookMs)),
        Effect.andThen(Effect.suspend(() => store(wanted, next, claimed))),
      ),
    )
  }

  /** What the record decides without the vendor. */
  const settle = (
    { connection, app, refused }: Wanted,
    found: { readonly text: string } | undefined,
  ): { readonly settled?: Fetched; readonly known?: Known } => {
    const known = found === undefined ? undefined : parse(nameOf(connection), found.text)
    if (known === undefined || !isOf(known.authorization, app.tokenUrl)) {
      return needsNobody(app) ? {} : { settled: unauthorized(connection) }
    }
    const { authorization, token } = known
    if (authorization.accessToken !== refused && isGood(authorization, app)) return { settled: Result.succeed(token) }
    if (canRefresh(authorization, app)) return { known }
    const what = authorization.accessToken === refused ? "the vendor refuses the token" : "the token has expired"
    const message = `${what}, and gave none to refresh it with: authorize again`
    return { settled: Result.fail({ kind: "reauthorize", message }), known }
  }

  // What a vendor has given is stored before the log is left.
  yield* Effect.addFinalizer(() =>
    Effect.promise(() => Promise.allSettled(underWay.values())).pipe(Effect.timeoutOption(limits.tokenLockMs)),
  )
  return Tokens.of({ get, renew, mayWork })
})

/** Gives nothing when somebody else has changed the record. */
const unlessChanged = (write: ReturnType<Vault["Service"]["write"]>) =>
  Effect.catchTag(write, "VaultConflict", () => Effect.succeed(undefined))

/** A token that expires soon is still better than none. */
const orStill = ({ refused }: Wanted, known: Known | undefined, problem: TokenProblem): Fetched =>
  known === undefined || known.authorization.accessToken === refused || isOver(known.authorization)
    ? Result.fail(problem)
    : Result.succeed(known.token)

const later = (message: string): Fetched => Result.fail({ kind: "later", message })

const noOAuth: Fetched = Result.fail({ kind: "unauthorized", message: "the connection does not use OAuth" })

const unauthorized = (connection: ConnectionPlan): Fetched =>
  Result.fail({
    kind: "unauthorized",
    message: `nobody has authorized it yet: meshes connections authorize ${connection.workspace} ${connection.id}`,
  })

const needsNobody = (app: App): boolean => app.oauth.grant === "client_credentials"

const canRefresh = (authorization: Authorization, app: App): boolean =>
  needsNobody(app) || authorization.refreshToken !== undefined

const isOver = ({ expiresAt }: Authorization): boolean => expiresAt !== undefined && logTime() >= expiresAt

/** Neither over nor, if it can be replaced, about to be. */
const isGood = (authorization: Authorization, app: App): boolean => {
  const { expiresAt, grantedAt } = authorization
  if (expiresAt === undefined) return true
  const marginMs = canRefresh(authorization, app) ? Math.min(limits.tokenMarginMs, (expiresAt - grantedAt) / 10) : 0
  return logTime() < expiresAt - marginMs
}

/** Waits until a connection's record or lock was written or removed, or it is time to look. */
const word = (vault: Vault["Service"], ref: ConnectionRef): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    const places = [recordPlace(ref), lockPlace(ref)]
    const end = () => {
      clearTimeout(timer)
      stop()
      resume(Effect.void)
    }
    const timer = setTimeout(end, limits.tokenLookMs)
    const stop = vault.listen(({ kind, workspace, name }) => {
      if (places.some((one) => one.kind === kind && one.workspace === workspace && one.name === name)) end()
    })
  })
