/**
 * Puts secrets in place of the references in a connection's settings: from the vault of its workspace, else the environment, else a file.
 */
import { isDeepStrictEqual } from "node:util"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import { limits } from "../config/defaults.ts"
import type { ConnectionPlan } from "../config/plan.ts"
import { readSecret, resolveSecrets, secretNamesIn } from "../config/secrets.ts"
import type { WorkspaceId } from "../model/ids.ts"
import { Vault } from "./vault.ts"

export class SettingsResolver extends Context.Service<
  SettingsResolver,
  {
    /**
     * The same object each time until a secret of the workspace becomes another: what is made of settings may be remembered by it. Or a
     * line that says which secrets are missing. Cheap enough for every delivery.
     */
    readonly resolve: (connection: ConnectionPlan) => Result.Result<unknown, string>
    /** The secrets that its settings refer to, and whether each can be had. */
    readonly secrets: (connection: ConnectionPlan) => ReadonlyArray<{ readonly name: string; readonly set: boolean }>
    /** Secrets are looked up anew: those in files may be others. */
    readonly lookAgain: () => void
  }
>()("meshes/SettingsResolver") {
  /** @param env the environment that secrets are taken from which the vault does not have */
  static readonly layer = (env: NodeJS.ProcessEnv) =>
    Layer.effect(
      SettingsResolver,
      Effect.gen(function* () {
        const vault = yield* Vault
        const known = new WeakMap<ConnectionPlan, Known>()
        const eras = new Map<WorkspaceId, Era>()
        yield* Effect.acquireRelease(
          Effect.sync(() =>
            vault.listen(({ kind, workspace }) => {
              const era = eras.get(workspace)
              if (kind !== "secret" || era === undefined) return
              era.over = true
              eras.delete(workspace)
            }),
          ),
          (stop) => Effect.sync(stop),
        )
        const eraOf = (workspace: WorkspaceId): Era => {
          const era = eras.get(workspace) ?? { over: false }
          eras.set(workspace, era)
          return era
        }
        return {
          resolve: (connection) => {
            const before = known.get(connection)
            if (before !== undefined && !before.era.over) return before.settings
            const era = eraOf(connection.workspace)
            const found = resolveSecrets(connection.settings, env, vaultFirst(vault, connection.workspace))
            // What is missing is looked for anew each time: a file may have come.
            if (Result.isFailure(found)) return Result.fail(listOf(found.failure))
            const same = before !== undefined && isDeepStrictEqual(before.settings, Result.succeed(found.success))
            const settings = same ? before.settings : Result.succeed(found.success)
            known.set(connection, { era, settings })
            return settings
          },
          secrets: ({ workspace, settings }) =>
            [...secretNamesIn(settings)].map((name) => ({
              name,
              set: Result.isSuccess(vaultFirst(vault, workspace)(name, env)),
            })),
          lookAgain: () => {
            for (const era of eras.values()) era.over = true
            eras.clear()
          },
        }
      }),
    )
}

/** The time in which no secret of a workspace changed. */
interface Era {
  over: boolean
}

interface Known {
  readonly era: Era
  readonly settings: Result.Result<unknown, string>
}

/** Reads secrets as a workspace has them: its own in the vault win over what all share. */
export const vaultFirst =
  (vault: Pick<Vault["Service"], "get">, workspace: WorkspaceId): typeof readSecret =>
  (name, env) => {
    const sealed = vault.get({ kind: "secret", workspace, name })
    if (Result.isFailure(sealed)) return Result.fail(sealed.failure)
    if (sealed.success !== undefined) return Result.succeed(sealed.success)
    return Result.mapError(
      readSecret(name, env),
      (message) => `${message}, or put it into the vault: meshes secrets set ${workspace} ${name}`,
    )
  }

const listOf = (missing: ReadonlyArray<{ readonly message: string }>): string =>
  missing
    .map(({ message }) => message)
    .join("; ")
    .slice(0, limits.messageCharacters)
