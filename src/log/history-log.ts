/**
 * `HISTORY` to be read along: every message from a sequence on, in order and without a gap, gathered so that many are taken at once.
 */
import { AckPolicy, DeliverPolicy } from "@nats-io/jetstream"
import { nanos, nuid } from "@nats-io/nats-core"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { limits } from "../config/defaults.ts"
import { LogUnavailable } from "../model/errors.ts"
import type { StoredEvent } from "../model/stored-event.ts"
import { Nats, reasonOf, type NatsShape } from "./connection.ts"
import { openPull } from "./pull.ts"
import type { StoredMessage } from "./reader.ts"
import { readStored } from "./stored.ts"
import { streams } from "./topology.ts"

export interface Feed {
  /**
   * The next messages, gathered for `limits.historyGatherMs`, longer where much comes, or up to `limits.historyGatherBytes`; with this those
   * before are done with. None when nothing came within `limits.idleCheckMs`.
   */
  readonly next: Effect.Effect<ReadonlyArray<StoredMessage>, LogUnavailable>
  /** The server was heard of lately: that nothing comes means that there is nothing. */
  readonly alive: () => boolean
}

export class HistoryLog extends Context.Service<
  HistoryLog,
  {
    /** `id`: which log it is; another one has another. `first` and `last`: sequences. */
    readonly extent: Effect.Effect<
      { readonly id: string; readonly first: number; readonly last: number },
      LogUnavailable
    >
    readonly follow: (from: number) => Effect.Effect<Feed, LogUnavailable, Scope.Scope>
    /** One message of it; `undefined`: it is no longer there. */
    readonly message: (seq: number) => Effect.Effect<{ readonly data: Uint8Array } | undefined, LogUnavailable>
    /** One event of `EVENTS`; `undefined`: it is no longer there, or could not be read. */
    readonly event: (seq: number) => Effect.Effect<StoredEvent | undefined, LogUnavailable>
  }
>()("meshes/HistoryLog") {
  static readonly layer = Layer.effect(
    HistoryLog,
    Effect.map(Nats, (nats) =>
      HistoryLog.of({
        extent: attempt("looking at the history", async () => {
          const { created, state } = await nats.jsm.streams.info(streams.history)
          return { id: String(created), first: state.first_seq, last: state.last_seq }
        }),
        follow: (from) => follow(nats, from),
        message: (seq) =>
          attempt("reading the history", async () => {
            const message = await nats.jsm.direct.getMessage(streams.history, { seq })
            return message === null ? undefined : { data: message.data }
          }),
        event: (seq) => attempt("reading an event", () => readStored(nats, seq)),
      }),
    ),
  )
}

const attempt = <A>(operation: string, run: () => Promise<A>): Effect.Effect<A, LogUnavailable> =>
  Effect.tryPromise({
    try: run,
    catch: (cause) => new LogUnavailable({ operation, reason: reasonOf(cause), stored: "no" }),
  })

const follow = (nats: NatsShape, from: number) =>
  Effect.gen(function* () {
    const consumer = `history-${nuid.next()}`
    yield* Effect.acquireRelease(
      attempt("following the history", () =>
        nats.jsm.consumers.add(streams.history, {
          name: consumer,
          ack_policy: AckPolicy.None,
          deliver_policy: DeliverPolicy.StartSequence,
          opt_start_seq: Math.max(1, from),
          mem_storage: true,
          num_replicas: 1,
          inactive_threshold: nanos(limits.pullExpiresMs * 2),
        }),
      ),
      () =>
        Effect.promise(async () => {
          if (nats.connected()) await nats.jsm.consumers.delete(streams.history, consumer).catch(() => false)
        }),
    )
    let here: Array<StoredMessage> = []
    let bytes = 0
    let taken = 0
    let expected = 1
    let broken: string | undefined
    let wake: () => void = () => undefined
    const pull = yield* Effect.acquireRelease(
      Effect.sync(() =>
        openPull(nats, {
          stream: streams.history,
          consumer,
          window: limits.historyPrefetch,
          onMessage: ({ seq, subject, time, data, consumerSeq }) => {
            if (consumerSeq !== expected++) broken ??= "a message was lost on the way"
            // A copy: what comes is a part of something larger.
            here.push({ seq, subject, time, data: new Uint8Array(data) })
            bytes += data.length
            wake()
          },
          onGone: (reason) => {
            broken = reason
            wake()
          },
        }),
      ),
      (open) => Effect.sync(() => open.close()),
    )
    const until = (ready: () => boolean, waitMs: number) =>
      Effect.callback<void>((resume) => {
        const end = () => {
          clearTimeout(timer)
          wake = () => undefined
          resume(Effect.void)
        }
        const timer = setTimeout(end, waitMs)
        wake = () => {
          if (ready() || broken !== undefined) end()
        }
        wake()
        return Effect.sync(() => clearTimeout(timer))
      })
    const next = Effect.gen(function* () {
      if (taken > 0) pull.done(taken)
      taken = 0
      yield* until(() => here.length > 0, limits.idleCheckMs)
      const enough = () => bytes >= limits.historyGatherBytes || here.length >= limits.historyPrefetch / 2
      if (here.length > 0) yield* until(enough, limits.historyGatherMs)
      if (bytes >= limits.historyGatherMuchBytes) yield* until(enough, limits.historyGatherLongMs)
      if (broken !== undefined) {
        return yield* new LogUnavailable({ operation: "following the history", reason: broken, stored: "no" })
      }
      let size = 0
      while (taken < Math.min(here.length, limits.historyPrefetch / 2) && size < limits.historyGatherBytes)
        size += here[taken++]!.data.length
      const messages = here.slice(0, taken)
      here = here.slice(taken)
      bytes -= size
      return messages
    })
    return { next, alive: () => performance.now() - pull.heardAt() < limits.loopSilenceMs / 2 }
  })
