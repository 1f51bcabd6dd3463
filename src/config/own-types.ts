/**
 * The runtime's own event types, as rules may name them: what happens to connections, and what is used up.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { connectionChanges, connectionEventType } from "../model/connection-state.ts"
import { usageWarningType, warningPercents } from "../model/usage.ts"
import type { EventType } from "../model/ids.ts"
import { compileSchema, type JsonSchema } from "./event-types.ts"

/** `ConnectionChanged` as a schema. */
const connectionChanged = Schema.Struct({
  connection: Schema.String,
  state: Schema.Literals(["closed", "open", "paused"]),
  reason: Schema.String,
  by: Schema.String,
})

/** `UsageWarning` as a schema. */
const usageWarning = Schema.Struct({
  workspace: Schema.String,
  account: Schema.optionalKey(Schema.String),
  metric: Schema.Literal("events"),
  used: Schema.Int,
  limit: Schema.Int,
  percent: Schema.Literals(warningPercents),
  resets_at: Schema.String,
})

const fieldsOf = (schema: Schema.Codec<unknown, unknown>) => Result.getOrThrow(compileSchema(schema)).fields

/** By type, the schema of the payload. */
export const ownTypes: ReadonlyMap<EventType, JsonSchema | undefined> = new Map([
  ...connectionChanges.map((change) => [connectionEventType(change), fieldsOf(connectionChanged)] as const),
  [usageWarningType, fieldsOf(usageWarning)],
])
