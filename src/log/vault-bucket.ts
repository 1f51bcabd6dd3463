/**
 * The vault's records in the log, sealed: a bucket with one message a place, compare-and-set, and records that vanish by themselves. It
 * knows nothing of what is in them.
 *
 * A message: when the record ends (8 bytes, milliseconds since 1970, 0: never), then the sealed bytes. An empty one says that the record
 * was removed. Both vanish from the log by its own clock (`Nats-TTL`).
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { limits } from "../config/defaults.ts"
import { LogUnavailable } from "../model/errors.ts"
import { placeName, type Place } from "../model/vault-place.ts"
import { errorCodes, publishBatch } from "./batch.ts"
import { reasonOf, type NatsShape } from "./connection.ts"
import { nextMessages } from "./direct.ts"
import { logTime } from "./log-time.ts"
import { streams, subjects } from "./topology.ts"
import { watchBucket } from "./watch.ts"

/** A record as it stands in the log. */
export interface Sealed {
  readonly place: Place
  /** Its sequence: what a later write refers to. */
  readonly revision: number
  readonly sealed: Uint8Array
  /** In milliseconds since 1970; 0: never. */
  readonly expires: number
}

/** Somebody else changed the record first: read it again and decide anew. */
export class VaultConflict extends Schema.TaggedError<VaultConflict>()("VaultConflict", { record: Schema.String }) {
  override get message(): string {
    return `${this.record} was changed by somebody else at the same time`
  }
}

export interface PutOptions {
  /** Only if this is the record's last revision; 0: if there is none. */
  readonly after?: number
  /** In milliseconds since 1970; 0: it stays. */
  readonly expires: number
}

const expiresBytes = 8

export const isExpired = ({ expires }: Pick<Sealed, "expires">): boolean => expires !== 0 && expires <= logTime()

/** The record as it is now; `undefined`: there is none. */
export const readSealed = (nats: NatsShape, place: Place): Effect.Effect<Sealed | undefined, LogUnavailable> =>
  attempt(`reading ${placeName(place)}`, async () => {
    const last = await lastMessage(nats, place)
    const record = last === undefined ? undefined : recordIn(last)
    return record === undefined || isExpired(record) ? undefined : record
  })

/** Writes the record, and gives its new revision. */
export const putSealed = (
  nats: NatsShape,
  place: Place,
  sealed: Uint8Array,
  { after, expires }: PutOptions,
): Effect.Effect<number, LogUnavailable | VaultConflict> => {
  const head = Buffer.alloc(expiresBytes)
  head.writeBigUInt64BE(BigInt(expires))
  // At least the rest of the last second, so that it is not gone before its time.
  const seconds = Math.max(1, Math.ceil((expires - logTime()) / 1000))
  return put(nats, place, Buffer.concat([head, sealed]), after, expires === 0 ? "" : `Nats-TTL: ${seconds}s\r\n`)
}

/** Removes the record; without one, nothing is changed. */
export const removeSealed = (
  nats: NatsShape,
  place: Place,
  { after }: { readonly after?: number } = {},
): Effect.Effect<number, LogUnavailable | VaultConflict> =>
  put(nats, place, Buffer.alloc(0), after, `KV-Operation: DEL\r\nNats-TTL: ${limits.vaultRemovedMs / 1000}s\r\n`)

/** All records of a kind, of one workspace or of all, with the time they were written. */
export const listSealed = (
  nats: NatsShape,
  kind: Place["kind"] | "*",
  workspace = "*",
): Effect.Effect<ReadonlyArray<Sealed & { readonly at: number }>, LogUnavailable> =>
  attempt("listing the vault", async () => {
    const records: Array<Sealed & { readonly at: number }> = []
    const filter = subjects.sealed(kind, workspace, "*")
    for (let from = 1; ;) {
      const found = await nextMessages(nats, streams.vault, filter, from, limits.readerPrefetch)
      for (const { time, ...message } of found) {
        from = message.seq + 1
        const record = recordIn(message)
        if (record !== undefined && !isExpired(record)) records.push({ ...record, at: time })
      }
      if (found.length === 0) return records
    }
  })

/** A record that was written, or (without `sealed`) removed. */
export type Change = Omit<Sealed, "sealed"> & { readonly sealed?: Uint8Array }

/** Every record, then every change. */
export const watchSealed = (nats: NatsShape, onChange: (change: Change) => void, onKnown: () => void) =>
  watchBucket(nats, {
    loop: "vault",
    stream: streams.vault,
    filter: subjects.sealed("*", "*", "*"),
    // The bytes are the connection's buffer: they are kept, so they are copied.
    onMessage: ({ subject, seq, data }) => {
      const record = recordIn({ subject, seq, data: Buffer.from(data) })
      const removed = { place: placeOf(subject), revision: seq, expires: logTime() + limits.vaultRemovedMs }
      onChange(record ?? removed)
    },
    onKnown,
  })

interface Message {
  readonly subject: string
  readonly seq: number
  readonly data: Uint8Array
}

const lastMessage = async (nats: NatsShape, place: Place): Promise<Message | undefined> => {
  const message = await nats.jsm.direct.getMessage(streams.vault, { last_by_subj: subjectOf(place) })
  return message ?? undefined
}

const recordIn = ({ subject, seq, data }: Message): Sealed | undefined =>
  data.length <= expiresBytes
    ? undefined
    : {
        place: placeOf(subject),
        revision: seq,
        expires: Number(Buffer.from(data.buffer, data.byteOffset, expiresBytes).readBigUInt64BE()),
        sealed: data.subarray(expiresBytes),
      }

const put = (nats: NatsShape, place: Place, body: Uint8Array, after: number | undefined, headers: string) => {
  const operation = `writing ${placeName(place)}`
  return Effect.gen(function* () {
    const write = (expected: number | undefined) =>
      Effect.promise(() =>
        publishBatch(nats.nc, [
          {
            subject: subjectOf(place),
            body,
            headers: (expected === undefined ? "" : `Nats-Expected-Last-Subject-Sequence: ${expected}\r\n`) + headers,
          },
        ]),
      )
    let result = yield* write(after)
    // What was removed or has ended may still be in the log, and may leave it between our look and our write.
    for (let tries = 0; after === 0 && isConflict(result) && tries < limits.vaultTries; tries++) {
      const last = yield* attempt(operation, () => lastMessage(nats, place))
      const record = last === undefined ? undefined : recordIn(last)
      if (record !== undefined && !isExpired(record)) break
      result = yield* write(last?.seq ?? 0)
    }
    if (result._tag === "Stored") return result.lastSeq
    if (isConflict(result)) return yield* new VaultConflict({ record: placeName(place) })
    const stored = result._tag === "Refused" ? "no" : "unknown"
    return yield* new LogUnavailable({ operation, reason: result.reason, stored })
  })
}

const isConflict = (result: Awaited<ReturnType<typeof publishBatch>>): boolean =>
  result._tag === "Refused" && result.code === errorCodes.wrongLastSequence

const subjectOf = ({ kind, workspace, name }: Place): string => subjects.sealed(kind, workspace, nameToken(name))

const placeOf = (subject: string): Place => {
  const [kind, workspace, name] = subject.split(".").slice(-3)
  return { kind: kind as Place["kind"], workspace: workspace!, name: nameOf(name!) }
}

/** A name as part of a subject: other characters as `=` and their bytes. */
const nameToken = (name: string): string =>
  name.replace(/[^\w-]/gu, (character) => Buffer.from(character).toString("hex").replace(/../g, "=$&"))

const nameOf = (token: string): string => decodeURIComponent(token.replaceAll("=", "%"))

const attempt = <A>(operation: string, run: () => Promise<A>): Effect.Effect<A, LogUnavailable> =>
  Effect.tryPromise({
    try: run,
    catch: (cause) => new LogUnavailable({ operation, reason: reasonOf(cause), stored: "unknown" }),
  })
