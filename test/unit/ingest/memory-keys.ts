/**
 * Keys and sessions that are made while a server runs, kept in memory, with what the audit was told.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Audit } from "../../../src/log/audit.ts"
import { IssuedKeys } from "../../../src/log/issued-keys.ts"
import type { IssuedKey } from "../../../src/model/key.ts"
import type { Actor } from "../../../src/model/record.ts"
import { makeMemorySessions } from "./memory-sessions.ts"

/** `keys` and `sessions` by id. */
export const makeMemoryKeys = () => {
  const keys = new Map<string, IssuedKey>()
  const audited: Array<Actor & { readonly what: string; readonly target: string }> = []
  const used: Array<string> = []
  let version = 0
  const issued = Layer.succeed(IssuedKeys, {
    find: (hash) => [...keys.values()].find((key) => key.hash === hash),
    list: () => [...keys.values()].map((key) => ({ key })),
    version: () => version,
    used: (id) => void used.push(id),
    create: (key, actor) =>
      Effect.sync(() => {
        keys.set(key.id, key)
        version++
        audited.push({ ...actor, what: "key.created", target: key.id })
      }),
    revoke: (key, actor) =>
      Effect.sync(() => {
        keys.delete(key.id)
        version++
        audited.push({ ...actor, what: "key.revoked", target: key.id })
      }),
  })
  const audit = Layer.succeed(Audit, {
    write: (actor, { what, target }) => Effect.sync(() => void audited.push({ ...actor, what, target })),
  })
  const sessions = makeMemorySessions()
  return { keys, audited, used, sessions: sessions.sessions, layer: Layer.mergeAll(issued, audit, sessions.layer) }
}
