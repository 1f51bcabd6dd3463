/**
 * Usage as the log knows it. What was used is what `EVENTS` holds of a scope since the month began: the server counts it, without reading
 * it out. Beside that a bucket has a record for each scope and month: how far it was counted, so that counting goes on from there, and
 * what replicas have reserved of the rest (`accounts/admission.ts`). Records are changed by compare-and-set.
 */
import { AckPolicy, DeliverPolicy } from "@nats-io/jetstream"
import { nanos, nuid } from "@nats-io/nats-core"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { limits } from "../config/defaults.ts"
import { LogUnavailable } from "../model/errors.ts"
import { keyToken } from "../model/ids.ts"
import { startOfMonth, usageWarningType, type Month, type UsageScope, type UsageWarning } from "../model/usage.ts"
import { encodeEvent } from "../model/event.ts"
import { Health } from "../observe/health.ts"
import { supervise } from "../observe/supervise.ts"
import { errorCodes, publishBatch } from "./batch.ts"
import { Nats, reasonOf, type NatsShape } from "./connection.ts"
import { nextMessages } from "./direct.ts"
import { logTime } from "./log-time.ts"
import { createdHeader } from "./stored.ts"
import { streams, subjects } from "./topology.ts"
import { watchBucket } from "./watch.ts"

/** What is known of a scope's month. */
export interface UsageRecord {
  /** Events up to this sequence of `EVENTS`; absent: none were counted for good. */
  readonly base?: { readonly counted: number; readonly upTo: number; readonly of: string }
  /** By replica: events that it may still store, or is storing. */
  readonly grants: { readonly [member: string]: number }
  /** When a replica last wanted some of what others have, by the log's time. */
  readonly wanted?: number
}

export interface Tally {
  /** Events of the scope that the log holds, by now. */
  readonly used: number
  /** Where counting may begin the next time. */
  readonly base: UsageRecord["base"]
}

/** The runtime's own events, which are not counted. */
const ownTypes = "meshes.>"

type Asked<A> = Effect.Effect<A, LogUnavailable>

export class UsageLog extends Context.Service<
  UsageLog,
  {
    /** `seq` 0: there is none yet. */
    readonly read: (scope: UsageScope, month: Month) => Asked<{ readonly seq: number; readonly record: UsageRecord }>
    /** Writes it if `seq` is still the last; `false`: somebody was faster. */
    readonly write: (scope: UsageScope, month: Month, record: UsageRecord, seq: number) => Asked<boolean>
    readonly tally: (scope: UsageScope, month: Month, record: UsageRecord) => Asked<Tally>
    /** The last sequence of `EVENTS`. */
    readonly last: Asked<number>
    /** Called when the record of a place changed; gives back how to stop that. */
    readonly listen: (listener: (place: string, record: UsageRecord) => void) => () => void
    /** Publishes the warning, unless the log has it. */
    readonly warn: (warning: UsageWarning, month: Month) => Asked<void>
  }
>()("meshes/UsageLog") {
  static readonly layer = Layer.effect(
    UsageLog,
    Effect.gen(function* () {
      const nats = yield* Nats
      const health = yield* Health
      const listeners = new Set<(place: string, record: UsageRecord) => void>()
      health.expect("usage records")
      const watching = watchBucket(nats, {
        loop: "usage records",
        stream: streams.usage,
        filter: subjects.usage("*", "*", "*"),
        onMessage: ({ subject, data }) => {
          const record = JSON.parse(Buffer.from(data).toString()) as UsageRecord
          for (const listener of listeners) listener(subject, record)
        },
        onKnown: () => undefined,
      })
      yield* Effect.forkScoped(supervise("usage records", watching))
      return {
        read: (scope, month) => attempt("reading usage", () => read(nats, scope, month)),
        write: (scope, month, record, seq) => attempt("reserving usage", () => write(nats, scope, month, record, seq)),
        tally: (scope, month, record) => attempt("counting usage", () => tally(nats, scope, month, record)),
        last: attempt("looking at the events", () => lastOf(nats)),
        listen: (listener) => {
          listeners.add(listener)
          return () => void listeners.delete(listener)
        },
        warn: (warning, month) => attempt("warning of usage", () => warn(nats, warning, month)),
      }
    }),
  )
}

const attempt = <A>(operation: string, run: () => Promise<A>): Asked<A> =>
  Effect.tryPromise({
    try: run,
    catch: (cause) => new LogUnavailable({ operation, reason: reasonOf(cause), stored: "no" }),
  })

/** The place of a scope's record: what `listen` tells of. */
export const usagePlace = ({ kind, name }: UsageScope, month: Month): string =>
  // Accounts may have any name.
  subjects.usage(month, kind, kind === "workspace" ? name : keyToken(name))

const read = async (nats: NatsShape, scope: UsageScope, month: Month) => {
  const message = await nats.jsm.direct.getMessage(streams.usage, { last_by_subj: usagePlace(scope, month) })
  return message === null
    ? { seq: 0, record: { grants: {} } }
    : { seq: message.seq, record: message.json<UsageRecord>() }
}

const write = async (nats: NatsShape, scope: UsageScope, month: Month, record: UsageRecord, seq: number) => {
  const result = await publishBatch(nats.nc, [
    {
      subject: usagePlace(scope, month),
      body: Buffer.from(JSON.stringify(record)),
      headers: `Nats-Expected-Last-Subject-Sequence: ${seq}\r\n`,
    },
  ])
  if (result._tag === "Stored") return true
  if (result._tag === "Refused" && result.code === errorCodes.wrongLastSequence) return false
  throw new Error(result.reason)
}

const lastOf = async (nats: NatsShape): Promise<number> => (await nats.jsm.streams.info(streams.events)).state.last_seq

type Start = { readonly seq: number } | { readonly time: number }

/** How many messages there are of these subjects from there on: what a consumer of them would be given. */
const pending = async (nats: NatsShape, filters: ReadonlyArray<string>, start: Start): Promise<number> => {
  const { num_pending } = await nats.jsm.consumers.add(streams.events, {
    name: `usage-${nuid.next()}`,
    ...(filters.length === 1 ? { filter_subject: filters[0]! } : { filter_subjects: [...filters] }),
    ...("seq" in start
      ? { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: start.seq }
      : { deliver_policy: DeliverPolicy.StartTime, opt_start_time: new Date(start.time).toISOString() }),
    ack_policy: AckPolicy.None,
    mem_storage: true,
    num_replicas: 1,
    inactive_threshold: nanos(limits.usageConsumerMs),
  })
  return num_pending
}

const tally = async (nats: NatsShape, scope: UsageScope, month: Month, record: UsageRecord): Promise<Tally> => {
  const of = keyToken(scope.workspaces.join(" "))
  const base = record.base?.of === of ? record.base : undefined
  const start: Start = base === undefined ? { time: startOfMonth(month) } : { seq: base.upTo + 1 }
  const all = scope.workspaces.map((workspace) => subjects.stored(workspace, ">"))
  const own = scope.workspaces.map((workspace) => subjects.stored(workspace, ownTypes))
  if (all.length === 0) return { used: 0, base: undefined }
  const counted = base?.counted ?? 0
  // In this order: an event of our own that comes in between is counted too much for the moment, and never too little.
  let notCounted = await pending(nats, own, start)
  let last = await lastOf(nats)
  for (;;) {
    const found = await pending(nats, all, start)
    const used = counted + found - notCounted
    // Enough for whoever only wants to know that there is room.
    if (used < scope.limit && found < limits.usageRecounted) return { used, base }
    const again = await pending(nats, own, start)
    if (again === notCounted) {
      if (found < limits.usageRecounted || (await pending(nats, all, { seq: last + 1 })) > 0) return { used, base }
      // Nothing came while it was counted: all of it is up to there, and need not be counted again.
      return { used, base: { counted: used, upTo: last, of } }
    }
    notCounted = again
    last = await lastOf(nats)
  }
}

const warn = async (nats: NatsShape, warning: UsageWarning, month: Month): Promise<void> => {
  const { workspace, metric, percent } = warning
  const id = `usage.${metric}.${month}.${percent}`
  // The log itself recognises a repeat for a while only.
  for (let from = 1; ;) {
    const told = await nextMessages(
      nats,
      streams.events,
      subjects.stored(workspace, usageWarningType),
      from,
      limits.readerPrefetch,
    )
    if (told.some(({ data }) => (JSON.parse(Buffer.from(data).toString()) as { readonly id?: string }).id === id))
      return
    if (told.length === 0) break
    from = told.at(-1)!.seq + 1
  }
  const at = logTime()
  const result = await publishBatch(nats.nc, [
    {
      subject: subjects.event(workspace, usageWarningType),
      body: encodeEvent({
        id,
        type: usageWarningType,
        workspace,
        resource: "usage",
        resource_id: metric,
        time: new Date(at).toISOString(),
        source: "meshes",
        payload: { ...warning },
      }),
      headers: `Nats-Msg-Id: ${workspace}/${id}\r\nMeshes-Envelope: 1\r\n${createdHeader}: ${at}\r\n`,
    },
  ])
  if (result._tag !== "Stored") throw new Error(result.reason)
}
