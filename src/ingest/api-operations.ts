/**
 * The contract of the calls that retry or cancel many deliveries in the background.
 */
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Schema from "effect/Schema"
import { outcomeKinds } from "../model/outcome.ts"
import { askProblems, listOf, pageQuery, problemAt, time, workspaceParams } from "./api-parts.ts"

const status = Schema.Literals(["pending", "retrying", "failed"])
const moment = (description: string) =>
  Schema.optionalKey(
    Schema.String.annotate({
      description: `${description} RFC 3339, or for how long ago a duration such as "2 hours".`,
    }),
  )

const filterFields = {
  connection: Schema.optionalKey(Schema.String),
  rule: Schema.optionalKey(Schema.String),
  type: Schema.optionalKey(
    Schema.String.annotate({ description: "An event type or a pattern: `lead.*`, `invoice.>`." }),
  ),
  outcome: Schema.optionalKey(Schema.Literals(outcomeKinds).annotate({ description: "Of the last attempt." })),
  resource: Schema.optionalKey(Schema.String.annotate({ description: "Of events about such a resource." })),
  resource_id: Schema.optionalKey(Schema.String.annotate({ description: "Of events about this one." })),
}

const OperationInput = Schema.Struct({
  action: Schema.Literals(["retry", "cancel"]),
  filter: Schema.optionalKey(
    Schema.Struct({
      ...filterFields,
      status: Schema.optionalKey(
        Schema.Union([status, Schema.Array(status)]).annotate({
          description:
            "To retry: `failed` (default), `retrying`, or both. To cancel: `pending`, `retrying`, or both (default).",
        }),
      ),
      from: moment("Deliveries created then or later."),
      to: moment("Deliveries created before then."),
    }).annotate({ description: "What is left out leaves all." }),
  ),
  preview: Schema.optionalKey(Schema.Boolean.annotate({ description: "Only count." })),
}).annotate({ identifier: "OperationInput" })

const counts = {
  count: Schema.Int.annotate({ description: "Deliveries retried or canceled so far, or that would be." }),
  by_connection: Schema.Array(Schema.Struct({ connection: Schema.String, count: Schema.Int })),
}

const OperationPreview = Schema.Struct(counts).annotate({
  identifier: "OperationPreview",
  description: "The answer to a preview.",
})

const OperationRecord = Schema.Struct({
  id: Schema.String,
  workspace: Schema.String,
  action: Schema.Literals(["retry", "cancel"]),
  preview: Schema.optionalKey(Schema.Boolean),
  state: Schema.Literals(["running", "stopped", "done"]),
  created_at: time,
  by: Schema.String,
  ended_at: Schema.optionalKey(time),
  stopped_by: Schema.optionalKey(Schema.String),
  reason: Schema.optionalKey(Schema.String),
  filter: Schema.Struct({
    ...filterFields,
    status: Schema.Array(status),
    from: Schema.optionalKey(time),
    to: Schema.optionalKey(time),
  }),
  ...counts,
  skipped: Schema.Int.annotate({ description: "Deliveries that had changed before it was their turn." }),
  expected: Schema.optionalKey(
    Schema.Int.annotate({
      description:
        "Deliveries that the filter left when it was first gone on with; `count` and `skipped` together come to it.",
    }),
  ),
}).annotate({ identifier: "Operation" })

const operationParams = Schema.Struct({ workspace: Schema.String, operation: Schema.String })

export class OperationsApi extends HttpApiGroup.make("operations")
  .add(
    HttpApiEndpoint.post("begin", "/api/v1/workspaces/:workspace/operations", {
      params: workspaceParams,
      payload: OperationInput,
      success: [OperationRecord.pipe(HttpApiSchema.status(202)), OperationPreview.pipe(HttpApiSchema.status(200))],
      error: [...askProblems, problemAt(429, "Too many operations of the workspace are not over.")],
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Retry or cancel many deliveries",
        description:
          "Those that the filter leaves, of what was created by now, each once, in the background; of a workspace, one operation " +
          "after the other. With `preview` nothing is begun: 200 and how many there are.",
      }),
    ),
    HttpApiEndpoint.get("list", "/api/v1/workspaces/:workspace/operations", {
      params: workspaceParams,
      query: Schema.Struct(pageQuery),
      success: listOf(OperationRecord),
      error: askProblems,
    }).annotateMerge(
      OpenApi.annotations({ summary: "List a workspace's operations", description: "The latest first." }),
    ),
    HttpApiEndpoint.get("show", "/api/v1/workspaces/:workspace/operations/:operation", {
      params: operationParams,
      success: OperationRecord,
      error: askProblems,
    }).annotateMerge(OpenApi.annotations({ summary: "Show how far an operation has come" })),
    HttpApiEndpoint.post("stop", "/api/v1/workspaces/:workspace/operations/:operation/stop", {
      params: operationParams,
      success: OperationRecord,
      error: askProblems,
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Stop an operation",
        description:
          "When it is answered, nothing more is done. What was done stays. One that is over stays as it was.",
      }),
    ),
  )
  .annotateMerge(OpenApi.annotations({ title: "Operations" })) {}
