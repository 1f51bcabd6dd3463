/**
 * `meshes deliveries retry | cancel` and `meshes events retry | cancel`: what is not over is sent now, or not at all.
 */
import * as Effect from "effect/Effect"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import type { Answer, Instruction } from "../model/instruction.ts"
import { instruct, instructEvent } from "../operate/deliveries.ts"
import { inLog } from "../operate/find.ts"
import { shared, withOwnLog } from "./context.ts"
import { manyFlags, namesMany, operateOn, statusFlag } from "./operations.ts"
import { AnswerIsNo, bad, good, note, printJson, WrongUse } from "./output.ts"
import { whoseCommand } from "./who.ts"

type Kind = Instruction["kind"]

const show = Effect.fnUntraced(function* (answers: ReadonlyArray<Answer>, missing: ReadonlyArray<string>) {
  const { json } = yield* shared
  if (json) printJson({ count: answers.length, records: answers, missing })
  else {
    for (const { delivery, result, message } of answers)
      (result === "done" ? good : result === "refused" ? bad : note)(`${delivery}: ${message}`)
  }
  for (const id of missing) bad(`the history knows nothing of ${id}`)
  if (missing.length > 0 || answers.some(({ result }) => result === "refused")) return yield* new AnswerIsNo()
})

const ofDeliveries = (kind: Kind, description: string) =>
  Command.make(
    kind,
    {
      deliveries: Argument.String("delivery").pipe(
        Argument.withDescription("Deliveries by id: dlv_…; or none, and which ones by --workspace and the others"),
        Argument.variadic({ min: 0 }),
      ),
      workspace: Flag.String("workspace").pipe(Flag.withAlias("w"), Flag.optional),
      connection: Flag.String("connection").pipe(Flag.optional),
      status: statusFlag(kind),
      ...manyFlags,
    },
    Effect.fn(function* ({ deliveries, ...many }) {
      if (deliveries.length === 0) return yield* operateOn(kind, many)
      if (namesMany(many)) {
        return yield* new WrongUse({ message: "name deliveries by their ids, or say which are meant: not both" })
      }
      const all = Effect.forEach(deliveries, (id) => instruct(inLog, kind, id, whoseCommand()))
      const found = yield* withOwnLog(all)
      yield* show(
        found.filter((one) => one !== undefined),
        deliveries.filter((_, i) => found[i] === undefined),
      )
    }),
  ).pipe(Command.withDescription(description))

const ofEvent = (kind: Kind, description: string) =>
  Command.make(
    kind,
    { event: Argument.String("event").pipe(Argument.withDescription("The event's id")) },
    Effect.fn(function* ({ event }) {
      const answers = yield* withOwnLog(instructEvent(inLog, kind, event, whoseCommand()))
      yield* show(answers, answers.length === 0 ? [event] : [])
    }),
  ).pipe(Command.withDescription(description))

export const retryDeliveries = ofDeliveries(
  "retry",
  "Send deliveries now that were given up, or that wait for their next attempt",
)
export const cancelDeliveries = ofDeliveries("cancel", "Stop deliveries, wherever they wait")
export const retryEvent = ofEvent(
  "retry",
  "Send an event's deliveries now that were given up, or wait for their next attempt",
)
export const cancelEvent = ofEvent("cancel", "Stop an event's deliveries, wherever they wait")
