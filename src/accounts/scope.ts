/**
 * Whose limit of events a workspace's events count against.
 */
import type { Plan } from "../config/plan.ts"
import type { WorkspaceId } from "../model/ids.ts"
import type { UsageScope } from "../model/usage.ts"

const known = new WeakMap<Plan, Map<WorkspaceId, UsageScope | undefined>>()

/** `undefined`: there is no limit. The same object for the same plan and scope. */
export const scopeOf = (plan: Plan, workspace: WorkspaceId): UsageScope | undefined => {
  if (plan.accounts === undefined) return undefined
  let scopes = known.get(plan)
  if (scopes === undefined) known.set(plan, (scopes = scopesOf(plan)))
  return scopes.get(workspace)
}

const scopesOf = (plan: Plan): Map<WorkspaceId, UsageScope | undefined> => {
  const scopes = new Map<WorkspaceId, UsageScope>()
  for (const { id, limits, workspaces } of plan.accounts?.values() ?? []) {
    if (limits?.eventsPerMonth === undefined) continue
    const terms = { limit: limits.eventsPerMonth, hard: limits.overage === "reject" }
    const pooled: UsageScope = { kind: "account", name: id, workspaces, ...terms }
    for (const name of workspaces) {
      scopes.set(name, limits.usage === "account" ? pooled : { kind: "workspace", name, workspaces: [name], ...terms })
    }
  }
  return scopes
}
