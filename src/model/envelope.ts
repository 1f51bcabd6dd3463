/**
 * From what a publisher sent to an event: every field checked, all that is wrong listed at once with its path and value.
 *
 * The one place where the rules of an event are written down. HTTP requests, CloudEvents and messages published straight to
 * NATS are brought into the same fields first and checked here, so that an event is right or wrong by the same words everywhere.
 * Pure, and cheap enough to be run for every event.
 */
import * as Result from "effect/Result"
import type { Issue } from "./errors.ts"
import { encodeEvent, type Event } from "./event.ts"
import {
  eventIdPattern,
  eventTypeLengthMax,
  eventTypePattern,
  makeEventId,
  makeKeyedEventId,
  resourcePattern,
  type EventId,
  type WorkspaceId,
  workspacePattern,
} from "./ids.ts"
import { nearest } from "./nearest.ts"

/** Longest `source`. */
const sourceCharactersMax = 1024
/** How much of a wrong value a message repeats. */
const shownCharactersMax = 60
/** Unknown fields listed of one event: a hostile one may have thousands. */
const unknownFieldsShown = 20

/** `config/defaults.ts` has them; the model knows no config. */
export interface EventLimits {
  /** Bytes of one event's canonical envelope. */
  readonly eventBytes: number
  /** Levels of nesting in a payload; the payload itself is the first. */
  readonly eventDepth: number
}

export interface EventDefaults {
  /** For an event that names no workspace. */
  readonly workspace?: WorkspaceId | undefined
  /** When it was accepted, in milliseconds: `time` for an event that has none, and the order of a new id. */
  readonly now: number
  /** Makes the id of an event that has none, always the same for the same key and workspace. */
  readonly idempotencyKey?: string | undefined
  /** The id of an event that has none (and no idempotency key). Default: a new one. */
  readonly id?: EventId | undefined
}

export interface ParsedEvent {
  readonly event: Event
  /** The canonical bytes of `event`. */
  readonly envelope: Uint8Array
}

export interface EventRefusal {
  readonly issues: ReadonlyArray<Issue>
  /** The only thing wrong is its size. */
  readonly tooLarge: boolean
}

/** An event's fields as somebody wrote them. */
export interface EventFields {
  readonly id?: unknown
  readonly type?: unknown
  readonly workspace?: unknown
  readonly resource?: unknown
  readonly resource_id?: unknown
  readonly time?: unknown
  readonly source?: unknown
  readonly payload?: unknown
}

/** What the publisher calls each field, where that is not its own name: a CloudEvent's `data` is the `payload`. */
export type FieldNames = { readonly [K in keyof EventFields]?: string }

const fieldNames = ["type", "workspace", "payload", "id", "time", "resource", "resource_id", "source"] as const
const known: ReadonlySet<string> = new Set<string>([...fieldNames, "event"])

/** An event from a whole envelope (CONTRACT §2); `event` is another name for `type`. */
export const parseEvent = (
  value: unknown,
  defaults: EventDefaults,
  limits: EventLimits,
): Result.Result<ParsedEvent, EventRefusal> => {
  if (!isObject(value)) return refuse([{ path: [], message: `is ${show(value)}: an event is a JSON object` }])
  const unknown: Array<Issue> = []
  for (const key in value) if (!known.has(key) && unknown.length < unknownFieldsShown) unknown.push(unknownField(key))
  if (value.event === undefined) return checkEvent(value, defaults, limits, undefined, unknown)
  if (value.type !== undefined && value.type !== value.event) {
    unknown.push({
      path: ["event"],
      message: `is ${show(value.event)} but type is ${show(value.type)}: they mean the same, give one`,
    })
    return checkEvent(value, defaults, limits, undefined, unknown)
  }
  return checkEvent({ ...value, type: value.event }, defaults, limits, { type: "event" }, unknown)
}

/**
 * An event from its fields.
 *
 * @param names how the publisher calls the fields, for the paths of what is wrong
 * @param found what was already found to be wrong
 */
export const checkEvent = (
  fields: EventFields,
  defaults: EventDefaults,
  limits: EventLimits,
  names?: FieldNames,
  found: ReadonlyArray<Issue> = [],
): Result.Result<ParsedEvent, EventRefusal> => {
  const issues = [...found]
  const wrong = (field: keyof EventFields, message: string) =>
    void issues.push({ path: [names?.[field] ?? field], message })

  if (fields.type === undefined) wrong("type", 'is missing: name what happened, such as "lead.created"')
  else if (!isEventType(fields.type)) {
    wrong(
      "type",
      `${show(fields.type)} is no event type: up to ${eventTypeLengthMax} of A-Z a-z 0-9 _ - in tokens joined by dots`,
    )
  }
  const workspace = fields.workspace ?? defaults.workspace
  if (fields.workspace === null || (workspace !== undefined && !isWorkspace(workspace))) {
    wrong("workspace", `${show(fields.workspace)} is no workspace: up to 63 of a-z 0-9 _ -, a letter or digit first`)
  } else if (workspace === undefined)
    wrong("workspace", "is missing: the key is not bound to one workspace, so name it")
  const payload = fields.payload
  if (payload === undefined) wrong("payload", "is missing: put the event's data here, {} if it has none")
  else if (!isObject(payload)) wrong("payload", `is ${show(payload)}: it must be a JSON object`)
  else if (isDeeper(payload, limits.eventDepth))
    wrong("payload", `is nested deeper than ${limits.eventDepth} levels: flatten it`)
  if (fields.id !== undefined && !matches(fields.id, eventIdPattern)) {
    wrong("id", `${show(fields.id)} is no id: 1 to 128 of A-Z a-z 0-9 . _ : -`)
  }
  if (fields.time !== undefined && !isTime(fields.time)) {
    wrong("time", `${show(fields.time)} is no RFC 3339 time, such as "2026-01-31T09:30:00Z"`)
  }
  for (const field of ["resource", "resource_id"] as const) {
    if (fields[field] === undefined || matches(fields[field], resourcePattern)) continue
    wrong(field, `${show(fields[field])} is no ${field}: 1 to 64 of A-Z a-z 0-9 . _ : -`)
  }
  if (fields.source !== undefined && !isSource(fields.source)) {
    wrong("source", `${show(fields.source)} is no source: a text of 1 to ${sourceCharactersMax} characters`)
  }
  if (issues.length > 0) return refuse(issues)

  const event = assemble(fields, workspace as WorkspaceId, defaults)
  const envelope = encodeEvent(event)
  return envelope.length > limits.eventBytes
    ? Result.fail({ issues: [tooLarge(envelope.length, limits)], tooLarge: true })
    : Result.succeed({ event, envelope })
}

/** In the canonical order of fields. */
const assemble = (fields: EventFields, workspace: WorkspaceId, defaults: EventDefaults): Event => {
  const id =
    fields.id ??
    (defaults.idempotencyKey === undefined ? defaults.id : makeKeyedEventId(workspace, defaults.idempotencyKey)) ??
    makeEventId(defaults.now)
  const event: Record<string, unknown> = { id, type: fields.type, workspace }
  if (fields.resource !== undefined) event.resource = fields.resource
  if (fields.resource_id !== undefined) event.resource_id = fields.resource_id
  event.time = fields.time ?? new Date(defaults.now).toISOString()
  if (fields.source !== undefined) event.source = fields.source
  event.payload = fields.payload
  return event as unknown as Event
}

/**
 * Whether a parsed envelope is a whole event as it stands: every required field, every value right, nothing unknown. Says the
 * same as `parseEvent` and makes nothing: its cost is paid for every event that is routed.
 */
export const isWholeEvent = (value: unknown, limits: EventLimits): value is Event => {
  if (!isObject(value)) return false
  for (const key in value) if (key === "event" || !known.has(key)) return false
  return (
    matches(value.id, eventIdPattern) &&
    isEventType(value.type) &&
    isWorkspace(value.workspace) &&
    isTime(value.time) &&
    isObject(value.payload) &&
    (value.resource === undefined || matches(value.resource, resourcePattern)) &&
    (value.resource_id === undefined || matches(value.resource_id, resourcePattern)) &&
    (value.source === undefined || isSource(value.source)) &&
    !isDeeper(value.payload, limits.eventDepth)
  )
}

export const isObject = (value: unknown): value is { readonly [key: string]: unknown } =>
  typeof value === "object" && value !== null && !Array.isArray(value)

export const isEventType = (value: unknown): value is string =>
  typeof value === "string" && value.length <= eventTypeLengthMax && eventTypePattern.test(value)

export const isWorkspace = (value: unknown): value is WorkspaceId => matches(value, workspacePattern)

const matches = (value: unknown, pattern: RegExp): value is string => typeof value === "string" && pattern.test(value)

const isSource = (value: unknown): value is string =>
  typeof value === "string" && value.length > 0 && value.length <= sourceCharactersMax

const timePattern =
  /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])[Tt]([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)$/

/** RFC 3339, with a day that its month has. Leap seconds are not taken: nothing that reads them here or behind knows them. */
export const isTime = (value: unknown): value is string => {
  if (typeof value !== "string" || !timePattern.test(value)) return false
  const day = Number(value.slice(8, 10))
  return day <= 28 || day <= new Date(Date.UTC(Number(value.slice(0, 4)), Number(value.slice(5, 7)), 0)).getUTCDate()
}

/** Stops at the first value that lies too deep, so that its own recursion is bounded too. */
const isDeeper = (value: object, levels: number): boolean => {
  if (levels === 0) return true
  if (Array.isArray(value)) {
    for (const inner of value) if (isNested(inner) && isDeeper(inner, levels - 1)) return true
    return false
  }
  for (const key in value) {
    const inner = (value as { readonly [key: string]: unknown })[key]
    if (isNested(inner) && isDeeper(inner, levels - 1)) return true
  }
  return false
}

const isNested = (value: unknown): value is object => typeof value === "object" && value !== null

/** What a wrong value looks like, short enough for a message. */
export const show = (value: unknown): string => {
  if (Array.isArray(value)) return "an array"
  if (isObject(value)) return "an object"
  if (value === undefined) return "missing"
  const text = JSON.stringify(value)
  return text.length <= shownCharactersMax ? text : `${text.slice(0, shownCharactersMax)}…`
}

const unknownField = (key: string): Issue => {
  const meant = nearest(key, known)
  const hint =
    meant === undefined ? `put your data in payload (fields: ${fieldNames.join(", ")})` : `did you mean "${meant}"?`
  return { path: [key.slice(0, shownCharactersMax)], message: `is no field of an event: ${hint}` }
}

const tooLarge = (bytes: number, limits: EventLimits): Issue => ({
  path: [],
  message: `the event is ${bytes} bytes, at most ${limits.eventBytes} are taken: send a reference to what is large`,
})

const refuse = (issues: ReadonlyArray<Issue>) => Result.fail<EventRefusal>({ issues, tooLarge: false })
