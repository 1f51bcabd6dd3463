/**
 * Replays in the log. What a replay is stands in a bucket; how far it has come is a checkpoint beside the deliveries that it made
 * (`fenced.ts`), so that those are made once, whatever is killed in between.
 *
 * A replay is begun by its checkpoint, then its record; whoever finds no checkpoint has nothing to go on with. It is ended by its
 * checkpoint too: from then on nothing more can be made of it, by anybody. Then its record says so, and the checkpoint is removed.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { limits } from "../config/defaults.ts"
import { decodeDelivery } from "../model/delivery.ts"
import { LogUnavailable, Unusable } from "../model/errors.ts"
import { makeReplayId, type WorkspaceId } from "../model/ids.ts"
import type { Actor, AuditedAct, HistoryRecord } from "../model/record.ts"
import {
  noProgress,
  shownReplay,
  stateOf,
  type Replay,
  type ReplayEnd,
  type ReplayProgress,
  type ReplayRequest,
} from "../model/replay.ts"
import type { Health } from "../observe/health.ts"
import { writeAudit } from "./audit.ts"
import { errorCodes, publishBatch, type Message } from "./batch.ts"
import { Nats, reasonOf, type NatsShape } from "./connection.ts"
import { nextMessages } from "./direct.ts"
import { makeCommit, readCheckpoint, storeRecords, type Checkpoint, type Writer } from "./fenced.ts"
import { units } from "./leases.ts"
import type { Position } from "./partition.ts"
import { Past } from "./past.ts"
import { streams, subjects } from "./topology.ts"
import { watchBucket } from "./watch.ts"

interface ReplayCheckpoint extends Position, Checkpoint {
  readonly progress: ReplayProgress
  readonly ended?: ReplayEnd
}

/** A replay that is being gone on with. */
export interface OpenReplay {
  readonly position: Position
  readonly progress: ReplayProgress
  /** Stores the deliveries and how far it has come, all or nothing. Fails when the replay was stopped or is gone on with elsewhere. */
  readonly commit: (
    position: Position,
    progress: ReplayProgress,
    deliveries: ReadonlyArray<Message>,
    records: ReadonlyArray<HistoryRecord>,
  ) => Effect.Effect<void, LogUnavailable>
  /** It has come to its end. */
  readonly end: (position: Position, progress: ReplayProgress) => Effect.Effect<void, LogUnavailable>
}

export class Replays extends Context.Service<
  Replays,
  {
    /** Begins one over all that is routed by now. A runtime goes on with it. `Unusable`: too many of the workspace are not over. */
    readonly begin: (request: ReplayRequest, actor: Actor) => Effect.Effect<Replay, LogUnavailable | Unusable>
    /** `workspace`: only if it is that one's. */
    readonly find: (id: string, workspace?: WorkspaceId) => Effect.Effect<Replay | undefined, LogUnavailable>
    /** The latest first; those of one workspace, or all. */
    readonly list: (workspace?: WorkspaceId) => Effect.Effect<ReadonlyArray<Replay>, LogUnavailable>
    /** When it is answered, nothing more is made of the replay. Gives the replay as it then is; one that is over stays as it was. */
    readonly stop: (replay: Replay, actor: Actor, reason?: string) => Effect.Effect<Replay, LogUnavailable>
    /** Where it was left; `undefined`: it is over. Whatever fails ends it: open it again. */
    readonly open: (replay: Replay) => Effect.Effect<OpenReplay | undefined, LogUnavailable>
    /** Tells of each replay there is, then of each that changes, without their progress. Ends as `watchBucket` does. */
    readonly watch: (listener: {
      readonly onReplay: (replay: Replay) => void
      readonly onKnown: () => void
    }) => Effect.Effect<never, LogUnavailable, Health>
  }
>()("meshes/Replays") {
  static readonly layer = Layer.effect(
    Replays,
    Effect.gen(function* () {
      const nats = yield* Nats
      const past = yield* Past
      return {
        begin: (request, actor) => begin(nats, past, request, actor),
        find: (id, workspace) => find(nats, id, workspace),
        list: (workspace) => list(nats, workspace),
        stop: (replay, actor, reason) => stop(nats, replay, actor, reason),
        open: (replay) => open(nats, replay),
        watch: ({ onReplay, onKnown }) =>
          watchBucket(nats, {
            loop: units.replays,
            stream: streams.replays,
            filter: subjects.replay("*", "*"),
            onMessage: ({ data }) => onReplay(JSON.parse(Buffer.from(data).toString()) as Replay),
            onKnown,
          }),
      }
    }),
  )
}

const attempt = <A>(operation: string, run: () => Promise<A>): Effect.Effect<A, LogUnavailable> =>
  Effect.tryPromise({
    try: run,
    catch: (cause) =>
      cause instanceof LogUnavailable
        ? cause
        : new LogUnavailable({ operation, reason: reasonOf(cause), stored: "unknown" }),
  })

const writerOf = ({ id }: Replay): Writer => ({ subject: subjects.replayCheckpoint(id), history: "replay", name: id })

const subjectOf = ({ id, filter }: Replay): string => subjects.replay(filter.workspace ?? allWorkspaces, id)

/** No workspace is called so. */
const allWorkspaces = "_"

const begin = Effect.fnUntraced(function* (
  nats: NatsShape,
  past: Past["Service"],
  request: ReplayRequest,
  actor: Actor,
) {
  const { workspace } = request.filter
  const running = (yield* records(nats, workspace)).filter(
    ({ state, filter }) => state === "running" && filter.workspace === workspace,
  )
  if (running.length >= limits.replaysPerWorkspace) {
    const message = `${running.length} replays ${workspace === undefined ? "of all workspaces" : `of "${workspace}"`} are not over: wait for one, or stop one`
    return yield* new Unusable({ message })
  }
  const created = Date.now()
  const replay: Replay = {
    ...request,
    id: makeReplayId(created),
    created,
    by: actor.by,
    ...(yield* past.range(request.filter.from)),
    state: "running",
    progress: noProgress,
  }
  yield* tell(
    nats,
    actor,
    replay,
    "replay.started",
    JSON.stringify(shownReplay(replay).filter).slice(0, limits.messageCharacters),
  )
  const commit = makeCommit<ReplayCheckpoint>(nats, writerOf(replay), 0)
  yield* commit({ seq: replay.first - 1, progress: noProgress, records: [] }, [])
  yield* attempt(`beginning ${replay.id}`, () => put(nats, replay, 0))
  return replay
})

/** The audit, before it is so. */
const tell = (nats: NatsShape, actor: Actor, { id, filter }: Replay, what: AuditedAct, detail: string | undefined) =>
  writeAudit(nats, actor, {
    what,
    target: id,
    ...(detail === undefined ? {} : { detail }),
    ...(filter.workspace === undefined ? {} : { workspaces: [filter.workspace] }),
  })

const put = async (nats: NatsShape, replay: Replay, last: number): Promise<void> => {
  const result = await publishBatch(nats.nc, [
    {
      subject: subjectOf(replay),
      body: Buffer.from(JSON.stringify(replay)),
      headers: `Nats-Expected-Last-Subject-Sequence: ${last}\r\n`,
    },
  ])
  if (result._tag === "Stored") return
  // Somebody was faster, with the same: what a replay's end is stands in its checkpoint.
  if (result._tag === "Refused" && result.code === errorCodes.wrongLastSequence) return
  throw new LogUnavailable({
    operation: `storing ${replay.id}`,
    reason: result.reason,
    stored: result._tag === "Refused" ? "no" : "unknown",
  })
}

/** By the leader's word: it may have been begun a moment ago. */
const read = (nats: NatsShape, subject: string) =>
  attempt(`reading ${subject}`, async () => {
    const message = await nats.jsm.streams.getMessage(streams.replays, { last_by_subj: subject })
    return message === null ? undefined : { seq: message.seq, replay: message.json<Replay>() }
  })

const find = Effect.fnUntraced(function* (nats: NatsShape, id: string, workspace: WorkspaceId | undefined) {
  const found = yield* read(nats, subjects.replay(workspace ?? "*", id))
  return found === undefined ? undefined : yield* withProgress(nats, found.replay)
})

const records = (nats: NatsShape, workspace: WorkspaceId | undefined) => {
  const filter = subjects.replay(workspace ?? "*", "*")
  return attempt("listing replays", async () => {
    const replays: Array<Replay> = []
    for (let from = 1; ;) {
      const page = await nextMessages(nats, streams.replays, filter, from, limits.readerPrefetch)
      for (const { data, seq } of page) {
        replays.push(JSON.parse(Buffer.from(data).toString()) as Replay)
        from = seq + 1
      }
      if (page.length === 0) return replays
    }
  })
}

const list = Effect.fnUntraced(function* (nats: NatsShape, workspace: WorkspaceId | undefined) {
  const shown = yield* Effect.forEach(yield* records(nats, workspace), (replay) => withProgress(nats, replay))
  return shown.toSorted((a, b) => (a.id < b.id ? 1 : -1))
})

const withProgress = Effect.fnUntraced(function* (nats: NatsShape, replay: Replay) {
  if (replay.state !== "running") return replay
  const last = yield* readCheckpoint<ReplayCheckpoint>(nats, writerOf(replay))
  return last === undefined ? replay : ended(replay, last.checkpoint)
})

/** What the record says once the checkpoint says that. */
const ended = (replay: Replay, { seq: at, progress, ended: end }: ReplayCheckpoint): Replay =>
  end === undefined ? { ...replay, progress, at } : { ...replay, progress, at, state: stateOf(end), ended: end }

const stop = Effect.fnUntraced(function* (nats: NatsShape, replay: Replay, actor: Actor, reason?: string) {
  const end: ReplayEnd = { at: Date.now(), by: actor.by, ...(reason === undefined ? {} : { reason }) }
  for (let tries = 0; ; tries++) {
    const last = yield* readCheckpoint<ReplayCheckpoint>(nats, writerOf(replay))
    if (last === undefined) return yield* forget(nats, replay, { ...lost, ended: end })
    if (last.checkpoint.ended !== undefined) return yield* settle(nats, replay, last.stored, last.checkpoint)
    if (tries === 0) yield* tell(nats, actor, replay, "replay.stopped", reason)
    const checkpoint: ReplayCheckpoint = { ...last.checkpoint, ended: end }
    const commit = makeCommit<ReplayCheckpoint>(nats, writerOf(replay), last.stored)
    // Refused: it went on meanwhile.
    const stored = yield* commit(checkpoint, []).pipe(
      Effect.as(true),
      Effect.catchIf(
        (error) => error.stored === "no" && tries < limits.replayStopTries,
        () => Effect.succeed(false),
      ),
    )
    if (stored) return yield* forget(nats, replay, checkpoint)
  }
})

/** The record of a replay without a checkpoint says that it is over, or is made to. */
const lost: ReplayCheckpoint = { seq: 0, progress: noProgress, records: [] }

/** Its end is in its checkpoint: tells the history, and the record. */
const settle = Effect.fnUntraced(function* (
  nats: NatsShape,
  replay: Replay,
  stored: number,
  checkpoint: ReplayCheckpoint,
) {
  yield* storeRecords(nats, writerOf(replay), stored, checkpoint.records)
  return yield* forget(nats, replay, checkpoint)
})

const forget = Effect.fnUntraced(function* (nats: NatsShape, replay: Replay, checkpoint: ReplayCheckpoint) {
  const found = yield* read(nats, subjectOf(replay))
  if (found !== undefined && found.replay.state === "running") {
    yield* attempt(`ending ${replay.id}`, () => put(nats, ended(found.replay, checkpoint), found.seq))
  }
  yield* attempt(`removing the checkpoint of ${replay.id}`, () =>
    nats.jsm.streams.purge(streams.deliveries, { filter: writerOf(replay).subject }),
  )
  return found === undefined || found.replay.state === "running" ? ended(replay, checkpoint) : found.replay
})

const open = Effect.fnUntraced(function* (nats: NatsShape, replay: Replay) {
  const writer = writerOf(replay)
  const last = yield* readCheckpoint<ReplayCheckpoint>(nats, writer)
  if (last === undefined) {
    const end: ReplayEnd = { at: Date.now(), by: "runtime", reason: "how far it had come is no longer in the log" }
    yield* forget(nats, replay, { ...lost, ended: end })
    return undefined
  }
  const { stored, checkpoint } = last
  if (checkpoint.ended !== undefined) {
    yield* settle(nats, replay, stored, checkpoint)
    return undefined
  }
  yield* storeRecords(nats, writer, stored, checkpoint.records)
  yield* dropLetters(nats, checkpoint.records)
  const commit = makeCommit<ReplayCheckpoint>(nats, writer, stored)
  const opened: OpenReplay = {
    position: checkpoint,
    progress: checkpoint.progress,
    commit: Effect.fnUntraced(function* (position, progress, deliveries, records) {
      yield* commit({ ...position, progress, records }, deliveries)
      yield* dropLetters(nats, records)
    }),
    end: Effect.fnUntraced(function* (position, progress) {
      const checkpoint: ReplayCheckpoint = { ...position, progress, records: [], ended: { at: Date.now() } }
      yield* commit(checkpoint, [])
      yield* forget(nats, replay, checkpoint)
    }),
  }
  return opened
})

/** A delivery that goes on its way again under its own id is no dead letter. One that has died since is. */
const dropLetters = (nats: NatsShape, records: ReadonlyArray<HistoryRecord>) =>
  attempt("removing dead letters", async () => {
    const revived = records.filter((record) => record.kind === "delivery.revived")
    await Promise.all(
      revived.map(async ({ workspace, connection, delivery, at }) => {
        const subject = subjects.dead(workspace, connection, delivery)
        const letter = await nats.jsm.direct.getMessage(streams.dead, { last_by_subj: subject })
        const died = letter === null ? undefined : decodeDelivery(letter.data)?.delivery.last?.at
        if (letter !== null && died !== undefined && died < at) {
          await nats.jsm.streams.deleteMessage(streams.dead, letter.seq, false)
        }
      }),
    )
  })
