/**
 * `meshes events`: what is done with an event as a whole.
 */
import * as Command from "effect/cli/Command"
import { cancelEvent, retryEvent } from "./acts.ts"

export const events = Command.make("events").pipe(
  Command.withDescription("What is done with an event as a whole"),
  Command.withSubcommands([retryEvent, cancelEvent]),
)
