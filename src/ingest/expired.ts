/**
 * The audit's word of keys that are used though they have expired: somebody has forgotten one, or found one. Once a while for each key,
 * however often it is tried.
 */
import * as Effect from "effect/Effect"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import type { HttpServerResponse } from "effect/http/HttpServerResponse"
import { Keys } from "../accounts/keys.ts"
import { limits } from "../config/defaults.ts"
import { Audit } from "../log/audit.ts"
import { logTime } from "../log/log-time.ts"
import { actorOf } from "./authenticate.ts"

/** Looks at answers that have been decided. What the log cannot store now is told with a later one. */
export const makeExpiredWatch = Effect.gen(function* () {
  const keys = yield* Keys
  const audit = yield* Audit
  /** When the last word of it was, by a key's id or name: as many as there are keys. */
  const told = new Map<string, number>()
  return (request: HttpServerRequest, { status }: HttpServerResponse): Effect.Effect<void> => {
    const identity = status === 401 ? keys.expired(request.headers) : undefined
    if (identity === undefined) return Effect.void
    const { id, name, workspaces } = identity
    const now = logTime()
    if (now - (told.get(id ?? name) ?? 0) < limits.keyRefusedToldEveryMs) return Effect.void
    told.set(id ?? name, now)
    return audit
      .write(actorOf(identity, request), {
        what: "key.refused",
        target: id ?? name,
        detail: `${name} has expired`,
        ...(workspaces === undefined ? {} : { workspaces: [...workspaces] }),
      })
      .pipe(Effect.catch(() => Effect.sync(() => void told.delete(id ?? name))))
  }
})
