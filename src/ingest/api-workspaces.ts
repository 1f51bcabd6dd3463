/**
 * The contract of the calls about workspaces: what they are, what they have seen, who did what there.
 */
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Schema from "effect/Schema"
import { auditedActs } from "../model/record.ts"
import { listOf, pageQuery, parameter, periodQuery, readProblems, time, workspaceParams } from "./api-parts.ts"

const Workspace = Schema.Struct({
  id: Schema.String,
  account: Schema.optionalKey(Schema.String.annotate({ description: "The account that it belongs to." })),
  tags: Schema.Array(Schema.String),
  revision: Schema.String.annotate({ description: "Of the config that is in force." }),
  counts: Schema.Struct({ connections: Schema.Int, rules: Schema.Int, event_types: Schema.Int }),
  circuits: Schema.Struct({ closed: Schema.Int, open: Schema.Int, paused: Schema.Int }).annotate({
    description: "How many of its connections are how.",
  }),
}).annotate({ identifier: "Workspace" })

export const ruleWhen = Schema.optionalKey(
  Schema.Struct({
    resource: Schema.optionalKey(Schema.String),
    resource_id: Schema.optionalKey(Schema.String),
    tags: Schema.optionalKey(Schema.Array(Schema.String)).annotate({
      description: "Tags that the workspace must all have.",
    }),
    expression: Schema.optionalKey(Schema.String.annotate({ description: "JSONata over the event." })),
  }),
)

export const actionMaking = {
  map: Schema.optionalKey(
    Schema.Json.annotate({
      description: "JSONata that makes the action's input, or a structure whose strings are JSONata.",
    }),
  ),
  retry: Schema.optionalKey(
    Schema.Struct({
      attempts: Schema.optionalKey(Schema.Int),
      initial: Schema.optionalKey(Schema.String.annotate({ description: 'As in the config: "20 seconds".' })),
      factor: Schema.optionalKey(Schema.Number),
      max: Schema.optionalKey(Schema.String),
      jitter: Schema.optionalKey(Schema.Number),
    }).annotate({ description: "The action's own schedule, where it differs from the connection's." }),
  ),
}

const Rule = Schema.Struct({
  id: Schema.String,
  on: Schema.Array(Schema.String).annotate({ description: "Event types, or patterns: `lead.*`, `invoice.>`." }),
  when: ruleWhen,
  actions: Schema.Array(
    Schema.Struct({
      index: Schema.Int.annotate({ description: "Its position in the rule, from 0." }),
      connection: Schema.String,
      action: Schema.String,
      ...actionMaking,
    }),
  ),
}).annotate({ identifier: "Rule" })

const seenFields = {
  first_seen_at: Schema.optionalKey(time.annotate({ description: "As far back as the history goes." })),
  last_seen_at: Schema.optionalKey(time),
}

const EventTypeRecord = Schema.Struct({
  type: Schema.String,
  description: Schema.optionalKey(Schema.String),
  declared: Schema.Boolean.annotate({ description: "Whether the config declares it." }),
  checked: Schema.Boolean.annotate({ description: "Whether it has a schema that payloads must fit." }),
  ...seenFields,
}).annotate({ identifier: "EventType" })

const Resource = Schema.Struct({ resource: Schema.String, ...seenFields }).annotate({ identifier: "Resource" })

const AuditEntry = Schema.Struct({
  at: time,
  what: Schema.Literals(auditedActs),
  target: Schema.String.annotate({
    description: "What it was done to: the id or the name of a key, a secret, a connection, an event.",
  }),
  by: Schema.String.annotate({ description: "`key:<name>`, `cli:<user>`, `member:<email>` or `runtime`." }),
  key_id: Schema.optionalKey(Schema.String),
  from: Schema.optionalKey(Schema.String.annotate({ description: "The caller's address, or the command's machine." })),
  agent: Schema.optionalKey(Schema.String),
  detail: Schema.optionalKey(Schema.String),
}).annotate({ identifier: "AuditEntry" })

const auditQuery = Schema.Struct({
  what: parameter(`One of ${auditedActs.join(", ")}.`),
  by: parameter("Whoever did it, as the records say it: `key:support`."),
  target: parameter("What it was done to, exactly."),
  ...periodQuery,
  ...pageQuery,
})

const root = "/api/v1/workspaces"

export class WorkspacesApi extends HttpApiGroup.make("workspaces")
  .add(
    HttpApiEndpoint.get("list", root, {
      query: Schema.Struct({
        account: parameter("Only those of this account."),
        tag: parameter("Only those that have this tag."),
        text: parameter("Only those whose id has this text in it, whatever the case of its letters."),
        ...pageQuery,
      }),
      success: listOf(Workspace),
      error: readProblems,
    }).annotateMerge(
      OpenApi.annotations({ summary: "List workspaces", description: "Those that the key may see, by their ids." }),
    ),
    HttpApiEndpoint.get("show", `${root}/:workspace`, {
      params: workspaceParams,
      success: Workspace,
      error: readProblems,
    }).annotateMerge(OpenApi.annotations({ summary: "Show a workspace" })),
    HttpApiEndpoint.get("rules", `${root}/:workspace/rules`, {
      params: workspaceParams,
      query: Schema.Struct({ connection: parameter("Only rules with an action over this connection."), ...pageQuery }),
      success: listOf(Rule),
      error: readProblems,
    }).annotateMerge(
      OpenApi.annotations({
        summary: "List a workspace's rules",
        description: "Without `id` and `index` they are what a backtest takes as `rules`, by their ids.",
      }),
    ),
    HttpApiEndpoint.get("eventTypes", `${root}/:workspace/event-types`, {
      params: workspaceParams,
      query: Schema.Struct(pageQuery),
      success: listOf(EventTypeRecord),
      error: readProblems,
    }).annotateMerge(
      OpenApi.annotations({
        summary: "List a workspace's event types",
        description: "Those that the config declares, and those that were seen.",
      }),
    ),
    HttpApiEndpoint.get("resources", `${root}/:workspace/resources`, {
      params: workspaceParams,
      query: Schema.Struct(pageQuery),
      success: listOf(Resource),
      error: readProblems,
    }).annotateMerge(
      OpenApi.annotations({
        summary: "List the resources that a workspace has seen",
        description: "What its events were about: page, order. Which one of them is a filter of the events' list.",
      }),
    ),
  )
  .annotateMerge(OpenApi.annotations({ title: "Workspaces", description: "For keys with the scope `read`." })) {}

export class AuditApi extends HttpApiGroup.make("audit")
  .add(
    HttpApiEndpoint.get("ofWorkspace", `${root}/:workspace/audit`, {
      params: workspaceParams,
      query: auditQuery,
      success: listOf(AuditEntry),
      error: readProblems,
    }).annotateMerge(
      OpenApi.annotations({ summary: "List who did what in a workspace", description: "The latest first." }),
    ),
    HttpApiEndpoint.get("ofAll", "/api/v1/audit", {
      query: auditQuery,
      success: listOf(AuditEntry),
      error: readProblems,
    }).annotateMerge(
      OpenApi.annotations({
        summary: "List who did what in the installation",
        description:
          "What concerns no workspace by itself: configs, keys for all workspaces. For keys with the scope `admin` that are bound to no workspace.",
      }),
    ),
  )
  .annotateMerge(OpenApi.annotations({ title: "Audit" })) {}
