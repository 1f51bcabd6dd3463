/**
 * What the log says when something does not arrive, for people: all of one event, who waits for what, and the states of circuits.
 */
import { jetstreamManager } from "@nats-io/jetstream"
import { connect } from "@nats-io/transport-node"
import { openStream } from "../support/stream.ts"

/** Shown of one record. */
const lineCharacters = 600

export const storyOf = async (natsUrl: string, event: string): Promise<string> => {
  const lines = [`what the log says of ${event}:`]
  const nc = await connect({ servers: natsUrl })
  try {
    const jsm = await jetstreamManager(nc)
    for await (const { config } of jsm.streams.list()) {
      await using stream = await openStream(natsUrl, config.name)
      await stream.read((message) => {
        const circuit = /connection/i.test(config.name) ? ["", message.text()] : []
        for (const line of [...message.text().split(/(?<=\}),(?=\{"kind")|\n/), ...circuit]) {
          if (line !== "" && ((event !== "" && line.includes(`"${event}"`)) || circuit.length > 0))
            lines.push(`  ${config.name} ${message.seq} ${message.subject} ${line.slice(0, lineCharacters)}`)
        }
      })
    }
    for await (const { name, num_pending, num_ack_pending, num_waiting, delivered, ack_floor } of jsm.consumers.list(
      "DELIVERIES",
    )) {
      if (num_pending + num_ack_pending === 0) continue
      lines.push(
        `  consumer ${name}: ${num_pending} pending, ${num_ack_pending} unacknowledged, ${num_waiting} requests waiting, ` +
          `delivered to ${delivered.stream_seq}, acknowledged to ${ack_floor.stream_seq}`,
      )
    }
  } finally {
    await nc.close()
  }
  return lines.join("\n")
}
