/**
 * The flags that say which events of the log are meant: of a replay and of a backtest.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Flag from "effect/cli/Flag"
import type { Plan } from "../config/plan.ts"
import { momentFlag, momentText } from "./moments.ts"
import { WrongUse } from "./output.ts"

const text = (name: string, description: string) =>
  Flag.String(name).pipe(Flag.optional, Flag.withDescription(description))

export const filterFlags = {
  workspace: text("workspace", "May be left out when the config has one").pipe(Flag.withAlias("w")),
  from: momentFlag("from", "Events stored then or later"),
  to: momentFlag("to", "Events stored before"),
  type: Flag.String("type").pipe(
    Flag.atLeast(0),
    Flag.withDescription('A type or a pattern: lead.created, "lead.*", "invoice.>"; may be repeated'),
  ),
  resource: text("resource", "Events about such a resource"),
  resourceId: text("resource-id", "Events about that one"),
  filter: text("filter", `JSONata over the event: 'payload.plan = "pro"'`),
  rule: text("rule", "Deliveries by this rule alone"),
  connection: text("connection", "Deliveries over this connection alone"),
}

export type FilterFlags = Flags<typeof filterFlags>

export const allWorkspacesFlag = Flag.Boolean("all-workspaces").pipe(Flag.withDefault(false))

type Flags<A> = { readonly [K in keyof A]: A[K] extends Flag.Flag<infer B> ? B : never }

/** As the body of the API's call has it. */
export const filterOf = (given: FilterFlags) => {
  const fields = {
    from: momentText(given.from),
    to: momentText(given.to),
    type: given.type.length === 0 ? undefined : given.type,
    resource: Option.getOrUndefined(given.resource),
    resource_id: Option.getOrUndefined(given.resourceId),
    expression: Option.getOrUndefined(given.filter),
    rule: Option.getOrUndefined(given.rule),
    connection: Option.getOrUndefined(given.connection),
  }
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}

/** `undefined`: all of them. */
export const workspaceOf = (
  plan: Plan,
  given: { readonly workspace: Option.Option<string>; readonly allWorkspaces: boolean },
): Effect.Effect<string | undefined, WrongUse> => {
  if (given.allWorkspaces || Option.isSome(given.workspace)) {
    return Effect.succeed(given.allWorkspaces ? undefined : Option.getOrUndefined(given.workspace))
  }
  return plan.workspaces.size === 1
    ? Effect.succeed([...plan.workspaces.keys()][0])
    : Effect.fail(new WrongUse({ message: "the config has several workspaces: name one (-w), or --all-workspaces" }))
}
