/**
 * Puts messages into `HISTORY` as they are, in order: a past that was made (`past.ts`) becomes the log's.
 */
import { jetstream } from "@nats-io/jetstream"
import { connect } from "@nats-io/transport-node"

/** Messages that are not yet acknowledged. */
const inFlight = 200

export const writeHistory = async (url: string, messages: Iterable<{ readonly data: Uint8Array }>): Promise<number> => {
  const nc = await connect({ servers: url })
  try {
    const js = jetstream(nc)
    let open: Array<Promise<unknown>> = []
    let count = 0
    for (const { data } of messages) {
      open.push(js.publish("history.route.0", data))
      count++
      if (open.length < inFlight) continue
      await Promise.all(open)
      open = []
    }
    await Promise.all(open)
    return count
  } finally {
    await nc.close()
  }
}
