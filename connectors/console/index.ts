/**
 * Prints events where the runtime runs: for a first look, and for finding out what a rule sends.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { defineConnector, type ActionContext } from "../../src/index.ts"

interface ConsoleSettings {
  readonly prefix?: string
}

const lineOf = (input: unknown, { settings, event, envelope, delivery }: ActionContext<ConsoleSettings>): string => {
  const value = input === undefined ? new TextDecoder().decode(envelope) : JSON.stringify(input)
  return `${settings.prefix ?? ""}${event.time} ${delivery.workspace} ${event.type} ${delivery.id} ${value}`
}

export const console = defineConnector({
  name: "console",
  title: "Console",
  description: "Prints each delivery as one line on the runtime's standard output.",
  settings: Schema.Struct({
    prefix: Schema.optionalKey(
      Schema.String.pipe(Schema.check(Schema.isMaxLength(100))).annotate({
        description: "Printed before each line. Default: nothing.",
      }),
    ),
  }),
  defaultAction: "print",
  actions: {
    print: {
      title: "Print a line",
      description: "Prints the mapped value, or the event when the rule has no mapping.",
      input: Schema.Unknown,
      map: "optional",
      repeat: "again",
      preview: lineOf,
      run: (input, context, host) =>
        Effect.as(host.print(lineOf(input, context)), { kind: "delivered" as const, message: "printed" }),
    },
  },
})
