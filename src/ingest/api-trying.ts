/**
 * The contract of the calls that try things, and send nothing: what an event would do, and what other rules would make of past events.
 */
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Schema from "effect/Schema"
import { limits } from "../config/defaults.ts"
import { askProblems, EventInput, InputErrors, jsonAs, problemAt, time, workspaceParams } from "./api-parts.ts"
import { pastFilter, pastPeriod } from "./api-replays.ts"
import { actionMaking, ruleWhen } from "./api-workspaces.ts"

const ExplainedAction = Schema.Struct({
  index: Schema.Int.annotate({ description: "Its position in the rule, from 0." }),
  connection: Schema.String,
  connector: Schema.String,
  action: Schema.String,
  input: Schema.optionalKey(Schema.Json.annotate({ description: "What the mapping makes of the event." })),
  request: Schema.optionalKey(
    Schema.Json.annotate({
      description:
        "What would be sent, secrets masked; signatures are not those that would be sent. Of an action of several calls, the first. Absent where `error` says why nothing can be sent.",
    }),
  ),
  order: Schema.optionalKey(
    Schema.Struct({
      of: Schema.Literals(["connection", "key"]),
      key: Schema.optionalKey(Schema.String),
      error: Schema.optionalKey(Schema.String.annotate({ description: "Why there is no key, and so no order." })),
    }).annotate({ description: "What the delivery keeps its order with. Absent: nothing." }),
  ),
  error: Schema.optionalKey(
    Schema.String.annotate({
      description: "Why the delivery would be dead at once: mostly what is wrong with the mapping.",
    }),
  ),
})

export const Explanation = Schema.Struct({
  event: Schema.Struct({
    id: Schema.String,
    type: Schema.String,
    workspace: Schema.String,
    resource: Schema.optionalKey(Schema.String),
    resource_id: Schema.optionalKey(Schema.String),
    time,
    source: Schema.optionalKey(Schema.String),
    payload: Schema.Record(Schema.String, Schema.Json),
  }).annotate({ description: "As it would be stored." }),
  declared: Schema.Boolean.annotate({ description: "Whether the config declares its type." }),
  accepted: Schema.Boolean.annotate({
    description: "Whether the payload fits its type's schema. If not it would be refused (422), and `errors` says why.",
  }),
  errors: InputErrors,
  complete: Schema.Boolean.annotate({
    description: "`false`: the workspace has more rules than could be looked at in one answer.",
  }),
  rules: Schema.Array(
    Schema.Struct({
      rule: Schema.String,
      matched: Schema.Boolean,
      why: Schema.optionalKey(
        Schema.Literals(["type", "resource", "resource_id", "tags", "expression", "failed"]).annotate({
          description: "What does not fit. `failed`: the rule's expression gave an error.",
        }),
      ),
      because: Schema.optionalKey(Schema.String.annotate({ description: "The same in words." })),
      actions: Schema.Array(ExplainedAction),
    }),
  ),
}).annotate({ identifier: "Explanation" })

const CandidateRule = Schema.Struct({
  on: Schema.Union([Schema.Array(Schema.String), Schema.String]).annotate({ description: "Event types, or patterns." }),
  when: ruleWhen,
  actions: Schema.Array(
    Schema.Struct({
      connection: Schema.String,
      action: Schema.optionalKey(Schema.String),
      ...actionMaking,
    }),
  ),
})

const BacktestInput = Schema.Struct({
  ...pastPeriod,
  ...pastFilter,
  examples: Schema.optionalKey(
    Schema.Int.annotate({
      description: `Examples of each action, 0 to ${limits.backtestExamplesMax}; default ${limits.backtestExamples}.`,
    }),
  ),
  rules: Schema.optionalKey(
    Schema.Record(Schema.String, CandidateRule).annotate({
      description:
        "Rules by their ids, as in the config, in place of all that the workspace has. Wants `payload:read`. Absent: those in force.",
    }),
  ),
}).annotate({ identifier: "BacktestInput" })

const Deviations = Schema.Struct({
  deliveries: Schema.Int,
  actions: Schema.Array(
    Schema.Struct({
      workspace: Schema.String,
      rule: Schema.String,
      action: Schema.Int.annotate({ description: "Its position in the rule, from 0." }),
      connection: Schema.String,
      deliveries: Schema.Int,
      examples: Schema.Array(
        Schema.Struct({
          event: Schema.String,
          because: Schema.optionalKey(Schema.String.annotate({ description: "Why it is matched no more." })),
          differences: Schema.optionalKey(
            Schema.Array(
              Schema.Struct({
                path: Schema.String.annotate({ description: "`request.body.email`" }),
                before: Schema.optionalKey(Schema.String),
                after: Schema.optionalKey(Schema.String),
              }),
            ).annotate({ description: "Where the request is another: values as JSON, cut." }),
          ),
        }),
      ).annotate({ description: "None for a key without `payload:read`." }),
    }),
  ).annotate({ description: `The most frequent first, at most ${limits.backtestActions}.` }),
})

export const BacktestRecord = Schema.Struct({
  events: Schema.Int.annotate({ description: "Events compared." }),
  unknown: Schema.Int.annotate({ description: "Events left out, as the history does not know what became of them." }),
  failed: Schema.Int.annotate({ description: "Events left out, as the filter's expression failed for them." }),
  same: Schema.Int.annotate({ description: "Deliveries that are the same." }),
  added: Deviations.annotate({ description: "Newly matched." }),
  removed: Deviations.annotate({ description: "No longer matched." }),
  changed: Deviations.annotate({ description: "Matched as before, with another request." }),
  requests: Schema.Boolean.annotate({
    description: "Whether requests were compared: those by `rules` with those by the config in force.",
  }),
  other_revision: Schema.Int.annotate({
    description: "Deliveries that were decided by another config than the one that requests were compared with.",
  }),
  failures: Schema.Array(
    Schema.Struct({
      rule: Schema.String,
      events: Schema.Int,
      reason: Schema.optionalKey(
        Schema.String.annotate({ description: "Of the first one. Absent for a key without `payload:read`." }),
      ),
    }),
  ).annotate({ description: "Rules whose condition or ordering key failed." }),
  complete: Schema.Boolean.annotate({
    description: `\`false\`: it was cut off, after ${limits.backtestEventsServed} events or ${limits.backtestServedMs / 1000} seconds.`,
  }),
  until: Schema.optionalKey(time.annotate({ description: "When the last event was stored, if it was cut off." })),
}).annotate({ identifier: "Backtest" })

const BacktestLine = Schema.Union([
  Schema.Struct({
    progress: Schema.Struct({
      events: Schema.Int.annotate({ description: "Looked at." }),
      of: Schema.Int.annotate({ description: "Grows while the history is read, before the first one is looked at." }),
    }),
  }),
  Schema.Struct({ result: BacktestRecord }),
  Schema.Struct({ problem: Schema.Record(Schema.String, Schema.Json) }),
]).annotate({
  identifier: "BacktestLine",
  description: "Lines of JSON: progress, several times a second, and at last the result or the problem.",
})

export class TryingApi extends HttpApiGroup.make("trying")
  .add(
    HttpApiEndpoint.post("explain", "/api/v1/workspaces/:workspace/explain", {
      params: workspaceParams,
      payload: EventInput,
      success: Explanation,
      error: askProblems,
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Explain what an event would do",
        description:
          "Which rules want it, why the others do not, and what would be sent. The event is given as for publishing; it is neither " +
          "stored nor sent. For keys with the scope `read`.",
      }),
    ),
    HttpApiEndpoint.post("backtest", "/api/v1/workspaces/:workspace/backtests", {
      params: workspaceParams,
      payload: BacktestInput,
      success: [BacktestRecord, BacktestLine.pipe(jsonAs("application/x-ndjson"))],
      error: [...askProblems, problemAt(429, "Another backtest of the workspace, or too many others, are under way.")],
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Try rules on past events",
        description:
          "What rules would make of events of the log is held against what was really made of them. Nothing is sent. For keys with the " +
          "scope `operate`. With `Accept: application/x-ndjson` it tells how far it has come; whoever hangs up ends it.",
      }),
    ),
  )
  .annotateMerge(OpenApi.annotations({ title: "Trying" })) {}
