/**
 * Which handler answers which call.
 */
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Layer from "effect/Layer"
import type { CurrentPlan } from "../config/current-plan.ts"
import type { Health } from "../observe/health.ts"
import { ownReport, Reporting } from "../observe/report.ts"
import { activity } from "./activity.ts"
import { makeActs } from "./acts.ts"
import { makeAliases } from "./aliases.ts"
import { Api } from "./api.ts"
import { makeAudits } from "./audits.ts"
import { makeBacktests } from "./backtests.ts"
import { boundsLayer } from "./bounds.ts"
import { makeChecks } from "./checks.ts"
import { makeConnections } from "./connections.ts"
import { makeExplain } from "./explain.ts"
import { makeIntegrations } from "./integrations.ts"
import { makeKeys } from "./keys.ts"
import { makeOAuth } from "./oauth.ts"
import { makeOperations } from "./operations.ts"
import { problem, problemResponse } from "./problem.ts"
import { makePast } from "./past.ts"
import { makePublisher } from "./publish.ts"
import { referenceHeaders, renderReference } from "./reference.ts"
import { makeReplays } from "./replays.ts"
import { makeSecrets } from "./secrets.ts"
import { sessionsGroup } from "./sessions.ts"
import { signInGroup } from "./sign-in.ts"
import { makeUsage } from "./usage.ts"
import { makeWorkspaces } from "./workspaces.ts"

const events = HttpApiBuilder.group(Api, "events", (handlers) =>
  Effect.map(makePublisher, ({ publish, bulk }) =>
    handlers.handleRaw("publish", ({ request }) => publish(request)).handleRaw("bulk", ({ request }) => bulk(request)),
  ),
)

const workspaces = HttpApiBuilder.group(Api, "workspaces", (handlers) =>
  Effect.map(makeWorkspaces, ({ list, show, rules, eventTypes, resources }) =>
    handlers
      .handleRaw("list", ({ request }) => list(request))
      .handleRaw("show", ({ request, params }) => show(request, params))
      .handleRaw("rules", ({ request, params }) => rules(request, params))
      .handleRaw("eventTypes", ({ request, params }) => eventTypes(request, params))
      .handleRaw("resources", ({ request, params }) => resources(request, params)),
  ),
)

const past = HttpApiBuilder.group(Api, "past", (handlers) =>
  Effect.map(makePast, ({ events, event, deliveries, delivery, deadLetters, deadGroups }) =>
    handlers
      .handleRaw("events", ({ request, params }) => events(request, params))
      .handleRaw("event", ({ request, params }) => event(request, params))
      .handleRaw("deliveries", ({ request, params }) => deliveries(request, params))
      .handleRaw("delivery", ({ request, params }) => delivery(request, params))
      .handleRaw("deadLetters", ({ request, params }) => deadLetters(request, params))
      .handleRaw("deadGroups", ({ request, params }) => deadGroups(request, params)),
  ),
)

const aliases = HttpApiBuilder.group(Api, "aliases", (handlers) =>
  Effect.map(makeAliases, ({ attempts, retry }) =>
    handlers
      .handleRaw("attempts", ({ request, params }) => attempts(request, params))
      .handleRaw("ruleAttempts", ({ request, params }) => attempts(request, params))
      .handleRaw("retry", ({ request, params }) => retry(request, params)),
  ),
)

const audit = HttpApiBuilder.group(Api, "audit", (handlers) =>
  Effect.map(makeAudits, ({ ofWorkspace, ofAll }) =>
    handlers
      .handleRaw("ofWorkspace", ({ request, params }) => ofWorkspace(request, params))
      .handleRaw("ofAll", ({ request }) => ofAll(request)),
  ),
)

const connections = HttpApiBuilder.group(Api, "connections", (handlers) =>
  Effect.map(
    Effect.all([makeConnections, makeOAuth, makeChecks]),
    ([{ list, show, pause, resume }, { authorize, disconnect }, { test, choices }]) =>
      handlers
        .handleRaw("test", ({ request, params }) => test(request, params))
        .handleRaw("choices", ({ request, params }) => choices(request, params))
        .handleRaw("authorize", ({ request, params }) => authorize(request, params))
        .handleRaw("disconnect", ({ request, params }) => disconnect(request, params))
        .handleRaw("list", ({ request, params }) => list(request, params))
        .handleRaw("show", ({ request, params }) => show(request, params))
        .handleRaw("pause", ({ request, params }) => pause(request, params))
        .handleRaw("resume", ({ request, params }) => resume(request, params)),
  ),
)

const oauth = HttpApiBuilder.group(Api, "oauth", (handlers) =>
  Effect.map(makeOAuth, ({ link, open, callback }) =>
    handlers
      .handleRaw("link", ({ request }) => link(request))
      .handleRaw("open", ({ request }) => open(request))
      .handleRaw("callback", ({ request }) => callback(request)),
  ),
)

const secrets = HttpApiBuilder.group(Api, "secrets", (handlers) =>
  Effect.map(makeSecrets, ({ list, set, remove }) =>
    handlers
      .handleRaw("list", ({ request, params }) => list(request, params))
      .handleRaw("set", ({ request, params }) => set(request, params))
      .handleRaw("remove", ({ request, params }) => remove(request, params)),
  ),
)

const replays = HttpApiBuilder.group(Api, "replays", (handlers) =>
  Effect.map(makeReplays, ({ begin, list, show, stop }) =>
    handlers
      .handleRaw("begin", ({ request, params }) => begin(request, params))
      .handleRaw("list", ({ request, params }) => list(request, params))
      .handleRaw("show", ({ request, params }) => show(request, params))
      .handleRaw("stop", ({ request, params }) => stop(request, params)),
  ),
)

const trying = HttpApiBuilder.group(Api, "trying", (handlers) =>
  Effect.map(Effect.all([makeExplain, makeBacktests]), ([explain, backtest]) =>
    handlers
      .handleRaw("explain", ({ request, params }) => explain(request, params))
      .handleRaw("backtest", ({ request, params }) => backtest(request, params)),
  ),
)

const acts = HttpApiBuilder.group(Api, "acts", (handlers) =>
  Effect.map(makeActs, ({ retryDelivery, cancelDelivery, retryEvent, cancelEvent }) =>
    handlers
      .handleRaw("retryDelivery", ({ request, params }) => retryDelivery(request, params))
      .handleRaw("cancelDelivery", ({ request, params }) => cancelDelivery(request, params))
      .handleRaw("retryEvent", ({ request, params }) => retryEvent(request, params))
      .handleRaw("cancelEvent", ({ request, params }) => cancelEvent(request, params)),
  ),
)

const operations = HttpApiBuilder.group(Api, "operations", (handlers) =>
  Effect.map(makeOperations, ({ begin, list, show, stop }) =>
    handlers
      .handleRaw("begin", ({ request, params }) => begin(request, params))
      .handleRaw("list", ({ request, params }) => list(request, params))
      .handleRaw("show", ({ request, params }) => show(request, params))
      .handleRaw("stop", ({ request, params }) => stop(request, params)),
  ),
)

const integrations = HttpApiBuilder.group(Api, "integrations", (handlers) =>
  Effect.map(makeIntegrations, ({ list, show }) =>
    handlers
      .handleRaw("list", ({ request }) => list(request))
      .handleRaw("show", ({ request, params }) => show(request, params)),
  ),
)

const keys = HttpApiBuilder.group(Api, "keys", (handlers) =>
  Effect.map(makeKeys, ({ create, list, revoke }) =>
    handlers
      .handleRaw("create", ({ request }) => create(request))
      .handleRaw("list", ({ request }) => list(request))
      .handleRaw("revoke", ({ request, params }) => revoke(request, params)),
  ),
)

const usage = HttpApiBuilder.group(Api, "usage", (handlers) =>
  Effect.map(makeUsage, ({ list, show }) =>
    handlers
      .handleRaw("list", ({ request }) => list(request))
      .handleRaw("show", ({ request, params }) => show(request, params)),
  ),
)

const health = HttpApiBuilder.group(Api, "health", (handlers) =>
  Effect.gen(function* () {
    const reporting = yield* Reporting
    const report = reporting(ownReport(yield* Effect.context<Health | CurrentPlan>()))
    return handlers
      .handleRaw("alive", () => Effect.succeed(HttpServerResponse.jsonUnsafe({ status: "ok" })))
      .handleRaw("ready", () =>
        Effect.map(report.readiness, (readiness) =>
          HttpServerResponse.jsonUnsafe(readiness, { status: readiness.ready ? 200 : 503 }),
        ),
      )
      .handleRaw("metrics", () =>
        Effect.map(report.metrics, (text) =>
          text === undefined
            ? problemResponse(problem(503, "the process that knows the metrics of all workers does not answer"))
            : HttpServerResponse.text(text, { contentType: "text/plain; version=0.0.4; charset=utf-8" }),
        ),
      )
  }),
)

/** Every call of the API, its document and its reference. */
export const routes = Layer.mergeAll(
  HttpApiBuilder.layer(Api, { openapiPath: "/openapi.json" }).pipe(
    Layer.provide([events, activity, workspaces, past, aliases, connections, oauth, secrets, integrations, replays]),
    Layer.provide([acts, trying, operations, keys, signInGroup, sessionsGroup, audit, usage, health]),
    Layer.provide(boundsLayer),
  ),
  HttpRouter.use((router) => {
    let page: string | undefined
    return router.add(
      "GET",
      "/docs",
      Effect.sync(() =>
        HttpServerResponse.text((page ??= renderReference(OpenApi.fromApi(Api))), { headers: referenceHeaders }),
      ),
    )
  }),
)
