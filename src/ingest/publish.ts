/**
 * The first stage: takes events in over HTTP. A publisher hears "stored" (201) only after the log has the event on disk, and "stored
 * already" (200) with the first one's facts when its id or idempotency key is a repeat.
 *
 * What is asked of each event, in this order: may this key publish such events there (401, 403), is it readable (400, 413, 415), is there such a
 * workspace (404), does the payload fit its declared type (422; a type nobody declared is taken as it is), does its plan allow it
 * (429), can the log have it (503).
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Result from "effect/Result"
import { Admission, type Refusal } from "../accounts/admission.ts"
import { called } from "../accounts/identity.ts"
import { allowsOrigin, Keys } from "../accounts/keys.ts"
import { CurrentPlan } from "../config/current-plan.ts"
import { limits } from "../config/defaults.ts"
import { type Appended, type Entry, EventLog } from "../log/event-log.ts"
import type { ParsedEvent } from "../model/envelope.ts"
import { LogUnavailable } from "../model/errors.ts"
import type { Event } from "../model/event.ts"
import { acceptSeconds, eventsAccepted, eventsRefused, eventsRepeated, requestsInFlight } from "../observe/metrics.ts"
import { authenticate } from "./authenticate.ts"
import { expectedBytes, formOf, readBody } from "./body.ts"
import { forPages } from "./cors.ts"
import { busy, refusalProblem, type Problem, problem, problemRecord, problemResponse } from "./problem.ts"
import { type Asked, draft, type Draft, parseOne, renameIfElsewhere, splitBulk } from "./read.ts"

/** Longest `Idempotency-Key`. */
const idempotencyKeyCharactersMax = 255
/** Originals of repeats that one bulk reads from the log at the same time. */
const originalsReadAtOnce = 16

type Response = HttpServerResponse.HttpServerResponse

/** An event that is in the log. */
interface Stored {
  readonly event: Event
  /** When it was accepted, in milliseconds. */
  readonly created: number
  readonly repeated: boolean
}

/** The handlers of the two publishing calls. They answer every failure themselves. */
export const makePublisher = Effect.gen(function* () {
  const log = yield* EventLog
  const admission = yield* Admission
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
    const identity = authenticate(keys, request.headers, "publish")
    if (Result.isFailure(identity)) return Result.fail(identity.failure)
    const { origin } = request.headers
    if (origin !== undefined && identity.success.origins !== undefined && !allowsOrigin(identity.success, origin)) {
      return Result.fail(problem(403, `${called(identity.success)} may not publish from pages of this origin`))
    }
    const form = formOf(request.headers)
    if (Result.isFailure(form)) return Result.fail(form.failure)
    const idempotencyKey = request.headers["idempotency-key"]
    if (idempotencyKey !== undefined && !isIdempotencyKey(idempotencyKey)) {
      return Result.fail(
        problem(400, `the Idempotency-Key must be 1 to ${idempotencyKeyCharactersMax} plain characters`),
      )
    }
    const now = clock.currentTimeMillisUnsafe()
    const defaults = { workspace: identity.success.onlyWorkspace, now, idempotencyKey }
    return Result.succeed({ identity: identity.success, form: form.success, defaults, plan: current.get(), now })
  }

  const store = (parsed: ParsedEvent, asked: Asked): Effect.Effect<Stored, Refusal> =>
    admission.append(toEntry(parsed, asked.now)).pipe(
      Effect.timeoutOrElse({ duration: limits.acceptTimeoutMs, orElse: () => Effect.fail(silent) }),
      Effect.flatMap((appended) => settle(parsed, appended, asked)),
    )

  /** What the log's answer means: the event is stored now, or an earlier one of its id is what the publisher is told of. */
  const settle = (parsed: ParsedEvent, appended: Appended, asked: Asked): Effect.Effect<Stored, Refusal> => {
    const { event } = parsed
    if (!appended.duplicate) return Effect.succeed({ event, created: asked.now, repeated: false })
    return Effect.matchEffect(log.read(appended.seq), {
      onFailure: ({ operation, reason }) => Effect.fail(new LogUnavailable({ operation, reason, stored: "unknown" })),
      onSuccess: (first) => {
        // Gone from the log since (its age): the repeat's own facts are the best there are.
        if (first === undefined) return Effect.succeed({ event, created: asked.now, repeated: true })
        const renamed = renameIfElsewhere(asked.form, event, first.event)
        return renamed === undefined ? Effect.succeed({ ...first, repeated: true }) : store(renamed, asked)
      },
    })
  }

  const publishOne = (request: HttpServerRequest, asked: Asked): Effect.Effect<Response> =>
    Effect.flatMap(readBody(request, limits.eventBytes), (body) => {
      if (Result.isFailure(body)) return Effect.succeed(refusal(body.failure))
      const parsed = parseOne(request, asked, body.success)
      if (Result.isFailure(parsed)) return Effect.succeed(refusal(parsed.failure))
      return Effect.match(store(parsed.success, asked), {
        onFailure: (error) => refusal(refusalProblem(error)),
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
    const away = failures.flatMap(({ failure }) => (failure._tag === "LogUnavailable" ? [failure] : []))
    const worst = away.find((one) => one.stored === "unknown") ?? away[0]
    // With nothing stored and nothing else to tell, it is the whole request that failed.
    return worst !== undefined && away.length === stored.length && drafts.every((one) => one.kind !== "refused")
      ? refusal(refusalProblem(worst))
      : answerBulk(drafts, stored)
  })

  const storeAll = (
    fresh: ReadonlyArray<ParsedEvent>,
    asked: Asked,
  ): Effect.Effect<ReadonlyArray<Result.Result<Stored, Refusal>>> => {
    if (fresh.length === 0) return Effect.succeed([])
    return admission.appendAll(fresh.map((one) => toEntry(one, asked.now))).pipe(
      Effect.timeoutOrElse({
        duration: limits.acceptTimeoutMs,
        orElse: () => Effect.succeed(fresh.map(() => Result.fail(silent))),
      }),
      Effect.flatMap((answers) => {
        // The common case pays for no effect an event.
        const plain = answers.every((one) => Result.isSuccess(one) && !one.success.duplicate)
        return plain
          ? Effect.succeed(fresh.map(({ event }) => Result.succeed({ event, created: asked.now, repeated: false })))
          : Effect.forEach(
              answers,
              (answer, i) =>
                Effect.result(
                  Effect.flatMap(Effect.fromResult(answer), (appended) => settle(fresh[i]!, appended, asked)),
                ),
              { concurrency: originalsReadAtOnce },
            )
      }),
    )
  }

  const answerBulk = (drafts: ReadonlyArray<Draft>, stored: ReadonlyArray<Result.Result<Stored, Refusal>>) => {
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
      if (Result.isFailure(result)) return failed(refusalProblem(result.failure))
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

  return {
    publish: forPages(keys, bounded(limits.eventBytes, publish)),
    bulk: forPages(keys, bounded(limits.bulkBytes, bulk)),
  }
})

const isIdempotencyKey = (text: string): boolean =>
  text.length <= idempotencyKeyCharactersMax && /^[\x20-\x7e]+$/.test(text)

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
