/**
 * Retrying and cancelling over HTTP: one delivery, or all deliveries of an event.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Result from "effect/Result"
import type { Identity } from "../accounts/keys.ts"
import { limits } from "../config/defaults.ts"
import { History } from "../history/history.ts"
import type { Position } from "../history/walk.ts"
import type { Issue, LogUnavailable } from "../model/errors.ts"
import type { DeliveryId, EventId, WorkspaceId } from "../model/ids.ts"
import type { Answer, Instruction } from "../model/instruction.ts"
import type { OperationFilter, OperationProgress, OperationRequest } from "../model/operation.ts"
import type { Actor } from "../model/record.ts"
import { statusOfState } from "../model/status.ts"
import { actorOf } from "./authenticate.ts"
import { aboutOf, isBound } from "./bounds.ts"
import { makeFinder } from "./find-connection.ts"
import { problem, problemResponse } from "./problem.ts"

/** Does it. Given by whoever puts the process together: where a delivery is, the history knows. */
export class Operator extends Context.Service<
  Operator,
  {
    /** `undefined`: the workspace has no such delivery. */
    readonly delivery: (
      kind: Instruction["kind"],
      workspace: WorkspaceId,
      id: DeliveryId,
      actor: Actor,
    ) => Effect.Effect<Answer | undefined, LogUnavailable>
    /** Of all its deliveries, or those chosen; none: the workspace has no such event, or nothing was made of it. */
    readonly event: (
      kind: Instruction["kind"],
      workspace: WorkspaceId,
      id: EventId,
      actor: Actor,
      chosen: { readonly rule?: string | undefined; readonly among?: ReadonlySet<DeliveryId> | undefined },
    ) => Effect.Effect<ReadonlyArray<Answer>, LogUnavailable>
    /** Understands what is asked of many. */
    readonly check: (value: unknown, workspace: WorkspaceId) => Result.Result<OperationRequest, ReadonlyArray<Issue>>
    /** How many it would be. */
    readonly preview: (filter: OperationFilter) => Effect.Effect<OperationProgress, LogUnavailable>
  }
>()("meshes/Operator") {}

type Response = HttpServerResponse.HttpServerResponse

interface EventParams {
  readonly workspace: WorkspaceId
  readonly event: EventId
  readonly rule?: string
}

/** The handlers. They answer every failure themselves. */
export const makeActs = Effect.gen(function* () {
  const { find } = yield* makeFinder
  const operator = yield* Operator
  const history = yield* History

  /** The deliveries of an event that whoever asks may do something to; `undefined`: all. */
  const among = Effect.fnUntraced(function* (identity: Identity, workspace: WorkspaceId, event: EventId) {
    if (!isBound(identity)) return undefined
    const ids = new Set<DeliveryId>()
    let after: Position | undefined
    do {
      const filter = { workspace, event, ...aboutOf(identity), after, limit: limits.pageRecords }
      const { records, next } = yield* history.deliveries(filter)
      for (const { id } of records) ids.add(id)
      after = next
    } while (after !== undefined)
    return ids
  })

  const mayAct = (identity: Identity, workspace: WorkspaceId, delivery: DeliveryId) =>
    isBound(identity)
      ? Effect.map(history.delivery(workspace, delivery, aboutOf(identity)), (found) => found !== undefined)
      : Effect.succeed(true)

  const delivery =
    (kind: Instruction["kind"]) =>
    (
      request: HttpServerRequest,
      { workspace, delivery: id }: { readonly workspace: WorkspaceId; readonly delivery: DeliveryId },
    ): Effect.Effect<Response> => {
      const found = find(request, "operate", workspace)
      if (Result.isFailure(found)) return Effect.succeed(problemResponse(found.failure))
      const { identity } = found.success
      return mayAct(identity, workspace, id).pipe(
        Effect.flatMap((may) =>
          may ? operator.delivery(kind, workspace, id, actorOf(identity, request)) : Effect.succeed(undefined),
        ),
        Effect.match({ onSuccess: deliveryResponse, onFailure: notDone }),
      )
    }

  /** @param rule only its deliveries */
  const event =
    (kind: Instruction["kind"]) =>
    (request: HttpServerRequest, { workspace, event: id, rule }: EventParams): Effect.Effect<Response> => {
      const found = find(request, "operate", workspace)
      if (Result.isFailure(found)) return Effect.succeed(problemResponse(found.failure))
      const { identity } = found.success
      return among(identity, workspace, id).pipe(
        Effect.flatMap((ids) => operator.event(kind, workspace, id, actorOf(identity, request), { rule, among: ids })),
        Effect.match({ onSuccess: eventResponse, onFailure: notDone }),
      )
    }

  return {
    retryDelivery: delivery("retry"),
    cancelDelivery: delivery("cancel"),
    retryEvent: event("retry"),
    cancelEvent: event("cancel"),
  }
})

const shown = ({ delivery: id, state, result, message }: Answer) => ({
  id,
  status: statusOfState[state],
  result,
  message,
})

const deliveryResponse = (answer: Answer | undefined): Response => {
  if (answer === undefined) return problemResponse(problem(404, "the workspace has no such delivery"))
  if (answer.result === "refused") return problemResponse(problem(409, answer.message))
  return HttpServerResponse.jsonUnsafe(shown(answer), { status: answer.result === "asked" ? 202 : 200 })
}

const eventResponse = (answers: ReadonlyArray<Answer>): Response => {
  if (answers.length === 0) return problemResponse(problem(404, "the workspace has no such event with deliveries"))
  const status = answers.some(({ result }) => result === "asked") ? 202 : 200
  return HttpServerResponse.jsonUnsafe({ count: answers.length, records: answers.map(shown) }, { status })
}

const notDone = ({ reason }: LogUnavailable): Response =>
  problemResponse({
    status: 503,
    message: `the log did not answer, it is not known whether that was done: it may be asked for again (${reason})`,
    headers: { "retry-after": "1" },
  })
