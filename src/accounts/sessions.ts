/**
 * Sessions from their beginning to their end: signing in by a key or a member's link, sessions minted for pages that frame ours, their launch
 * and their tokens. Each change is told to the audit before, but for new tokens, which change nothing of what may be done.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import { limits } from "../config/defaults.ts"
import { Audit } from "../log/audit.ts"
import { logTime } from "../log/log-time.ts"
import { type Kept, KnownSessions, SessionRecords } from "../log/sessions.ts"
import { LogUnavailable } from "../model/errors.ts"
import { makeSessionId, type WorkspaceId } from "../model/ids.ts"
import type { Actor, AuditedAct } from "../model/record.ts"
import type { EmbedTerms, KeptToken, Parent, Session, SessionId } from "../model/session.ts"
import { allows, byOf, type Identity } from "./identity.ts"
import { Keys, type NotKnown } from "./keys.ts"
import { maySignIn } from "./session-identity.ts"
import { makeToken, readToken, sessionTokenIn, type SentToken } from "./session-token.ts"

/** From where something is asked. */
export type Caller = Pick<Actor, "from" | "agent">

/** Whoever was let in, and what to send from now on. */
export interface LetIn {
  readonly identity: Identity
  readonly token: string
  /** From when on the token is not good any more, in milliseconds since 1970. */
  readonly ends: number
}

export type Embedded = Session & { readonly embed: EmbedTerms }

/** A session of a framed page, and what that page sends from now on. */
export interface Launched extends LetIn {
  readonly session: Embedded
}

/** `blind`: publishable, or without `read`; `full`: too many sessions. */
export type NotLetIn = NotKnown | "blind" | "full"

type Headers = { readonly [name: string]: string | undefined }

export class Sessions extends Context.Service<
  Sessions,
  {
    /** Makes sure that the session which a request carries, if one, is known here, also when it was begun elsewhere just now. */
    readonly know: (headers: Headers) => Effect.Effect<void, LogUnavailable>
    readonly signIn: (key: string, caller: Caller) => Effect.Effect<Result.Result<LetIn, NotLetIn>, LogUnavailable>
    /** By a member's link, once. */
    readonly redeem: (link: string, caller: Caller) => Effect.Effect<Result.Result<LetIn, NotLetIn>, LogUnavailable>
    /** A session for a page that frames ours, with the rights of whoever asks at the most; and what its page begins it by. */
    readonly mint: (
      minter: Identity,
      terms: EmbedTerms,
      actor: Actor,
    ) => Effect.Effect<Result.Result<{ readonly session: Embedded; readonly launch: string }, "full">, LogUnavailable>
    /** Begins a minted session, once. `undefined`: it was begun already, or too long ago, or is over. */
    readonly launch: (launch: string, caller: Caller) => Effect.Effect<Launched | undefined, LogUnavailable>
    /** Another token for the session that asks. `undefined`: it is over. */
    readonly refresh: (asking: Identity) => Effect.Effect<Launched | undefined, LogUnavailable>
    /** Those that were minted for workspaces which this admin has, and are not over. */
    readonly list: (admin: Identity) => ReadonlyArray<Embedded>
    /** @param workspaces that it is for. Absent: all */
    readonly end: (
      id: SessionId,
      workspaces: ReadonlyArray<WorkspaceId> | undefined,
      actor: Actor,
    ) => Effect.Effect<void, LogUnavailable>
    /** Whose pages may frame the page that is opened with this; none when it is none of ours. */
    readonly launchOrigins: (launch: string) => Effect.Effect<ReadonlyArray<string>>
  }
>()("meshes/Sessions") {
  static readonly layer = Layer.effect(
    Sessions,
    Effect.gen(function* () {
      const known = yield* KnownSessions
      const keys = yield* Keys
      const audit = yield* Audit

      const tell = (what: AuditedAct, target: string, workspaces: Iterable<WorkspaceId> | undefined, actor: Actor) =>
        audit.write(actor, { what, target, ...about(workspaces) })

      /** What is there and could do with a token; nothing is asked that cannot be there. */
      const lookFor = (token: SentToken | undefined): Effect.Effect<Kept | undefined, LogUnavailable> =>
        token === undefined ? Effect.succeed(undefined) : known.look(token.id)

      const know = (headers: Headers): Effect.Effect<void, LogUnavailable> => {
        const token = readToken("session", sessionTokenIn(headers) ?? "")
        if (token === undefined) return Effect.void
        const kept = known.find(token.id)
        // A token that is not there may be one that another replica gave a moment ago.
        const told = kept !== undefined && (kept.session?.tokens.some(({ hash }) => hash === token.hash) ?? true)
        return told ? Effect.void : Effect.asVoid(known.look(token.id))
      }

      const isFull = (max: number, counts: (session: Session) => boolean): boolean => {
        const all = known.list()
        return all.length >= limits.sessions || all.filter(counts).length >= max
      }

      const signIn = Effect.fnUntraced(function* (key: string, caller: Caller) {
        const found = keys.holderOf(key)
        if (Result.isFailure(found)) return Result.fail<NotLetIn>(found.failure)
        const holder = found.success
        if (!maySignIn(holder)) return Result.fail<NotLetIn>("blind")
        if (
          isFull(limits.sessionsPerHolder, ({ parent, embed }) => embed === undefined && isSame(parent, holder.parent))
        )
          return Result.fail<NotLetIn>("full")
        const actor = actorOf(holder, caller)
        const { session, token } = begun(newSession(holder, actor.by))
        yield* tell("session.begun", session.id, holder.workspaces, actor)
        yield* known.put(session, 0)
        return letIn(session, token)
      })

      const letIn = (session: Session, token: string): Result.Result<LetIn, NotLetIn> => {
        const identity = keys.within(session)
        // Whatever let them in may have been taken away meanwhile.
        return identity === undefined
          ? Result.fail("over")
          : Result.succeed({ identity, token, ends: session.tokens.at(-1)!.ends })
      }

      /** Begins what was made to be begun once: of all who try, one is told of it. */
      const beginOnce = Effect.fnUntraced(function* (
        sent: string,
        caller: Caller,
        what: AuditedAct,
        isMeant: (session: Session) => boolean,
      ): Effect.fn.Return<Result.Result<LetIn & { readonly session: Session }, NotLetIn>, LogUnavailable> {
        const once = readToken("launch", sent)
        const kept = yield* lookFor(once)
        const session = kept?.session
        if (once === undefined || session === undefined || !isMeant(session)) return Result.fail("unknown")
        const { launch } = session
        if (launch === undefined || launch.hash !== once.hash) return Result.fail("unknown")
        const identity = keys.within(session)
        if (launch.used || launch.ends <= logTime() || identity === undefined) return Result.fail("over")
        const next = begun({ ...session, launch: { ...launch, used: true } })
        yield* tell(what, session.id, identity.workspaces, actorOf(identity, caller))
        if (!(yield* known.put(next.session, kept!.revision))) return Result.fail("over")
        return Result.map(letIn(next.session, next.token), (all) => ({ ...all, session: next.session }))
      })

      const refresh = Effect.fnUntraced(function* ({ session: id }: Identity) {
        for (let tries = 0; id !== undefined && tries < limits.sessionTries; tries++) {
          const kept = yield* known.look(id)
          const session = kept?.session
          if (session === undefined || !isEmbedded(session)) return undefined
          const next = begun(session)
          const answer = Result.getOrUndefined(letIn(next.session, next.token))
          if (answer === undefined) return undefined
          if (yield* known.put(next.session, kept!.revision)) return { ...answer, session: next.session as Embedded }
        }
        if (id === undefined) return undefined
        return yield* new LogUnavailable({
          operation: `refreshing the session ${id}`,
          reason: "others change it all the time",
          stored: "no",
        })
      })

      return Sessions.of({
        know,
        signIn,
        redeem: (link, caller) => beginOnce(link, caller, "session.begun", ({ embed }) => embed === undefined),
        mint: Effect.fnUntraced(function* (minter, embed, actor) {
          if (isFull(limits.sessionsPerWorkspace, (one) => one.embed?.workspace === embed.workspace))
            return Result.fail("full" as const)
          const { ends, ...rest } = newSession(minter, actor.by)
          const launch = makeToken("launch", rest.id)
          const once = { hash: launch.hash, ends: logTime() + limits.launchMs, used: false }
          const session = { ...rest, ends: Math.min(ends, minter.expires ?? ends), embed, launch: once }
          yield* audit.write(actor, {
            what: "session.created",
            target: session.id,
            workspaces: [embed.workspace],
            detail: `${embed.role}${embed.user === undefined ? "" : ` for ${embed.user}`}`,
          })
          yield* known.put(session, 0)
          return Result.succeed({ session, launch: launch.text })
        }),
        launch: (launch, caller) =>
          Effect.map(beginOnce(launch, caller, "session.launched", isEmbedded), (begun) =>
            Result.isFailure(begun) ? undefined : { ...begun.success, session: begun.success.session as Embedded },
          ),
        refresh,
        list: (admin) =>
          known.list().filter((one): one is Embedded => isEmbedded(one) && allows(admin, "admin", one.embed.workspace)),
        end: (id, workspaces, actor) => Effect.andThen(tell("session.ended", id, workspaces, actor), known.end(id)),
        launchOrigins: (text) => {
          const once = readToken("launch", text)
          return lookFor(once).pipe(
            Effect.map((kept) =>
              kept?.session?.launch?.hash === once?.hash ? (kept?.session?.embed?.origins ?? []) : [],
            ),
            Effect.catch(() => Effect.succeed([])),
          )
        },
      })
    }),
  )
}

/** A link that lets a member in, once: for commands. The records are told of it, and so is the audit. */
export const offerLink = Effect.fnUntraced(function* (
  member: { readonly account: string; readonly email: string; readonly workspaces: ReadonlyArray<string> },
  actor: Actor,
) {
  const records = yield* SessionRecords
  const audit = yield* Audit
  const { account, email, workspaces } = member
  const session = newSession({ parent: { account, email } }, actor.by)
  const link = makeToken("launch", session.id)
  const ends = session.created + limits.memberLinkMs
  yield* audit.write(actor, { what: "link.created", target: email, ...about(workspaces) })
  yield* records.put({ ...session, launch: { hash: link.hash, ends, used: false } }, 0)
  return { link: link.text, ends }
})

/** Whose audit is told. What concerns no workspace concerns the installation. */
const about = (workspaces: Iterable<WorkspaceId> = []): { readonly workspaces?: ReadonlyArray<WorkspaceId> } => {
  const all = [...workspaces]
  return all.length === 0 ? {} : { workspaces: all }
}

const actorOf = (identity: Identity, caller: Caller): Actor => ({
  by: byOf(identity),
  ...(identity.id === undefined ? {} : { key: identity.id }),
  ...caller,
})

const isEmbedded = (session: Session): session is Embedded => session.embed !== undefined

const isSame = (a: Parent, b: Parent): boolean => JSON.stringify(a) === JSON.stringify(b)

const newSession = ({ parent }: Pick<Identity, "parent">, by: string): Session => {
  const created = logTime()
  return { id: makeSessionId(created), parent, created, by, ends: created + limits.sessionMs, tokens: [] }
}

/** The session with one more token: to its end for whoever signed in, for a while for a page. */
const begun = (session: Session): { readonly session: Session; readonly token: string } => {
  const { text, hash } = makeToken("session", session.id)
  const ends = session.embed === undefined ? session.ends : Math.min(session.ends, logTime() + limits.sessionTokenMs)
  const tokens: ReadonlyArray<KeptToken> = [...session.tokens, { hash, ends }].slice(-limits.sessionTokens)
  return { session: { ...session, tokens }, token: text }
}
