/**
 * A rule of a workspace by its id: what a delivery needs each time it is sent. A workspace may have thousands.
 */
import type { RulePlan, WorkspacePlan } from "./plan.ts"

/** With fewer, looking at each is as fast and takes no memory. */
const indexedRulesMin = 32

const indexes = new WeakMap<WorkspacePlan, ReadonlyMap<string, RulePlan>>()

export const findRule = (workspace: WorkspacePlan, id: string): RulePlan | undefined => {
  if (workspace.rules.length < indexedRulesMin) return workspace.rules.find((rule) => rule.id === id)
  let index = indexes.get(workspace)
  if (index === undefined) {
    index = new Map(workspace.rules.map((rule) => [rule.id, rule]))
    indexes.set(workspace, index)
  }
  return index.get(id)
}
