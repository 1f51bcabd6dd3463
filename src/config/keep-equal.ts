/**
 * What a reload leaves as it is. Connections and rules of a workspace that is written as before stay the same objects, so that what is
 * remembered by them (secrets in place, what is masked, how a request is signed) is not worked out anew for thousands of workspaces.
 */
import type { Plan, WorkspacePlan } from "./plan.ts"

/** The new plan, with all that is equal taken from the one before. */
export const keepEqual = (before: Plan, after: Plan): Plan => ({
  ...after,
  workspaces: new Map(
    [...after.workspaces].map(([id, workspace]) => {
      const old = before.workspaces.get(id)
      const same = old !== undefined && before.digests?.get(id) === after.digests?.get(id) && sameMakers(old, workspace)
      return [id, same ? { ...workspace, connections: old.connections, rules: old.rules } : workspace]
    }),
  ),
})

/** A connector of the user's own is another one each time it is read: its functions may do something else now. */
const sameMakers = (before: WorkspacePlan, after: WorkspacePlan): boolean => {
  for (const [name, { connection }] of after.connections) {
    if (before.connections.get(name)?.connection.connector !== connection.connector) return false
  }
  return true
}
