/**
 * The first stage: takes events in over HTTP. A publisher hears "stored" (201) only after the log has the event on disk, and "stored
 * already" (200) with the first one's facts when its id or idempotency key is a repeat.
 *
 * What is asked of each event, in this order: may this key publish there (401, 403), is it readable (400, 413, 415), is there such a
 * workspace (404), does the payload fit its declared type (422; a type nobody declared is taken as it is), can the log have it (503).
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Result from "effect/Result"
import { allows, type Identity, Keys } from "../accounts/keys.ts"
import { CurrentPlan } from "../config/current-plan.ts"
import { limits } from "../config/defaults.ts"
import type { Plan } from "../config/plan.ts"
import { type Appended, type Entry, EventLog } from "../log/event-log.ts"
import { parseBinaryCloudEvent, parseCloudEvent } from "../model/cloudevents.ts"
import { type EventDefaults, type EventRefusal, type ParsedEvent, parseEvent } from "../model/envelope.ts"
import { LogUnavailable } from "../model/errors.ts"
import { encodeEvent, type Event } from "../model/event.ts"
import { makeKeyedEventId } from "../model/ids.ts"
import { acceptSeconds, eventsAccepted, eventsRefused, eventsRepeated, requestsInFlight } from "../observe/metrics.ts"
import { expectedBytes, type Form, formOf, readBody } from "./body.ts"
import { decodeText, parseJson, parseText } from "./json.ts"
import { busy, inputProblem, logProblem, type Problem, problem, problemRecord, problemResponse } from "./problem.ts"

/** Longest `Idempotency-Key`. */
const idempotencyKeyCharactersMax = 255
/** Originals of repeats that one bulk reads from the log at the same time. */
const originalsReadAtOnce = 16

type Response = HttpServerResponse.HttpServerResponse
type Json = "json" | "structured"

/** An event that is in the log. */
interface Stored {
  readonly event: Event
  /** When it was accepted, in milliseconds. */
  readonly created: number
  readonly repeated: boolean
}

/** What one request asks for, as far as its headers say. */
interface Asked {
  readonly identity: Identity
  readonly form: Form
  readonly defaults: EventDefaults
  readonly plan: Plan
  readonly now: number
}

/** The handlers of the two publishing calls. They answer every failure themselves. */
export const makePublisher = Effect.gen(function* () {
  const log = yield* EventLog
  const keys = yield* Keys
  const current = yield* CurrentPlan
  const context = yield* Effect.context<never>()
  const clock = yield* Clock.Clock

  const refusal = (given: Problem): Response => {
    eventsRefused[given.status]?.updateUnsafe(1, context)
    return problemResponse(given)
  }

  let inFlight = 0
  let bytesInFlight = 0
  const count = (requests: number, bytes: number) => {
    inFlight += requests
    bytesInFlight += bytes
    requestsInFlight.updateUnsafe(inFlight, context)
  }
  /** Counts requests and their bytes, and refuses those for which there is no room. */
  const bounded =
    (limit: number, handle: (request: HttpServerRequest) => Effect.Effect<Response>) =>
    (request: HttpServerRequest): Effect.Effect<Response> =>
      Effect.suspend(() => {
        const bytes = expectedBytes(request, limit)
        if (inFlight >= limits.requestsInFlight || bytesInFlight + bytes > limits.requestBytesInFlight) {
          return Effect.succeed(refusal(busy))
        }
        count(1, bytes)
        const begun = performance.now()
        const ended = Effect.sync(() => {
          count(-1, -bytes)
          acceptSeconds.updateUnsafe((performance.now() - begun) / 1000, context)
        })
        return Effect.ensuring(handle(request), ended)
      })

  const ask = (request: HttpServerRequest): Result.Result<Asked, Problem> => {
    const identity = authenticate(keys, request.headers)
    if (Result.isFailure(identity)) return Result.fail(identity.failure)
    const form = formOf(request.headers)
    if (Result.isFailure(form)) return Result.fail(form.failure)
    const idempotencyKey = request.headers["idempotency-key"]
    if (idempotencyKey !== undefined && !/^[\x20-\x7e]{1,255}$/.test(idempotencyKey)) {
      return Result.fail(
        problem(400, `the Idempotency-Key must be 1 to ${idempotencyKeyCharactersMax} plain characters`),
      )
    }
    const now = clock.currentTimeMillisUnsafe()
    const defaults = { workspace: identity.success.onlyWorkspace, now, idempotencyKey }
    return Result.succeed({ identity: identity.success, form: form.success, defaults, plan: current.get(), now })
  }

  const original = (seq: number, sent: Event, now: number): Effect.Effect<Stored, LogUnavailable> =>
    Effect.map(log.read(seq), (found) =>
      // Gone from the log since (its age): the repeat's own facts are the best there are.
      found === undefined
        ? { event: sent, created: now, repeated: true }
        : { event: found.event, created: found.created, repeated: true },
    )

  const store: (parsed: ParsedEvent, asked: Asked) => Effect.Effect<Stored, LogUnavailable> = Effect.fnUntraced(
    function* (parsed: ParsedEvent, asked: Asked) {
      const appended = yield* log.append(toEntry(parsed, asked.now)).pipe(
        Effect.timeoutOrElse({
          duration: limits.acceptTimeoutMs,
          orElse: () => Effect.fail(silent),
        }),
      )
      if (!appended.duplicate) return { event: parsed.event, created: asked.now, repeated: false }
      const found = yield* original(appended.seq, parsed.event, asked.now)
      const renamed = isFromElsewhere(asked.form, parsed.event, found.event) ? rename(parsed.event) : undefined
      return renamed === undefined ? found : yield* store(renamed, asked)
    },
  )

  const publishOne = (request: HttpServerRequest, asked: Asked): Effect.Effect<Response> =>
    Effect.flatMap(readBody(request, limits.eventBytes), (body) => {
      if (Result.isFailure(body)) return Effect.succeed(refusal(body.failure))
      const parsed = parseOne(request, asked, body.success)
      if (Result.isFailure(parsed)) return Effect.succeed(refusal(parsed.failure))
      return Effect.match(store(parsed.success, asked), {
        onFailure: (error) => refusal(logProblem(error)),
        onSuccess: (stored) => {
          const metric = stored.repeated ? eventsRepeated : eventsAccepted
          metric.updateUnsafe(1, context)
          return json(stored.repeated ? 200 : 201, eventRecord(stored))
        },
      })
    })

  const publishMany = Effect.fnUntraced(function* (request: HttpServerRequest, asked: Asked) {
    const body = yield* readBody(request, limits.bulkBytes)
    if (Result.isFailure(body)) return refusal(body.failure)
    const values = splitBulk(body.success, asked.form)
    if (Result.isFailure(values)) return refusal(values.failure)
    if (values.success.length > limits.bulkEvents) {
      return refusal(
        problem(413, `there are ${values.success.length} events, at most ${limits.bulkEvents} are taken at once`),
      )
    }
    const drafts = draft(values.success, asked)
    const fresh = drafts.flatMap((one) => (one.kind === "fresh" ? [one.parsed] : []))
    const stored = yield* storeAll(fresh, asked)
    const failures = stored.filter(Result.isFailure)
    const worst = failures.find((one) => one.failure.stored === "unknown") ?? failures[0]
    // With nothing stored and nothing else to tell, it is the whole request that failed.
    return worst !== undefined && failures.length === stored.length && drafts.every((one) => one.kind !== "refused")
      ? refusal(logProblem(worst.failure))
      : answerBulk(drafts, stored)
  })

  const storeAll = (
    fresh: ReadonlyArray<ParsedEvent>,
    asked: Asked,
  ): Effect.Effect<ReadonlyArray<Result.Result<Stored, LogUnavailable>>> => {
    const settle = (appended: Result.Result<Appended, LogUnavailable>, index: number) => {
      const parsed = fresh[index]!
      if (Result.isFailure(appended)) return Effect.succeed(Result.fail(appended.failure))
      // A repeat is looked up the way of a single one.
      return appended.success.duplicate
        ? Effect.result(store(parsed, asked))
        : Effect.succeed(Result.succeed({ event: parsed.event, created: asked.now, repeated: false }))
    }
    if (fresh.length === 0) return Effect.succeed([])
    return log.appendAll(fresh.map((one) => toEntry(one, asked.now))).pipe(
      Effect.timeoutOrElse({
        duration: limits.acceptTimeoutMs,
        orElse: () => Effect.succeed(fresh.map(() => Result.fail(silent))),
      }),
      Effect.flatMap((answers) => {
        const plain = answers.every((one) => Result.isSuccess(one) && !one.success.duplicate)
        return plain
          ? Effect.succeed(fresh.map(({ event }) => Result.succeed({ event, created: asked.now, repeated: false })))
          : Effect.forEach(answers, settle, { concurrency: originalsReadAtOnce })
      }),
    )
  }

  const answerBulk = (drafts: ReadonlyArray<Draft>, stored: ReadonlyArray<Result.Result<Stored, LogUnavailable>>) => {
    let errors = 0
    let accepted = 0
    const failed = (given: Problem) => {
      errors++
      eventsRefused[given.status]?.updateUnsafe(1, context)
      return problemRecord(given)
    }
    const records = drafts.map((one) => {
      if (one.kind === "refused") return failed(one.problem)
      const result = stored[one.position]!
      if (Result.isFailure(result)) return failed(logProblem(result.failure))
      const repeated = one.kind === "repeat" || result.success.repeated
      if (!repeated) accepted++
      return eventRecord({ ...result.success, repeated })
    })
    eventsAccepted.updateUnsafe(accepted, context)
    eventsRepeated.updateUnsafe(records.length - errors - accepted, context)
    return json(errors === 0 ? 201 : 207, { count: records.length, error_count: errors, records })
  }

  const publish = (request: HttpServerRequest): Effect.Effect<Response> => {
    const asked = ask(request)
    if (Result.isFailure(asked)) return Effect.succeed(refusal(asked.failure))
    if (asked.success.form === "batched") return publishMany(request, asked.success)
    if (asked.success.form === "lines") {
      return Effect.succeed(refusal(problem(415, "this takes one event: send lines of events to /api/v1/events/bulk")))
    }
    return publishOne(request, asked.success)
  }

  const bulk = (request: HttpServerRequest): Effect.Effect<Response> => {
    const asked = ask(request)
    if (Result.isFailure(asked)) return Effect.succeed(refusal(asked.failure))
    if (asked.success.form === "binary") {
      return Effect.succeed(
        refusal(problem(415, "a CloudEvent in binary mode is one event: send it to /api/v1/events")),
      )
    }
    return publishMany(request, asked.success)
  }

  return { publish: bounded(limits.eventBytes, publish), bulk: bounded(limits.bulkBytes, bulk) }
})

/** What becomes of one event of a bulk. `position` is its place among those that go to the log. */
type Draft =
  | { readonly kind: "fresh"; readonly parsed: ParsedEvent; readonly position: number }
  | { readonly kind: "repeat"; readonly position: number }
  | { readonly kind: "refused"; readonly problem: Problem }

/** Reads and judges every event of a bulk; the second of an id is a repeat of the first. */
const draft = (values: ReadonlyArray<Result.Result<unknown, string>>, asked: Asked): ReadonlyArray<Draft> => {
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
      const renamed = isFromElsewhere(asked.form, parsed.event, before.event) ? rename(parsed.event) : undefined
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
const splitBulk = (body: Buffer, form: Form): Result.Result<ReadonlyArray<Result.Result<unknown, string>>, Problem> => {
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
const parseOne = (request: HttpServerRequest, asked: Asked, body: Buffer): Result.Result<ParsedEvent, Problem> => {
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
    return Result.fail(problem(403, `the key ${asked.identity.name} may not publish to the workspace ${workspace}`))
  }
  const found = asked.plan.workspaces.get(workspace)
  if (found === undefined) {
    return Result.fail(problem(404, `there is no workspace ${workspace}: the config declares the workspaces`))
  }
  const issues = found.eventTypes.get(type)?.check?.(payload)
  return issues === undefined || issues.length === 0
    ? Result.succeed(parsed.success)
    : Result.fail(inputProblem(422, issues, [asked.form === "json" || asked.form === "lines" ? "payload" : "data"]))
}

const authenticate = (
  keys: Keys["Service"],
  headers: { readonly [name: string]: string | undefined },
): Result.Result<Identity, Problem> => {
  const identity = keys.authenticate(headers)
  if (Result.isFailure(identity)) {
    const message =
      identity.failure === "missing"
        ? "no key was sent: send it as Authorization: Bearer <key>, or X-Meshes-Publishable-Key"
        : "the key is not known here"
    return Result.fail({ status: 401, message, headers: { "www-authenticate": "Bearer" } })
  }
  return allows(identity.success, "publish")
    ? Result.succeed(identity.success)
    : Result.fail(problem(403, `the key ${identity.success.name} may not publish`))
}

/** CloudEvents are the same when id and source are: a first event of the same id from another source is another event. */
const isFromElsewhere = (form: Form, event: Event, first: Event): boolean =>
  form !== "json" && form !== "lines" && first.source !== event.source

/** The same event under an id that its source is part of; `undefined` if it has that id already. */
const rename = (event: Event): ParsedEvent | undefined => {
  if (event.id.startsWith("key_")) return undefined
  const renamed = { ...event, id: makeKeyedEventId(event.source ?? "", event.id) }
  return { event: renamed, envelope: encodeEvent(renamed) }
}

const toEntry = ({ event, envelope }: ParsedEvent, created: number): Entry => ({
  workspace: event.workspace,
  type: event.type,
  id: event.id,
  created,
  body: envelope,
})

const eventRecord = ({ event, created, repeated }: Stored) => ({
  event: {
    id: event.id,
    type: event.type,
    workspace: event.workspace,
    resource: event.resource,
    resource_id: event.resource_id,
    created_at: new Date(created).toISOString(),
  },
  duplicate: repeated ? true : undefined,
})

const json = (status: number, value: unknown): Response =>
  HttpServerResponse.text(JSON.stringify(value), { status, contentType: "application/json" })

const silent = new LogUnavailable({
  operation: "append",
  reason: `no answer within ${limits.acceptTimeoutMs} ms`,
  stored: "unknown",
})
