/**
 * The contract of the calls that retry and cancel: one delivery, or all deliveries of an event.
 */
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Schema from "effect/Schema"
import { statuses } from "../model/status.ts"
import { askProblems, problemAt } from "./api-parts.ts"

const fields = {
  id: Schema.String,
  status: Schema.Literals(statuses).annotate({ description: "How the delivery is now." }),
  result: Schema.Literals(["done", "asked", "nothing", "refused"]).annotate({
    description:
      "`done`: it is as was wanted. `asked`: it will be, its lane has not said so yet. `nothing`: it was so before. " +
      "`refused`: it cannot be; the message says what can be done instead.",
  }),
  message: Schema.String,
}

const DeliveryAnswer = Schema.Struct(fields).annotate({ identifier: "DeliveryAnswer" })
const EventAnswer = Schema.Struct({
  count: Schema.Int,
  records: Schema.Array(DeliveryAnswer),
}).annotate({ identifier: "EventAnswer", description: "What became of each delivery of the event." })

const asked = HttpApiSchema.status(202)

const ofDelivery = {
  params: Schema.Struct({ workspace: Schema.String, delivery: Schema.String }),
  success: [DeliveryAnswer, DeliveryAnswer.annotate({ description: "It is asked for." }).pipe(asked)],
  error: [...askProblems, problemAt(409, "It is over, or not so that this can be done: the message says what can.")],
}
/** What retrying several comes to. */
export const retried = [
  EventAnswer,
  EventAnswer.annotate({ description: "Of some it is asked for." }).pipe(asked),
] as const

const ofEvent = {
  params: Schema.Struct({ workspace: Schema.String, event: Schema.String }),
  success: retried,
  error: askProblems,
}

export class ActsApi extends HttpApiGroup.make("acts")
  .add(
    HttpApiEndpoint.post(
      "retryDelivery",
      "/api/v1/workspaces/:workspace/deliveries/:delivery/retry",
      ofDelivery,
    ).annotateMerge(
      OpenApi.annotations({
        summary: "Retry a delivery now",
        description:
          "One that was given up is sent again with all its attempts before it; one that waits for its next attempt makes it now. " +
          "Both keep their id. What is delivered or canceled is replayed instead.",
      }),
    ),
    HttpApiEndpoint.post(
      "cancelDelivery",
      "/api/v1/workspaces/:workspace/deliveries/:delivery/cancel",
      ofDelivery,
    ).annotateMerge(
      OpenApi.annotations({
        summary: "Cancel a delivery",
        description:
          "Wherever it waits: it is not sent after the answer, and what keeps its order behind it goes on. An attempt under way " +
          "ends as it does: 202, and nothing is sent after that.",
      }),
    ),
    HttpApiEndpoint.post("retryEvent", "/api/v1/workspaces/:workspace/events/:event/retry", ofEvent).annotateMerge(
      OpenApi.annotations({ summary: "Retry an event's deliveries", description: "Each as by its own call." }),
    ),
    HttpApiEndpoint.post("cancelEvent", "/api/v1/workspaces/:workspace/events/:event/cancel", ofEvent).annotateMerge(
      OpenApi.annotations({ summary: "Cancel an event's deliveries", description: "Each as by its own call." }),
    ),
  )
  .annotateMerge(OpenApi.annotations({ title: "Retry and cancel" })) {}
