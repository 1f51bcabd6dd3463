/**
 * From a message in `EVENTS` to the event it is (CONTRACT §4). Messages are there in four forms:
 *
 * - our own: the canonical envelope with `Meshes-Envelope: 1`. Its bytes pass on untouched.
 * - a whole envelope with `Meshes-Envelope: 1`, as some publisher wrote it;
 * - a CloudEvent: structured (`content-type`) or binary (`ce-…` headers);
 * - anything else is a plain payload; its type and workspace are in the subject, the rest in headers.
 *
 * The subject is what permissions on the server are about: an envelope that says another workspace or type than its subject is
 * refused. Reading a message twice gives the same event, id included. Nothing here throws.
 */
import { isUtf8 } from "node:buffer"
import * as Result from "effect/Result"
import { parseBinaryCloudEvent, parseCloudEvent, structuredType } from "./cloudevents.ts"
import { checkEvent, isEventType, isObject, isWholeEvent, isWorkspace, parseEvent, show } from "./envelope.ts"
import type { EventDefaults, EventLimits, EventRefusal, ParsedEvent } from "./envelope.ts"
import { formatPath } from "./errors.ts"
import type { Event } from "./event.ts"
import { eventIdPattern, makeStoredEventId } from "./ids.ts"

/** The header that says that a body is a whole envelope. */
export const envelopeHeader = "Meshes-Envelope"

export interface StoredInput {
  /** What the subject says. */
  readonly subjectWorkspace: string
  readonly subjectType: string
  /** A header's value by its exact name; `undefined` or empty when there is none. */
  readonly headers: (name: string) => string | undefined
  readonly data: Uint8Array
  /** Sequence in `EVENTS`. */
  readonly seq: number
  /** When the log stored it, in milliseconds. */
  readonly time: number
}

export interface StoredEvent {
  readonly event: Event
  /** The bytes to pass on: those stored when they are a whole envelope already. */
  readonly envelope: Uint8Array
  /** `true`: `envelope` is the stored message's own body. */
  readonly canonical: boolean
}

/** The event, or in one line why the message is none. */
export const decodeStored = (input: StoredInput, limits: EventLimits): Result.Result<StoredEvent, string> => {
  if (!isWorkspace(input.subjectWorkspace))
    return Result.fail(`the subject's workspace ${show(input.subjectWorkspace)} is none`)
  if (!isEventType(input.subjectType))
    return Result.fail(`the subject's type ${show(input.subjectType)} is no event type`)
  if (input.data.length > limits.eventBytes) {
    return Result.fail(`the message is ${input.data.length} bytes, at most ${limits.eventBytes} are taken`)
  }
  if (!isUtf8(input.data)) return Result.fail("the body is not UTF-8")

  const envelope = header(input, envelopeHeader)
  if (envelope === "1") return decodeEnvelope(input, limits)
  if (envelope !== undefined) return Result.fail(`the header ${envelopeHeader} is ${show(envelope)}: it can only be 1`)
  const contentType = header(input, "content-type")?.trim().toLowerCase()
  if (contentType?.startsWith("application/cloudevents") === true) return decodeStructured(input, contentType, limits)
  if (header(input, "ce-specversion") !== undefined) return decodeBinary(input, limits)
  return decodePlain(input, limits)
}

const decodeEnvelope = (input: StoredInput, limits: EventLimits): Result.Result<StoredEvent, string> => {
  const value = parse(input.data)
  if (Result.isFailure(value)) return Result.fail(value.failure)
  if (isWholeEvent(value.success, limits)) {
    return accept(input, { event: value.success, envelope: input.data }, true)
  }
  const given = value.success
  // The subject and the headers stand in for what the envelope leaves out.
  const whole = isObject(given) ? { ...fromHeaders(input), ...subjectType(input, given), ...given } : given
  return finish(input, parseEvent(whole, defaults(input), limits))
}

const decodeStructured = (
  input: StoredInput,
  contentType: string,
  limits: EventLimits,
): Result.Result<StoredEvent, string> => {
  if (!contentType.startsWith(structuredType)) {
    return Result.fail(`the content-type is ${show(contentType)}: a message holds one CloudEvent as ${structuredType}`)
  }
  const value = parse(input.data)
  if (Result.isFailure(value)) return Result.fail(value.failure)
  return finish(input, parseCloudEvent(value.success, defaults(input), limits))
}

const decodeBinary = (input: StoredInput, limits: EventLimits): Result.Result<StoredEvent, string> => {
  const read = (name: string) => header(input, name)
  const contentType = read("ce-datacontenttype") ?? read("content-type")
  return finish(input, parseBinaryCloudEvent(read, contentType, input.data, defaults(input), limits))
}

const decodePlain = (input: StoredInput, limits: EventLimits): Result.Result<StoredEvent, string> => {
  if (input.data.length === 0) return Result.fail("the body is empty: publish the payload, a JSON object")
  const payload = parse(input.data)
  if (Result.isFailure(payload)) return Result.fail(payload.failure)
  const fields = { ...fromHeaders(input), type: input.subjectType, payload: payload.success }
  return finish(input, checkEvent(fields, defaults(input), limits))
}

/** What headers say beside the body. */
const fromHeaders = (input: StoredInput): { readonly [field: string]: string } => {
  const fields: Record<string, string> = {}
  const resource = header(input, "Meshes-Resource")
  const resourceId = header(input, "Meshes-Resource-Id")
  const time = header(input, "Meshes-Time")
  if (resource !== undefined) fields.resource = resource
  if (resourceId !== undefined) fields.resource_id = resourceId
  if (time !== undefined) fields.time = time
  return fields
}

const subjectType = (input: StoredInput, envelope: { readonly [key: string]: unknown }) =>
  envelope.type === undefined && envelope.event === undefined ? { type: input.subjectType } : {}

const defaults = (input: StoredInput): EventDefaults => {
  const messageId = header(input, "Nats-Msg-Id")
  return {
    workspace: input.subjectWorkspace,
    now: input.time,
    id:
      messageId !== undefined && eventIdPattern.test(messageId)
        ? messageId
        : makeStoredEventId(input.seq, Math.floor(input.time)),
  }
}

const finish = (
  input: StoredInput,
  parsed: Result.Result<ParsedEvent, EventRefusal>,
): Result.Result<StoredEvent, string> =>
  Result.isSuccess(parsed)
    ? accept(input, parsed.success, false)
    : Result.fail(parsed.failure.issues.map((issue) => `${formatPath(issue.path)} ${issue.message}`.trim()).join("; "))

const accept = (input: StoredInput, parsed: ParsedEvent, canonical: boolean): Result.Result<StoredEvent, string> => {
  const { type, workspace } = parsed.event
  if (workspace !== input.subjectWorkspace) {
    return Result.fail(`the body says workspace ${show(workspace)}, the subject ${show(input.subjectWorkspace)}`)
  }
  if (type !== input.subjectType) {
    return Result.fail(`the body says type ${show(type)}, the subject ${show(input.subjectType)}`)
  }
  return Result.succeed({ event: parsed.event, envelope: parsed.envelope, canonical })
}

const parse = (data: Uint8Array): Result.Result<unknown, string> => {
  try {
    return Result.succeed(JSON.parse(Buffer.from(data.buffer, data.byteOffset, data.length).toString()))
  } catch (error) {
    return Result.fail(`the body is not JSON: ${(error as Error).message}`)
  }
}

/** Header names are case-sensitive on the wire, and clients write them in either way. */
const header = (input: StoredInput, name: string): string | undefined =>
  input.headers(name) || input.headers(name.toLowerCase()) || input.headers(titleCase(name)) || undefined

const titleCase = (name: string): string => name.replaceAll(/(?:^|-)[a-z]/g, (letter) => letter.toUpperCase())
