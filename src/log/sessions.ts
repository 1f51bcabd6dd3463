/**
 * Sessions and one-time links: kept in a bucket with hashes alone, watched by every replica, and forgotten by the log's own clock when
 * they are over. A message is a whole session; an empty one says that it was ended.
 *
 * Each change names the revision that it was decided on, so that of two replicas that redeem the same link one is refused.
 */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { limits } from "../config/defaults.ts"
import { LogUnavailable } from "../model/errors.ts"
import { overAt, type Session, type SessionId } from "../model/session.ts"
import { Health } from "../observe/health.ts"
import { supervise } from "../observe/supervise.ts"
import { errorCodes, publishBatch } from "./batch.ts"
import { Nats, reasonOf, type NatsShape } from "./connection.ts"
import { logTime } from "./log-time.ts"
import { streams, subjects } from "./topology.ts"
import { watchBucket } from "./watch.ts"

/** A session at its last change; without one it was ended. */
export interface Kept {
  readonly revision: number
  readonly session: Session | undefined
}

interface Records {
  /** As the log has it now. `undefined`: it never was, or is forgotten. */
  readonly look: (id: SessionId) => Effect.Effect<Kept | undefined, LogUnavailable>
  /** @param after its last revision; 0: it is new. False: somebody else was faster. */
  readonly put: (session: Session, after: number) => Effect.Effect<boolean, LogUnavailable>
  /** What was ended already may be ended again. */
  readonly end: (id: SessionId) => Effect.Effect<void, LogUnavailable>
}

/** Sessions as the log has them, without watching them: for commands. */
export class SessionRecords extends Context.Service<SessionRecords, Records>()("meshes/SessionRecords") {
  static readonly layer = Layer.effect(
    SessionRecords,
    Effect.map(Nats, (nats) => SessionRecords.of(recordsOf(nats))),
  )
}

/** The sessions in memory, at most a moment old; what this process changes or looks up counts at once. */
export class KnownSessions extends Context.Service<
  KnownSessions,
  Records & {
    readonly find: (id: SessionId) => Kept | undefined
    /** Those that are not over, in the order in which they were made. */
    readonly list: () => ReadonlyArray<Session>
  }
>()("meshes/KnownSessions") {
  /** Built when all sessions are known. */
  static readonly layer = Layer.effect(
    KnownSessions,
    Effect.gen(function* () {
      const nats = yield* Nats
      const memory = new Memory()
      const known = yield* Deferred.make<void>()
      const health = yield* Health
      health.expect("sessions")
      yield* Effect.forkScoped(supervise("sessions", watch(nats, memory, known)))
      yield* Deferred.await(known)
      const forget = Effect.sync(() => memory.forget(logTime()))
      yield* Effect.forkScoped(Effect.forever(Effect.delay(forget, limits.sessionsForgottenEveryMs)))
      return KnownSessions.of({
        ...recordsOf(nats, (id, kept) => memory.note(id, kept)),
        find: (id) => memory.find(id),
        list: () => memory.list(logTime()),
      })
    }),
  )
}

/** @param told of what this process learns and changes, before the watch tells it */
const recordsOf = (nats: NatsShape, told: (id: SessionId, kept: Kept) => void = () => {}): Records => {
  let asked = 0
  const write = Effect.fnUntraced(function* (
    id: SessionId,
    session: Session | undefined,
    headers: string,
  ): Effect.fn.Return<boolean, LogUnavailable> {
    const body = session === undefined ? Buffer.alloc(0) : Buffer.from(JSON.stringify(session))
    const result = yield* Effect.promise(() =>
      publishBatch(nats.nc, [{ subject: subjects.session(id), body, headers }]),
    )
    if (result._tag === "Stored") {
      told(id, { revision: result.lastSeq, session })
      return true
    }
    if (result._tag === "Refused" && result.code === errorCodes.wrongLastSequence) return false
    const stored = result._tag === "Refused" ? "no" : "unknown"
    return yield* new LogUnavailable({ operation: `writing the session ${id}`, reason: result.reason, stored })
  })
  return {
    look: (id) =>
      Effect.suspend(() => {
        if (asked >= limits.sessionsAsked) {
          const reason = "too many questions about sessions are under way"
          return Effect.fail(new LogUnavailable({ operation: `looking for the session ${id}`, reason, stored: "no" }))
        }
        asked++
        return Effect.ensuring(
          Effect.tryPromise({
            try: () => lookUp(nats, id),
            catch: (cause) =>
              new LogUnavailable({
                operation: `looking for the session ${id}`,
                reason: reasonOf(cause),
                stored: "unknown",
              }),
          }),
          Effect.sync(() => void asked--),
        ).pipe(Effect.tap((kept) => Effect.sync(() => kept !== undefined && told(id, kept))))
      }),
    put: (session, after) => {
      // At least the rest of the last second, so that it is not gone before its time.
      const seconds = Math.max(1, Math.ceil((overAt(session) - logTime()) / 1000))
      const headers = `Nats-Expected-Last-Subject-Sequence: ${after}\r\nNats-TTL: ${seconds}s\r\n`
      return write(session.id, session, headers)
    },
    end: (id) =>
      Effect.asVoid(write(id, undefined, `KV-Operation: DEL\r\nNats-TTL: ${limits.sessionEndedMs / 1000}s\r\n`)),
  }
}

/** By the word of the stream's leader: another server of a cluster may not have heard yet of what was made a moment ago. */
const lookUp = async ({ jsm }: NatsShape, id: SessionId): Promise<Kept | undefined> => {
  const message = await jsm.streams.getMessage(streams.sessions, { last_by_subj: subjects.session(id) })
  return message === null ? undefined : { revision: message.seq, session: sessionIn(message.data) }
}

/** Whatever is no session takes its place all the same: no older one is good then. */
const sessionIn = (data: Uint8Array): Session | undefined => {
  try {
    return data.length === 0 ? undefined : (JSON.parse(Buffer.from(data).toString()) as Session)
  } catch {
    return undefined
  }
}

const watch = (nats: NatsShape, memory: Memory, known: Deferred.Deferred<void>) =>
  Effect.suspend(() => {
    const begun = memory.begin()
    return watchBucket(nats, {
      loop: "sessions",
      stream: streams.sessions,
      filter: subjects.session("*"),
      onMessage: ({ subject, seq, data }) => {
        const id = subject.slice(subject.lastIndexOf(".") + 1)
        memory.note(id, { revision: seq, session: sessionIn(data) })
        begun.given(id)
      },
      onKnown: () => {
        begun.known()
        Deferred.doneUnsafe(known, Effect.void)
      },
    })
  })

class Memory {
  readonly #sessions = new Map<SessionId, Kept>()
  /** When those that were ended may be forgotten. */
  readonly #ended = new Map<SessionId, number>()

  find(id: SessionId): Kept | undefined {
    return this.#sessions.get(id)
  }

  list(now: number): ReadonlyArray<Session> {
    return [...this.#sessions.values()]
      .flatMap(({ session }) => (session === undefined || overAt(session) <= now ? [] : [session]))
      .toSorted((a, b) => (a.id < b.id ? -1 : 1))
  }

  note(id: SessionId, kept: Kept): void {
    const before = this.#sessions.get(id)
    if (before !== undefined && before.revision >= kept.revision) return
    this.#sessions.set(id, kept)
    if (kept.session === undefined) this.#ended.set(id, logTime() + limits.sessionEndedMs)
  }

  forget(now: number): void {
    for (const [id, { session }] of this.#sessions) {
      if (session === undefined ? (this.#ended.get(id) ?? 0) > now : overAt(session) > now) continue
      this.#sessions.delete(id)
      this.#ended.delete(id)
    }
  }

  /** A watch begins, and gives all that is there: what it did not give is gone when all is known. */
  begin(): { readonly given: (id: SessionId) => void; readonly known: () => void } {
    const left = new Map(this.#sessions)
    return {
      given: (id) => void left.delete(id),
      known: () => {
        // Unless it was changed here meanwhile.
        for (const [id, kept] of left) if (this.#sessions.get(id) === kept) this.#sessions.delete(id)
        left.clear()
      },
    }
  }
}
