/**
 * Explaining, as the API asks for it: in one workspace, and bounded. No secret takes part: somebody who may only read could otherwise have
 * whatever they like signed.
 */
import * as Result from "effect/Result"
import { limits } from "../config/defaults.ts"
import { makePace } from "../config/in-turns.ts"
import type { Plan } from "../config/plan.ts"
import { formatPath, type Issue } from "../model/errors.ts"
import type { WorkspaceId } from "../model/ids.ts"
import { explainEvent, type Explained } from "./explain.ts"

/** As the API shows it. @param given as a publisher would send it */
export const explainBounded = async (
  plan: Plan,
  workspace: WorkspaceId,
  given: unknown,
): Promise<Result.Result<object, ReadonlyArray<Issue>>> => {
  const pace = makePace()
  const until = performance.now() + limits.explainMs
  let characters = 0
  const enough = (last: Explained): boolean => {
    characters += JSON.stringify(last).length
    return characters > limits.explainCharacters || performance.now() > until
  }
  const explained = await explainEvent(plan, given, { now: Date.now(), env: {}, workspace, enough, pace })
  return Result.mapBoth(explained, {
    onFailure: ({ issues }) => issues,
    onSuccess: ({ event, workspace: { eventTypes }, problems, rules, complete }) => ({
      event,
      declared: eventTypes.has(event.type),
      accepted: problems.length === 0,
      errors: problems.map(({ path, message }) => ({ path: formatPath(path), message })),
      complete,
      rules,
    }),
  })
}
