/**
 * The connectors that there are, described: what a form or a program needs to make connections and rules.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Result from "effect/Result"
import { allows, Keys, type Identity } from "../accounts/keys.ts"
import { CurrentPlan } from "../config/current-plan.ts"
import { describeConnector, type DescribedConnector } from "../config/describe.ts"
import type { Plan } from "../config/plan.ts"
import type { ConnectorDefinition } from "../model/connector.ts"
import { authenticate } from "./authenticate.ts"
import { listResponse, namePage, pageByName } from "./pages.ts"
import { problem, problemResponse } from "./problem.ts"
import { readQuery } from "./query.ts"

/** The connectors that come along. Loaded when they are asked for: a runtime needs only those of its config. */
export class Catalog extends Context.Service<
  Catalog,
  { readonly connectors: () => Promise<ReadonlyArray<ConnectorDefinition>> }
>()("meshes/Catalog") {}

/** The handlers. They answer every failure themselves. */
export const makeIntegrations = Effect.gen(function* () {
  const keys = yield* Keys
  const current = yield* CurrentPlan
  const catalog = yield* Catalog

  const known = Effect.fnUntraced(function* (request: HttpServerRequest) {
    const identity = authenticate(keys, request.headers, "read")
    if (Result.isFailure(identity)) return Result.fail(identity.failure)
    const found = new Map<string, DescribedConnector>()
    const all = [...(yield* Effect.promise(catalog.connectors)), ...ownOf(current.get(), identity.success)]
    // A config's own goes before one that comes along.
    for (const connector of all) found.set(connector.name, describeConnector(connector))
    return Result.succeed(found)
  })

  const list = Effect.fnUntraced(function* (request: HttpServerRequest) {
    const found = yield* known(request)
    if (Result.isFailure(found)) return problemResponse(found.failure)
    const query = readQuery(request.url, namePage)
    if (Result.isFailure(query)) return problemResponse(query.failure)
    const { records, next } = pageByName(found.success.values(), ({ id }) => id, query.success)
    return listResponse(query.success.limit, next, records)
  })

  const show = Effect.fnUntraced(function* (request: HttpServerRequest, { connector }: { readonly connector: string }) {
    const found = yield* known(request)
    if (Result.isFailure(found)) return problemResponse(found.failure)
    const one = found.success.get(connector)
    return one === undefined
      ? problemResponse(problem(404, "there is no such connector"))
      : HttpServerResponse.jsonUnsafe(one)
  })

  return { list, show }
})

const byPlan = new WeakMap<Plan, ReadonlyMap<string, ReadonlySet<ConnectorDefinition>>>()

/** The connectors of the workspaces that a key may read. */
const ownOf = (plan: Plan, identity: Identity): ReadonlyArray<ConnectorDefinition> => {
  let workspaces = byPlan.get(plan)
  if (workspaces === undefined) {
    workspaces = new Map(
      [...plan.workspaces.values()].map(({ id, connections }) => [
        id,
        new Set([...connections.values()].map(({ connection }) => connection.connector)),
      ]),
    )
    byPlan.set(plan, workspaces)
  }
  const own = new Set<ConnectorDefinition>()
  for (const [id, connectors] of workspaces) {
    if (allows(identity, "read", id)) for (const connector of connectors) own.add(connector)
  }
  return [...own]
}
