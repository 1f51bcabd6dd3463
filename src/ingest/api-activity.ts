/**
 * The contract of the calls about how much happens, and of what needs somebody: what a page that is watched is made of.
 */
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Schema from "effect/Schema"
import { limits } from "../config/defaults.ts"
import { activityBy, attentionKinds } from "../model/activity.ts"
import { parameter, readProblems, time, workspaceParams } from "./api-parts.ts"

const attempts = {
  delivered: Schema.Int.annotate({ description: "Deliveries that were delivered." }),
  retried: Schema.Int.annotate({ description: "Attempts that failed and are tried again." }),
  dead: Schema.Int.annotate({ description: "Deliveries that were given up." }),
}
const events = Schema.Int.annotate({ description: "Events that the log stored, but the runtime's own." })

const asOf = {
  as_of: Schema.NullOr(time).annotate({
    description:
      "All that the log stored before is counted; long ago while the history is made anew. `null`: the log cannot say now.",
  }),
}

const days = limits.activityRangeMs / 86_400_000
const hours = limits.activityMinutesMs / 3_600_000

const periodQuery = {
  from: parameter("From this time on, RFC 3339. Default: a day before `to`."),
  to: parameter(`Before this time, RFC 3339: at most ${days} days after \`from\`. Default: now.`),
}

const period = {
  from: time.annotate({ description: "What was asked for, in whole steps." }),
  to: time,
  step_seconds: Schema.Int.annotate({
    description: "Of minutes, hours or days in UTC, so that there are 60 to 120 steps where the time allows for it.",
  }),
  ...asOf,
}

const Bucket = Schema.Struct({
  at: time.annotate({ description: "When the step begins." }),
  events: Schema.optionalKey(events.annotate({ description: "Absent where `connection` or `rule` is given." })),
  ...attempts,
}).annotate({ identifier: "ActivityBucket" })

const Part = Schema.Struct({
  rule: Schema.optionalKey(Schema.String),
  connection: Schema.optionalKey(Schema.String),
  ...attempts,
  last_at: time.annotate({ description: "When the last of it happened." }),
}).annotate({ identifier: "ActivityPart" })

const Attention = Schema.Struct({
  kind: Schema.Literals(attentionKinds).annotate({
    description:
      "`limit_reached`: events are refused, or counted over the limit. `authorization_refused`: a connection waits until somebody authorizes " +
      "it again. `connection_stopped`: the runtime paused it, as its credentials or its secrets need somebody. `circuit_open`: its destination " +
      "does not answer well, and is tried again by itself. `connection_paused`: somebody did. `limit_near`: 80 % and more are used.",
  }),
  workspace: Schema.String.annotate({ description: "Of a limit for a whole account: its first." }),
  connection: Schema.optionalKey(Schema.String),
  account: Schema.optionalKey(Schema.String.annotate({ description: "Whose limit it is, where it is an account's." })),
  since: Schema.optionalKey(time),
  by: Schema.optionalKey(Schema.String.annotate({ description: "Who paused it." })),
  percent: Schema.optionalKey(Schema.Int.annotate({ description: "How much of the limit is used, rounded down." })),
  message: Schema.String.annotate({ description: "Why, for a person." }),
}).annotate({ identifier: "Attention" })

export class ActivityApi extends HttpApiGroup.make("activity")
  .add(
    HttpApiEndpoint.get("overview", "/api/v1/overview", {
      success: Schema.Struct({
        workspaces: Schema.Int,
        backlog: Schema.Int.annotate({ description: "Deliveries that wait or are under way." }),
        last_hour: Schema.Struct({ events, ...attempts }),
        attention: Schema.Array(Attention).annotate({
          description: `What needs somebody: the worst kinds first, in the order above; of each the latest first; at most ${limits.attentionShown}.`,
        }),
        attention_more: Schema.Boolean.annotate({ description: "There is more than is listed." }),
        ...asOf,
      }).annotate({ identifier: "Overview" }),
      error: readProblems,
    }).annotateMerge(
      OpenApi.annotations({
        summary: "How everything stands",
        description: "Over the workspaces that the key may see.",
      }),
    ),
    HttpApiEndpoint.get("series", "/api/v1/activity", {
      query: Schema.Struct({
        workspace: parameter("Only what happened there."),
        connection: parameter("Only deliveries over this connection of the workspace."),
        rule: parameter("Only deliveries by this rule of the workspace."),
        ...periodQuery,
      }),
      success: Schema.Struct({
        ...period,
        buckets: Schema.Array(Bucket).annotate({ description: "One for each step, those without anything as well." }),
      }).annotate({ identifier: "Activity" }),
      error: readProblems,
    }).annotateMerge(
      OpenApi.annotations({
        summary: "How much happened, over time",
        description:
          `Over the workspaces that the key may see, or one of them. The step follows from the time asked for; it is an hour or more where ` +
          `\`from\` is more than ${hours} hours ago.`,
      }),
    ),
    HttpApiEndpoint.get("parts", "/api/v1/workspaces/:workspace/activity", {
      params: workspaceParams,
      query: Schema.Struct({
        by: parameter(`One of ${activityBy.join(", ")}. Default: rule.`),
        ...periodQuery,
      }),
      success: Schema.Struct({
        ...period,
        records: Schema.Array(Part).annotate({
          description: `Those that had something, by name; at most ${limits.activityParts}.`,
        }),
      }).annotate({ identifier: "ActivityParts" }),
      error: readProblems,
    }).annotateMerge(
      OpenApi.annotations({
        summary: "How much each rule or connection of a workspace had",
        description: "In all of the time.",
      }),
    ),
  )
  .annotateMerge(OpenApi.annotations({ title: "Activity", description: "For keys with the scope `read`." })) {}
