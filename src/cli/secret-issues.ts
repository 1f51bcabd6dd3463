/**
 * The secrets of a config that cannot be used here: not found, or not what their connector needs. Values are never shown.
 */
import * as Result from "effect/Result"
import { hashKeys } from "../accounts/keys.ts"
import type { Plan } from "../config/plan.ts"
import { readSecret, rememberingReader, resolveSecrets } from "../config/secrets.ts"
import type { Issue } from "../model/errors.ts"
import type { WorkspaceId } from "../model/ids.ts"

export interface SecretIssues {
  /** Of connections: nowhere that was looked. */
  readonly missing: ReadonlyArray<Issue & { readonly workspace: WorkspaceId; readonly name: string }>
  /** There, and not what the connector needs; and keys that are missing. */
  readonly wrong: ReadonlyArray<Issue>
}

/** @param readerOf how a workspace's secrets are looked up; default: in the environment and files, the same for all */
export const secretIssues = (
  plan: Plan,
  env: NodeJS.ProcessEnv,
  readerOf: (workspace: WorkspaceId) => typeof readSecret = always(rememberingReader(env)),
): SecretIssues => {
  const missing: Array<SecretIssues["missing"][number]> = []
  const wrong: Array<Issue> = []
  for (const workspace of plan.workspaces.values()) {
    const read = readerOf(workspace.id)
    for (const { id, connection, settings } of workspace.connections.values()) {
      const path = ["workspaces", workspace.id, "connections", id]
      const resolved = resolveSecrets(settings, env, read)
      if (Result.isFailure(resolved)) {
        for (const one of resolved.failure) missing.push({ path, workspace: workspace.id, ...one })
      } else {
        for (const issue of connection.connector.checkResolved?.(resolved.success) ?? []) {
          wrong.push({ path: [...path, ...issue.path], message: issue.message })
        }
      }
    }
  }
  // Keys are read before the log is there: the vault cannot have them.
  const keys = hashKeys(plan.declaredKeys ?? [], [], (name) => readSecret(name, env))
  if (Result.isFailure(keys)) wrong.push(...keys.failure)
  return { missing, wrong }
}

const always =
  <A>(value: A) =>
  (): A =>
    value
