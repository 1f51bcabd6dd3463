/**
 * The contract of the calls about what happened: events and deliveries of a workspace, and calls about an event that do not name one.
 */
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Schema from "effect/Schema"
import { limits } from "../config/defaults.ts"
import { outcomeKinds } from "../model/outcome.ts"
import { statuses } from "../model/status.ts"
import { retried } from "./api-acts.ts"
import { askProblems, historyListOf, listOf, pageQuery, parameter, periodQuery, readProblems } from "./api-parts.ts"
import { time, workspaceParams } from "./api-parts.ts"

const Status = Schema.Literals(statuses).annotate({
  description:
    "`pending`: nothing was tried yet. `processing`: some of an event's deliveries are done. `retrying`: an attempt failed, the next is due. " +
    "`completed`: delivered, or no rule wanted it. `failed`: given up, or it could not be read. `canceled`: somebody stopped it.",
})
const statusQuery = parameter(`One of ${statuses.join(", ")}, or several with commas between them.`)
const Outcome = Schema.Literals(outcomeKinds)

const eventFields = {
  id: Schema.String,
  type: Schema.String,
  workspace: Schema.String,
  resource: Schema.optionalKey(Schema.String),
  resource_id: Schema.optionalKey(Schema.String),
  status: Status,
  created_at: time.annotate({ description: "When it was stored." }),
  counts: Schema.Struct(Object.fromEntries(statuses.map((status) => [status, Schema.Int]))).annotate({
    description: "How many of its deliveries are how. None at all: no rule wanted it.",
  }),
  reason: Schema.optionalKey(Schema.String.annotate({ description: "Why it could not be read." })),
  revision: Schema.optionalKey(Schema.String.annotate({ description: "Of the config that decided about it." })),
}
const EventRecord = Schema.Struct(eventFields).annotate({ identifier: "Event" })

const deliveryFields = {
  id: Schema.String,
  event: Schema.String,
  type: Schema.String,
  workspace: Schema.String,
  rule: Schema.String,
  action: Schema.Int.annotate({ description: "The action's position in its rule, from 0." }),
  connection: Schema.String,
  replay: Schema.optionalKey(Schema.String.annotate({ description: "The replay that made it." })),
  status: Status,
  created_at: time,
  attempt_count: Schema.Int,
  last_attempt: Schema.optionalKey(
    Schema.Struct({
      at: time.annotate({ description: "When it ended." }),
      outcome: Outcome,
      http_status: Schema.optionalKey(Schema.Int),
      message: Schema.optionalKey(Schema.String.annotate({ description: "Why it failed, and who is to do what." })),
    }),
  ),
  next_attempt_at: Schema.optionalKey(time.annotate({ description: "Only while it is `retrying`." })),
}
const DeliveryRecord = Schema.Struct(deliveryFields).annotate({ identifier: "Delivery" })

const EventWhole = Schema.Struct({
  ...eventFields,
  time: Schema.optionalKey(time.annotate({ description: "When it happened, by its publisher." })),
  source: Schema.optionalKey(Schema.String),
  payload: Schema.optionalKey(
    Schema.Record(Schema.String, Schema.Json).annotate({
      description: "For keys with the scope `payload:read`. That it was seen is in the audit.",
    }),
  ),
  payload_missing: Schema.optionalKey(
    Schema.Literals(["not_allowed", "gone"]).annotate({
      description: "Why there is no payload: the key has no scope `payload:read`, or the log no longer has it.",
    }),
  ),
  deliveries: Schema.Array(DeliveryRecord).annotate({
    description: `The first ${limits.pageRecords} of them; all are in the deliveries' list, filtered by \`event\`.`,
  }),
  rule_failures: Schema.Array(Schema.Struct({ rule: Schema.String, reason: Schema.String })).annotate({
    description: "Rules whose condition could not be evaluated for this event.",
  }),
}).annotate({ identifier: "EventWhole" })

const attemptFields = {
  attempt: Schema.Int.annotate({ description: "1 for the first; it begins again when a person sends it again." }),
  at: time.annotate({ description: "When it ended." }),
  duration_ms: Schema.Number,
  outcome: Outcome,
  status: Status.annotate({ description: "What the delivery became by it." }),
  http_status: Schema.optionalKey(Schema.Int),
  message: Schema.optionalKey(Schema.String),
  next_attempt_at: Schema.optionalKey(time),
  revision: Schema.String.annotate({ description: "Of the config that it was made with." }),
}

const DeliveryWhole = Schema.Struct({
  ...deliveryFields,
  attempts: Schema.Array(
    Schema.Struct({
      ...attemptFields,
      request: Schema.optionalKey(
        Schema.Struct({
          method: Schema.String,
          url: Schema.String,
          bytes: Schema.Int,
          body: Schema.optionalKey(
            Schema.String.annotate({
              description:
                `Of an attempt that failed, the first ${limits.requestBodyKept} characters. For keys with the scope ` +
                "`payload:read`: it is made of the payload. That it was seen is in the audit.",
            }),
          ),
        }).annotate({ description: "What was sent, without secrets." }),
      ),
      response: Schema.optionalKey(
        Schema.String.annotate({
          description: `The first ${limits.responseBodyKept} characters of what came back, without secrets.`,
        }),
      ),
    }).annotate({ identifier: "Attempt" }),
  ),
  sent_again: Schema.Array(Schema.Struct({ at: time, by: Schema.String })).annotate({
    description: "When, and by whom, it was sent again after it had been given up.",
  }),
  canceled: Schema.Array(Schema.Struct({ at: time, by: Schema.String })).annotate({
    description: "When, and by whom, it was canceled.",
  }),
}).annotate({ identifier: "DeliveryWhole" })

const deadQuery = {
  connection: parameter("Only deliveries over this connection."),
  rule: parameter("Only deliveries by this rule."),
  event: parameter("Only deliveries of the events of this id."),
  replay: parameter("Only deliveries of this replay."),
  resource: parameter("Only deliveries of events about such a resource."),
  resource_id: parameter("Only deliveries of events about this one."),
  outcome: parameter(`How the last attempt ended: one of ${outcomeKinds.join(", ")}.`),
  ...periodQuery,
  ...pageQuery,
}

const DeadGroups = Schema.Struct({
  count: Schema.Int.annotate({ description: "Groups." }),
  records: Schema.Array(
    Schema.Struct({
      connection: Schema.String,
      outcome: Outcome,
      http_status: Schema.optionalKey(Schema.Int),
      count: Schema.Int,
      first_at: time.annotate({ description: "When the first of them was created." }),
      last_at: time.annotate({ description: "When the last of them was created." }),
      message: Schema.optionalKey(Schema.String.annotate({ description: "Why the last of them failed." })),
      example: Schema.String.annotate({ description: "The id of the last of them." }),
    }).annotate({ identifier: "DeadGroup" }),
  ),
  complete: Schema.Boolean.annotate({
    description: `Whether all are counted: at most ${limits.deadCounted} deliveries are, in ${limits.deadGroups} groups; by \`resource\`, ${limits.historyLookedAt}.`,
  }),
  as_of: Schema.NullOr(time).annotate({
    description: "All that the log stored before is counted. `null`: the log cannot say now.",
  }),
}).annotate({ identifier: "DeadGroups" })

const root = "/api/v1/workspaces/:workspace"

export class PastApi extends HttpApiGroup.make("past")
  .add(
    HttpApiEndpoint.get("events", `${root}/events`, {
      params: workspaceParams,
      query: Schema.Struct({
        type: parameter("Only events of this type."),
        resource: parameter("Only events about such a resource."),
        resource_id: parameter("Only events about this one."),
        status: statusQuery,
        id: parameter("Only events of this id: one may be used again, much later."),
        text: parameter(
          `Only events whose payload, as JSON, has this text in it, whatever the case of its letters. It is looked for in ` +
            `${limits.payloadWindowMs / 86_400_000} days at the most, without \`from\` in the last day. Needs the scope \`payload:read\`.`,
        ),
        ...periodQuery,
        ...pageQuery,
      }),
      success: historyListOf(EventRecord),
      error: readProblems,
    }).annotateMerge(OpenApi.annotations({ summary: "List events", description: "The latest first." })),
    HttpApiEndpoint.get("event", `${root}/events/:event`, {
      params: Schema.Struct({ ...workspaceParams.fields, event: Schema.String }),
      success: EventWhole,
      error: readProblems,
    }).annotateMerge(
      OpenApi.annotations({ summary: "Show an event", description: "With what became of it, delivery by delivery." }),
    ),
    HttpApiEndpoint.get("deliveries", `${root}/deliveries`, {
      params: workspaceParams,
      query: Schema.Struct({ status: statusQuery, ...deadQuery }),
      success: historyListOf(DeliveryRecord),
      error: readProblems,
    }).annotateMerge(OpenApi.annotations({ summary: "List deliveries", description: "The latest first." })),
    HttpApiEndpoint.get("delivery", `${root}/deliveries/:delivery`, {
      params: Schema.Struct({ ...workspaceParams.fields, delivery: Schema.String }),
      success: DeliveryWhole,
      error: readProblems,
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Show a delivery",
        description: "With each attempt: what was sent, what came back, when it is tried next.",
      }),
    ),
    HttpApiEndpoint.get("deadLetters", `${root}/dead-letters`, {
      params: workspaceParams,
      query: Schema.Struct(deadQuery),
      success: historyListOf(DeliveryRecord),
      error: readProblems,
    }).annotateMerge(
      OpenApi.annotations({ summary: "List deliveries that were given up", description: "The latest first." }),
    ),
    HttpApiEndpoint.get("deadGroups", `${root}/dead-letters/groups`, {
      params: workspaceParams,
      query: Schema.Struct({
        connection: deadQuery.connection,
        resource: deadQuery.resource,
        resource_id: deadQuery.resource_id,
        ...periodQuery,
      }),
      success: DeadGroups,
      error: readProblems,
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Count deliveries that were given up, by connection and reason",
        description: "The largest group first. What is sent again is in none.",
      }),
    ),
  )
  .annotateMerge(OpenApi.annotations({ title: "History", description: "For keys with the scope `read`." })) {}

const EventAttempt = Schema.Struct({
  delivery: Schema.String,
  rule: Schema.String,
  action: Schema.Int,
  connection: Schema.String,
  ...attemptFields,
}).annotate({ identifier: "EventAttempt" })

const eventWorkspace = parameter(
  "Needed only where several of the workspaces that the key may see have an event of this id.",
)
const attemptsQuery = Schema.Struct({ workspace: eventWorkspace, ...pageQuery })
const eventParams = Schema.Struct({ event: Schema.String })
const ruleParams = Schema.Struct({ event: Schema.String, rule: Schema.String })

export class AliasesApi extends HttpApiGroup.make("aliases")
  .add(
    HttpApiEndpoint.get("attempts", "/api/v1/events/:event/attempts", {
      params: eventParams,
      query: attemptsQuery,
      success: listOf(EventAttempt),
      error: readProblems,
    }).annotateMerge(
      OpenApi.annotations({ summary: "List the attempts of an event", description: "Delivery by delivery, by time." }),
    ),
    HttpApiEndpoint.get("ruleAttempts", "/api/v1/events/:event/rules/:rule/attempts", {
      params: ruleParams,
      query: attemptsQuery,
      success: listOf(EventAttempt),
      error: readProblems,
    }).annotateMerge(OpenApi.annotations({ summary: "List the attempts of an event by a rule" })),
    HttpApiEndpoint.post("retry", "/api/v1/events/:event/rules/:rule/retry", {
      params: ruleParams,
      query: Schema.Struct({ workspace: eventWorkspace }),
      success: retried,
      error: askProblems,
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Retry an event's deliveries by a rule",
        description: "Each as by its own call. Needs the scope `operate`.",
      }),
    ),
  )
  .annotateMerge(
    OpenApi.annotations({
      title: "Events without their workspace",
      description:
        "For clients that know an event by its id alone. Paths that begin with `/workspaces/` or `/events/` are taken as if they began with " +
        "`/api/v1/`.",
    }),
  ) {}
