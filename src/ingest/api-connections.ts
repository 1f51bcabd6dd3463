/**
 * The contract of the calls about connections: how they are, whether they work, what there is to choose from, who let them, and the
 * secrets that they use. And of the connectors that there are.
 */
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Schema from "effect/Schema"
import { limits } from "../config/defaults.ts"
import { outcomeKinds } from "../model/outcome.ts"
import { secretNamePattern } from "../model/secret-ref.ts"
import { askProblems, connectionParams, listOf, pageQuery, parameter } from "./api-parts.ts"
import { problemAt, time, workspaceParams } from "./api-parts.ts"
import { oauthPaths } from "./page.ts"

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
  backlog: Schema.optionalKey(
    Schema.Int.annotate({
      description: `Deliveries that are not done. Absent, as what follows, while the history is made anew.`,
    }),
  ),
  last_success_at: Schema.optionalKey(time),
  last_failure: Schema.optionalKey(
    Schema.Struct({
      at: time,
      outcome: Schema.Literals(outcomeKinds),
      http_status: Schema.optionalKey(Schema.Int),
      message: Schema.optionalKey(Schema.String),
    }),
  ),
  authorization: Schema.optionalKey(
    Schema.NullOr(
      Schema.Struct({
        authorized_at: time,
        by: Schema.String,
        scopes: Schema.Array(Schema.String),
        token_expires_at: Schema.optionalKey(
          time.annotate({
            description: "Absent: good until the vendor refuses it. It is refreshed where the vendor lets it be.",
          }),
        ),
        refused: Schema.optionalKey(
          Schema.String.annotate({ description: "Why the vendor takes it no more: somebody must authorize it again." }),
        ),
      }),
    ).annotate({ description: "Of a connection that uses OAuth, shown alone: `null` before anybody authorized it." }),
  ),
  secrets: Schema.optionalKey(
    Schema.Array(
      Schema.Struct({
        name: Schema.String,
        set: Schema.Boolean.annotate({ description: "Whether the vault or the environment has it." }),
      }),
    ).annotate({ description: "Those that its settings refer to, of a connection shown alone, for `admin` alone." }),
  ),
}).annotate({ identifier: "Connection" })

const PauseInput = Schema.Struct({
  reason: Schema.optionalKey(
    Schema.String.annotate({ description: `Why, at most ${limits.pauseReasonCharacters} characters.` }),
  ),
}).annotate({ identifier: "PauseInput" })

const ConnectionTested = Schema.Struct({
  workspace: Schema.String,
  connection: Schema.String,
  connector: Schema.String,
  works: Schema.Boolean,
  says: Schema.String.annotate({ description: "In a line: whose account it is, or who is to do what." }),
  outcome: Schema.Literals(outcomeKinds),
  status: Schema.optionalKey(Schema.Int),
}).annotate({ identifier: "ConnectionTested" })

const Choices = Schema.Struct({
  count: Schema.Int,
  records: Schema.Array(
    Schema.Struct({
      id: Schema.String.annotate({ description: "What an action's input takes." }),
      name: Schema.String,
    }),
  ),
}).annotate({ identifier: "Choices" })

export class ConnectionsApi extends HttpApiGroup.make("connections")
  .add(
    HttpApiEndpoint.get("list", "/api/v1/workspaces/:workspace/connections", {
      params: workspaceParams,
      query: Schema.Struct({
        state: parameter("Only those that are so: closed, open, paused."),
        connector: parameter("Only those of this connector."),
        ...pageQuery,
      }),
      success: listOf(ConnectionRecord),
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
    HttpApiEndpoint.delete("disconnect", "/api/v1/workspaces/:workspace/connections/:connection/authorization", {
      params: connectionParams,
      success: Schema.Struct({
        confirmed: Schema.Boolean.annotate({ description: "Whether the vendor confirmed that the grant has ended." }),
        unconfirmed: Schema.optionalKey(Schema.String.annotate({ description: "Why it did not." })),
      }).annotate({ identifier: "Disconnected" }),
      error: askProblems,
    }).annotateMerge(
      OpenApi.annotations({
        summary: "End an authorization",
        description:
          "At the vendor, where it knows how, and here in any case. What is meant for the connection waits until somebody authorizes it again.",
      }),
    ),
  )
  .add(
    HttpApiEndpoint.post("test", "/api/v1/workspaces/:workspace/connections/:connection/test", {
      params: connectionParams,
      success: ConnectionTested,
      error: askProblems,
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Test a connection",
        description: "Makes a call to the vendor that does no harm, and explains its answer.",
      }),
    ),
    HttpApiEndpoint.get("choices", "/api/v1/workspaces/:workspace/connections/:connection/lists/:list", {
      params: Schema.Struct({ ...connectionParams.fields, list: Schema.String }),
      success: Choices,
      error: [...askProblems, problemAt(502, "The vendor does not give it: `message` says why.")],
    }).annotateMerge(
      OpenApi.annotations({
        summary: "List what there is to choose from",
        description: "Asks the vendor: audiences, channels, tags. The connector's description names its lists.",
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
      query: Schema.Struct(pageQuery),
      success: listOf(SecretRecord),
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

const JsonSchema = Schema.Record(Schema.String, Schema.Json).annotate({
  description:
    'JSON Schema. A field of `format: "secret"` takes the name of a secret; `choices` names a list to pick from.',
})

const Integration = Schema.Struct({
  id: Schema.String,
  title: Schema.String,
  description: Schema.String,
  docs: Schema.optionalKey(Schema.String),
  auth: Schema.Array(
    Schema.Struct({
      kind: Schema.String,
      settings: Schema.Array(Schema.String),
      description: Schema.optionalKey(Schema.String),
      scopes: Schema.optionalKey(Schema.Array(Schema.String)),
    }),
  ).annotate({ description: "Ways to prove who is asking: the first whose settings are given." }),
  settings: JsonSchema,
  actions: Schema.Array(
    Schema.Struct({
      id: Schema.String,
      title: Schema.String,
      description: Schema.optionalKey(Schema.String),
      docs: Schema.optionalKey(Schema.String),
      map: Schema.Literals(["required", "optional"]),
      repeat: Schema.Literals(["key", "natural", "again"]).annotate({
        description: "What a second attempt does: nothing (`key`, `natural`), or the same thing again.",
      }),
      batch: Schema.optionalKey(Schema.Int.annotate({ description: "Deliveries that go in one call." })),
      input: JsonSchema,
      example: Schema.optionalKey(Schema.Json),
    }),
  ),
  default_action: Schema.optionalKey(Schema.String),
  lists: Schema.Array(Schema.Struct({ id: Schema.String, title: Schema.String })),
  test: Schema.Boolean.annotate({ description: "Whether a connection can be tested by a call that does no harm." }),
  limits: Schema.optionalKey(Schema.Record(Schema.String, Schema.Json)),
}).annotate({ identifier: "Integration" })

export class IntegrationsApi extends HttpApiGroup.make("integrations")
  .add(
    HttpApiEndpoint.get("list", "/api/v1/integrations", {
      query: Schema.Struct(pageQuery),
      success: listOf(Integration),
      error: askProblems,
    }).annotateMerge(
      OpenApi.annotations({
        summary: "List the connectors",
        description: "Those that come along, and those of the config that your key may see.",
      }),
    ),
    HttpApiEndpoint.get("show", "/api/v1/integrations/:connector", {
      params: Schema.Struct({ connector: Schema.String }),
      success: Integration,
      error: askProblems,
    }).annotateMerge(OpenApi.annotations({ summary: "Show a connector" })),
  )
  .annotateMerge(OpenApi.annotations({ title: "Integrations" })) {}
