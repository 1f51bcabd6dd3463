/**
 * Watching a bucket: the last message of each of its subjects, then every change. For loops under supervision.
 */
import { AckPolicy, DeliverPolicy } from "@nats-io/jetstream"
import { nanos, nuid } from "@nats-io/nats-core"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { limits } from "../config/defaults.ts"
import { LogUnavailable } from "../model/errors.ts"
import { Health } from "../observe/health.ts"
import { reasonOf, type NatsShape } from "./connection.ts"
import { openPull, type Pulled } from "./pull.ts"

export interface Watch {
  /** The loop's name in health, and what is watched in errors. */
  readonly loop: string
  readonly stream: string
  readonly filter: string
  /** May throw: then the message is none of ours. */
  readonly onMessage: (message: Pulled) => void
  /** All that was there when the watch began was given to `onMessage`. */
  readonly onKnown: () => void
}

/** Ends when a change was lost on the way: begun again, it gives all that is there anew. */
export const watchBucket = (nats: NatsShape, { loop, stream, filter, onMessage, onKnown }: Watch) =>
  Effect.gen(function* () {
    const health = yield* Health
    const operation = `watching ${loop}`
    const consumer = `watcher-${nuid.next()}`
    const { num_pending } = yield* Effect.acquireRelease(
      Effect.tryPromise({
        try: () =>
          nats.jsm.consumers.add(stream, {
            name: consumer,
            ack_policy: AckPolicy.None,
            filter_subject: filter,
            deliver_policy: DeliverPolicy.LastPerSubject,
            mem_storage: true,
            num_replicas: 1,
            inactive_threshold: nanos(limits.pullExpiresMs * 2),
          }),
        catch: (cause) => new LogUnavailable({ operation, reason: reasonOf(cause), stored: "unknown" }),
      }),
      () =>
        Effect.promise(async () => {
          if (nats.connected()) await nats.jsm.consumers.delete(stream, consumer).catch(() => false)
        }),
    )
    let left = num_pending
    let expected = 1
    const all = () => {
      health.beat(loop)
      onKnown()
    }
    const gone = yield* Deferred.make<string>()
    const pull = yield* Effect.acquireRelease(
      Effect.sync(() =>
        openPull(nats, {
          stream,
          consumer,
          window: limits.readerPrefetch,
          onMessage: (message) => {
            if (message.consumerSeq !== expected)
              Deferred.doneUnsafe(gone, Effect.succeed("a change was lost on the way"))
            expected = message.consumerSeq + 1
            try {
              onMessage(message)
            } catch {
              // Nothing of ours.
            }
            pull.done(1)
            if (--left === 0) all()
          },
          onGone: (reason) => Deferred.doneUnsafe(gone, Effect.succeed(reason)),
        }),
      ),
      (open) => Effect.sync(() => open.close()),
    )
    if (left === 0) all()
    for (;;) {
      const end = yield* Deferred.await(gone).pipe(Effect.timeoutOption(limits.idleCheckMs))
      if (Option.isSome(end)) return yield* new LogUnavailable({ operation, reason: end.value, stored: "no" })
      // The server speaks every two seconds: a silent one is no progress.
      if (performance.now() - pull.heardAt() < limits.loopSilenceMs / 2) health.beat(loop)
    }
  }).pipe(Effect.scoped)
