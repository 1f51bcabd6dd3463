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

/** A message with the headers that it was published with. */
export interface FoundWhole extends Found {
  readonly header: (name: string) => string | undefined
}

/** The next messages of a subject (wildcards allowed) from a sequence on, in order. Rejects when the server does not answer. */
export const nextMessages = (
  { nc }: NatsShape,
  stream: string,
  subject: string,
  from: number,
  count: number,
): Promise<ReadonlyArray<FoundWhole>> =>
  new Promise((done, fail) => {
    const found: Array<FoundWhole> = []
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
        header: (name) => headers?.get(name) || undefined,
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

/** The same, one message, by the word of the stream's leader: a direct get may be answered by a server of a cluster that lags behind. */
export const nextOfLeader = async (
  { jsm }: NatsShape,
  stream: string,
  subject: string,
  from: number,
): Promise<ReadonlyArray<FoundWhole>> => {
  // The server takes both; the client's types know only one of them.
  const query = { seq: from, next_by_subj: subject }
  const message = await jsm.streams.getMessage(stream, query)
  if (message === null) return []
  const { seq, data, header } = message
  const headerOf = (name: string) => header.get(name) || undefined
  return [{ seq, subject: message.subject, data, time: message.time.getTime(), header: headerOf }]
}
