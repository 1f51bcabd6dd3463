/**
 * The history as it stands in the log, read message by message: a way to it that shares nothing with the code under test.
 */
import { jetstreamManager } from "@nats-io/jetstream"
import { connect } from "@nats-io/transport-node"

/** All history records, once one of them is as wanted. */
export const historyWith = (url: string, wanted: (record: any) => boolean): Promise<ReadonlyArray<any>> =>
  historyOnce(url, (found) => found.some(wanted))

/** All history records, once they are enough. */
export const historyOnce = async (
  url: string,
  enough: (records: ReadonlyArray<any>) => boolean,
): Promise<ReadonlyArray<any>> => {
  const nc = await connect({ servers: url })
  try {
    const jsm = await jetstreamManager(nc)
    for (;;) {
      const { state } = await jsm.streams.info("HISTORY")
      const found: Array<any> = []
      for (let seq = Math.max(1, state.first_seq); seq <= state.last_seq; seq++) {
        const message = await jsm.streams.getMessage("HISTORY", { seq })
        if (message !== null) found.push(...message.json<ReadonlyArray<unknown>>())
      }
      if (enough(found)) return found
    }
  } finally {
    await nc.close()
  }
}
