/**
 * Seals every record of the vault under the newest key of the ring. Each is replaced only if it is still what was opened, so runtimes go
 * on reading and writing meanwhile, and being interrupted or run twice does no harm.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { limits } from "../config/defaults.ts"
import { Nats, type NatsShape } from "../log/connection.ts"
import { listSealed, putSealed, readSealed, type Sealed } from "../log/vault-bucket.ts"
import { LogUnavailable } from "../model/errors.ts"
import { placeName, type Place } from "../model/vault-place.ts"
import { keyIdOf, type KeyRing } from "./keyring.ts"

export interface Rotated {
  /** The key that everything is to be under. */
  readonly key: string
  readonly resealed: number
  /** Were under it already, or are gone. */
  readonly kept: number
  readonly unopened: ReadonlyArray<{ readonly place: Place; readonly key: string; readonly reason: string }>
  /** Keys of the ring that no record needs any more, once all processes have the newest. */
  readonly unused: ReadonlyArray<string>
}

/** @param progress told after each record */
export const rotate = (ring: KeyRing, progress: (done: number, total: number) => void) =>
  Effect.gen(function* () {
    const nats = yield* Nats
    const newest = ring.ids[0]!
    const records = yield* listSealed(nats, "*")
    const unopened: Array<Rotated["unopened"][number]> = []
    let [done, resealed] = [0, 0]
    yield* Effect.forEach(
      records,
      (record) =>
        Effect.map(reseal(nats, ring, record), (result) => {
          progress(++done, records.length)
          if (result === "resealed") resealed++
          else if (typeof result === "object") unopened.push(result)
        }),
      { concurrency: limits.vaultRotating, discard: true },
    )
    // Whoever has the ring of before may have written meanwhile.
    const needed = new Set((yield* listSealed(nats, "*")).map(({ sealed }) => keyIdOf(sealed)))
    const kept = records.length - resealed - unopened.length
    const unused = ring.ids.filter((id) => id !== newest && !needed.has(id))
    return { key: newest, resealed, kept, unopened, unused } satisfies Rotated
  })

const reseal = Effect.fnUntraced(function* (nats: NatsShape, ring: KeyRing, listed: Sealed) {
  const { place } = listed
  let record: Sealed | undefined = listed
  for (let tries = 0; tries < limits.vaultTries; tries++) {
    if (record === undefined || keyIdOf(record.sealed) === ring.ids[0]) return "kept"
    const { sealed, expires, revision } = record
    const opened = ring.open(place, sealed, expires)
    if (Result.isFailure(opened)) return { place, key: keyIdOf(sealed) ?? "unknown", reason: opened.failure }
    const written = yield* Effect.result(
      putSealed(nats, place, ring.seal(place, opened.success, expires), { after: revision, expires }),
    )
    if (Result.isSuccess(written)) return "resealed"
    if (written.failure._tag === "LogUnavailable") return yield* written.failure
    record = yield* readSealed(nats, place)
  }
  const reason = "it is changed by others again and again"
  return yield* new LogUnavailable({ operation: `sealing ${placeName(place)} anew`, reason, stored: "no" })
})
