/**
 * Every identifier of the product, its shape, and how it is made.
 *
 * Ids made here sort by time (48 bits of milliseconds first, in Crockford's base 32, as in the ULID
 * specification), so a reader can find the part of the log that an id belongs to from the id alone.
 */
import { hash, randomBytes } from "node:crypto"
import { alphabet, randomPart, timePart } from "./time-id.ts"

/** `evt_…` when made by us; any 1 to 128 characters of `A-Za-z0-9._:-` when given by the publisher. */
export type EventId = string
/** `dlv_…`: made from the event, the rule and the action, so the same decision always gets the same id. */
export type DeliveryId = string
/** `key_…`: of an API key that was made while the runtime ran; it says nothing of the key. */
export type KeyId = string
/** `^[a-z0-9][a-z0-9_-]{0,62}$` */
export type WorkspaceId = string
/** Dot-separated tokens of `A-Za-z0-9_-`, at most 128 characters. */
export type EventType = string

export const workspacePattern = /^[a-z0-9][a-z0-9_-]{0,62}$/
export const eventTypePattern = /^[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*$/
export const eventTypeLengthMax = 128
export const eventIdPattern = /^[A-Za-z0-9._:-]{1,128}$/
export const resourcePattern = /^[A-Za-z0-9._:-]{1,64}$/
/** Names of connections and rules: they become subject tokens and metric labels. */
export const namePattern = /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/

let pool = new Uint8Array(0)
let poolAt = 0
const poolBytes = 1280

/** The id of a new replay. */
export const makeReplayId = (now: number): string => `rpl_${timePart(now)}${randomPart(randomBytes(10))}`

/** The id of a new operation. */
export const makeOperationId = (now: number): string => `opr_${timePart(now)}${randomPart(randomBytes(10))}`

export const operationIdPattern = /^opr_[0-9a-hjkmnp-tv-z]{26}$/

export const replayIdPattern = /^rpl_[0-9a-hjkmnp-tv-z]{26}$/

/** A new event id, ordered by `now` (milliseconds since 1970). */
export const makeEventId = (now: number): EventId => {
  if (poolAt + 10 > pool.length) {
    pool = randomBytes(poolBytes)
    poolAt = 0
  }
  const bytes = pool.subarray(poolAt, poolAt + 10)
  poolAt += 10
  return `evt_${timePart(now)}${randomPart(bytes)}`
}

/** A new key's id, ordered by `now` (milliseconds since 1970). */
export const makeKeyId = (now: number): KeyId => `key_${timePart(now)}${randomPart(randomBytes(10))}`

/** A new session's id, ordered by `now` (milliseconds since 1970). */
export const makeSessionId = (now: number): string => `ses_${timePart(now)}${randomPart(randomBytes(10))}`

/**
 * The id of an event that was published under an idempotency key and without an id: the same for every repeat.
 *
 * @param scope what the key is unique in: the workspace, a CloudEvent's source
 */
export const makeKeyedEventId = (scope: string, key: string): EventId => {
  const digest = hash("sha256", `${scope}/${key}`, "buffer")
  return `key_${randomPart(digest)}${randomPart(digest.subarray(10))}`
}

/**
 * The id of an event that somebody published straight to the log without one: the same each time it is read.
 *
 * @param sequence the event's sequence in `EVENTS`
 * @param stored when the log stored it, in milliseconds
 */
export const makeStoredEventId = (sequence: number, stored: number): EventId =>
  `evt_${timePart(stored)}${randomPart(hash("sha256", `${sequence}/${stored}`, "buffer"))}`

/**
 * The id of the delivery of one event by one action of one rule.
 *
 * It is a function of what was decided and of nothing else, so that routing the same event again (after a
 * crash, on another replica) cannot make a second delivery under another name.
 *
 * @param sequence the event's sequence in `EVENTS`: an event id that is used again much later is another event
 * @param stored when the log stored the event, in milliseconds: the same for every reader
 */
export const makeDeliveryId = (
  event: EventId,
  sequence: number,
  stored: number,
  rule: string,
  action: number,
): DeliveryId => {
  const digest = hash("sha256", `${sequence}/${event}/${rule}/${action}`, "buffer")
  return `dlv_${timePart(stored)}${randomPart(digest)}`
}

/**
 * The id of a delivery that a replay makes: a function of both, so that a replay that is gone on with cannot make a second one.
 *
 * @param created when the replay was begun, in milliseconds
 * @param original what the delivery's id was, or would have been
 */
export const makeReplayedId = (replay: string, created: number, original: DeliveryId): DeliveryId =>
  `dlv_${timePart(created)}${randomPart(hash("sha256", `${replay}/${original}`, "buffer"))}`

/** Orders all deliveries of a connection. */
export const wholeConnection = "all"

/** What stands for an ordering key in subjects: 16 characters of its hash. */
export const keyToken = (key: string): string => randomPart(hash("sha256", key, "buffer"))

/** The milliseconds that an `evt_`, `dlv_` or `ses_` id starts with; `undefined` for an id of another form. */
export const timeOfId = (id: string): number | undefined => {
  const match = /^(?:evt|dlv|ses)_([0-9a-hjkmnp-tv-z]{10})[0-9a-hjkmnp-tv-z]{16}$/.exec(id)
  if (match === null) return undefined
  let ms = 0
  for (const character of match[1]!) ms = ms * 32 + alphabet.indexOf(character)
  return ms
}
