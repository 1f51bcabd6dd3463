/**
 * Writing to the log. Many messages become one atomic batch: all are stored or none, with one fsync and one acknowledgement.
 *
 * The batch protocol of JetStream (ADR-50) is three headers, so batches are written straight to the connection: the client's own
 * publish prepares error objects for every message, which is a third of its cost.
 */
import { nuid, type MsgHdrs, type NatsConnection } from "@nats-io/nats-core"
import { limits } from "../config/defaults.ts"
import { reasonOf } from "./connection.ts"

export interface Message {
  readonly subject: string
  readonly body: Uint8Array
  /** `Name: value` lines, each ended by CR LF. ASCII. */
  readonly headers?: string
}

/** What the log said, or that it said nothing. */
export type BatchResult =
  | { readonly _tag: "Stored"; readonly lastSeq: number; readonly duplicate: boolean }
  /** Nothing of it was stored. */
  | { readonly _tag: "Refused"; readonly code: number; readonly reason: string }
  /** No answer: it may be stored, as a whole, or not. */
  | { readonly _tag: "Unknown"; readonly reason: string }

/** JetStream's `err_code`s that we act upon. */
export const errorCodes = { duplicateInBatch: 10201, wrongLastSequence: 10071, noResponders: -503 } as const

interface PubAck {
  readonly seq?: number
  readonly duplicate?: boolean
  readonly error?: { readonly code: number; readonly err_code: number; readonly description: string }
}

/** Headers from ready text. The client only ever calls `encode`. */
const rawHeaders = (lines: string): MsgHdrs =>
  ({ encode: () => Buffer.from(`NATS/1.0\r\n${lines}\r\n`, "latin1") }) as unknown as MsgHdrs

/**
 * Stores 1 to `limits.batchMessages` messages of one stream, all or none. Never rejects.
 */
export const publishBatch = async (
  nc: NatsConnection,
  messages: ReadonlyArray<Message>,
  timeoutMs: number = limits.batchTimeoutMs,
): Promise<BatchResult> => {
  const last = messages.length - 1
  const final = messages[last]!
  try {
    if (last === 0) return await ask(nc, final, final.headers ?? "", timeoutMs)
    const id = nuid.next()
    for (let i = 0; i < last; i++) {
      const { subject, body, headers } = messages[i]!
      nc.publish(subject, body, {
        headers: rawHeaders(`Nats-Batch-Id: ${id}\r\nNats-Batch-Sequence: ${i + 1}\r\n${headers ?? ""}`),
      })
    }
    const commit = `Nats-Batch-Id: ${id}\r\nNats-Batch-Sequence: ${last + 1}\r\nNats-Batch-Commit: 1\r\n`
    return await ask(nc, final, commit + (final.headers ?? ""), timeoutMs)
  } catch (cause) {
    return { _tag: "Unknown", reason: reasonOf(cause) }
  }
}

const ask = async (nc: NatsConnection, message: Message, lines: string, timeout: number): Promise<BatchResult> => {
  try {
    const answer = await nc.request(message.subject, message.body, {
      timeout,
      ...(lines === "" ? {} : { headers: rawHeaders(lines) }),
    })
    const ack = answer.json<PubAck>()
    if (ack.error !== undefined) {
      return { _tag: "Refused", code: ack.error.err_code, reason: ack.error.description }
    }
    return { _tag: "Stored", lastSeq: ack.seq ?? 0, duplicate: ack.duplicate === true }
  } catch (cause) {
    const error = cause as { isNoResponders?: () => boolean; message?: string; cause?: { name?: string } }
    const nobody = error.isNoResponders?.() === true || /no responders/i.test(error.message ?? "")
    return nobody
      ? { _tag: "Refused", code: errorCodes.noResponders, reason: "no stream takes this subject at the moment" }
      : { _tag: "Unknown", reason: reasonOf(cause) }
  }
}

/** Cuts a list so that no part exceeds one batch's messages and bytes. Order is kept. */
export const intoBatches = (messages: ReadonlyArray<Message>): ReadonlyArray<ReadonlyArray<Message>> => {
  const batches: Array<Array<Message>> = []
  let current: Array<Message> = []
  let bytes = 0
  for (const message of messages) {
    if (
      current.length >= limits.batchMessages ||
      (current.length > 0 && bytes + message.body.length > limits.batchBytes)
    ) {
      batches.push(current)
      current = []
      bytes = 0
    }
    current.push(message)
    bytes += message.body.length
  }
  if (current.length > 0) batches.push(current)
  return batches
}
