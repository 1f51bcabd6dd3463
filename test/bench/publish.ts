/**
 * Publishes the same payload many times straight to the log's subject, as a producer without the HTTP API would.
 */
import { connect } from "@nats-io/transport-node"
import { jetstreamManager } from "@nats-io/jetstream"

export const publishToLog = async (url: string, subject: string, payload: unknown, count: number): Promise<void> => {
  const nc = await connect({ servers: url })
  const jsm = await jetstreamManager(nc)
  const before = (await jsm.streams.info("EVENTS")).state.messages
  const body = Buffer.from(JSON.stringify(payload))
  for (let i = 0; i < count; i++) {
    nc.publish(subject, body)
    if (i % 500 === 0) await nc.flush()
  }
  while ((await jsm.streams.info("EVENTS")).state.messages < before + count)
    await new Promise((next) => setTimeout(next, 50))
  await nc.close()
}
