/**
 * The connection that a command is about.
 */
import * as Effect from "effect/Effect"
import * as Argument from "effect/cli/Argument"
import { hint } from "../config/check-shape.ts"
import type { Plan } from "../config/plan.ts"
import type { ConnectionRef } from "../model/connection-state.ts"
import { WrongUse } from "./output.ts"

export const target = {
  workspace: Argument.String("workspace"),
  connection: Argument.String("connection"),
}

/** The connection, if the config has it. */
export const find = (plan: Plan, { workspace, connection }: ConnectionRef) => {
  const found = plan.workspaces.get(workspace)
  if (found === undefined) {
    return new WrongUse({
      message: `there is no workspace "${workspace}"${hint(workspace, [...plan.workspaces.keys()])}`,
    })
  }
  const named = found.connections.get(connection)
  if (named !== undefined) return Effect.succeed(named)
  const known = [...found.connections.keys()]
  return new WrongUse({
    message: `workspace "${workspace}" has no connection "${connection}"${hint(connection, known)}`,
  })
}
