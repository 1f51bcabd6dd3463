/**
 * Publishes events to a Meshes runtime, from wherever there is `fetch`: Node, browsers, edge workers. Event types and payloads are those
 * of the config, known to the compiler alone: of the config only its type is needed.
 */
import type { DeclaringEvents, EventTypeOf, PayloadOf, WorkspaceOf } from "../src/config/declared-events.ts"
import { runtimeLimits } from "./defaults.ts"
import { failureOf, MeshesError, type FailureKind, type Published } from "./errors.ts"
import { firstOf, makeId, toEntry, type Entry, type PublishOptions } from "./event.ts"
import { batchOf, sendingOf, type ClientOptions } from "./options.ts"
import { makeQueue } from "./queue.ts"
import { send, type Fate, type Sent } from "./send.ts"

export type { EventTypeOf, PayloadOf, WorkspaceOf } from "../src/config/declared-events.ts"
export { MeshesError } from "./errors.ts"
export type { EventFailure, FailureKind, Problem, Published } from "./errors.ts"
export type { PublishOptions } from "./event.ts"
export type { BatchOptions, ClientOptions, RetryOptions } from "./options.ts"

/** One event of `publishMany`. */
export type EventOf<C extends DeclaringEvents, W extends string> = {
  readonly [T in EventTypeOf<C, W>]: { readonly type: T; readonly payload: PayloadOf<C, W, T> } & PublishOptions<W>
}[EventTypeOf<C, W>]

export interface Client<C extends DeclaringEvents, W extends string> {
  /** Resolves once the event is stored on the runtime's disk. Rejects with a `MeshesError`. */
  readonly publish: <T extends EventTypeOf<C, W>, V extends W = W>(
    type: T,
    payload: PayloadOf<C, V, T>,
    options?: PublishOptions<V>,
  ) => Promise<Published>
  /** Resolves once all are stored, in their order. Rejects with a `MeshesError` that says which are stored and which are not. */
  readonly publishMany: (events: ReadonlyArray<EventOf<C, W>>) => Promise<ReadonlyArray<Published>>
  /** Returns the event's id at once, and never throws: the event is sent in the background, and `onError` is told if it cannot be. */
  readonly emit: <T extends EventTypeOf<C, W>, V extends W = W>(
    type: T,
    payload: PayloadOf<C, V, T>,
    options?: PublishOptions<V>,
  ) => string
  /** Sends what was emitted. Resolves when it is known what became of it; never rejects. */
  readonly flush: () => Promise<void>
  /** The same, and takes no more events. */
  readonly close: () => Promise<void>
}

/**
 * A client for the events of a config, or of one of its workspaces. Throws when an option is wrong.
 *
 * @example
 * import type config from "./meshes.config.ts"
 * const client = createClient<typeof config>({ url: "https://events.example.com", key, workspace: "acme" })
 * await client.publish("lead.created", { id: "lead_1", email: "ada@example.com" })
 */
export const createClient = <C extends DeclaringEvents = DeclaringEvents, W extends WorkspaceOf<C> = WorkspaceOf<C>>(
  options: ClientOptions<W>,
): Client<C, W> => {
  const to = sendingOf(options)
  const onError = options.onError ?? ((error: MeshesError) => console.error(error.message))
  let closed = false

  const report = (error: MeshesError): void => {
    try {
      onError(error)
    } catch (cause) {
      // What the listener does wrong must not end the sending.
      console.error(cause)
    }
  }
  const queue = makeQueue(to, batchOf(options.batch), (sent) => report(errorOf(sent)))

  const entryOf = (type: string, payload: unknown, given: PublishOptions): Entry => {
    const id = given.id ?? makeId(Date.now())
    const workspace = given.workspace ?? options.workspace
    if (closed) throw ownError({ id, type, workspace }, "closed", "the client is closed")
    try {
      return toEntry(id, type, payload, { ...given, workspace })
    } catch (cause) {
      throw ownError({ id, type, workspace }, "unreadable", `it cannot be written as JSON: ${String(cause)}`)
    }
  }

  const publishAll = async (entries: ReadonlyArray<Entry>): Promise<ReadonlyArray<Published>> => {
    const fates: Array<Fate> = []
    let failed: Sent | undefined
    while (fates.length < entries.length) {
      const part = firstOf(entries.slice(fates.length), runtimeLimits.events, runtimeLimits.bytes)
      // Where nothing of one request could be stored, the next one would only be waited for.
      const sent: Sent = isHopeless(failed) ? { fates: part.map(notSent) } : await send(part, to)
      fates.push(...sent.fates)
      if (!isHopeless(failed) && sent.fates.some(isFailure)) failed = isHopeless(sent) ? sent : (failed ?? sent)
    }
    if (failed !== undefined) throw errorOf({ ...failed, fates })
    return fates.flatMap((fate) => ("published" in fate ? [fate.published] : []))
  }

  return {
    publish: async (type, payload, given = {}) => (await publishAll([entryOf(type, payload, given)]))[0]!,
    publishMany: async (events) =>
      publishAll(
        (events as ReadonlyArray<EventOf<DeclaringEvents, string>>).map(({ type, payload, ...given }) =>
          entryOf(type, payload, given),
        ),
      ),
    emit: (type, payload, given = {}) => {
      const id = given.id ?? makeId(Date.now())
      try {
        const entry = entryOf(type, payload, { ...given, id })
        if (!queue.add(entry)) throw ownError(entry, "dropped", "too many events wait to be sent already")
      } catch (error) {
        report(error as MeshesError)
      }
      return id
    },
    flush: queue.flush,
    close: async () => {
      closed = true
      await queue.flush()
      queue.stop()
    },
  }
}

const isFailure = (fate: Fate): boolean => "failure" in fate

const isHopeless = (sent: Sent | undefined): boolean =>
  sent !== undefined && sent.fates.every((fate) => "failure" in fate && fate.failure.kind === "unavailable")

const errorOf = ({ fates, ...facts }: Sent): MeshesError =>
  new MeshesError({
    ...facts,
    events: fates.flatMap((fate) => ("failure" in fate ? [fate.failure] : [])),
    published: fates.flatMap((fate) => ("published" in fate ? [fate.published] : [])),
  })

const ownError = (event: Parameters<typeof failureOf>[0], kind: FailureKind, message: string): MeshesError =>
  new MeshesError({ events: [failureOf(event, kind, message)] })

const notSent = (entry: Entry): Fate => ({
  again: true,
  failure: failureOf(entry, "unavailable", "it was not sent, as those before it could not be stored"),
})
