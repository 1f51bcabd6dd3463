/**
 * The records of a `HISTORY` message.
 */
import type { HistoryRecord } from "../model/record.ts"

/** None for a message that is not ours. */
export const recordsIn = (message: { readonly data: Uint8Array }): ReadonlyArray<HistoryRecord> => {
  try {
    const { buffer, byteOffset, length } = message.data
    const records = JSON.parse(Buffer.from(buffer, byteOffset, length).toString()) as unknown
    if (!Array.isArray(records)) return []
    return records.filter((record) => typeof record?.kind === "string") as ReadonlyArray<HistoryRecord>
  } catch {
    return []
  }
}
