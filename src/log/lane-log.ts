/**
 * The part of the log that an ordered lane works through: its deliveries stay where the router stored them, each under its key
 * (`order.<shard>.<workspace>.<connection>.<key>`), until they are done. Nothing is acknowledged; the lane keeps a checkpoint of how
 * far it has come, as a router does, and marks for keys that go their own way because their first delivery waits for a retry:
 *
 * - `floor`: up to it, all is done that no mark covers. `done`: what is done beyond it.
 * - A mark of a key says from where on that key is not done, and in what state its first delivery is.
 *
 * Checkpoint and marks are stored in one atomic batch, and only if the checkpoint before is still the last one: an owner that was
 * asleep or replaced finds its batch refused as a whole.
 */
import { AckPolicy, DeliverPolicy } from "@nats-io/jetstream"
import { nanos, nuid } from "@nats-io/nats-core"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { limits } from "../config/defaults.ts"
import type { ConnectionRef } from "../model/connection-state.ts"
import type { Delivery } from "../model/delivery.ts"
import { errorCodes, publishBatch, type BatchResult, type Message } from "./batch.ts"
import { Nats, type NatsShape } from "./connection.ts"
import { nextMessages, nextOfLeader, type Found } from "./direct.ts"
import { openPull, type Pull } from "./pull.ts"
import { shardOf, streams, subjects } from "./topology.ts"

export interface Mark {
  /** The first of the key that is not done. */
  readonly seq: number
  /** That one, as its last attempt left it: `next` says when it is due. Absent: as it was stored. */
  readonly delivery?: Delivery
}

export interface LaneState {
  readonly floor: number
  readonly done: ReadonlyArray<number>
  readonly marks: ReadonlyMap<string, Mark>
}

export interface Ordered extends Found {
  /** `keyToken` of its key. */
  readonly key: string
}

/** One ordered lane's part of the log. All reject when the log is away. */
export interface LaneLog {
  /** What the lane's last owner left. */
  readonly load: () => Promise<LaneState>
  /** The next of the lane, or of one key, from a sequence on. */
  readonly next: (from: number, count: number, key?: string) => Promise<ReadonlyArray<Ordered>>
  /** `false`: somebody else is the owner; nothing was stored. Marks that are `undefined` are no longer needed. */
  readonly commit: (
    checkpoint: { readonly floor: number; readonly done: ReadonlyArray<number> },
    marks: ReadonlyMap<string, Mark | undefined>,
  ) => Promise<boolean>
  /** Removes what is done below a sequence, and marks that are no longer needed. */
  readonly sweep: (below: number) => Promise<void>
  /** Removes all traces, when everything is done. */
  readonly clear: (upTo: number) => Promise<void>
}

export class LaneLogs extends Context.Service<
  LaneLogs,
  {
    readonly open: (ref: ConnectionRef) => LaneLog
    /** Tells of each connection of a shard that has ordered deliveries, and up to where; then of each new one. */
    readonly feed: (
      shard: number,
      listener: {
        readonly onNews: (ref: ConnectionRef, seq: number) => void
        readonly onGone: (reason: string) => void
      },
    ) => Promise<Pull>
  }
>()("meshes/LaneLogs") {
  static readonly layer = Layer.effect(
    LaneLogs,
    Effect.map(Nats, (nats) =>
      LaneLogs.of({
        open: (ref) => openLaneLog(nats, ref),
        feed: (shard, listener) => openFeed(nats, shard, listener),
      }),
    ),
  )
}

const commitHeader = "Meshes-Commit"

const openLaneLog = (nats: NatsShape, { workspace, connection }: ConnectionRef): LaneLog => {
  const shard = shardOf(workspace, connection)
  const lane = subjects.lane(shard, workspace, connection)
  const all = subjects.ordered(shard, workspace, connection, ">")
  let stored = 0
  /** Marks that were taken back, with the sequences of their empty messages. */
  const empty = new Map<string, number>()

  const checkpoint = () => nats.jsm.direct.getMessage(streams.deliveries, { last_by_subj: lane })
  const purge = (filter: string, seq?: number) =>
    nats.jsm.streams.purge(streams.deliveries, seq === undefined ? { filter } : { filter, seq })

  /** An answer that got lost: whether the batch is in the log is known by the checkpoint that is there. */
  const settle = async (batch: ReadonlyArray<Message>, id: string): Promise<BatchResult> => {
    let delay: number = limits.restartDelayMs
    for (;;) {
      if (nats.nc.isClosed()) throw new Error("the connection to NATS was closed")
      const result: BatchResult = nats.connected()
        ? await publishBatch(nats.nc, batch)
        : { _tag: "Unknown", reason: "the connection to NATS is down" }
      if (result._tag === "Stored") return result
      if (result._tag === "Refused" && result.code === errorCodes.wrongLastSequence) {
        const last = await checkpoint()
        const ours = last?.header.get(commitHeader) === id
        return ours ? { _tag: "Stored", lastSeq: last!.seq + batch.length - 1, duplicate: false } : result
      }
      await new Promise((resolve) => setTimeout(resolve, delay))
      delay = Math.min(delay * 2, limits.restartDelayMaxMs)
    }
  }

  return {
    load: async () => {
      const last = await checkpoint()
      const { floor, done } =
        last === null ? { floor: 0, done: [] } : last.json<{ floor: number; done: Array<number> }>()
      const marks = new Map<string, Mark>()
      let from = 1
      for (;;) {
        const filter = subjects.mark(shard, workspace, connection, ">")
        const found = await nextMessages(nats, streams.deliveries, filter, from, limits.orderedWindow)
        for (const { subject, data, seq } of found) {
          const key = lastToken(subject)
          if (data.length === 0) empty.set(key, seq)
          else marks.set(key, JSON.parse(Buffer.from(data).toString()) as Mark)
          from = seq + 1
        }
        if (found.length === 0) break
      }
      // Read last: if it was written meanwhile, by an owner that is not yet aware of us, the first commit is refused.
      stored = last?.seq ?? 0
      return { floor, done, marks }
    },
    next: async (from, count, key) => {
      const filter = key === undefined ? all : subjects.ordered(shard, workspace, connection, key)
      const found = await nextMessages(nats, streams.deliveries, filter, from, count)
      const checked = found.length > 0 ? found : await nextOfLeader(nats, streams.deliveries, filter, from)
      return checked.map((one) => ({ ...one, key: lastToken(one.subject) }))
    },
    commit: async (state, marks) => {
      const id = nuid.next()
      const batch: Array<Message> = [
        {
          subject: lane,
          body: Buffer.from(JSON.stringify(state)),
          headers: `Nats-Expected-Last-Subject-Sequence: ${stored}\r\nNats-Rollup: sub\r\n${commitHeader}: ${id}\r\n`,
        },
      ]
      for (const [key, mark] of marks) {
        batch.push({
          subject: subjects.mark(shard, workspace, connection, key),
          body: mark === undefined ? new Uint8Array(0) : Buffer.from(JSON.stringify(mark)),
          headers: "Nats-Rollup: sub\r\n",
        })
      }
      const result = await settle(batch, id)
      if (result._tag !== "Stored") return false
      stored = result.lastSeq - batch.length + 1
      let seq = stored
      for (const [key, mark] of marks) {
        seq++
        if (mark === undefined) empty.set(key, seq)
        else empty.delete(key)
      }
      return true
    },
    sweep: async (below) => {
      await purge(all, below)
      for (const [key, seq] of [...empty].slice(0, limits.marksRemoved)) {
        await purge(subjects.mark(shard, workspace, connection, key), seq + 1)
        if (empty.get(key) === seq) empty.delete(key)
      }
    },
    clear: async (upTo) => {
      await purge(all, upTo + 1)
      await purge(subjects.mark(shard, workspace, connection, ">"))
      empty.clear()
      if (stored > 0) await purge(lane, stored + 1)
      stored = 0
    },
  }
}

const lastToken = (subject: string): string => subject.slice(subject.lastIndexOf(".") + 1)

/** Reads no bodies: it only tells where there is something to read. */
const openFeed = async (
  nats: NatsShape,
  shard: number,
  listener: { readonly onNews: (ref: ConnectionRef, seq: number) => void; readonly onGone: (reason: string) => void },
): Promise<Pull> => {
  const consumer = `feed-${shard}-${nuid.next()}`
  await nats.jsm.consumers.add(streams.deliveries, {
    name: consumer,
    filter_subject: subjects.orderedShard(shard),
    deliver_policy: DeliverPolicy.LastPerSubject,
    ack_policy: AckPolicy.None,
    headers_only: true,
    mem_storage: true,
    num_replicas: 1,
    inactive_threshold: nanos(limits.pullExpiresMs * 2),
  })
  let expected = 1
  const pull: Pull = openPull(nats, {
    stream: streams.deliveries,
    consumer,
    window: limits.routerPrefetch,
    onMessage: (message) => {
      if (message.consumerSeq !== expected) {
        pull.close()
        return listener.onGone("news of a delivery was lost on the way")
      }
      expected++
      const [, , workspace, connection] = message.subject.split(".")
      listener.onNews({ workspace: workspace!, connection: connection! }, message.seq)
      pull.done(1)
    },
    onGone: listener.onGone,
  })
  return {
    ...pull,
    close: () => {
      pull.close()
      if (nats.connected()) void nats.jsm.consumers.delete(streams.deliveries, consumer).catch(() => {})
    },
  }
}
