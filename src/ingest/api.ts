/**
 * The contract of the HTTP API: what its OpenAPI document and its reference page are made from. No server code, so that a client can
 * import it. The publishing calls are read by hand (`publish.ts`), for their many forms and their speed; what they take and
 * answer is said here.
 */
import * as HttpApi from "effect/http-api/HttpApi"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as HttpApiMiddleware from "effect/http-api/HttpApiMiddleware"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Schema from "effect/Schema"
import { limits } from "../config/defaults.ts"
import { batchedType, structuredType } from "../model/cloudevents.ts"
import { sessionCookie } from "../model/session.ts"
import { ActivityApi } from "./api-activity.ts"
import { ActsApi } from "./api-acts.ts"
import { ConnectionsApi, IntegrationsApi, OAuthApi, SecretsApi } from "./api-connections.ts"
import { KeysApi } from "./api-keys.ts"
import { OperationsApi } from "./api-operations.ts"
import { AliasesApi, PastApi } from "./api-past.ts"
import { ReplaysApi } from "./api-replays.ts"
import { SessionsApi, SignInApi } from "./api-sessions.ts"
import { TryingApi } from "./api-trying.ts"
import { UsageApi } from "./api-usage.ts"
import { EventInput, InputErrors, jsonAs, limitProblemAt, problemAt, time } from "./api-parts.ts"
import { AuditApi, WorkspacesApi } from "./api-workspaces.ts"
import { withExamples } from "./examples.ts"

export const CloudEventInput = Schema.Struct({
  specversion: Schema.Literal("1.0"),
  id: Schema.String,
  source: Schema.String,
  type: Schema.String,
  workspace: Schema.optionalKey(Schema.String),
  subject: Schema.optionalKey(Schema.String.annotate({ description: "resource/resource_id" })),
  time: Schema.optionalKey(time),
  datacontenttype: Schema.optionalKey(Schema.String),
  data: Schema.optionalKey(Schema.Record(Schema.String, Schema.Json)),
  data_base64: Schema.optionalKey(Schema.String),
}).annotate({ identifier: "CloudEventInput", description: "CloudEvents 1.0. Binary mode is understood as well." })

const EventFacts = Schema.Struct({
  id: Schema.String,
  type: Schema.String,
  workspace: Schema.String,
  resource: Schema.optionalKey(Schema.String),
  resource_id: Schema.optionalKey(Schema.String),
  created_at: time,
}).annotate({ identifier: "EventFacts" })

export const EventAccepted = Schema.Struct({ event: EventFacts }).annotate({
  identifier: "EventAccepted",
  description: "The event is stored.",
})

export const EventRepeated = Schema.Struct({ event: EventFacts, duplicate: Schema.Literal(true) }).annotate({
  identifier: "EventRepeated",
  description: "An event of this id is stored already: these are its facts, and this one was dropped.",
})

const RecordRefused = Schema.Struct({
  status: Schema.Int,
  title: Schema.String,
  message: Schema.String,
  errors: InputErrors,
  resets_at: Schema.optionalKey(time),
}).annotate({ identifier: "RecordRefused" })

const bulkFields = {
  count: Schema.Int,
  error_count: Schema.Int,
  records: Schema.Array(Schema.Union([EventRepeated, EventAccepted, RecordRefused])),
}

export const BulkAccepted = Schema.Struct(bulkFields).annotate({
  identifier: "BulkAccepted",
  description: "All are stored; records are in the order they were sent.",
})

export const BulkPartly = Schema.Struct(bulkFields).annotate({
  identifier: "BulkPartly",
  description: "Some were refused: their records say why. The others are stored.",
})

const problems = [
  problemAt(400, "Malformed: broken JSON, a missing or wrong field."),
  problemAt(401, "No key, or one that is not known or has expired."),
  problemAt(403, "The key may not publish to that workspace, such events, or from such a page."),
  problemAt(404, "There is no such workspace."),
  problemAt(413, "The body, or the event, is too large."),
  problemAt(415, "The content type is none that is taken."),
  problemAt(422, "The payload does not fit the schema of its event type."),
  limitProblemAt("A limit of the plan is reached; `Retry-After` says when to try again."),
  problemAt(500, "A bug of the server's."),
  problemAt(503, "The log cannot store it now. `message` says whether nothing was stored or that is not known."),
]

export class EventsApi extends HttpApiGroup.make("events")
  .add(
    HttpApiEndpoint.post("publish", "/api/v1/events", {
      payload: [EventInput, CloudEventInput.pipe(jsonAs(structuredType))],
      success: [EventAccepted.pipe(HttpApiSchema.status(201)), EventRepeated.pipe(HttpApiSchema.status(200))],
      error: problems,
    }).annotateMerge(
      OpenApi.annotations({ summary: "Publish an event", description: "Answers once the event is stored on disk." }),
    ),
    HttpApiEndpoint.post("bulk", "/api/v1/events/bulk", {
      payload: [
        Schema.Array(EventInput),
        EventInput.pipe(jsonAs("application/x-ndjson")),
        Schema.Array(CloudEventInput).pipe(jsonAs(batchedType)),
      ],
      success: [BulkAccepted.pipe(HttpApiSchema.status(201)), BulkPartly.pipe(HttpApiSchema.status(207))],
      error: problems,
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Publish many events",
        description: `Up to ${limits.bulkEvents} events and ${limits.bulkBytes} bytes: a JSON array, or one event a line.`,
      }),
    ),
  )
  .annotateMerge(OpenApi.annotations({ title: "Events" })) {}

const Loops = Schema.Struct({
  ready: Schema.Boolean,
  loops: Schema.Array(
    Schema.Struct({
      name: Schema.String,
      alive: Schema.Boolean,
      silent_ms: Schema.NullOr(Schema.Int).annotate({ description: "Since it last moved; null: it has not begun." }),
      failure: Schema.optionalKey(Schema.String),
    }),
  ),
  config: Schema.optionalKey(
    Schema.Struct({
      revisions: Schema.Array(Schema.String).annotate({
        description: "In force: one, but for the moment of a reload.",
      }),
      refused: Schema.Boolean.annotate({ description: "The newest config is wrong; the one before goes on." }),
    }),
  ),
})

export class HealthApi extends HttpApiGroup.make("health")
  .add(
    HttpApiEndpoint.get("alive", "/healthz", {
      success: Schema.Struct({ status: Schema.Literal("ok") }).annotate({ description: "The process answers." }),
    }),
    HttpApiEndpoint.get("ready", "/readyz", {
      success: Loops.annotate({ identifier: "Ready", description: "Every loop is making progress." }),
      error: Loops.annotate({ identifier: "NotReady", description: "Some loop is not." }).pipe(
        HttpApiSchema.status(503),
      ),
    }),
    HttpApiEndpoint.get("metrics", "/metrics", {
      success: Schema.String.annotate({ description: "In the text format of Prometheus." }).pipe(
        HttpApiSchema.asText(),
      ),
    }),
  )
  .annotateMerge(OpenApi.annotations({ title: "Health" })) {}

const idempotencyKey = {
  name: "Idempotency-Key",
  in: "header",
  required: false,
  schema: { type: "string", minLength: 1, maxLength: 255 },
  description: "For events without an id: what is sent again under the same key is stored once. An id wins over it.",
}

const securitySchemes = {
  key: { type: "http", scheme: "bearer", description: "A key with the scope that is asked for, or `admin`." },
  session: { type: "apiKey", in: "cookie", name: sessionCookie, description: "Of a browser that has signed in." },
  publishableKey: { type: "apiKey", in: "header", name: "X-Meshes-Publishable-Key", description: "Publishing only." },
}

/** What calls read by themselves and what all of them have in common: keys, examples. */
const completed = (spec: Record<string, any>): Record<string, any> => {
  const publishing = ["/api/v1/events", "/api/v1/events/bulk"]
  for (const path of publishing) {
    const operation = spec.paths[path].post
    operation.security = [{ key: [] }, { publishableKey: [] }]
    operation.parameters = [...(operation.parameters ?? []), idempotencyKey]
  }
  for (const path of Object.keys(spec.paths).filter((one) => one.startsWith("/api/v1/"))) {
    for (const operation of Object.values<any>(spec.paths[path])) {
      if (!publishing.includes(path)) operation.security = [{ key: [] }, { session: [] }]
      if (operation.requestBody !== undefined)
        operation.requestBody.required = !/\/(?:pause|replays|backtests)$/.test(path)
    }
  }
  // What lets somebody in is in their bodies.
  for (const path of ["/api/v1/sign-in", "/api/v1/sessions/launch"]) spec.paths[path].post.security = [{}]
  return withExamples({ ...spec, components: { ...spec.components, securitySchemes } })
}

/** Before each call: what it is to whoever is bound to a resource (`bounds.ts`). */
export class Bounds extends HttpApiMiddleware.Service<Bounds>()("meshes/Bounds") {}

export class Api extends HttpApi.make("meshes")
  .add(EventsApi)
  .add(ActivityApi)
  .add(WorkspacesApi)
  .add(PastApi)
  .add(AliasesApi)
  .add(ConnectionsApi)
  .add(OAuthApi)
  .add(SecretsApi)
  .add(IntegrationsApi)
  .add(KeysApi)
  .add(SignInApi)
  .add(SessionsApi)
  .add(AuditApi)
  .add(ReplaysApi)
  .add(TryingApi)
  .add(UsageApi)
  .add(ActsApi)
  .add(OperationsApi)
  .add(HealthApi)
  .middleware(Bounds)
  .annotateMerge(
    OpenApi.annotations({
      title: "Meshes",
      version: "1",
      description:
        "Emit an event once; every destination gets it. Keys are sent as `Authorization: Bearer <key>`; browsers sign in. Lists are answered a page at a time, as " +
        "`{ count, limit, next_cursor, records }`. Whatever is refused is answered as `application/problem+json` with what is wrong and what to do.",
      transform: completed,
    }),
  ) {}
