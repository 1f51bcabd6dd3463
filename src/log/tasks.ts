/**
 * Tasks in the log: replays and operations. What a task is stands in a bucket; how far it has come is a checkpoint beside the deliveries
 * that it accounts for (`fenced.ts`), so that each of its steps is done once, whatever is killed in between.
 *
 * A task is begun by its checkpoint, then its record; whoever finds no checkpoint has nothing to go on with. It is ended by its
 * checkpoint too: from then on nothing more can be done for it, by anybody. Then its record says so, and the checkpoint is removed.
 */
import * as Effect from "effect/Effect"
import { limits } from "../config/defaults.ts"
import { decodeDelivery } from "../model/delivery.ts"
import { LogUnavailable } from "../model/errors.ts"
import type { WorkspaceId } from "../model/ids.ts"
import type { Actor, AuditedAct, HistoryRecord } from "../model/record.ts"
import { stateOf, type Task, type TaskEnd } from "../model/task.ts"
import type { Health } from "../observe/health.ts"
import { writeAudit } from "./audit.ts"
import { errorCodes, publishBatch, type Message } from "./batch.ts"
import { reasonOf, type NatsShape } from "./connection.ts"
import { nextMessages } from "./direct.ts"
import { makeCommit, readCheckpoint, storeRecords, type Checkpoint, type Writer } from "./fenced.ts"
import type { Position } from "./partition.ts"
import { streams, subjects } from "./topology.ts"
import { watchBucket } from "./watch.ts"

interface TaskCheckpoint<Progress> extends Position, Checkpoint {
  readonly progress: Progress
  readonly ended?: TaskEnd
}

/** A task that is being gone on with. */
export interface OpenTask<Progress> {
  readonly position: Position
  readonly progress: Progress
  /** Stores the messages and how far it has come, all or nothing. Fails when the task was stopped or is gone on with elsewhere. */
  readonly commit: (
    position: Position,
    progress: Progress,
    messages: ReadonlyArray<Message>,
    records: ReadonlyArray<HistoryRecord>,
  ) => Effect.Effect<void, LogUnavailable>
  /** It has come to its end. */
  readonly end: (position: Position, progress: Progress) => Effect.Effect<void, LogUnavailable>
}

export interface Tasks<One extends Task<One["progress"]>> {
  /** `workspace`: only if it is that one's. */
  readonly find: (id: string, workspace?: WorkspaceId) => Effect.Effect<One | undefined, LogUnavailable>
  /** The latest first; those of one workspace, or all. */
  readonly list: (workspace?: WorkspaceId) => Effect.Effect<ReadonlyArray<One>, LogUnavailable>
  /** When it is answered, nothing more is done for it. Gives the task as it then is; one that is over stays as it was. */
  readonly stop: (task: One, actor: Actor, reason?: string) => Effect.Effect<One, LogUnavailable>
  /** Where it was left; `undefined`: it is over. Whatever fails ends it: open it again. */
  readonly open: (task: One) => Effect.Effect<OpenTask<One["progress"]> | undefined, LogUnavailable>
  /** Tells of each task there is, then of each that changes, without their progress. Ends as `watchBucket` does. */
  readonly watch: (onTask: (task: One) => void) => Effect.Effect<never, LogUnavailable, Health>
}

/** What tells a kind of tasks from others. */
export interface Kind<One extends Task<One["progress"]>> {
  /** `replay`: the writer of its records. */
  readonly name: string
  /** Its loop in health. */
  readonly loop: string
  readonly stream: string
  /** `scope` is its workspace, or `_` for one over all; `*` stands for any. */
  readonly subject: (scope: string, id: string) => string
  readonly workspaceOf: (task: One) => WorkspaceId | undefined
  readonly noProgress: One["progress"]
  /** What the audit says when one is stopped. */
  readonly stopped: AuditedAct
}

/** No workspace is called so. */
const allWorkspaces = "_"

const attempt = <A>(operation: string, run: () => Promise<A>): Effect.Effect<A, LogUnavailable> =>
  Effect.tryPromise({
    try: run,
    catch: (cause) =>
      cause instanceof LogUnavailable
        ? cause
        : new LogUnavailable({ operation, reason: reasonOf(cause), stored: "unknown" }),
  })

export const makeTasks = <One extends Task<One["progress"]>>(
  nats: NatsShape,
  kind: Kind<One>,
): Tasks<One> & {
  /** Those of a workspace that are not over; `undefined`: those over all. */
  readonly running: (workspace: WorkspaceId | undefined) => Effect.Effect<ReadonlyArray<One>, LogUnavailable>
  /** Begins one that was never there; it is told of in the audit before. */
  readonly begin: (
    task: One,
    position: Position,
    actor: Actor,
    audit: { readonly what: AuditedAct; readonly detail: string },
  ) => Effect.Effect<void, LogUnavailable>
} => {
  type Stored = TaskCheckpoint<One["progress"]>

  const writerOf = ({ id }: One): Writer => ({ subject: subjects.taskCheckpoint(id), history: kind.name, name: id })
  const subjectOf = (task: One): string => kind.subject(kind.workspaceOf(task) ?? allWorkspaces, task.id)

  /** The record of a task without a checkpoint says that it is over, or is made to. */
  const lost: Stored = { seq: 0, progress: kind.noProgress, records: [] }

  /** The audit, before it is so. */
  const tell = (actor: Actor, task: One, what: AuditedAct, detail: string | undefined) => {
    const workspace = kind.workspaceOf(task)
    return writeAudit(nats, actor, {
      what,
      target: task.id,
      ...(detail === undefined ? {} : { detail: detail.slice(0, limits.messageCharacters) }),
      ...(workspace === undefined ? {} : { workspaces: [workspace] }),
    })
  }

  const put = async (task: One, last: number): Promise<void> => {
    const result = await publishBatch(nats.nc, [
      {
        subject: subjectOf(task),
        body: Buffer.from(JSON.stringify(task)),
        headers: `Nats-Expected-Last-Subject-Sequence: ${last}\r\n`,
      },
    ])
    if (result._tag === "Stored") return
    // Somebody was faster, with the same: what a task's end is stands in its checkpoint.
    if (result._tag === "Refused" && result.code === errorCodes.wrongLastSequence) return
    throw new LogUnavailable({
      operation: `storing ${task.id}`,
      reason: result.reason,
      stored: result._tag === "Refused" ? "no" : "unknown",
    })
  }

  /** By the leader's word: it may have been begun a moment ago. */
  const read = (subject: string) =>
    attempt(`reading ${subject}`, async () => {
      const message = await nats.jsm.streams.getMessage(kind.stream, { last_by_subj: subject })
      return message === null ? undefined : { seq: message.seq, task: message.json<One>() }
    })

  const records = (workspace: WorkspaceId | undefined) =>
    attempt(`listing each ${kind.name}`, async () => {
      const tasks: Array<One> = []
      for (let from = 1; ;) {
        const filter = kind.subject(workspace ?? "*", "*")
        const page = await nextMessages(nats, kind.stream, filter, from, limits.readerPrefetch)
        for (const { data, seq } of page) {
          tasks.push(JSON.parse(Buffer.from(data).toString()) as One)
          from = seq + 1
        }
        if (page.length === 0) return tasks
      }
    })

  const withProgress = Effect.fnUntraced(function* (task: One) {
    if (task.state !== "running") return task
    const last = yield* readCheckpoint<Stored>(nats, writerOf(task))
    return last === undefined ? task : ended(task, last.checkpoint)
  })

  /** Its end is in its checkpoint: tells the history, and the record. */
  const settle = Effect.fnUntraced(function* (task: One, stored: number, checkpoint: Stored) {
    yield* storeRecords(nats, writerOf(task), stored, checkpoint.records)
    return yield* forget(task, checkpoint)
  })

  const forget = Effect.fnUntraced(function* (task: One, checkpoint: Stored) {
    const found = yield* read(subjectOf(task))
    if (found !== undefined && found.task.state === "running") {
      yield* attempt(`ending ${task.id}`, () => put(ended(found.task, checkpoint), found.seq))
    }
    yield* attempt(`removing the checkpoint of ${task.id}`, () =>
      nats.jsm.streams.purge(streams.deliveries, { filter: writerOf(task).subject }),
    )
    return found === undefined || found.task.state === "running" ? ended(task, checkpoint) : found.task
  })

  return {
    running: (workspace) =>
      Effect.map(records(workspace), (all) =>
        all.filter((task) => task.state === "running" && kind.workspaceOf(task) === workspace),
      ),
    begin: Effect.fnUntraced(function* (task, position, actor, { what, detail }) {
      yield* tell(actor, task, what, detail)
      const commit = makeCommit<Stored>(nats, writerOf(task), 0)
      yield* commit({ ...position, progress: kind.noProgress, records: [] }, [])
      yield* attempt(`beginning ${task.id}`, () => put(task, 0))
    }),
    find: Effect.fnUntraced(function* (id, workspace) {
      const found = yield* read(kind.subject(workspace ?? "*", id))
      return found === undefined ? undefined : yield* withProgress(found.task)
    }),
    list: Effect.fnUntraced(function* (workspace) {
      const shown = yield* Effect.forEach(yield* records(workspace), withProgress)
      return shown.toSorted((a, b) => (a.id < b.id ? 1 : -1))
    }),
    stop: Effect.fnUntraced(function* (task, actor, reason) {
      const end: TaskEnd = { at: Date.now(), by: actor.by, ...(reason === undefined ? {} : { reason }) }
      for (let tries = 0; ; tries++) {
        const last = yield* readCheckpoint<Stored>(nats, writerOf(task))
        if (last === undefined) return yield* forget(task, { ...lost, ended: end })
        if (last.checkpoint.ended !== undefined) return yield* settle(task, last.stored, last.checkpoint)
        if (tries === 0) yield* tell(actor, task, kind.stopped, reason)
        const checkpoint: Stored = { ...last.checkpoint, ended: end }
        const commit = makeCommit<Stored>(nats, writerOf(task), last.stored)
        // Refused: it went on meanwhile.
        const stored = yield* commit(checkpoint, []).pipe(
          Effect.as(true),
          Effect.catchIf(
            (error) => error.stored === "no" && tries < limits.replayStopTries,
            () => Effect.succeed(false),
          ),
        )
        if (stored) return yield* forget(task, checkpoint)
      }
    }),
    open: Effect.fnUntraced(function* (task) {
      const writer = writerOf(task)
      const last = yield* readCheckpoint<Stored>(nats, writer)
      if (last === undefined) {
        const end: TaskEnd = { at: Date.now(), by: "runtime", reason: "how far it had come is no longer in the log" }
        yield* forget(task, { ...lost, ended: end })
        return undefined
      }
      const { stored, checkpoint } = last
      if (checkpoint.ended !== undefined) {
        yield* settle(task, stored, checkpoint)
        return undefined
      }
      yield* storeRecords(nats, writer, stored, checkpoint.records)
      yield* dropLetters(nats, checkpoint.records)
      const commit = makeCommit<Stored>(nats, writer, stored)
      return {
        position: checkpoint,
        progress: checkpoint.progress,
        commit: Effect.fnUntraced(function* (position, progress, messages, made) {
          yield* commit({ ...position, progress, records: made }, messages)
          yield* dropLetters(nats, made)
        }),
        end: Effect.fnUntraced(function* (position, progress) {
          const over: Stored = { ...position, progress, records: [], ended: { at: Date.now() } }
          yield* commit(over, [])
          yield* forget(task, over)
        }),
      }
    }),
    watch: (onTask) =>
      watchBucket(nats, {
        loop: kind.loop,
        stream: kind.stream,
        filter: kind.subject("*", "*"),
        onMessage: ({ data }) => onTask(JSON.parse(Buffer.from(data).toString()) as One),
        onKnown: () => {},
      }),
  }
}

/** What the record says once the checkpoint says that. */
const ended = <One extends Task<One["progress"]>>(
  task: One,
  { seq: at, progress, ended: end }: TaskCheckpoint<One["progress"]>,
): One => (end === undefined ? { ...task, progress, at } : { ...task, progress, at, state: stateOf(end), ended: end })

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
