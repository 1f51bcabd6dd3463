/**
 * `meshes events`: events, what happened to each, and what is done with one as a whole.
 */
import * as Command from "effect/cli/Command"
import { cancelEvent, retryEvent } from "./acts.ts"
import { lsEvents, showEvent } from "./past-events.ts"

export const events = Command.make("events").pipe(
  Command.withDescription("Events, what happened to each, and what is done with one as a whole"),
  Command.withSubcommands([lsEvents, showEvent, retryEvent, cancelEvent]),
)
