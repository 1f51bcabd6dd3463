/**
 * Sessions kept in memory, as one replica has them that needs no log.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { type Kept, KnownSessions } from "../../../src/log/sessions.ts"
import { overAt } from "../../../src/model/session.ts"

/** `sessions` by id. */
export const makeMemorySessions = () => {
  const sessions = new Map<string, Kept>()
  let revision = 0
  const layer = Layer.succeed(KnownSessions, {
    find: (id) => sessions.get(id),
    list: () =>
      [...sessions.values()].flatMap(({ session }) =>
        session === undefined || overAt(session) <= Date.now() ? [] : [session],
      ),
    look: (id) => Effect.sync(() => sessions.get(id)),
    put: (session, after) =>
      Effect.sync(() => {
        if ((sessions.get(session.id)?.revision ?? 0) !== after) return false
        sessions.set(session.id, { revision: ++revision, session })
        return true
      }),
    end: (id) => Effect.sync(() => void sessions.set(id, { revision: ++revision, session: undefined })),
  })
  return { sessions, layer }
}
