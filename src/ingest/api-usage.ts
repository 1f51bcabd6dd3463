/**
 * The contract of the calls about usage: what was used in a month, and how much of a plan's limit that is.
 */
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Schema from "effect/Schema"
import { monthPattern } from "../model/usage.ts"
import { askProblems, time, workspaceParams } from "./api-parts.ts"

const counted = {
  events: Schema.Int.annotate({ description: "That the log stored. Repeats and the runtime's own do not count." }),
  deliveries: Schema.Int,
  attempts: Schema.Int,
}

const month = Schema.String.annotate({ description: `A calendar month in UTC: ${monthPattern.source}` })

const Limit = Schema.Struct({
  metric: Schema.Literal("events"),
  pooled: Schema.Boolean.annotate({ description: "Whether it is for all workspaces of the account together." }),
  used: Schema.Int,
  limit: Schema.Int,
  percent: Schema.Int.annotate({ description: "Rounded down: 100 is all of it." }),
  overage: Schema.Literals(["reject", "allow"]),
  resets_at: time,
}).annotate({ identifier: "UsageLimit", description: "Absent: there is none." })

const workspaceUsage = {
  workspace: Schema.String,
  account: Schema.optionalKey(Schema.String),
  plan: Schema.optionalKey(Schema.String),
  month,
  ...counted,
  limit: Schema.optionalKey(Limit),
}

const about = {
  as_of: time.annotate({ description: "What the log stored before is counted." }),
  incomplete_before: Schema.optionalKey(
    time.annotate({ description: "Of what happened before, some may be missing: the log no longer had it." }),
  ),
}

const query = Schema.Struct({ month: Schema.optionalKey(month.annotate({ description: "Default: this one." })) })

export class UsageApi extends HttpApiGroup.make("usage")
  .add(
    HttpApiEndpoint.get("list", "/api/v1/usage", {
      query,
      success: Schema.Struct({
        month,
        count: Schema.Int,
        records: Schema.Array(Schema.Struct(workspaceUsage).annotate({ identifier: "WorkspaceUsage" })),
        ...about,
      }),
      error: askProblems,
    }).annotateMerge(OpenApi.annotations({ summary: "What each workspace that your key may see used in a month" })),
    HttpApiEndpoint.get("show", "/api/v1/workspaces/:workspace/usage", {
      params: workspaceParams,
      query,
      success: Schema.Struct({
        ...workspaceUsage,
        months: Schema.Array(Schema.Struct({ month, ...counted })).annotate({ description: "All that are known." }),
        ...about,
      }),
      error: askProblems,
    }).annotateMerge(OpenApi.annotations({ summary: "What a workspace used in a month, and in those before" })),
  )
  .annotateMerge(OpenApi.annotations({ title: "Usage" })) {}
