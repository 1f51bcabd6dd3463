/**
 * Workspaces over HTTP: what the config says of them, what they have seen, and who did what there.
 */
import * as Effect from "effect/Effect"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Result from "effect/Result"
import { allows, Keys } from "../accounts/keys.ts"
import { CurrentPlan } from "../config/current-plan.ts"
import { limits } from "../config/defaults.ts"
import type { Plan, RulePlan, WorkspacePlan } from "../config/plan.ts"
import { History } from "../history/history.ts"
import type { SeenView } from "../history/overview.ts"
import { ConnectionStates } from "../log/connections.ts"
import { auditedActs } from "../model/record.ts"
import { answered, answeredNow } from "./answer.ts"
import { authenticate } from "./authenticate.ts"
import { makeFinder } from "./find-connection.ts"
import { listResponse, namePage, type NamePage, pageByName, positionCursor, positionPage } from "./pages.ts"
import { problem } from "./problem.ts"
import { noQuery, oneOfReader, type QueryOf, readQuery, textReader, timeReader } from "./query.ts"
import { timeText } from "./records.ts"

interface Place {
  readonly workspace: string
}

const auditReaders = {
  what: oneOfReader(auditedActs),
  by: textReader,
  target: textReader,
  from: timeReader,
  to: timeReader,
  ...positionPage("audit"),
}

/** The handlers. They answer every failure themselves. */
export const makeWorkspaces = Effect.gen(function* () {
  const { find } = yield* makeFinder
  const keys = yield* Keys
  const current = yield* CurrentPlan
  const states = yield* ConnectionStates
  const history = yield* History

  const asked = <R extends Parameters<typeof readQuery>[1]>(
    request: HttpServerRequest,
    { workspace }: Place,
    readers: R,
  ) =>
    Effect.fromResult(
      Result.flatMap(find(request, "read", workspace), (found) =>
        Result.map(readQuery(request.url, readers), (query) => ({ ...found, query })),
      ),
    )

  const list = (request: HttpServerRequest) =>
    answeredNow(
      Result.flatMap(authenticate(keys, request.headers, "read"), (identity) =>
        Result.map(readQuery(request.url, { account: textReader, tag: textReader, ...namePage }), (query) => {
          const plan = current.get()
          const wanted = [...(identity.workspaces ?? plan.workspaces.keys())]
            .map((id) => plan.workspaces.get(id))
            .filter((one) => one !== undefined && allows(identity, "read", one.id))
            .filter((one) => query.account === undefined || one!.account === query.account)
            .filter((one) => query.tag === undefined || one!.tags.includes(query.tag)) as Array<WorkspacePlan>
          const { records, next } = pageByName(wanted, ({ id }) => id, query)
          return listResponse(
            query.limit,
            next,
            records.map((one) => workspaceRecord(one, plan)),
          )
        }),
      ),
    )

  const show = (request: HttpServerRequest, place: Place) =>
    answered(
      Effect.map(asked(request, place, noQuery), ({ workspace }) => {
        const circuits = { closed: 0, open: 0, paused: 0 }
        for (const connection of workspace.connections.keys()) {
          circuits[states.get({ workspace: workspace.id, connection })?.state ?? "closed"]++
        }
        return HttpServerResponse.jsonUnsafe({ ...workspaceRecord(workspace, current.get()), circuits })
      }),
    )

  const rules = (request: HttpServerRequest, place: Place) =>
    answered(
      Effect.map(asked(request, place, { connection: textReader, ...namePage }), ({ workspace, query }) => {
        const { connection } = query
        const wanted = workspace.rules.filter(
          ({ actions }) => connection === undefined || actions.some((action) => action.connection === connection),
        )
        const { records, next } = pageByName(wanted, ({ id }) => id, query)
        return listResponse(query.limit, next, records.map(ruleRecord))
      }),
    )

  /** Names behind a page's beginning that were seen: enough of them for whatever the page has. */
  const seen = (workspace: string, kind: "type" | "resource", query: NamePage) =>
    history.seen({ workspace, kind, after: query.cursor, limit: (query.limit ?? limits.pageRecordsDefault) + 1 })

  const eventTypes = (request: HttpServerRequest, place: Place) =>
    answered(
      Effect.gen(function* () {
        const { workspace, query } = yield* asked(request, place, namePage)
        const known = new Map((yield* seen(workspace.id, "type", query)).map((one) => [one.name, one]))
        const names = new Set([...workspace.eventTypes.keys(), ...known.keys()])
        const { records, next } = pageByName(names, (name) => name, query)
        return listResponse(
          query.limit,
          next,
          records.map((name) => {
            const declared = workspace.eventTypes.get(name)
            return {
              type: name,
              description: declared?.description,
              declared: declared !== undefined,
              checked: declared?.check !== undefined,
              ...seenRecord(known.get(name)),
            }
          }),
        )
      }),
    )

  const resources = (request: HttpServerRequest, place: Place) =>
    answered(
      Effect.gen(function* () {
        const { workspace, query } = yield* asked(request, place, namePage)
        const { records, next } = pageByName(
          yield* seen(workspace.id, "resource", query),
          ({ name }) => name,
          query,
        )
        return listResponse(
          query.limit,
          next,
          records.map((one) => ({ resource: one.name, ...seenRecord(one) })),
        )
      }),
    )

  const auditOf = (workspace: string | undefined, query: QueryOf<typeof auditReaders>) =>
    Effect.map(
      history.audit({ workspace, ...query, after: query.cursor, limit: query.limit ?? limits.pageRecordsDefault }),
      ({ records, next }) =>
        listResponse(
          query.limit,
          next && positionCursor("audit", next),
          records.map(({ at, key, ...record }) => ({ at: timeText(at), ...record, key_id: key })),
        ),
    )

  const audit = (request: HttpServerRequest, place: Place) =>
    answered(
      Effect.flatMap(asked(request, place, auditReaders), ({ workspace, query }) => auditOf(workspace.id, query)),
    )

  /** What concerns no workspace by itself. */
  const auditOfAll = (request: HttpServerRequest) =>
    answered(
      Effect.gen(function* () {
        const identity = yield* Effect.fromResult(authenticate(keys, request.headers, "admin"))
        if (identity.workspaces !== undefined) {
          return yield* Effect.fail(
            problem(403, `the key ${identity.name} is bound to workspaces: ask for the audit of one of them`),
          )
        }
        return yield* auditOf(undefined, yield* Effect.fromResult(readQuery(request.url, auditReaders)))
      }),
    )

  return { list, show, rules, eventTypes, resources, audit, auditOfAll }
})

const workspaceRecord = ({ id, account, tags, ...workspace }: WorkspacePlan, { revision }: Plan) => ({
  id,
  account,
  tags,
  revision,
  counts: {
    connections: workspace.connections.size,
    rules: workspace.rules.length,
    event_types: workspace.eventTypes.size,
  },
})

const ruleRecord = ({ id, on, when, actions }: RulePlan) => ({
  id,
  on,
  when:
    when === undefined
      ? undefined
      : {
          resource: when.resource,
          resource_id: when.resource_id,
          tags: when.tags,
          expression: when.expression?.source,
        },
  actions: actions.map(({ index, connection, action }) => ({ index, connection, action })),
})

const seenRecord = (seen: SeenView | undefined) =>
  seen === undefined ? {} : { first_seen_at: timeText(seen.first), last_seen_at: timeText(seen.last) }
