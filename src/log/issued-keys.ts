/**
 * The API keys that are made while the runtime runs: kept in a bucket without the keys themselves, watched by every replica, made and
 * revoked by commands and by the API in one way that the audit tells of.
 *
 * A message of `key.<id>` is the key's record, or empty: it was revoked, and that vanishes by the log's own clock. One of `used.<id>` is
 * when the key was used last, in milliseconds, as far as the replica that wrote it knows.
 */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { limits } from "../config/defaults.ts"
import { LogUnavailable } from "../model/errors.ts"
import type { KeyId } from "../model/ids.ts"
import type { IssuedKey, ListedKey } from "../model/key.ts"
import type { Actor, AuditedAct } from "../model/record.ts"
import { Health } from "../observe/health.ts"
import { supervise } from "../observe/supervise.ts"
import { writeAudit } from "./audit.ts"
import { publishBatch, intoBatches, type BatchResult, type Message } from "./batch.ts"
import { Nats, reasonOf, type NatsShape } from "./connection.ts"
import { nextMessages } from "./direct.ts"
import { logTime } from "./log-time.ts"
import { streams, subjects } from "./topology.ts"
import { watchBucket } from "./watch.ts"

interface Records {
  readonly create: (key: IssuedKey, actor: Actor) => Effect.Effect<void, LogUnavailable>
  /** A key that is revoked already may be revoked again. */
  readonly revoke: (key: IssuedKey, actor: Actor) => Effect.Effect<void, LogUnavailable>
}

/** The keys as the log has them, without watching them: for commands. */
export class KeyRecords extends Context.Service<
  KeyRecords,
  Records & { readonly list: Effect.Effect<ReadonlyArray<ListedKey>, LogUnavailable> }
>()("meshes/KeyRecords") {
  static readonly layer = Layer.effect(
    KeyRecords,
    Effect.map(Nats, (nats) => {
      const list = Effect.tryPromise({
        try: () => readAll(nats),
        catch: (cause) => new LogUnavailable({ operation: "listing keys", reason: reasonOf(cause), stored: "no" }),
      })
      return KeyRecords.of({ ...recordsOf(nats), list })
    }),
  )
}

/** The keys in memory, at most a moment old; what this process changes counts at once. */
export class IssuedKeys extends Context.Service<
  IssuedKeys,
  Records & {
    /** By the SHA-256 of a key, in hex. */
    readonly find: (hash: string) => IssuedKey | undefined
    /** In the order in which they were made. */
    readonly list: () => ReadonlyArray<ListedKey>
    /** Grows with each key that comes or goes. */
    readonly version: () => number
    /** Notes that a key was used now. */
    readonly used: (id: KeyId) => void
  }
>()("meshes/IssuedKeys") {
  /** Built when all keys are known. */
  static readonly layer = Layer.effect(
    IssuedKeys,
    Effect.gen(function* () {
      const nats = yield* Nats
      const memory = new Memory()
      const known = yield* Deferred.make<void>()
      const health = yield* Health
      health.expect("keys")
      yield* Effect.forkScoped(supervise("keys", watch(nats, memory, known)))
      yield* Deferred.await(known)
      const tellUses = Effect.suspend(() => storeUses(nats, memory))
      // The last uses are told at the end too.
      yield* Effect.addFinalizer(() => tellUses)
      yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(limits.keyUsesEveryMs), tellUses)))
      return IssuedKeys.of({
        ...recordsOf(nats, (id, revision, key) => memory.note(id, revision, key)),
        find: (hash) => memory.find(hash),
        list: () => memory.list(),
        version: () => memory.version,
        used: (id) => memory.used(id),
      })
    }),
  )
}

type Written = (id: KeyId, revision: number, key: IssuedKey | undefined) => void

/** @param written told of what this process changes, before the watch tells it */
const recordsOf = (nats: NatsShape, written: Written = () => {}): Records => {
  const change = Effect.fnUntraced(function* (what: AuditedAct, key: IssuedKey, actor: Actor, message: Message) {
    const { id, name, prefix, workspaces } = key
    const scope = key.publishable ? "publishable" : key.scopes.join(", ")
    yield* writeAudit(nats, actor, {
      what,
      target: id,
      detail: `${name} (${prefix}…), ${scope}`,
      ...(workspaces === undefined ? {} : { workspaces }),
    })
    const revision = yield* stored(
      `writing the key ${id}`,
      yield* Effect.promise(() => publishBatch(nats.nc, [message])),
    )
    written(id, revision, message.body.length === 0 ? undefined : key)
  })
  return {
    create: (key, actor) =>
      change("key.created", key, actor, {
        subject: subjects.key(key.id),
        body: Buffer.from(JSON.stringify(key)),
        headers: "Nats-Expected-Last-Subject-Sequence: 0\r\n",
      }),
    revoke: (key, actor) =>
      change("key.revoked", key, actor, {
        subject: subjects.key(key.id),
        body: Buffer.alloc(0),
        headers: `KV-Operation: DEL\r\nNats-TTL: ${limits.keyRevokedMs / 1000}s\r\n`,
      }),
  }
}

const stored = (operation: string, result: BatchResult): Effect.Effect<number, LogUnavailable> =>
  result._tag === "Stored"
    ? Effect.succeed(result.lastSeq)
    : Effect.fail(
        new LogUnavailable({ operation, reason: result.reason, stored: result._tag === "Refused" ? "no" : "unknown" }),
      )

const readAll = async (nats: NatsShape): Promise<ReadonlyArray<ListedKey>> => {
  const memory = new Memory()
  for (let from = 1; ;) {
    const found = await nextMessages(nats, streams.keys, subjects.keys, from, limits.readerPrefetch)
    for (const message of found) {
      take(memory, message)
      from = message.seq + 1
    }
    if (found.length === 0) return memory.list()
  }
}

interface Given {
  readonly subject: string
  readonly seq: number
  readonly data: Uint8Array
}

/** Gives the id if it is about the key itself. */
const take = (memory: Memory, { subject, seq, data }: Given): KeyId | undefined => {
  const [kind, id] = subject.split(".").slice(-2)
  if (kind === "used") return void memory.noteUse(id!, Number(Buffer.from(data).toString()))
  memory.note(id!, seq, keyIn(data))
  return id
}

/** Whatever is no key takes its place all the same: no older one is good then. */
const keyIn = (data: Uint8Array): IssuedKey | undefined => {
  try {
    return data.length === 0 ? undefined : (JSON.parse(Buffer.from(data).toString()) as IssuedKey)
  } catch {
    return undefined
  }
}

const watch = (nats: NatsShape, memory: Memory, known: Deferred.Deferred<void>) =>
  Effect.suspend(() => {
    const begun = memory.begin()
    return watchBucket(nats, {
      loop: "keys",
      stream: streams.keys,
      filter: subjects.keys,
      onMessage: (message) => begun.given(take(memory, message)),
      onKnown: () => {
        begun.known()
        Deferred.doneUnsafe(known, Effect.void)
      },
    })
  })

/** What cannot be stored now is told the next time. */
const storeUses = (nats: NatsShape, memory: Memory): Effect.Effect<void> =>
  Effect.promise(async () => {
    if (!nats.connected()) return
    const uses = memory.takeUntold()
    const messages = [...uses].map(([id, at]) => ({
      subject: subjects.keyUse(id),
      body: Buffer.from(String(at)),
      headers: `Nats-TTL: ${limits.keyUsesKeptMs / 1000}s\r\n`,
    }))
    for (const batch of intoBatches(messages)) {
      if ((await publishBatch(nats.nc, batch))._tag !== "Stored") return memory.giveBack(uses)
    }
  })

/** A key at its last change; without one it was revoked. */
interface Remembered {
  readonly revision: number
  readonly key: IssuedKey | undefined
}

class Memory {
  readonly #records = new Map<KeyId, Remembered>()
  readonly #byHash = new Map<string, IssuedKey>()
  readonly #uses = new Map<KeyId, number>()
  /** Uses that the log has not been told of. */
  #untold = new Map<KeyId, number>()
  version = 0

  find(hash: string): IssuedKey | undefined {
    return this.#byHash.get(hash)
  }

  list(): ReadonlyArray<ListedKey> {
    return [...this.#byHash.values()]
      .toSorted((a, b) => (a.id < b.id ? -1 : 1))
      .map((key) => {
        const used = this.#untold.get(key.id) ?? this.#uses.get(key.id)
        return used === undefined ? { key } : { key, used }
      })
  }

  note(id: KeyId, revision: number, key: IssuedKey | undefined): void {
    const before = this.#records.get(id)
    if (before !== undefined && before.revision >= revision) return
    this.#records.set(id, { revision, key })
    this.#forgetKey(before)
    if (key !== undefined) this.#byHash.set(key.hash, key)
    this.version++
  }

  /** A watch begins, and gives all that is there: what it did not give is gone when all is known. */
  begin(): { readonly given: (id: KeyId | undefined) => void; readonly known: () => void } {
    const left = new Map(this.#records)
    return {
      given: (id) => void (id !== undefined && left.delete(id)),
      known: () => {
        for (const [id, record] of left) {
          // Unless it was changed here meanwhile.
          if (this.#records.get(id) !== record) continue
          this.#records.delete(id)
          this.#forgetKey(record)
          this.version++
        }
        left.clear()
      },
    }
  }

  used(id: KeyId): void {
    this.#untold.set(id, logTime())
  }

  noteUse(id: KeyId, at: number): void {
    this.#uses.set(id, Math.max(at, this.#uses.get(id) ?? 0))
  }

  takeUntold(): ReadonlyMap<KeyId, number> {
    const taken = this.#untold
    this.#untold = new Map()
    for (const [id, at] of taken) this.noteUse(id, at)
    return taken
  }

  giveBack(uses: ReadonlyMap<KeyId, number>): void {
    this.#untold = new Map([...uses, ...this.#untold])
  }

  #forgetKey(record: Remembered | undefined): void {
    if (record?.key === undefined) return
    this.#byHash.delete(record.key.hash)
    this.#uses.delete(record.key.id)
    this.#untold.delete(record.key.id)
  }
}
