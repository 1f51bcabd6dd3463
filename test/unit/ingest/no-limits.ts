/**
 * For servers whose plans have no limits: whatever the log takes is admitted.
 */
import { Effect, Layer } from "effect"
import { Admission } from "../../../src/accounts/admission.ts"
import { EventLog } from "../../../src/log/event-log.ts"

export const noLimits = Layer.effect(
  Admission,
  Effect.map(EventLog, ({ append, appendAll }) => ({ append, appendAll })),
)
