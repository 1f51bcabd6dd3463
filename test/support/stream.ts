/**
 * A stream of the log as it stands, read in order and in bulk: a way to it that shares nothing with the code under test.
 */
import { jetstreamManager } from "@nats-io/jetstream"
import { connect } from "@nats-io/transport-node"

/** Messages that are asked for at once. */
const batchMessages = 500

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
  let next = 1
  return {
    read: async (each) => {
      const { state } = await jsm.streams.info(stream)
      next = Math.max(next, state.first_seq)
      while (next <= state.last_seq) {
        for await (const message of await jsm.direct.getBatch(stream, { seq: next, batch: batchMessages })) {
          next = message.seq + 1
          each({
            seq: message.seq,
            subject: message.subject,
            json: message.json.bind(message),
            text: message.string.bind(message),
          })
        }
      }
    },
    [Symbol.asyncDispose]: () => nc.close(),
  }
}
