/**
 * What happened, over HTTP: events and deliveries of a workspace, in lists and one by one.
 */
import * as Effect from "effect/Effect"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Result from "effect/Result"
import { called } from "../accounts/identity.ts"
import { allows, type Identity } from "../accounts/keys.ts"
import { limits } from "../config/defaults.ts"
import { History } from "../history/history.ts"
import { Audit } from "../log/audit.ts"
import { logTime } from "../log/log-time.ts"
import { outcomeKinds } from "../model/outcome.ts"
import { answered, asOf } from "./answer.ts"
import { actorOf } from "./authenticate.ts"
import { aboutOf, isBound, within } from "./bounds.ts"
import { makeFinder } from "./find-connection.ts"
import { listResponse, positionCursor, positionPage } from "./pages.ts"
import { inputProblem, problem, type Problem } from "./problem.ts"
import { noQuery, oneOfReader, type QueryOf, statusReader, textReader, timeReader } from "./query.ts"
import {
  deadGroupRecord,
  deliveryRecord,
  eventRecord,
  payloadRecord,
  type PayloadMissing,
  wholeDeliveryRecord,
} from "./records.ts"

interface Place {
  readonly workspace: string
}

const period = { from: timeReader, to: timeReader }

const eventReaders = {
  type: textReader,
  resource: textReader,
  resource_id: textReader,
  status: statusReader,
  id: textReader,
  text: textReader,
  ...period,
  ...positionPage("events"),
}

const deadReaders = {
  connection: textReader,
  rule: textReader,
  event: textReader,
  outcome: oneOfReader(outcomeKinds),
  replay: textReader,
  resource: textReader,
  resource_id: textReader,
  ...period,
  ...positionPage("deliveries"),
}
const groupReaders = { connection: textReader, resource: textReader, resource_id: textReader, ...period }
const deliveryReaders = { ...deadReaders, status: statusReader }

/** The handlers. They answer every failure themselves. */
export const makePast = Effect.gen(function* () {
  const { asked } = yield* makeFinder
  const history = yield* History
  const audits = yield* Audit

  /** Told of before anybody sees it. */
  const viewed = (request: HttpServerRequest, identity: Identity, workspace: string, target: string, detail?: string) =>
    audits.write(actorOf(identity, request), {
      what: "payload.viewed",
      target,
      workspaces: [workspace],
      ...(detail === undefined ? {} : { detail }),
    })

  const events = (request: HttpServerRequest, place: Place) =>
    answered(
      Effect.gen(function* () {
        const { identity, query } = yield* asked(request, place, eventReaders)
        const { text, status, cursor, limit = limits.pageRecordsDefault, ...rest } = query
        const wanted = { ...place, ...rest, statuses: status, after: cursor, limit }
        const filter = yield* Effect.fromResult(within(identity, wanted))
        const about = yield* asOf(history)
        let page
        if (text === undefined) page = yield* history.events(filter)
        else {
          const window = yield* Effect.fromResult(windowOf(identity, place.workspace, query))
          yield* viewed(request, identity, place.workspace, place.workspace, "events were searched for a text")
          page = yield* history.search({ ...filter, ...window, text })
        }
        const next = page.next && positionCursor("events", page.next)
        return listResponse(limit, next, page.records.map(eventRecord), about)
      }),
    )

  const event = (request: HttpServerRequest, { event: id, ...place }: Place & { readonly event: string }) =>
    answered(
      Effect.gen(function* () {
        const { identity } = yield* asked(request, place, noQuery)
        const found = yield* history.event(place.workspace, id, aboutOf(identity))
        if (found === undefined) return yield* Effect.fail(notThere("event"))
        let stored: Parameters<typeof payloadRecord>[0] = "not_allowed" satisfies PayloadMissing
        if (allows(identity, "payload:read", place.workspace)) {
          yield* viewed(request, identity, place.workspace, id)
          stored = (yield* history.stored(found.event.seq))?.event ?? "gone"
        }
        return HttpServerResponse.jsonUnsafe({
          ...eventRecord(found.event),
          ...payloadRecord(stored),
          deliveries: found.deliveries.map((view) => deliveryRecord(view, isBound(identity))),
          rule_failures: found.ruleFailures,
        })
      }),
    )

  const listed = (
    identity: Identity,
    place: Place,
    { status, cursor, limit = limits.pageRecordsDefault, ...rest }: QueryOf<typeof deliveryReaders>,
  ) =>
    Effect.gen(function* () {
      const about = yield* asOf(history)
      const wanted = { ...place, ...rest, statuses: status, after: cursor, limit }
      const { records, next } = yield* history.deliveries(yield* Effect.fromResult(within(identity, wanted)))
      const shown = records.map((view) => deliveryRecord(view, isBound(identity)))
      return listResponse(limit, next && positionCursor("deliveries", next), shown, about)
    })

  const deliveries = (request: HttpServerRequest, place: Place) =>
    answered(
      Effect.flatMap(asked(request, place, deliveryReaders), ({ identity, query }) => listed(identity, place, query)),
    )

  const deadLetters = (request: HttpServerRequest, place: Place) =>
    answered(
      Effect.flatMap(asked(request, place, deadReaders), ({ identity, query }) =>
        listed(identity, place, { ...query, status: ["failed"] }),
      ),
    )

  const deadGroups = (request: HttpServerRequest, place: Place) =>
    answered(
      Effect.gen(function* () {
        const { identity, query } = yield* asked(request, place, groupReaders)
        const about = yield* asOf(history)
        const filter = yield* Effect.fromResult(within(identity, { ...place, ...query }))
        const { groups, complete } = yield* history.deadGroups(filter)
        return HttpServerResponse.jsonUnsafe({
          count: groups.length,
          records: groups.map((group) => deadGroupRecord(group, isBound(identity))),
          complete,
          ...about,
        })
      }),
    )

  const delivery = (request: HttpServerRequest, { delivery: id, ...place }: Place & { readonly delivery: string }) =>
    answered(
      Effect.gen(function* () {
        const { identity } = yield* asked(request, place, noQuery)
        const found = yield* history.delivery(place.workspace, id, aboutOf(identity))
        if (found === undefined) return yield* Effect.fail(notThere("delivery"))
        const exchanges = yield* Effect.forEach(found.attempts, (attempt) => history.exchange(id, attempt), {
          concurrency: limits.attemptsRead,
        })
        const bodies =
          allows(identity, "payload:read", place.workspace) &&
          exchanges.some((exchange) => exchange?.request?.body !== undefined)
        if (bodies) yield* viewed(request, identity, place.workspace, id)
        return HttpServerResponse.jsonUnsafe(wholeDeliveryRecord(found, exchanges, bodies, isBound(identity)))
      }),
    )

  return { events, event, deliveries, delivery, deadLetters, deadGroups }
})

const notThere = (what: "event" | "delivery"): Problem =>
  problem(
    404,
    `the workspace's history has no such ${what}: it was never there, is older than what is kept, or was stored a moment ago`,
  )

/** The time that a text is looked for in, for keys that may see what events hold. */
const windowOf = (
  identity: Identity,
  workspace: string,
  { from, to = logTime() }: QueryOf<typeof period>,
): Result.Result<{ readonly from: number; readonly to: number }, Problem> => {
  if (!allows(identity, "payload:read", workspace)) {
    return Result.fail(problem(403, `${called(identity)} may not payload:read, which a search for text needs`))
  }
  if (from === undefined) return Result.succeed({ from: to - limits.payloadWindowDefaultMs, to })
  if (to - from <= limits.payloadWindowMs) return Result.succeed({ from, to })
  const days = limits.payloadWindowMs / 86_400_000
  const message = `is more than ${days} days before to (now, when it is left out): a text is looked for in ${days} days at the most`
  return Result.fail(inputProblem(400, [{ path: ["from"], message }], ["query"]))
}
