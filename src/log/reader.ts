/**
 * Reading the log for people: the command line's `tail`, `deliveries`, `dead`. Reads only what it is asked for, never acknowledges.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type { LogUnavailable } from "../model/errors.ts"

export interface StoredMessage {
  readonly seq: number
  readonly subject: string
  /** When the log stored it, in milliseconds. */
  readonly time: number
  readonly data: Uint8Array
}

export class LogReader extends Context.Service<
  LogReader,
  {
    /** Messages in order, from a sequence or a time; ends at the last one stored at the call unless `follow`. */
    readonly scan: (
      stream: "EVENTS" | "DELIVERIES" | "DEAD" | "HISTORY",
      options: {
        readonly subject?: string
        readonly fromSeq?: number
        readonly fromTime?: number
        /** Only what is stored from now on; goes on for ever. */
        readonly follow?: boolean
      },
    ) => Stream.Stream<StoredMessage, LogUnavailable>
    /** The last message of an exact subject. */
    readonly last: (
      stream: "EVENTS" | "DELIVERIES" | "DEAD" | "HISTORY",
      subject: string,
    ) => Effect.Effect<StoredMessage | undefined, LogUnavailable>
    /** First and last sequence and the number of messages: for progress. */
    readonly extent: (
      stream: "EVENTS" | "DELIVERIES" | "DEAD" | "HISTORY",
    ) => Effect.Effect<{ readonly first: number; readonly last: number; readonly count: number }, LogUnavailable>
    /** Puts a dead delivery back to work: ready message and history record stored, then the dead letter removed. `false`: it is not there. */
    readonly revive: (subject: string, by: string) => Effect.Effect<boolean, LogUnavailable>
  }
>()("meshes/LogReader") {}
