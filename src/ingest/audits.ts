/**
 * Who did what, over HTTP: in a workspace, for whoever may read there, or in the installation.
 */
import * as Effect from "effect/Effect"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import { called } from "../accounts/identity.ts"
import { Keys } from "../accounts/keys.ts"
import { limits } from "../config/defaults.ts"
import { History } from "../history/history.ts"
import { auditedActs } from "../model/record.ts"
import { answered } from "./answer.ts"
import { authenticate } from "./authenticate.ts"
import { makeFinder } from "./find-connection.ts"
import { listResponse, positionCursor, positionPage } from "./pages.ts"
import { problem } from "./problem.ts"
import { oneOfReader, type QueryOf, readQuery, textReader, timeReader } from "./query.ts"
import { auditRecord } from "./records.ts"

const auditReaders = {
  what: oneOfReader(auditedActs),
  by: textReader,
  target: textReader,
  from: timeReader,
  to: timeReader,
  ...positionPage("audit"),
}

/** The handlers. They answer every failure themselves. */
export const makeAudits = Effect.gen(function* () {
  const { asked } = yield* makeFinder
  const keys = yield* Keys
  const history = yield* History

  const listed = (workspace: string | undefined, query: QueryOf<typeof auditReaders>) =>
    Effect.map(
      history.audit({ workspace, ...query, after: query.cursor, limit: query.limit ?? limits.pageRecordsDefault }),
      ({ records, next }) => listResponse(query.limit, next && positionCursor("audit", next), records.map(auditRecord)),
    )

  const ofWorkspace = (request: HttpServerRequest, place: { readonly workspace: string }) =>
    answered(Effect.flatMap(asked(request, place, auditReaders), ({ workspace, query }) => listed(workspace.id, query)))

  /** What concerns no workspace by itself. */
  const ofAll = (request: HttpServerRequest) =>
    answered(
      Effect.gen(function* () {
        const identity = yield* Effect.fromResult(authenticate(keys, request.headers, "admin"))
        if (identity.workspaces !== undefined) {
          return yield* Effect.fail(
            problem(403, `${called(identity)} is bound to workspaces: ask for the audit of one of them`),
          )
        }
        return yield* listed(undefined, yield* Effect.fromResult(readQuery(request.url, auditReaders)))
      }),
    )

  return { ofWorkspace, ofAll }
})
