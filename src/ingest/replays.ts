/**
 * Replays over HTTP: beginning one, or only looking at what it would do; how they are; stopping one.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Result from "effect/Result"
import { called } from "../accounts/identity.ts"
import { allows, type Identity } from "../accounts/keys.ts"
import { limits } from "../config/defaults.ts"
import { Audit } from "../log/audit.ts"
import { Replays } from "../log/replays.ts"
import type { Issue, LogUnavailable, Unusable } from "../model/errors.ts"
import type { WorkspaceId } from "../model/ids.ts"
import { shownReplay, type Replay, type ReplayRequest } from "../model/replay.ts"
import { actorOf } from "./authenticate.ts"
import { readBody } from "./body.ts"
import { isBound, isWithin, within } from "./bounds.ts"
import { makeFinder } from "./find-connection.ts"
import { parseJson } from "./json.ts"
import { listOf, namePage, pageByName } from "./pages.ts"
import { inputProblem, type Problem, problem, problemResponse } from "./problem.ts"
import { oneOfReader, readQuery } from "./query.ts"

/** Understands what is asked. Given by whoever puts the process together: it is decided and shown where events are routed and sent. */
export class Replayer extends Context.Service<
  Replayer,
  {
    readonly check: (
      value: unknown,
      workspace: WorkspaceId,
    ) => Result.Result<
      { readonly request: ReplayRequest; readonly dryRun: boolean; readonly requests: number },
      ReadonlyArray<Issue>
    >
    /** As the contract's `ReplayPreview`. */
    readonly preview: (
      request: ReplayRequest,
      requests: number,
    ) => Effect.Effect<
      { readonly matched: number; readonly requests: ReadonlyArray<{ readonly event: string }> },
      LogUnavailable | Unusable
    >
  }
>()("meshes/Replayer") {}

type Response = HttpServerResponse.HttpServerResponse

interface Params {
  readonly workspace: WorkspaceId
  readonly replay: string
}

const listReaders = { state: oneOfReader(["running", "stopped", "done"]), ...namePage }

/** The handlers. They answer every failure themselves. */
export const makeReplays = Effect.gen(function* () {
  const { find } = yield* makeFinder
  const replays = yield* Replays
  const replayer = yield* Replayer
  const audit = yield* Audit

  const begin = Effect.fnUntraced(function* (
    request: HttpServerRequest,
    { workspace }: { readonly workspace: WorkspaceId },
  ): Effect.fn.Return<Response> {
    const found = find(request, "operate", workspace)
    if (Result.isFailure(found)) return problemResponse(found.failure)
    const body = yield* readBody(request, limits.replayBodyBytes)
    if (Result.isFailure(body)) return problemResponse(body.failure)
    const value = body.success.length === 0 ? Result.succeed({}) : parseJson(body.success)
    if (Result.isFailure(value)) return problemResponse(problem(400, value.failure))
    const asked = replayer.check(value.success, workspace)
    if (Result.isFailure(asked)) return problemResponse(inputProblem(400, asked.failure))
    const { dryRun, requests } = asked.success
    const { identity } = found.success
    const filter = within(identity, asked.success.request.filter)
    if (Result.isFailure(filter)) return problemResponse(filter.failure)
    const replay = { ...asked.success.request, filter: filter.success }
    const actor = actorOf(identity, request)
    const mayLook = allows(identity, "payload:read", workspace)
    // Its answer would tell of payloads.
    if (replay.filter.expression !== undefined && !mayLook) return problemResponse(problem(403, blind(identity)))
    if (!dryRun) return yield* answered(replays.begin(replay, actor), (one) => shownTo(identity, one), 201, 429)
    const preview = replayer.preview(replay, mayLook ? requests : 0)
    const told = Effect.tap(preview, (shown) =>
      Effect.forEach(new Set(shown.requests.map(({ event }) => event)), (event) =>
        audit.write(actor, { what: "payload.viewed", target: event, workspaces: [workspace] }),
      ),
    )
    return yield* answered(told, (shown) => (isBound(identity) ? { ...shown, events: shown.matched } : shown))
  })

  const list = Effect.fnUntraced(function* (
    request: HttpServerRequest,
    { workspace }: { readonly workspace: WorkspaceId },
  ): Effect.fn.Return<Response> {
    const found = find(request, "read", workspace)
    if (Result.isFailure(found)) return problemResponse(found.failure)
    const query = readQuery(request.url, listReaders)
    if (Result.isFailure(query)) return problemResponse(query.failure)
    const { state, limit } = query.success
    return yield* answered(replays.list(workspace), (all) => {
      const wanted = all
        .filter((one) => state === undefined || one.state === state)
        .filter((one) => isWithin(found.success.identity, one.filter))
      const { records, next } = pageByName(wanted, ({ id }) => id, query.success, -1)
      return listOf(
        limit,
        next,
        records.map((one) => shownTo(found.success.identity, one)),
      )
    })
  })

  const show = Effect.fnUntraced(function* (
    request: HttpServerRequest,
    { workspace, replay }: Params,
  ): Effect.fn.Return<Response> {
    const found = find(request, "read", workspace)
    if (Result.isFailure(found)) return problemResponse(found.failure)
    return yield* answered(known(found.success.identity, replay, workspace), (one) =>
      one === undefined ? notThere : shownTo(found.success.identity, one),
    )
  })

  const stop = Effect.fnUntraced(function* (
    request: HttpServerRequest,
    { workspace, replay }: Params,
  ): Effect.fn.Return<Response> {
    const found = find(request, "operate", workspace)
    if (Result.isFailure(found)) return problemResponse(found.failure)
    const { identity } = found.success
    const stopped = Effect.flatMap(known(identity, replay, workspace), (one) =>
      one === undefined ? Effect.succeed(undefined) : replays.stop(one, actorOf(identity, request)),
    )
    return yield* answered(stopped, (one) => (one === undefined ? notThere : shownTo(identity, one)))
  })

  const known = (identity: Identity, id: string, workspace: WorkspaceId) =>
    Effect.map(replays.find(id, workspace), (one) =>
      one !== undefined && isWithin(identity, one.filter) ? one : undefined,
    )

  return { begin, list, show, stop }
})

/** Without how many events there are of others. */
const shownTo = (identity: Identity, replay: Replay) => {
  const shown = shownReplay(replay)
  return isBound(identity) ? { ...shown, progress: { ...shown.progress, events: shown.progress.matched } } : shown
}

const blind = (identity: Identity): string =>
  `${called(identity)} may not see what events hold (payload:read), so it may not choose by it: leave expression out`

const notThere = Symbol("not there")

const answered = <A>(
  asked: Effect.Effect<A, LogUnavailable | Unusable>,
  shown: (value: A) => object | typeof notThere,
  status = 200,
  unusable: 400 | 429 = 400,
): Effect.Effect<Response> =>
  Effect.match(asked, {
    onSuccess: (value) => {
      const body = shown(value)
      return body === notThere
        ? problemResponse(problem(404, "the workspace has no such replay"))
        : HttpServerResponse.jsonUnsafe(body, { status })
    },
    onFailure: (error) => problemResponse(refusal(error, unusable)),
  })

const refusal = (error: LogUnavailable | Unusable, unusable: 400 | 429): Problem =>
  error._tag === "Unusable"
    ? { ...problem(unusable, error.message), ...(unusable === 429 ? { headers: { "retry-after": "60" } } : {}) }
    : {
        status: 503,
        message:
          error.stored === "no"
            ? `the log does not answer now: send it again (${error.reason})`
            : `the log did not answer, it is not known whether that was done: look at the workspace's replays first (${error.reason})`,
        headers: { "retry-after": "1" },
      }
