/**
 * The contract of the calls about replays: events of the log delivered once more.
 */
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Schema from "effect/Schema"
import { limits } from "../config/defaults.ts"
import { resourcePattern } from "../model/ids.ts"
import { earlierNames } from "../model/replay.ts"
import { askProblems, listOf, pageQuery, parameter, problemAt, text, time, workspaceParams } from "./api-parts.ts"

const oneOrMany = <A extends Schema.Codec<any, any>>(one: A, description: string) =>
  Schema.optionalKey(Schema.Union([one, Schema.Array(one)]).annotate({ description }))

const moment = (description: string) =>
  Schema.optionalKey(
    Schema.String.annotate({
      description: `${description} RFC 3339, or for how long ago a duration such as "2 hours".`,
    }),
  )

export const pastPeriod = {
  from: moment("Events that the log stored then or later."),
  to: moment("Events that it stored before then."),
}

/** Which events, and which of their deliveries. */
export const pastFilter = {
  type: oneOrMany(Schema.String, "Event types or patterns of them: `lead.created`, `lead.*`, `invoice.>`."),
  resource: Schema.optionalKey(text(resourcePattern, "Events about such a resource.")),
  resource_id: Schema.optionalKey(text(resourcePattern, "Events about that one.")),
  expression: Schema.optionalKey(
    Schema.String.annotate({ description: "JSONata over the event: those of which it is true. Wants `payload:read`." }),
  ),
  rule: Schema.optionalKey(Schema.String.annotate({ description: "Deliveries by this rule alone." })),
  connection: Schema.optionalKey(Schema.String.annotate({ description: "Deliveries over this connection alone." })),
}

const filterFields = {
  ...pastFilter,
  status: oneOrMany(
    Schema.Literals(earlierNames),
    "By what became of the same delivery before, replays included; `none`: there was none.",
  ),
}

const ReplayInput = Schema.Struct({
  ...pastPeriod,
  ...filterFields,
  rate: Schema.optionalKey(
    Schema.Int.annotate({
      description: `Deliveries a second, 1 to ${limits.replayRateMax}; default ${limits.replayRate}.`,
    }),
  ),
  same_ids: Schema.optionalKey(
    Schema.Boolean.annotate({
      description:
        "Deliveries keep the ids that they had: receivers that drop repeats drop those they have. Default: new ids.",
    }),
  ),
  dry_run: Schema.optionalKey(Schema.Boolean.annotate({ description: "Only show what would be sent." })),
  requests: Schema.optionalKey(
    Schema.Int.annotate({
      description: `How many requests a dry run shows, 0 to ${limits.previewRequestsMax}; default ${limits.previewRequests}.`,
    }),
  ),
}).annotate({ identifier: "ReplayInput" })

const counts = {
  events: Schema.Int.annotate({ description: "Events looked at." }),
  matched: Schema.Int.annotate({ description: "Events that the filter left." }),
  deliveries: Schema.Int.annotate({ description: "Deliveries made of them." }),
  skipped: Schema.Int.annotate({
    description: "Deliveries not made: on their way already under that id, or the history does not reach back so far.",
  }),
  failed: Schema.Int.annotate({ description: "Events for which the expression failed." }),
}

const ReplayRecord = Schema.Struct({
  id: Schema.String,
  workspace: Schema.NullOr(Schema.String),
  state: Schema.Literals(["running", "stopped", "done"]),
  created_at: time,
  by: Schema.String,
  ended_at: Schema.optionalKey(time),
  stopped_by: Schema.optionalKey(Schema.String),
  reason: Schema.optionalKey(Schema.String),
  filter: Schema.Struct({ from: Schema.optionalKey(time), to: Schema.optionalKey(time), ...filterFields }),
  rate: Schema.Int,
  same_ids: Schema.Boolean,
  progress: Schema.Struct(counts),
  range: Schema.Struct({ first: Schema.Int, last: Schema.Int, at: Schema.Int }).annotate({
    description:
      "Sequences of events in the log: what was routed when the replay was begun, and the last one that it came to.",
  }),
}).annotate({ identifier: "Replay" })

const ReplayPreview = Schema.Struct({
  ...counts,
  complete: Schema.Boolean.annotate({
    description: `\`false\`: more than ${limits.previewEvents} events lie in the range, and the others were not looked at.`,
  }),
  by: Schema.Array(
    Schema.Struct({
      workspace: Schema.String,
      rule: Schema.String,
      action: Schema.Int,
      connection: Schema.String,
      deliveries: Schema.Int,
      before: Schema.Record(Schema.String, Schema.Int).annotate({ description: "What became of them before." }),
    }),
  ),
  requests: Schema.Array(
    Schema.Struct({
      event: Schema.String,
      workspace: Schema.String,
      rule: Schema.String,
      connection: Schema.String,
      connector: Schema.String,
      action: Schema.String,
      input: Schema.optionalKey(Schema.Json),
      request: Schema.optionalKey(Schema.Json),
      error: Schema.optionalKey(Schema.String),
    }),
  ).annotate({
    description: "The first ones, as they would be sent, secrets masked. None for a key without `payload:read`.",
  }),
}).annotate({ identifier: "ReplayPreview", description: "The answer to a dry run." })

const replayParams = Schema.Struct({ workspace: Schema.String, replay: Schema.String })

export class ReplaysApi extends HttpApiGroup.make("replays")
  .add(
    HttpApiEndpoint.post("begin", "/api/v1/workspaces/:workspace/replays", {
      params: workspaceParams,
      payload: ReplayInput,
      success: [ReplayRecord.pipe(HttpApiSchema.status(201)), ReplayPreview.pipe(HttpApiSchema.status(200))],
      error: [...askProblems, problemAt(429, "Too many replays of the workspace are not over.")],
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Begin a replay",
        description:
          "Events of the log that were routed by now are decided on by the config in force, and what their rules want is delivered " +
          "again, in the background. Destinations are told by `x-meshes-replay`. With `dry_run` nothing is begun: 200 and what would be.",
      }),
    ),
    HttpApiEndpoint.get("list", "/api/v1/workspaces/:workspace/replays", {
      params: workspaceParams,
      query: Schema.Struct({ state: parameter("Only those that are so: running, stopped, done."), ...pageQuery }),
      success: listOf(ReplayRecord),
      error: askProblems,
    }).annotateMerge(OpenApi.annotations({ summary: "List a workspace's replays", description: "The latest first." })),
    HttpApiEndpoint.get("show", "/api/v1/workspaces/:workspace/replays/:replay", {
      params: replayParams,
      success: ReplayRecord,
      error: askProblems,
    }).annotateMerge(OpenApi.annotations({ summary: "Show a replay" })),
    HttpApiEndpoint.post("stop", "/api/v1/workspaces/:workspace/replays/:replay/stop", {
      params: replayParams,
      success: ReplayRecord,
      error: askProblems,
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Stop a replay",
        description:
          "When it is answered, no more deliveries are made; those that were made go their way. One that is over stays as it was.",
      }),
    ),
  )
  .annotateMerge(OpenApi.annotations({ title: "Replays" })) {}
