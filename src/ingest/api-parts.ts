/**
 * What the parts of the API's contract are made of: texts and times, problems, and what paths name. And an event as it is sent.
 */
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import * as Schema from "effect/Schema"
import { limits } from "../config/defaults.ts"
import { eventIdPattern, eventTypePattern, resourcePattern, workspacePattern } from "../model/ids.ts"
import { type ProblemStatus, titles } from "./problem.ts"

export const text = (pattern: RegExp, description: string) =>
  Schema.String.pipe(Schema.check(Schema.isPattern(pattern))).annotate({ description })

export const time = Schema.String.annotate({ format: "date-time", description: "RFC 3339" })

const eventFields = {
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
  ...eventFields,
}).annotate({ identifier: "EventInput", description: `At most ${limits.eventBytes} bytes.` })

export const InputErrors = Schema.Array(Schema.Struct({ path: Schema.String, message: Schema.String }))

const problemFields = <S extends ProblemStatus>(status: S) => ({
  title: Schema.String,
  status: Schema.Literal(status),
  message: Schema.String,
  errors: Schema.optionalKey(InputErrors),
})

const asProblem =
  (status: ProblemStatus, description: string) =>
  <S extends Schema.Top>(schema: S) =>
    schema
      .annotate({ identifier: `Problem${status}`, title: titles[status], description })
      .pipe(HttpApiSchema.status(status), HttpApiSchema.asJson({ contentType: "application/problem+json" }))

export const problemAt = (status: ProblemStatus, description: string) =>
  Schema.Struct(problemFields(status)).pipe(asProblem(status, description))

/** A plan's limit is reached. */
export const limitProblemAt = (description: string) =>
  Schema.Struct({
    ...problemFields(429),
    resets_at: Schema.optionalKey(
      time.annotate({ description: "When the month ends, and what is used up is there again." }),
    ),
  }).pipe(asProblem(429, description))

export const jsonAs = (contentType: string) => HttpApiSchema.asJson({ contentType })
export const workspaceParams = Schema.Struct({ workspace: Schema.String })
export const connectionParams = Schema.Struct({ workspace: Schema.String, connection: Schema.String })

/** A parameter of a query: read by the handler, which says what is wrong with it. */
export const parameter = (description: string) => Schema.optionalKey(Schema.String.annotate({ description }))

export const pageQuery = {
  limit: parameter(`Records of a page: 1 to ${limits.pageRecords}; default ${limits.pageRecordsDefault}.`),
  cursor: parameter("`next_cursor` of the page before. Absent: the first page."),
}

export const periodQuery = {
  from: parameter("From this time on, RFC 3339."),
  to: parameter("Before this time, RFC 3339."),
}

const pageFields = <S extends Schema.Constraint>(record: S) =>
  ({
    count: Schema.Int.annotate({ description: "Records of this page." }),
    limit: Schema.Int,
    next_cursor: Schema.NullOr(Schema.String).annotate({
      description:
        "What to send as `cursor` for the next page. `null`: there is none. A short page need not be the last.",
    }),
    records: Schema.Array(record),
  }) as const

export const listOf = <S extends Schema.Constraint>(record: S) =>
  Schema.Struct(pageFields(record)).annotate({ description: "A page of a list." })

/** A list that is read from the history. */
export const historyListOf = <S extends Schema.Constraint>(record: S) =>
  Schema.Struct({
    ...pageFields(record),
    as_of: Schema.NullOr(time).annotate({
      description:
        "All that the log stored before is in the list; long ago while the history is made anew. `null`: the log cannot say now.",
    }),
  }).annotate({ description: "A page of a list." })

const tooLarge = problemAt(413, "The body is too large.")

export const askProblems = [
  problemAt(400, "Malformed: a wrong value."),
  problemAt(401, "No key, or one that is not known."),
  problemAt(403, "The key may not do that there."),
  problemAt(404, "There is no such thing, or none that the key may see."),
  tooLarge,
  problemAt(500, "A bug of the server's."),
  problemAt(503, "The log does not answer now, or the history is being made anew."),
]
/** Of calls without a body. */
export const readProblems = askProblems.filter((one) => one !== tooLarge)
