/**
 * Reading what was stored, page by page, for those who must miss nothing and may take long: nothing of theirs is on the server, so it
 * can forget nothing.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { limits } from "../config/defaults.ts"
import { LogUnavailable } from "../model/errors.ts"
import { Nats, reasonOf, type NatsShape } from "./connection.ts"
import { nextMessages, nextOfLeader, type FoundWhole } from "./direct.ts"
import { readCheckpoint } from "./fenced.ts"
import { serverTime } from "./log-time.ts"
import { routerOf, type RouterCheckpoint } from "./partition.ts"
import { streams } from "./topology.ts"

type StreamName = "EVENTS" | "HISTORY"

/** Sequences in `EVENTS`: the first, and the last of each partition. */
export interface Range {
  readonly first: number
  readonly last: ReadonlyArray<number>
}

export class Past extends Context.Service<
  Past,
  {
    /** The next messages from a sequence on, in order, at most `count`; none only when there are no more. */
    readonly next: (
      stream: StreamName,
      subject: string,
      from: number,
      count: number,
    ) => Effect.Effect<ReadonlyArray<FoundWhole>, LogUnavailable>
    /** The sequence of the first message that was stored at a time or later; one beyond the last when there is none. */
    readonly since: (stream: StreamName, time: number) => Effect.Effect<number, LogUnavailable>
    /** First and last sequence, and when the first was stored, in milliseconds; 0: nothing was ever forgotten. */
    readonly extent: (
      stream: StreamName,
    ) => Effect.Effect<{ readonly first: number; readonly last: number; readonly since: number }, LogUnavailable>
    /** What a replay is over that is begun now: from the first event stored at `from` on, up to the last of each partition that is routed. */
    readonly range: (from: number | undefined) => Effect.Effect<Range, LogUnavailable>
    /** How far each partition was routed. What a router decided is in `HISTORY`, or else among the records here. */
    readonly routed: Effect.Effect<ReadonlyArray<RouterCheckpoint>, LogUnavailable>
  }
>()("meshes/Past") {
  static readonly layer = Layer.effect(
    Past,
    Effect.map(Nats, (nats) => {
      const routed = routedOf(nats)
      return Past.of({
        next: (stream, subject, from, count) =>
          attempt(`reading ${stream}`, async () => {
            const found = await nextMessages(nats, stream, subject, from, count)
            return found.length > 0 ? found : nextOfLeader(nats, stream, subject, from)
          }),
        since: (stream, time) => attempt(`looking for a time in ${stream}`, () => since(nats, stream, time)),
        extent: (stream) =>
          attempt(`looking at ${stream}`, async () => {
            const { first_seq: first, last_seq: last, first_ts } = (await nats.jsm.streams.info(stream)).state
            return { first, last, since: first > 1 ? Date.parse(first_ts) : 0 }
          }),
        range: Effect.fnUntraced(function* (from) {
          const last = (yield* routed).map(({ seq }) => seq)
          const first =
            from === undefined
              ? 1
              : yield* attempt("looking for a time in EVENTS", () => since(nats, streams.events, from))
          return { first, last }
        }),
        routed,
      })
    }),
  )
}

const routedOf = (nats: NatsShape) =>
  Effect.all(
    Array.from({ length: limits.partitions }, (_, partition) =>
      Effect.map(
        readCheckpoint<RouterCheckpoint>(nats, routerOf(partition)),
        (found): RouterCheckpoint => found?.checkpoint ?? { seq: 0, records: [] },
      ),
    ),
  )

const attempt = <A>(operation: string, run: () => Promise<A>): Effect.Effect<A, LogUnavailable> =>
  Effect.tryPromise({
    try: run,
    catch: (cause) => new LogUnavailable({ operation, reason: reasonOf(cause), stored: "no" }),
  })

const since = async ({ jsm }: NatsShape, stream: StreamName, time: number): Promise<number> => {
  // The server takes it; the client's types do not know it.
  const query = { start_time: serverTime(time) } as unknown as { readonly seq: number }
  const message = await jsm.streams.getMessage(stream, query)
  return message?.seq ?? (await jsm.streams.info(stream)).state.last_seq + 1
}
