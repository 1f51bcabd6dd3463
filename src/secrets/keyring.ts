/**
 * Seals and opens the vault's records: AES-256-GCM under the newest of the configured keys, a random nonce a record, and the record's
 * place as associated data, so that it opens nowhere else. Older keys open what they sealed until it is sealed anew
 * (`meshes secrets rotate`).
 *
 * A sealed record: version (1 byte), key id (4), nonce (12), tag (16), ciphertext.
 */
import { createCipheriv, createDecipheriv, createHmac, randomBytes, type KeyObject } from "node:crypto"
import * as Result from "effect/Result"
import { placeName, type Place } from "../model/vault-place.ts"

const version = 1
const algorithm = "aes-256-gcm"
const keyIdBytes = 4
const nonceBytes = 12
const tagBytes = 16
const nonceAt = 1 + keyIdBytes
const tagAt = nonceAt + nonceBytes
const textAt = tagAt + tagBytes

export interface KeyRing {
  /** Ids of the keys, newest first: they tell keys apart and say nothing of them. */
  readonly ids: ReadonlyArray<string>
  /** @param expires when the record ends, in milliseconds since 1970; 0: never. It is bound to the record too. */
  readonly seal: (place: Place, text: string, expires: number) => Uint8Array
  /** Failure: a line for the user that says which record, and never what is in it. */
  readonly open: (place: Place, sealed: Uint8Array, expires: number) => Result.Result<string, string>
}

/** Says which key it is without saying anything of it. */
export const keyId = (key: KeyObject): string =>
  createHmac("sha256", key)
    .update("meshes vault key id")
    .digest("hex")
    .slice(0, 2 * keyIdBytes)

/** A fresh key, as `MESHES_SECRET_KEYS` takes it. */
export const generateSecretKey = (): string => randomBytes(32).toString("base64")

/** Which key a record was sealed under; `undefined`: it is no record of ours. */
export const keyIdOf = (sealed: Uint8Array): string | undefined =>
  sealed.length >= textAt && sealed[0] === version
    ? Buffer.from(sealed.subarray(1, nonceAt)).toString("hex")
    : undefined

/** What a record is bound to. */
const boundTo = ({ kind, workspace, name }: Place, key: string, expires: number): Buffer =>
  Buffer.from(JSON.stringify([version, key, kind, workspace, name, expires]))

/** @param keys of 32 bytes each, newest first, all different; at least one */
export const makeKeyRing = (keys: readonly [KeyObject, ...ReadonlyArray<KeyObject>]): KeyRing => {
  const ids = keys.map(keyId)
  // Of two keys that share an id, which is next to impossible, the newer counts: it seals.
  const byId = new Map(keys.map((key, i) => [ids[i]!, key] as const).toReversed())
  return {
    ids,
    seal: (place, text, expires) => {
      const nonce = randomBytes(nonceBytes)
      const cipher = createCipheriv(algorithm, keys[0], nonce, { authTagLength: tagBytes })
      cipher.setAAD(boundTo(place, ids[0]!, expires))
      const sealed = Buffer.concat([cipher.update(text, "utf8"), cipher.final()])
      return Buffer.concat([Buffer.of(version), Buffer.from(ids[0]!, "hex"), nonce, cipher.getAuthTag(), sealed])
    },
    open: (place, sealed, expires) => {
      const id = keyIdOf(sealed)
      if (id === undefined) return Result.fail(`${placeName(place)} is no record of this version of Meshes`)
      const key = byId.get(id)
      if (key === undefined) {
        return Result.fail(
          `${placeName(place)} is sealed under the key ${id}, which MESHES_SECRET_KEYS does not hold ` +
            `(it holds ${ids.join(", ")}): put that key back, after the newest, or set the value anew`,
        )
      }
      try {
        const opening = createDecipheriv(algorithm, key, sealed.subarray(nonceAt, tagAt), { authTagLength: tagBytes })
        opening.setAAD(boundTo(place, id, expires))
        opening.setAuthTag(sealed.subarray(tagAt, textAt))
        return Result.succeed(opening.update(sealed.subarray(textAt), undefined, "utf8") + opening.final("utf8"))
      } catch {
        return Result.fail(
          `${placeName(place)} does not open: it was changed in the log, or moved there from elsewhere; set it anew`,
        )
      }
    },
  }
}
