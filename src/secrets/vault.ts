/**
 * The vault: what workspaces keep secret (secrets, OAuth tokens), sealed in the log and opened where it is needed. Memory holds what is
 * sealed, kept up to date by a watch, so that whoever delivers finds a secret without asking the log, and a change counts everywhere
 * within a moment and without a restart.
 */
import type { KeyObject } from "node:crypto"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import { limits } from "../config/defaults.ts"
import { Nats, type NatsShape } from "../log/connection.ts"
import { logTime } from "../log/log-time.ts"
import {
  isExpired,
  listSealed,
  putSealed,
  readSealed,
  removeSealed,
  type VaultConflict,
  watchSealed,
  type Change,
} from "../log/vault-bucket.ts"
import { type LogUnavailable, Unusable } from "../model/errors.ts"
import { placeName, type Place } from "../model/vault-place.ts"
import { Health } from "../observe/health.ts"
import { supervise } from "../observe/supervise.ts"
import { keyIdOf, makeKeyRing, type KeyRing } from "./keyring.ts"

export { VaultConflict } from "../log/vault-bucket.ts"
export type { Place } from "../model/vault-place.ts"

export interface WriteOptions {
  /** Only if the record's last revision is this; 0: if there is none. */
  readonly after?: number
  /** It vanishes by itself after so long. */
  readonly ttlMs?: number
  /** Done when it is known that it can be sealed, before it is stored: telling the audit. */
  readonly first?: Effect.Effect<void, LogUnavailable>
}

export interface Records {
  /** From the log, as it is now. */
  readonly read: (
    place: Place,
  ) => Effect.Effect<{ readonly text: string; readonly revision: number } | undefined, LogUnavailable | Unusable>
  /** Gives the new revision. */
  readonly write: (
    place: Place,
    text: string,
    options?: WriteOptions,
  ) => Effect.Effect<number, LogUnavailable | Unusable | VaultConflict>
  /** Without a record, nothing is changed. */
  readonly remove: (
    place: Place,
    options?: { readonly after?: number },
  ) => Effect.Effect<void, LogUnavailable | VaultConflict>
  /** What there is: when it was set, and the id of the key it is sealed under. */
  readonly list: (
    kind: Place["kind"] | "*",
    workspace?: string,
  ) => Effect.Effect<
    ReadonlyArray<{ readonly place: Place; readonly at: number; readonly key: string }>,
    LogUnavailable
  >
}

/** The vault's records as the log has them, without watching them: for commands. */
export class VaultRecords extends Context.Service<VaultRecords, Records>()("meshes/VaultRecords") {
  static readonly layer = (ring: KeyRing | undefined) =>
    Layer.effect(
      VaultRecords,
      Effect.map(Nats, (nats) => recordsOf(nats, ring)),
    )
}

export class Vault extends Context.Service<
  Vault,
  Records & {
    /** From memory, so at most a moment old. `undefined`: there is none. Failure: a line for the user (no key ring, no key for it). */
    readonly get: (place: Place) => Result.Result<string | undefined, string>
    /** Called when a record was written, removed, or ended, by whomever. Gives back how to stop. */
    readonly listen: (listener: (place: Place) => void) => () => void
  }
>()("meshes/Vault") {
  /** Built when all records are known. Without a ring nothing can be written, and what is there cannot be opened. */
  static readonly layer = (ring: KeyRing | undefined) =>
    Layer.effect(
      Vault,
      Effect.gen(function* () {
        const nats = yield* Nats
        const memory = new Memory(ring)
        const known = yield* Deferred.make<void>()
        const health = yield* Health
        health.expect("vault")
        yield* Effect.forkScoped(supervise("vault", watch(nats, memory, known)))
        yield* Effect.acquireRelease(
          Effect.sync(() => setInterval(() => memory.forgetEnded(), limits.idleCheckMs).unref()),
          (timer) => Effect.sync(() => clearInterval(timer)),
        )
        yield* Deferred.await(known)
        return {
          ...recordsOf(nats, ring, (change) => memory.note(change)),
          get: (place) => memory.get(place),
          listen: (listener) => memory.listen(listener),
        }
      }),
    )
}

/** `undefined` without keys. */
export const keyRingOf = (keys: ReadonlyArray<KeyObject>): KeyRing | undefined => {
  const [newest, ...older] = keys
  return newest === undefined ? undefined : makeKeyRing([newest, ...older])
}

const noRing = (place: Place): string =>
  `${placeName(place)} cannot be sealed or opened: no key ring is configured. ` +
  "Make a key with `meshes secrets key` and set MESHES_SECRET_KEYS to it."

/** @param written told of what this process changes, before the watch tells it */
const recordsOf = (
  nats: NatsShape,
  ring: KeyRing | undefined,
  written: (change: Change) => void = () => {},
): Records => ({
  read: Effect.fnUntraced(function* (place) {
    const record = yield* readSealed(nats, place)
    if (record === undefined) return undefined
    if (ring === undefined) return yield* new Unusable({ message: noRing(place) })
    const opened = ring.open(place, record.sealed, record.expires)
    if (Result.isFailure(opened)) return yield* new Unusable({ message: opened.failure })
    return { text: opened.success, revision: record.revision }
  }),
  write: Effect.fnUntraced(function* (place, text, { after, ttlMs, first = Effect.void } = {}) {
    if (ring === undefined) return yield* new Unusable({ message: noRing(place) })
    if (Buffer.byteLength(text) > limits.secretBytes) {
      const message = `${placeName(place)} has ${Buffer.byteLength(text)} bytes, at most ${limits.secretBytes} are kept`
      return yield* new Unusable({ message })
    }
    const expires = ttlMs === undefined ? 0 : logTime() + Math.ceil(ttlMs)
    const sealed = ring.seal(place, text, expires)
    yield* first
    const revision = yield* putSealed(nats, place, sealed, after === undefined ? { expires } : { after, expires })
    written({ place, revision, sealed, expires })
    return revision
  }),
  remove: Effect.fnUntraced(function* (place, options) {
    const revision = yield* removeSealed(nats, place, options)
    written({ place, revision, expires: logTime() + limits.vaultRemovedMs })
  }),
  list: (kind, workspace) =>
    Effect.map(listSealed(nats, kind, workspace), (records) =>
      records.map(({ place, at, sealed }) => ({ place, at, key: keyIdOf(sealed) ?? "unknown" })),
    ),
})

/** What is sealed, and what was opened of it. */
interface Remembered extends Change {
  opened?: Result.Result<string, string>
}

class Memory {
  readonly #ring: KeyRing | undefined
  readonly #records = new Map<string, Remembered>()
  /** Those that end by themselves; what was removed is remembered for a while, so that an older change that is late is not taken for it. */
  readonly #ending = new Set<string>()
  readonly #listeners = new Set<(place: Place) => void>()

  constructor(ring: KeyRing | undefined) {
    this.#ring = ring
  }

  get(place: Place): Result.Result<string | undefined, string> {
    const record = this.#records.get(keyOf(place))
    if (record?.sealed === undefined || isExpired(record)) return Result.succeed(undefined)
    record.opened ??= this.#ring?.open(place, record.sealed, record.expires) ?? Result.fail(noRing(place))
    return record.opened
  }

  listen(listener: (place: Place) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  note(change: Change): void {
    const key = keyOf(change.place)
    const before = this.#records.get(key)
    if (before !== undefined && before.revision >= change.revision) return
    this.#records.set(key, change)
    if (change.expires === 0) this.#ending.delete(key)
    else this.#ending.add(key)
    this.#tell(change.place)
  }

  /** A watch begins, and gives all that is there. Gives back what is to be done then: what it did not give is gone. */
  begin(): { readonly seen: (change: Change) => void; readonly known: () => void } {
    const left = new Map([...this.#records].map(([key, { revision }]) => [key, revision]))
    return {
      seen: (change) => {
        left.delete(keyOf(change.place))
        this.note(change)
      },
      known: () => {
        for (const [key, revision] of left) {
          const record = this.#records.get(key)
          if (record?.revision === revision) this.#forget(key, record)
        }
        left.clear()
      },
    }
  }

  forgetEnded(): void {
    for (const key of this.#ending) {
      const record = this.#records.get(key)
      if (record !== undefined && isExpired(record)) this.#forget(key, record)
    }
  }

  #forget(key: string, { place, sealed }: Change): void {
    this.#records.delete(key)
    this.#ending.delete(key)
    if (sealed !== undefined) this.#tell(place)
  }

  #tell(place: Place): void {
    for (const listener of this.#listeners) listener(place)
  }
}

const keyOf = ({ kind, workspace, name }: Place): string => `${kind}/${workspace}/${name}`

const watch = (nats: NatsShape, memory: Memory, known: Deferred.Deferred<void>) =>
  Effect.suspend(() => {
    const begun = memory.begin()
    return watchSealed(nats, begun.seen, () => {
      begun.known()
      Deferred.doneUnsafe(known, Effect.void)
    })
  })
