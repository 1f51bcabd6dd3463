/**
 * The runtime's own event types, as rules may name them: what happens to connections.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { connectionChanges, connectionEventType } from "../model/connection-state.ts"
import type { EventType } from "../model/ids.ts"
import { compileSchema, type JsonSchema } from "./event-types.ts"

/** `ConnectionChanged` as a schema. */
const connectionChanged = Schema.Struct({
  connection: Schema.String,
  state: Schema.Literals(["closed", "open", "paused"]),
  reason: Schema.String,
  by: Schema.String,
})

/** By type, the schema of the payload. */
export const ownTypes: ReadonlyMap<EventType, JsonSchema | undefined> = new Map(
  connectionChanges.map((change) => [
    connectionEventType(change),
    Result.getOrThrow(compileSchema(connectionChanged)).fields,
  ]),
)
