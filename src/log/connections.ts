/**
 * The states of connections' circuits, shared by all replicas: kept in a bucket, watched by everyone, changed by whoever owns the lane
 * or by a person. Each change is one decision over the state before it (the write is refused if that is no longer the last one), then
 * a history record and an event of the workspace; both carry the change's sequence as their id, so that telling them again is harmless.
 */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { limits } from "../config/defaults.ts"
import {
  changeOf,
  connectionEventType,
  connectionName,
  type ConnectionChanged,
  type ConnectionRef,
  type ConnectionState,
} from "../model/connection-state.ts"
import { LogUnavailable } from "../model/errors.ts"
import { encodeEvent } from "../model/event.ts"
import { makeStoredEventId, type WorkspaceId } from "../model/ids.ts"
import type { Actor, ConnectionRecord } from "../model/record.ts"
import { Health } from "../observe/health.ts"
import { supervise } from "../observe/supervise.ts"
import { auditRecords } from "./audit.ts"
import { errorCodes, publishBatch, type Message } from "./batch.ts"
import { Nats, reasonOf, type NatsShape } from "./connection.ts"
import { nextMessages } from "./direct.ts"
import { createdHeader } from "./stored.ts"
import { streams, subjects } from "./topology.ts"
import { watchBucket } from "./watch.ts"

/** What a state becomes; `undefined`: it stays as it is. */
export type Decide = (before: ConnectionState | undefined) => ConnectionState | undefined

type Listener = (ref: ConnectionRef, state: ConnectionState) => void

/** Changes connections' states, without watching them: for commands. */
export class ConnectionSwitch extends Context.Service<
  ConnectionSwitch,
  {
    /**
     * Decides over the state as it is now, and tells history and workspace. Gives the state that then holds.
     *
     * @param actor who pauses or resumes it, for the audit
     */
    readonly change: (
      ref: ConnectionRef,
      decide: Decide,
      actor?: Actor,
    ) => Effect.Effect<ConnectionState | undefined, LogUnavailable>
    readonly read: (ref: ConnectionRef) => Effect.Effect<ConnectionState | undefined, LogUnavailable>
    /** Every state there is, of all workspaces or of one. */
    readonly list: (
      workspace?: WorkspaceId,
    ) => Effect.Effect<ReadonlyArray<ConnectionRef & { readonly state: ConnectionState }>, LogUnavailable>
  }
>()("meshes/ConnectionSwitch") {
  static readonly layer = Layer.effect(
    ConnectionSwitch,
    Effect.map(Nats, (nats) =>
      ConnectionSwitch.of({
        change: (ref, decide, actor) =>
          attempt(`changing ${connectionName(ref)}`, () => change(nats, ref, decide, { actor })),
        read: (ref) => attempt(`reading ${connectionName(ref)}`, async () => (await read(nats, ref))?.state),
        list: (workspace) => attempt("listing connections", () => list(nats, workspace ?? "*")),
      }),
    ),
  )
}

/** The states of all connections as they change. */
export class ConnectionStates extends Context.Service<
  ConnectionStates,
  {
    /** `undefined`: closed, and never anything else. */
    readonly get: (ref: ConnectionRef) => ConnectionState | undefined
    /** Those that are not closed. */
    readonly troubled: () => Iterable<ConnectionRef & { readonly state: ConnectionState }>
    /** Called on each change; gives back how to stop that. */
    readonly listen: (listener: Listener) => () => void
    /** As `ConnectionSwitch.change`, for what the runtime must do some time: tries until the log is there. */
    readonly change: (ref: ConnectionRef, decide: Decide) => void
  }
>()("meshes/ConnectionStates") {
  /** Built when all states are known. */
  static readonly layer = Layer.effect(
    ConnectionStates,
    Effect.gen(function* () {
      const nats = yield* Nats
      const states = new Map<string, ConnectionState>()
      const troubled = new Map<string, ConnectionRef & { readonly state: ConnectionState }>()
      const listeners = new Set<Listener>()
      const known = yield* Deferred.make<void>()
      const note = (ref: ConnectionRef, state: ConnectionState) => {
        const name = connectionName(ref)
        states.set(name, state)
        if (state.state === "closed") troubled.delete(name)
        else troubled.set(name, { ...ref, state })
        for (const listener of listeners) listener(ref, state)
      }
      const health = yield* Health
      health.expect("connections")
      const watching = watchBucket(nats, {
        loop: "connections",
        stream: streams.connections,
        filter: subjects.connection("*", "*"),
        onMessage: ({ subject, data }) =>
          note(refOf(subject), JSON.parse(Buffer.from(data).toString()) as ConnectionState),
        onKnown: () => Deferred.doneUnsafe(known, Effect.void),
      })
      yield* Effect.forkScoped(supervise("connections", watching))
      yield* Deferred.await(known)
      const tails = new Map<string, Promise<void>>()
      return {
        get: (ref) => states.get(connectionName(ref)),
        troubled: () => troubled.values(),
        listen: (listener) => {
          listeners.add(listener)
          return () => void listeners.delete(listener)
        },
        change: (ref, decide) => {
          // One after the other: the log has a connection's changes in the order in which they were decided.
          const name = connectionName(ref)
          const tail = (tails.get(name) ?? Promise.resolve()).then(() => changeInTheEnd(nats, ref, decide))
          tails.set(name, tail)
          void tail.then(() => {
            if (tails.get(name) === tail) tails.delete(name)
          })
        },
      }
    }),
  )
}

const changeInTheEnd = async (nats: NatsShape, ref: ConnectionRef, decide: Decide): Promise<void> => {
  const attempts: Attempts = {}
  for (;;) {
    try {
      await change(nats, ref, decide, attempts)
      return
    } catch {
      if (nats.nc.isClosed()) return
      await new Promise((resolve) => setTimeout(resolve, limits.natsReconnectWaitMs))
    }
  }
}

const attempt = <A>(operation: string, run: () => Promise<A>): Effect.Effect<A, LogUnavailable> =>
  Effect.tryPromise({
    try: run,
    catch: (cause) => new LogUnavailable({ operation, reason: reasonOf(cause), stored: "unknown" }),
  })

const read = async (nats: NatsShape, { workspace, connection }: ConnectionRef) => {
  const subject = subjects.connection(workspace, connection)
  const message = await nats.jsm.direct.getMessage(streams.connections, { last_by_subj: subject })
  if (message === null) return undefined
  const text = message.string()
  return { seq: message.seq, text, state: JSON.parse(text) as ConnectionState }
}

const list = async (nats: NatsShape, workspace: string) => {
  const states: Array<ConnectionRef & { readonly state: ConnectionState }> = []
  const filter = subjects.connection(workspace, "*")
  for (let from = 1; ;) {
    const found = await nextMessages(nats, streams.connections, filter, from, limits.readerPrefetch)
    for (const { subject, data, seq } of found) {
      states.push({ ...refOf(subject), state: JSON.parse(Buffer.from(data).toString()) as ConnectionState })
      from = seq + 1
    }
    if (found.length === 0) return states
  }
}

const refOf = (subject: string): ConnectionRef => {
  const [workspace, connection] = subject.split(".").slice(-2)
  return { workspace: workspace!, connection: connection! }
}

interface Attempts {
  readonly actor?: Actor | undefined
  /** A change that the log did not answer. If it has it all the same, nobody was told of it yet. */
  tried?: { readonly text: string; readonly from: ConnectionState["state"] }
}

const change = async (
  nats: NatsShape,
  ref: ConnectionRef,
  decide: Decide,
  attempts: Attempts,
): Promise<ConnectionState | undefined> => {
  for (let asked = false; ;) {
    const before = await read(nats, ref)
    if (before !== undefined && before.text === attempts.tried?.text) {
      await tell(nats, ref, attempts.tried.from, before.state, before.seq, attempts.actor)
      return before.state
    }
    const after = decide(before?.state)
    if (after === undefined) return before?.state
    const text = JSON.stringify(after)
    const from = before?.state.state ?? "closed"
    const result = await publishBatch(nats.nc, [
      {
        subject: subjects.connection(ref.workspace, ref.connection),
        body: Buffer.from(text),
        headers: `Nats-Expected-Last-Subject-Sequence: ${before?.seq ?? 0}\r\n`,
      },
    ])
    if (result._tag === "Stored") {
      await tell(nats, ref, from, after, result.lastSeq, attempts.actor)
      return after
    }
    // Somebody was faster: decide over what is there now.
    if (result._tag === "Refused" && result.code === errorCodes.wrongLastSequence) continue
    if (result._tag === "Unknown") {
      attempts.tried = { text, from }
      // The log itself says what became of it, if it is there. Once: a person waits for the answer.
      if (!asked) {
        asked = true
        continue
      }
    }
    throw new Error(result.reason)
  }
}

/** @param seq the change's sequence in the bucket: what makes its record and its event the same when they are told again */
const tell = async (
  nats: NatsShape,
  ref: ConnectionRef,
  from: ConnectionState["state"],
  after: ConnectionState,
  seq: number,
  actor: Actor | undefined,
): Promise<void> => {
  const happened = changeOf(from, after.state)
  if (happened === undefined) return
  const { at, reason, by, state } = after
  const changed: ConnectionRecord = { kind: "connection.changed", ...ref, from, to: state, at, reason, by }
  const what = state === "paused" ? "connection.paused" : "connection.resumed"
  const act = {
    what,
    target: ref.connection,
    workspaces: [ref.workspace],
    ...(reason === "" ? {} : { detail: reason }),
  } as const
  await store(nats, {
    subject: subjects.history("operate"),
    body: Buffer.from(JSON.stringify([changed, ...(actor === undefined ? [] : auditRecords(actor, act, at))])),
    headers: `Nats-Msg-Id: connection.${seq}\r\n`,
  })
  if (after.quiet === true) return
  const id = makeStoredEventId(seq, after.at)
  const type = connectionEventType(happened)
  const payload: ConnectionChanged = {
    connection: ref.connection,
    state: after.state,
    reason: after.reason,
    by: after.by,
  }
  await store(nats, {
    subject: subjects.event(ref.workspace, type),
    body: encodeEvent({
      id,
      type,
      workspace: ref.workspace,
      resource: "connection",
      resource_id: ref.connection,
      time: new Date(after.at).toISOString(),
      source: "meshes",
      payload: { ...payload },
    }),
    headers: `Nats-Msg-Id: ${ref.workspace}/${id}\r\nMeshes-Envelope: 1\r\n${createdHeader}: ${after.at}\r\n`,
  })
}

const store = async (nats: NatsShape, message: Message): Promise<void> => {
  for (let delay: number = limits.restartDelayMs; ; delay = Math.min(delay * 2, limits.restartDelayMaxMs)) {
    if ((await publishBatch(nats.nc, [message]))._tag === "Stored") return
    if (nats.nc.isClosed()) throw new Error("the connection to NATS was closed")
    await new Promise((resolve) => setTimeout(resolve, delay))
  }
}
