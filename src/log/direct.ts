/**
 * Several messages of a stream by one question, without a consumer: the batched direct get of JetStream (ADR-31), bounded by count and
 * bytes. The client's own form of it ends in an error that nobody catches when there are no more messages.
 */
import { createInbox, type Msg } from "@nats-io/nats-core"
import { limits } from "../config/defaults.ts"
import type { NatsShape } from "./connection.ts"

export interface Found {
  readonly seq: number
  readonly subject: string
  /** When the stream stored it, in milliseconds. */
  readonly time: number
  readonly data: Uint8Array
}

/** The next messages of a subject (wildcards allowed) from a sequence on, in order. Rejects when the server does not answer. */
export const nextMessages = (
  { nc }: NatsShape,
  stream: string,
  subject: string,
  from: number,
  count: number,
): Promise<ReadonlyArray<Found>> =>
  new Promise((done, fail) => {
    const found: Array<Found> = []
    const inbox = createInbox()
    const end = (error?: Error) => {
      clearTimeout(timer)
      subscription.unsubscribe()
      if (error === undefined) done(found)
      else fail(error)
    }
    const onMessage = (error: Error | null, message: Msg) => {
      if (error !== null) return end(error)
      const { headers } = message
      const code = headers?.code ?? 0
      // 204: the end; 404: nothing there. Either may be the answer to a question whose messages all came.
      if (code === 204 || code === 404) return end()
      if (code !== 0) return end(new Error(headers?.description ?? `status ${code}`))
      found.push({
        seq: Number(headers?.get("Nats-Sequence")),
        subject: headers?.get("Nats-Subject") ?? "",
        time: Date.parse(headers?.get("Nats-Time-Stamp") ?? ""),
        data: message.data,
      })
    }
    const subscription = nc.subscribe(inbox, { callback: onMessage })
    const timer = setTimeout(() => end(new Error("the log did not answer in time")), limits.batchTimeoutMs)
    try {
      nc.publish(
        `$JS.API.DIRECT.GET.${stream}`,
        JSON.stringify({ batch: count, max_bytes: limits.orderedBatchBytes, next_by_subj: subject, seq: from }),
        { reply: inbox },
      )
    } catch (cause) {
      end(cause as Error)
    }
  })
