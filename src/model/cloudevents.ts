/**
 * CloudEvents 1.0 brought into the fields of an event: `type`, `id`, `time`, `source` as they are, `data` as the payload, `subject`
 * as `resource/resource_id`, the extension attribute `workspace`. Other extension attributes and `dataschema` have no place in an event
 * and are left out.
 *
 * Structured mode is one JSON document, binary mode headers and a body; a batch is an array of the first. The result is checked by
 * `checkEvent` like any other event, and what is wrong is told by the CloudEvent's own names.
 */
import { isUtf8 } from "node:buffer"
import * as Result from "effect/Result"
import { checkEvent, isObject, show } from "./envelope.ts"
import type { EventDefaults, EventFields, EventLimits, EventRefusal, ParsedEvent } from "./envelope.ts"
import type { Issue } from "./errors.ts"
import { eventIdPattern, makeKeyedEventId } from "./ids.ts"

export const structuredType = "application/cloudevents+json"
export const batchedType = "application/cloudevents-batch+json"

const names = { payload: "data", resource: "subject", resource_id: "subject" } as const

/** Attributes that are text wherever they stand. */
const textAttributes = ["id", "source", "type", "time", "subject", "datacontenttype", "workspace"] as const

type Attributes = { readonly [name: string]: unknown }

/** An event from a CloudEvent in structured mode: the parsed JSON document. */
export const parseCloudEvent = (
  value: unknown,
  defaults: EventDefaults,
  limits: EventLimits,
): Result.Result<ParsedEvent, EventRefusal> => {
  if (!isObject(value)) return refuse([{ path: [], message: `is ${show(value)}: a CloudEvent is a JSON object` }])
  // The JSON format lets an attribute that is not set be written as null.
  const attributes: Attributes = Object.fromEntries(Object.entries(value).filter(([, inner]) => inner !== null))
  const issues = checkAttributes(attributes)
  if (attributes.data_base64 === undefined) return check(attributes, attributes.data, issues, defaults, limits)
  if (attributes.data !== undefined) {
    issues.push({ path: ["data_base64"], message: "is there beside data: give one of them" })
    return check(attributes, attributes.data, issues, defaults, limits)
  }
  if (typeof attributes.data_base64 !== "string") {
    issues.push({ path: ["data_base64"], message: `is ${show(attributes.data_base64)}: it must be text in base64` })
    return check(attributes, {}, issues, defaults, limits)
  }
  const bytes = Buffer.from(attributes.data_base64, "base64")
  return checkBytes(attributes, bytes, "data_base64", issues, defaults, limits)
}

/**
 * An event from a CloudEvent in binary mode.
 *
 * @param header the value of a header by its name in lower case (`ce-id`), as it was sent: percent-encoded
 * @param contentType over HTTP the header `content-type`, over NATS `ce-datacontenttype`
 */
export const parseBinaryCloudEvent = (
  header: (name: string) => string | undefined,
  contentType: string | undefined,
  data: Uint8Array,
  defaults: EventDefaults,
  limits: EventLimits,
): Result.Result<ParsedEvent, EventRefusal> => {
  const attributes: Record<string, unknown> = { specversion: decodeHeader(header("ce-specversion")) }
  for (const name of textAttributes) {
    const value = name === "datacontenttype" ? contentType : decodeHeader(header(`ce-${name}`))
    if (value !== undefined) attributes[name] = value
  }
  return checkBytes(attributes, data, "data", checkAttributes(attributes), defaults, limits)
}

const checkAttributes = (attributes: Attributes): Array<Issue> => {
  const issues: Array<Issue> = []
  if (attributes.specversion !== "1.0") {
    issues.push({ path: ["specversion"], message: `is ${show(attributes.specversion)}: only "1.0" is understood` })
  }
  for (const name of textAttributes) {
    const value = attributes[name]
    if (value === undefined && (name === "id" || name === "source")) {
      issues.push({ path: [name], message: "is missing: every CloudEvent has one" })
    } else if (value !== undefined && (typeof value !== "string" || value === "")) {
      issues.push({ path: [name], message: `is ${show(value)}: it must be a text, not empty` })
    }
  }
  return issues
}

/** The body of an event in binary mode, or what `data_base64` held. */
const checkBytes = (
  attributes: Attributes,
  bytes: Uint8Array,
  path: string,
  issues: Array<Issue>,
  defaults: EventDefaults,
  limits: EventLimits,
): Result.Result<ParsedEvent, EventRefusal> => {
  if (bytes.length === 0) return check(attributes, undefined, issues, defaults, limits)
  const data = parseData(bytes)
  if (Result.isSuccess(data)) return check(attributes, data.success, issues, defaults, limits)
  issues.push({ path: [path], message: data.failure })
  return check(attributes, {}, issues, defaults, limits)
}

const parseData = (bytes: Uint8Array): Result.Result<unknown, string> => {
  if (!isUtf8(bytes)) return Result.fail("is not UTF-8: the data of an event is JSON")
  try {
    return Result.succeed(JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString()))
  } catch (error) {
    return Result.fail(`is not JSON: ${(error as Error).message}`)
  }
}

const check = (
  attributes: Attributes,
  data: unknown,
  issues: Array<Issue>,
  defaults: EventDefaults,
  limits: EventLimits,
): Result.Result<ParsedEvent, EventRefusal> => {
  const contentType = attributes.datacontenttype
  if (typeof contentType === "string" && !isJsonType(contentType)) {
    issues.push({ path: ["datacontenttype"], message: `is ${show(contentType)}: the data of an event must be JSON` })
  }
  const subject = typeof attributes.subject === "string" ? splitSubject(attributes.subject) : {}
  // What `checkAttributes` complained of is not complained of twice.
  const told = new Set(issues.map((issue) => issue.path[0]))
  const fields: EventFields = {
    ...subject,
    id: told.has("id") || told.has("source") ? undefined : idOf(attributes.id as string, attributes.source as string),
    type: told.has("type") ? "told" : attributes.type,
    workspace: told.has("workspace") ? undefined : attributes.workspace,
    time: told.has("time") ? undefined : attributes.time,
    source: told.has("source") ? undefined : attributes.source,
    payload: data ?? {},
  }
  const assumed = told.has("workspace") ? { ...defaults, workspace: "told" } : defaults
  return checkEvent(fields, assumed, limits, names, issues)
}

/** A CloudEvent's id may be any text: one that cannot be an event's id becomes one, the same on every repeat. */
const idOf = (id: string, source: string): string => (eventIdPattern.test(id) ? id : makeKeyedEventId(source, id))

const splitSubject = (subject: string): { readonly resource: string; readonly resource_id?: string } => {
  const slash = subject.indexOf("/")
  return slash < 0
    ? { resource: subject }
    : { resource: subject.slice(0, slash), resource_id: subject.slice(slash + 1) }
}

/** `application/json`, `application/vnd.acme+json; charset=utf-8`, `text/json`. */
export const isJsonType = (contentType: string): boolean =>
  /^[\w.+-]+\/(?:[\w.-]+\+)?json\s*(?:;|$)/i.test(contentType.trim())

/** The text of a header of binary mode: quotes taken off, `%XX` decoded. What is not encoded well is taken as it stands. */
const decodeHeader = (value: string | undefined): string | undefined => {
  if (value === undefined) return undefined
  const bare = /^".*"$/.test(value) ? value.slice(1, -1).replaceAll(/\\(.)/g, "$1") : value
  if (!bare.includes("%")) return bare
  try {
    return decodeURIComponent(bare)
  } catch {
    return bare
  }
}

const refuse = (issues: ReadonlyArray<Issue>) => Result.fail<EventRefusal>({ issues, tooLarge: false })
