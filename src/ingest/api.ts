/**
 * The contract of the HTTP API: what its OpenAPI document and its reference page are made from. No server code, so that a client can
 * import it. The publishing calls are read by hand (`publish.ts`), for their many forms and their speed; what they take and
 * answer is said here.
 */
import * as HttpApi from "effect/http-api/HttpApi"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Schema from "effect/Schema"
import { limits } from "../config/defaults.ts"
import { batchedType, structuredType } from "../model/cloudevents.ts"
import { eventIdPattern, eventTypePattern, resourcePattern, workspacePattern } from "../model/ids.ts"
import { secretNamePattern } from "../model/secret-ref.ts"
import { oauthPaths } from "./page.ts"
import { type ProblemStatus, titles } from "./problem.ts"

const text = (pattern: RegExp, description: string) =>
  Schema.String.pipe(Schema.check(Schema.isPattern(pattern))).annotate({ description })

const time = Schema.String.annotate({ format: "date-time", description: "RFC 3339" })

const fields = {
  workspace: Schema.optionalKey(text(workspacePattern, "May be left out when the key is bound to one workspace.")),
  payload: Schema.Record(Schema.String, Schema.Json),
  id: Schema.optionalKey(
    text(
      eventIdPattern,
      `An id that is sent again within ${limits.idempotencyWindowMs / 60_000} minutes is a repeat: it is stored once. Default: a new one.`,
    ),
  ),
  time: Schema.optionalKey(time),
  resource: Schema.optionalKey(text(resourcePattern, "What the event is about: page, order.")),
  resource_id: Schema.optionalKey(text(resourcePattern, "Which one of them.")),
  source: Schema.optionalKey(Schema.String),
}

export const EventInput = Schema.Struct({
  type: text(eventTypePattern, "What happened, such as lead.created. `event` is another name for it."),
  ...fields,
}).annotate({ identifier: "EventInput", description: `At most ${limits.eventBytes} bytes.` })

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

const InputErrors = Schema.Array(Schema.Struct({ path: Schema.String, message: Schema.String }))

const RecordRefused = Schema.Struct({
  status: Schema.Int,
  title: Schema.String,
  message: Schema.String,
  errors: InputErrors,
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

const problemAt = (status: ProblemStatus, description: string) =>
  Schema.Struct({
    title: Schema.String,
    status: Schema.Literal(status),
    message: Schema.String,
    errors: Schema.optionalKey(InputErrors),
  })
    .annotate({ identifier: `Problem${status}`, title: titles[status], description })
    .pipe(HttpApiSchema.status(status), HttpApiSchema.asJson({ contentType: "application/problem+json" }))

const problems = [
  problemAt(400, "Malformed: broken JSON, a missing or wrong field."),
  problemAt(401, "No key, or one that is not known."),
  problemAt(403, "The key may not publish to that workspace."),
  problemAt(404, "There is no such workspace."),
  problemAt(413, "The body, or the event, is too large."),
  problemAt(415, "The content type is none that is taken."),
  problemAt(422, "The payload does not fit the schema of its event type."),
  problemAt(429, "A limit is reached; `Retry-After` says when to try again."),
  problemAt(500, "A bug of the server's."),
  problemAt(503, "The log cannot store it now. `message` says whether nothing was stored or that is not known."),
]

const jsonAs = (contentType: string) => HttpApiSchema.asJson({ contentType })

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

const ConnectionRecord = Schema.Struct({
  id: Schema.String,
  workspace: Schema.String,
  connector: Schema.String,
  state: Schema.Literals(["closed", "open", "paused"]).annotate({
    description:
      "`open`: the destination is unwell, and what is meant for it waits. `paused`: until somebody resumes it.",
  }),
  since: Schema.optionalKey(time),
  by: Schema.optionalKey(Schema.String),
  reason: Schema.optionalKey(Schema.String),
  probe_at: Schema.optionalKey(time.annotate({ description: "When an open circuit is tried next." })),
}).annotate({ identifier: "Connection" })

const workspaceParams = Schema.Struct({ workspace: Schema.String })
const connectionParams = Schema.Struct({ workspace: Schema.String, connection: Schema.String })
const PauseInput = Schema.Struct({
  reason: Schema.optionalKey(
    Schema.String.annotate({ description: `Why, at most ${limits.pauseReasonCharacters} characters.` }),
  ),
}).annotate({ identifier: "PauseInput" })
const askProblems = [
  problemAt(400, "Malformed: a wrong value."),
  problemAt(401, "No key, or one that is not known."),
  problemAt(403, "The key may not do that there."),
  problemAt(404, "There is no such workspace, connection or secret."),
  problemAt(413, "The body is too large."),
  problemAt(500, "A bug of the server's."),
  problemAt(503, "The log does not answer now."),
]

export class ConnectionsApi extends HttpApiGroup.make("connections")
  .add(
    HttpApiEndpoint.get("list", "/api/v1/workspaces/:workspace/connections", {
      params: workspaceParams,
      query: Schema.Struct({ state: Schema.optionalKey(Schema.String) }),
      success: Schema.Struct({ count: Schema.Int, records: Schema.Array(ConnectionRecord) }),
      error: askProblems,
    }).annotateMerge(OpenApi.annotations({ summary: "List a workspace's connections" })),
    HttpApiEndpoint.get("show", "/api/v1/workspaces/:workspace/connections/:connection", {
      params: connectionParams,
      success: ConnectionRecord,
      error: askProblems,
    }).annotateMerge(OpenApi.annotations({ summary: "Show a connection" })),
    HttpApiEndpoint.post("pause", "/api/v1/workspaces/:workspace/connections/:connection/pause", {
      params: connectionParams,
      payload: PauseInput,
      success: ConnectionRecord,
      error: askProblems,
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Pause a connection",
        description:
          "Nothing is sent over it until it is resumed; what is meant for it waits. The body may be left out.",
      }),
    ),
    HttpApiEndpoint.post("resume", "/api/v1/workspaces/:workspace/connections/:connection/resume", {
      params: connectionParams,
      success: ConnectionRecord,
      error: askProblems,
    }).annotateMerge(
      OpenApi.annotations({ summary: "Resume a connection", description: "Closes an open circuit too." }),
    ),
  )
  .add(
    HttpApiEndpoint.get("authorize", "/api/v1/workspaces/:workspace/connections/:connection/authorize", {
      params: connectionParams,
      query: Schema.Struct({
        return_to: Schema.optionalKey(
          Schema.String.annotate({
            description: "Where the browser goes in the end: this server's origin, or one that MESHES_RETURN_TO lists.",
          }),
        ),
      }),
      success: Schema.Struct({
        url: Schema.String.annotate({
          description:
            "A link for the person who is to say yes. Whoever opens it first is asked: give it to nobody else.",
        }),
        expires_at: time,
      }).annotate({ identifier: "AuthorizationLink" }),
      error: askProblems,
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Let a person authorize a connection",
        description:
          "For connections that use OAuth. A browser (`Accept: text/html`) is sent to the vendor at once, and keeps a cookie that the " +
          "callback asks for.",
      }),
    ),
  )
  .annotateMerge(OpenApi.annotations({ title: "Connections" })) {}

const Page = Schema.String.pipe(HttpApiSchema.asText({ contentType: "text/html; charset=utf-8" }))
const session = Schema.Struct({ session: Schema.optionalKey(Schema.String) })

export class OAuthApi extends HttpApiGroup.make("oauth")
  .add(
    HttpApiEndpoint.get("link", oauthPaths.begin, { query: session, success: Page }).annotateMerge(
      OpenApi.annotations({
        summary: "The page of an authorization's link",
        description: "Says what is to be connected. Its button leads to the vendor, once.",
      }),
    ),
    HttpApiEndpoint.post("open", oauthPaths.begin, {
      payload: session.pipe(HttpApiSchema.asFormUrlEncoded()),
      success: Page,
    }).annotateMerge(OpenApi.annotations({ summary: "What the button does", description: "Only from that page." })),
    HttpApiEndpoint.get("callback", oauthPaths.callback, {
      query: Schema.Struct({
        state: Schema.optionalKey(Schema.String),
        code: Schema.optionalKey(Schema.String),
        error: Schema.optionalKey(Schema.String),
        error_description: Schema.optionalKey(Schema.String),
      }),
      success: Page,
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Where vendors send browsers back to",
        description: "The redirect URI to enter at a vendor: MESHES_PUBLIC_URL and this path.",
      }),
    ),
  )
  .annotateMerge(OpenApi.annotations({ title: "OAuth" })) {}

const SecretRecord = Schema.Struct({
  name: Schema.String,
  workspace: Schema.String,
  at: time.annotate({ description: "When it was set." }),
  key: Schema.String.annotate({ description: "The id of the key of the ring that it is sealed under." }),
}).annotate({ identifier: "Secret", description: "That it is set. Its value is never shown." })

const secretParams = Schema.Struct({
  workspace: Schema.String,
  // Checked by the handler, which says what is wrong with it.
  name: Schema.String.annotate({ description: `As in \`secret("NAME")\` of the config: ${secretNamePattern.source}` }),
})
const SecretInput = Schema.Struct({
  value: Schema.String.annotate({ description: `Not empty, at most ${limits.secretBytes} bytes.` }),
}).annotate({ identifier: "SecretInput" })

export class SecretsApi extends HttpApiGroup.make("secrets")
  .add(
    HttpApiEndpoint.get("list", "/api/v1/workspaces/:workspace/secrets", {
      params: workspaceParams,
      success: Schema.Struct({ count: Schema.Int, records: Schema.Array(SecretRecord) }),
      error: askProblems,
    }).annotateMerge(
      OpenApi.annotations({ summary: "List the secrets of a workspace", description: "Names, never values." }),
    ),
    HttpApiEndpoint.put("set", "/api/v1/workspaces/:workspace/secrets/:name", {
      params: secretParams,
      payload: SecretInput,
      success: HttpApiSchema.NoContent,
      error: askProblems,
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Set a secret",
        description:
          "It is sealed in the vault, used from then on, and never shown again. Connections that were paused for want of it go on. " +
          "503 without a key ring (`MESHES_SECRET_KEYS`).",
      }),
    ),
    HttpApiEndpoint.delete("remove", "/api/v1/workspaces/:workspace/secrets/:name", {
      params: secretParams,
      success: HttpApiSchema.NoContent,
      error: askProblems,
    }).annotateMerge(OpenApi.annotations({ summary: "Remove a secret" })),
  )
  .annotateMerge(OpenApi.annotations({ title: "Secrets", description: "For keys with the scope `admin`." })) {}

const idempotencyKey = {
  name: "Idempotency-Key",
  in: "header",
  required: false,
  schema: { type: "string", minLength: 1, maxLength: 255 },
  description: "For events without an id: what is sent again under the same key is stored once. An id wins over it.",
}

const securitySchemes = {
  key: { type: "http", scheme: "bearer", description: "A key with the scope that is asked for, or `admin`." },
  publishableKey: { type: "apiKey", in: "header", name: "X-Meshes-Publishable-Key", description: "Publishing only." },
}

/** What the publishing calls read from headers by themselves. */
const withHeaders = (spec: Record<string, any>): Record<string, any> => {
  for (const path of ["/api/v1/events", "/api/v1/events/bulk"]) {
    const operation = spec.paths[path].post
    operation.security = [{ key: [] }, { publishableKey: [] }]
    operation.parameters = [...(operation.parameters ?? []), idempotencyKey]
  }
  for (const path of Object.keys(spec.paths).filter((one) => one.startsWith("/api/v1/workspaces/"))) {
    for (const operation of Object.values<any>(spec.paths[path])) {
      operation.security = [{ key: [] }]
      if (operation.requestBody !== undefined) operation.requestBody.required = !path.endsWith("/pause")
    }
  }
  return { ...spec, components: { ...spec.components, securitySchemes } }
}

export class Api extends HttpApi.make("meshes")
  .add(EventsApi)
  .add(ConnectionsApi)
  .add(OAuthApi)
  .add(SecretsApi)
  .add(HealthApi)
  .annotateMerge(
    OpenApi.annotations({
      title: "Meshes",
      version: "1",
      description: "Emit an event once; every destination gets it.",
      transform: withHeaders,
    }),
  ) {}
