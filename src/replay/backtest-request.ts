/**
 * What somebody asks of a backtest over HTTP, checked: all that is wrong with it at once. Rules are checked as those of a config are.
 */
import * as Result from "effect/Result"
import { surroundingsOf } from "../config/check.ts"
import { checkRule } from "../config/check-rule.ts"
import { Checker } from "../config/check-shape.ts"
import { limits } from "../config/defaults.ts"
import type { Pace } from "../config/in-turns.ts"
import type { Plan, RulePlan, WorkspacePlan } from "../config/plan.ts"
import type { Issue } from "../model/errors.ts"
import type { ReplayFilter } from "../model/replay.ts"
import { compiler } from "../transform/compiler.ts"
import { checkFilter, filterFields } from "./request.ts"

export interface AskedBacktest {
  readonly filter: ReplayFilter
  /** The config that is tried. */
  readonly plan: Plan
  /** The one in force, where another is tried. */
  readonly against: Plan | undefined
  readonly examples: number
}

const fields = [...filterFields.filter((name) => name !== "status"), "examples", "rules"]

/** @param plan the config in force, which has the workspace */
export const checkBacktest = async (
  value: unknown,
  plan: Plan,
  workspace: WorkspacePlan,
  now: number,
  pace: Pace,
): Promise<Result.Result<AskedBacktest, ReadonlyArray<Issue>>> => {
  const check = new Checker()
  const given = check.object(value, [], fields) ?? {}
  const rules = given["rules"] === undefined ? undefined : await checkRules(check, given["rules"], workspace, pace)
  const inForce = onlyOf(plan, workspace)
  const tried = rules === undefined ? inForce : onlyOf(plan, { ...workspace, rules })
  const about = { from: `${limits.lookBackMs / 3_600_000} hours`, ...given }
  const filter = checkFilter(check, about, [inForce, tried], workspace.id, now)
  const examples = given["examples"] ?? limits.backtestExamples
  const asked = {
    filter,
    plan: tried,
    against: rules === undefined ? undefined : inForce,
    examples: check.number(examples, ["examples"], { min: 0, max: limits.backtestExamplesMax }) ?? 0,
  }
  return check.issues.length === 0 ? Result.succeed(asked) : Result.fail(check.issues.slice(0, limits.issuesShown))
}

const checkRules = async (
  check: Checker,
  value: unknown,
  workspace: WorkspacePlan,
  pace: Pace,
): Promise<ReadonlyArray<RulePlan>> => {
  const around = surroundingsOf(workspace, compiler)
  const given = check.entries(value, ["rules"])
  if (given.length > limits.rulesPerWorkspace) {
    check.note(["rules"], `${given.length} rules, at most ${limits.rulesPerWorkspace} are allowed`)
    return []
  }
  const rules: Array<RulePlan> = []
  for (const [id, rule] of given) {
    const checked = await pace(() => checkRule(check, id, rule, ["rules", id], around))
    if (checked !== undefined) rules.push(checked)
  }
  return rules
}

const onlyOf = (plan: Plan, workspace: WorkspacePlan): Plan => ({
  ...plan,
  workspaces: new Map([[workspace.id, workspace]]),
})
