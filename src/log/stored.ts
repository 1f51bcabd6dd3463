/**
 * One event of the log by its sequence, in whatever form it was published.
 */
import * as Result from "effect/Result"
import { limits } from "../config/defaults.ts"
import { decodeStored, type StoredEvent } from "../model/stored-event.ts"
import type { NatsShape } from "./connection.ts"
import { parseEventSubject, streams } from "./topology.ts"

/** Header of the time of acceptance, in milliseconds. */
export const createdHeader = "Meshes-Created"

/** `undefined` when it is no longer there, or is nothing that can be read as an event. */
export const readStored = async (
  nats: NatsShape,
  seq: number,
): Promise<(StoredEvent & { readonly created: number }) | undefined> => {
  const message = await nats.jsm.direct.getMessage(streams.events, { seq })
  if (message === null) return undefined
  const { workspace, type } = parseEventSubject(message.subject)
  const time = message.time.getTime()
  const headers = (name: string): string | undefined => message.header.get(name) || undefined
  const decoded = decodeStored(
    { subjectWorkspace: workspace, subjectType: type, headers, data: message.data, seq, time },
    limits,
  )
  return Result.isFailure(decoded) ? undefined : { ...decoded.success, created: Number(headers(createdHeader) ?? time) }
}
