/**
 * What a publishing request holds: its events, read and judged before the log sees them.
 */
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as Result from "effect/Result"
import { called } from "../accounts/identity.ts"
import { allows, allowsType, type Identity } from "../accounts/keys.ts"
import { limits } from "../config/defaults.ts"
import type { Plan } from "../config/plan.ts"
import { parseBinaryCloudEvent, parseCloudEvent } from "../model/cloudevents.ts"
import { type EventDefaults, type EventRefusal, type ParsedEvent, parseEvent } from "../model/envelope.ts"
import { isOwnType } from "../model/connection-state.ts"
import { encodeEvent, type Event } from "../model/event.ts"
import { makeKeyedEventId } from "../model/ids.ts"
import type { Form } from "./body.ts"
import { decodeText, parseJson, parseText } from "./json.ts"
import { inputProblem, type Problem, problem } from "./problem.ts"

type Json = "json" | "structured"

/** What one request asks for, as far as its headers say. */
export interface Asked {
  readonly identity: Identity
  readonly form: Form
  readonly defaults: EventDefaults
  readonly plan: Plan
  readonly now: number
}

/** What becomes of one event of a bulk. `position` is its place among those that go to the log. */
export type Draft =
  | { readonly kind: "fresh"; readonly parsed: ParsedEvent; readonly position: number }
  | { readonly kind: "repeat"; readonly position: number }
  | { readonly kind: "refused"; readonly problem: Problem }

/** Reads and judges every event of a bulk; the second of an id is a repeat of the first. */
export const draft = (values: ReadonlyArray<Result.Result<unknown, string>>, asked: Asked): ReadonlyArray<Draft> => {
  const form: Json = asked.form === "structured" || asked.form === "batched" ? "structured" : "json"
  const places = new Map<string, { readonly position: number; readonly event: Event }>()
  return values.map((value, index): Draft => {
    if (Result.isFailure(value)) return { kind: "refused", problem: problem(400, value.failure) }
    const key = asked.defaults.idempotencyKey
    const defaults = key === undefined ? asked.defaults : { ...asked.defaults, idempotencyKey: `${key}#${index}` }
    const judged = parseValue(form, value.success, { ...asked, defaults })
    if (Result.isFailure(judged)) return { kind: "refused", problem: judged.failure }
    let parsed = judged.success
    const before = places.get(`${parsed.event.workspace}/${parsed.event.id}`)
    if (before !== undefined) {
      const renamed = renameIfElsewhere(asked.form, parsed.event, before.event)
      if (renamed === undefined) return { kind: "repeat", position: before.position }
      parsed = renamed
    }
    const place = `${parsed.event.workspace}/${parsed.event.id}`
    const again = places.get(place)
    if (again !== undefined) return { kind: "repeat", position: again.position }
    const position = places.size
    places.set(place, { position, event: parsed.event })
    return { kind: "fresh", parsed, position }
  })
}

/** The values of a bulk: a JSON array, or one value a line. A broken line is that line's error alone. */
export const splitBulk = (
  body: Buffer,
  form: Form,
): Result.Result<ReadonlyArray<Result.Result<unknown, string>>, Problem> => {
  if (form === "lines") return splitLines(body)
  const value = parseJson(body)
  // One event, or lines of events that were sent as plain JSON.
  if (form === "json" && firstCharacter(body) === "{")
    return Result.isSuccess(value) ? Result.succeed([value]) : splitLines(body)
  if (Result.isFailure(value)) return Result.fail(problem(400, value.failure))
  if (form === "structured") return Result.succeed([value])
  return Array.isArray(value.success)
    ? Result.succeed(value.success.map((one) => Result.succeed(one)))
    : Result.fail(problem(400, "the body must be a JSON array of events, or one event a line"))
}

const splitLines = (body: Buffer): Result.Result<ReadonlyArray<Result.Result<unknown, string>>, Problem> => {
  const text = decodeText(body)
  if (Result.isFailure(text)) return Result.fail(problem(400, text.failure))
  const values: Array<Result.Result<unknown, string>> = []
  for (const [index, line] of text.success.split("\n").entries()) {
    if (line.trim() === "") continue
    // Too many are refused as a whole: what they hold does not matter.
    values.push(values.length > limits.bulkEvents ? Result.succeed(undefined) : parseText(line, index + 1))
  }
  return Result.succeed(values)
}

const firstCharacter = (body: Buffer): string | undefined => /\S/.exec(body.toString("latin1", 0, 1024))?.[0]

/** The one event of a request. */
export const parseOne = (
  request: HttpServerRequest,
  asked: Asked,
  body: Buffer,
): Result.Result<ParsedEvent, Problem> => {
  if (asked.form === "binary") {
    const headers = request.headers
    const read = (name: string) => headers[name]
    const parsed = parseBinaryCloudEvent(read, headers["content-type"], body, asked.defaults, limits)
    return judge(parsed, asked)
  }
  const value = parseJson(body)
  if (Result.isFailure(value)) return Result.fail(problem(400, value.failure))
  if (Array.isArray(value.success)) {
    return Result.fail(problem(400, "the body is an array: send many events to /api/v1/events/bulk"))
  }
  return parseValue(asked.form === "structured" ? "structured" : "json", value.success, asked)
}

const parseValue = (form: Json, value: unknown, asked: Asked): Result.Result<ParsedEvent, Problem> => {
  const parse = form === "structured" ? parseCloudEvent : parseEvent
  return judge(parse(value, asked.defaults, limits), asked)
}

/** Whether this key may send this event, there, with such a payload. */
const judge = (parsed: Result.Result<ParsedEvent, EventRefusal>, asked: Asked): Result.Result<ParsedEvent, Problem> => {
  if (Result.isFailure(parsed))
    return Result.fail(inputProblem(parsed.failure.tooLarge ? 413 : 400, parsed.failure.issues))
  const { workspace, type, payload } = parsed.success.event
  if (!allows(asked.identity, "publish", workspace)) {
    return Result.fail(problem(403, `${called(asked.identity)} may not publish to the workspace ${workspace}`))
  }
  if (!allowsType(asked.identity, type)) {
    return Result.fail(problem(403, `${called(asked.identity)} may not publish events of the type ${type}`))
  }
  const found = asked.plan.workspaces.get(workspace)
  if (found === undefined) {
    return Result.fail(problem(404, `there is no workspace ${workspace}: the config declares the workspaces`))
  }
  if (isOwnType(type)) {
    return Result.fail(
      problem(400, `type ${type}: types that begin with "meshes." are the runtime's own, name yours otherwise`),
    )
  }
  const issues = found.eventTypes.get(type)?.check?.(payload)
  return issues === undefined || issues.length === 0
    ? Result.succeed(parsed.success)
    : Result.fail(inputProblem(422, issues, [asked.form === "json" || asked.form === "lines" ? "payload" : "data"]))
}

/**
 * CloudEvents are the same when id and source are: one whose id was used by another source first is another event, and gets an id that
 * its source is part of. `undefined`: it is the same event.
 */
export const renameIfElsewhere = (form: Form, event: Event, first: Event): ParsedEvent | undefined => {
  if (form === "json" || form === "lines" || first.source === event.source || event.id.startsWith("key_"))
    return undefined
  const renamed = { ...event, id: makeKeyedEventId(event.source ?? "", event.id) }
  return { event: renamed, envelope: encodeEvent(renamed) }
}
