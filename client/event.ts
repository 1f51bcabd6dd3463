/**
 * From what a publisher gives to what is sent. An event gets its id and its time here, once, so that however often it is sent it is the
 * same event, and it is written as JSON at once, so that what happens to the payload later does not matter.
 */
import { randomPart, timePart } from "../src/model/time-id.ts"

export interface PublishOptions<W extends string = string> {
  /** Default: the client's, or the one that the key is bound to. */
  readonly workspace?: W | undefined
  /** Default: a new one. An id that is sent again within two minutes is stored once. */
  readonly id?: string | undefined
  /** When it happened: RFC 3339. Default: now. */
  readonly time?: string | Date | undefined
  /** What it is about, such as `order`, and which one. */
  readonly resource?: string | undefined
  readonly resourceId?: string | undefined
  /** What tells of it. */
  readonly source?: string | undefined
}

/** An event on its way. */
export interface Entry {
  readonly id: string
  readonly type: string
  readonly workspace?: string
  /** The envelope as JSON. */
  readonly text: string
  readonly bytes: number
}

const randomBytes = 10

/** As the runtime makes them: sorted by time. */
export const makeId = (now: number): string =>
  `evt_${timePart(now)}${randomPart(crypto.getRandomValues(new Uint8Array(randomBytes)))}`

const encoder = new TextEncoder()

/** Throws when the payload cannot be written as JSON. */
export const toEntry = (
  id: string,
  type: string,
  payload: unknown,
  { workspace, time, resource, resourceId, source }: PublishOptions,
): Entry => {
  const text = JSON.stringify({
    id,
    type,
    workspace,
    resource,
    resource_id: resourceId,
    time: time ?? new Date(),
    source,
    payload,
  })
  return { id, type, ...(workspace === undefined ? {} : { workspace }), text, bytes: encoder.encode(text).length }
}

/** The first entries that one request takes, at least one. A list of its own: a queue goes on changing. */
export const firstOf = <E extends Entry>(entries: ReadonlyArray<E>, size: number, bytes: number): ReadonlyArray<E> => {
  let sum = 0
  const end = entries.findIndex((entry, i) => i === size || ((sum += entry.bytes + 1) > bytes && i > 0))
  return entries.slice(0, end === -1 ? undefined : end)
}
