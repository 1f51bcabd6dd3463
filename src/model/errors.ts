/**
 * Errors that cross a boundary. Each says who acts: `InvalidInput` and `Unusable` are the user's to mend (the message says how),
 * `LogUnavailable` is ours to retry. Anything else that escapes is a bug.
 */
import * as Schema from "effect/Schema"

/** One thing wrong in what a user gave us. */
export interface Issue {
  /** Keys and positions from the root: `["workspaces", "acme", "rules", "r1", "on"]`. */
  readonly path: ReadonlyArray<string | number>
  /** What is wrong, the value, and the nearest right one when there is one. */
  readonly message: string
}

/** `workspaces.acme.rules.new-lead.actions[0].map.email` */
export const formatPath = (path: ReadonlyArray<string | number>): string =>
  path
    .map((key, i) =>
      typeof key === "number" ? `[${key}]` : /^[\w-]+$/.test(key) ? (i === 0 ? key : `.${key}`) : `["${key}"]`,
    )
    .join("")

const IssueSchema = Schema.Struct({
  path: Schema.Array(Schema.Union([Schema.String, Schema.Number])),
  message: Schema.String,
})

/** The user's input (config, event, flag) is wrong; all that is wrong is listed. */
export class InvalidInput extends Schema.TaggedError<InvalidInput>()("InvalidInput", {
  /** What was read: a file, a request body. */
  subject: Schema.String,
  issues: Schema.Array(IssueSchema),
}) {
  override get message(): string {
    const list = this.issues.map((issue) => `  ${formatPath(issue.path) || "(root)"}: ${issue.message}`)
    return `${this.subject}: ${this.issues.length} ${this.issues.length === 1 ? "error" : "errors"}\n${list.join("\n")}`
  }
}

/** The surroundings are not fit (no nats-server, a stream of another shape, a port taken): `message` says what to do. */
export class Unusable extends Schema.TaggedError<Unusable>()("Unusable", {
  message: Schema.String,
}) {}

/** The log cannot take or give anything at the moment. `stored` says whether the write may be in it all the same. */
export class LogUnavailable extends Schema.TaggedError<LogUnavailable>()("LogUnavailable", {
  operation: Schema.String,
  reason: Schema.String,
  stored: Schema.Literals(["no", "unknown"]),
}) {
  override get message(): string {
    return `${this.operation}: ${this.reason}`
  }
}
