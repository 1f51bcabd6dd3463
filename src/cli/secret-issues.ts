/**
 * The secrets of a config that cannot be used here: not set, or not what their connector needs. Values are never shown.
 */
import * as Result from "effect/Result"
import { hashKeys } from "../accounts/keys.ts"
import type { Plan } from "../config/plan.ts"
import { readSecret, rememberingReader, resolveSecrets } from "../config/secrets.ts"
import type { Issue } from "../model/errors.ts"

export const secretIssues = (plan: Plan, env: NodeJS.ProcessEnv): ReadonlyArray<Issue> => {
  const issues: Array<Issue> = []
  const read = rememberingReader(env)
  for (const workspace of plan.workspaces.values()) {
    for (const { id, connection, settings } of workspace.connections.values()) {
      const path = ["workspaces", workspace.id, "connections", id]
      const resolved = resolveSecrets(settings, env, read)
      if (Result.isFailure(resolved)) for (const { message } of resolved.failure) issues.push({ path, message })
      else {
        for (const issue of connection.connector.checkResolved?.(resolved.success) ?? []) {
          issues.push({ path: [...path, ...issue.path], message: issue.message })
        }
      }
    }
  }
  const keys = hashKeys(plan.declaredKeys ?? [], [], (name) => readSecret(name, env))
  return Result.isFailure(keys) ? [...issues, ...keys.failure] : issues
}
