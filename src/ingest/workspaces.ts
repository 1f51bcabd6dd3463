/**
 * Workspaces over HTTP: what the config says of them, and what they have seen.
 */
import * as Effect from "effect/Effect"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Result from "effect/Result"
import { allows, Keys, type Identity } from "../accounts/keys.ts"
import { CurrentPlan } from "../config/current-plan.ts"
import { limits } from "../config/defaults.ts"
import { durationText } from "../config/duration.ts"
import type { Plan, RetryPlan, RulePlan, WorkspacePlan } from "../config/plan.ts"
import { History } from "../history/history.ts"
import type { SeenView } from "../history/overview.ts"
import { ConnectionStates } from "../log/connections.ts"
import { answered, answeredNow } from "./answer.ts"
import { authenticate } from "./authenticate.ts"
import { isBound } from "./bounds.ts"
import { makeFinder } from "./find-connection.ts"
import { listResponse, namePage, type NamePage, pageByName } from "./pages.ts"
import { noQuery, readQuery, textReader } from "./query.ts"
import { timeText } from "./records.ts"

const listReaders = { account: textReader, tag: textReader, text: textReader, ...namePage }

interface Place {
  readonly workspace: string
}

/** The handlers. They answer every failure themselves. */
export const makeWorkspaces = Effect.gen(function* () {
  const { asked } = yield* makeFinder
  const keys = yield* Keys
  const current = yield* CurrentPlan
  const states = yield* ConnectionStates
  const history = yield* History

  const list = (request: HttpServerRequest) =>
    answeredNow(
      Result.flatMap(authenticate(keys, request.headers, "read"), (identity) =>
        Result.map(readQuery(request.url, listReaders), (query) => {
          const plan = current.get()
          const text = query.text?.toLowerCase()
          const wanted = [...(identity.workspaces ?? plan.workspaces.keys())]
            .map((id) => plan.workspaces.get(id))
            .filter((one) => one !== undefined && allows(identity, "read", one.id))
            .filter((one) => query.account === undefined || one!.account === query.account)
            .filter((one) => query.tag === undefined || one!.tags.includes(query.tag))
            .filter((one) => text === undefined || one!.id.toLowerCase().includes(text)) as Array<WorkspacePlan>
          const { records, next } = pageByName(wanted, ({ id }) => id, query)
          return listResponse(
            query.limit,
            next,
            records.map((one) => recordOf(one, plan)),
          )
        }),
      ),
    )

  const recordOf = (workspace: WorkspacePlan, plan: Plan) => {
    const circuits = { closed: 0, open: 0, paused: 0 }
    for (const connection of workspace.connections.keys()) {
      circuits[states.get({ workspace: workspace.id, connection })?.state ?? "closed"]++
    }
    return { ...workspaceRecord(workspace, plan), circuits }
  }

  const show = (request: HttpServerRequest, place: Place) =>
    answered(
      Effect.map(asked(request, place, noQuery), ({ workspace }) =>
        HttpServerResponse.jsonUnsafe(recordOf(workspace, current.get())),
      ),
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
        const { identity, workspace, query } = yield* asked(request, place, namePage)
        // What was seen of a type, and that there is one, may be of events about other things.
        const found = isBound(identity) ? [] : yield* seen(workspace.id, "type", query)
        const known = new Map(found.map((one) => [one.name, one]))
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
        const { identity, workspace, query } = yield* asked(request, place, namePage)
        const found = isBound(identity) ? ownOf(identity) : yield* seen(workspace.id, "resource", query)
        const { records, next } = pageByName(found, ({ name }) => name, query)
        return listResponse(
          query.limit,
          next,
          records.map(({ name, ...one }) => ({ resource: name, ...seenRecord(one) })),
        )
      }),
    )

  return { list, show, rules, eventTypes, resources }
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
  actions: actions.map(({ index, connection, action, map, retry }) => ({
    ...{ index, connection, action },
    map: map?.source,
    retry: retry === undefined ? undefined : retryRecord(retry),
  })),
})

/** As a config has it, so that what is read can be tried again with a change. */
const retryRecord = ({ attempts, initialMs, factor, maxMs, jitter }: RetryPlan) => ({
  attempts,
  initial: durationText(initialMs),
  factor,
  max: durationText(maxMs),
  jitter,
})

/** Without when there were events about it: there may be others about another one of them. */
const ownOf = ({ resource }: Identity) => (resource === undefined ? [] : [{ name: resource }])

const seenRecord = ({ first, last }: Partial<SeenView> = {}) => ({
  first_seen_at: first === undefined ? undefined : timeText(first),
  last_seen_at: last === undefined ? undefined : timeText(last),
})
