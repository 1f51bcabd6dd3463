/**
 * A stream of the log as it stands, read in order and in bulk: a way to it that shares nothing with the code under test.
 */
import { DeliverPolicy, jetstream, jetstreamManager } from "@nats-io/jetstream"
import { connect } from "@nats-io/transport-node"

/** Messages that are asked for at once. */
const readAhead = 1000

export interface LogMessage {
  readonly seq: number
  readonly subject: string
  readonly json: <A>() => A
  readonly text: () => string
}

export interface LogStream {
  /** Gives each message that was not given yet, up to the last that is there now. */
  readonly read: (each: (message: LogMessage) => void) => Promise<void>
  readonly [Symbol.asyncDispose]: () => Promise<void>
}

export const openStream = async (url: string, stream: string): Promise<LogStream> => {
  const nc = await connect({ servers: url, maxReconnectAttempts: -1 })
  const jsm = await jetstreamManager(nc)
  const js = jetstream(nc)
  let next = 1
  return {
    read: async (each) => {
      const { state } = await jsm.streams.info(stream)
      if (state.messages === 0 || state.last_seq < next) return
      const consumer = await js.consumers.get(stream, {
        deliver_policy: DeliverPolicy.StartSequence,
        opt_start_seq: next,
      })
      if ((await consumer.info()).num_pending > 0) {
        for await (const message of await consumer.consume({ max_messages: readAhead })) {
          next = message.seq + 1
          each({
            seq: message.seq,
            subject: message.subject,
            json: () => message.json(),
            text: () => message.string(),
          })
          if (message.info.pending === 0) break
        }
      }
      await consumer.delete()
    },
    [Symbol.asyncDispose]: () => nc.close(),
  }
}
