/**
 * Puts secrets in place of references: `secret("NAME")` is the environment variable `NAME`, else the content of the file that
 * `NAME_FILE` names (as containers mount them). What the vault has of a workspace comes before both (`secrets/settings-resolver.ts`).
 * Nothing here ever prints a value.
 */
import { readFileSync } from "node:fs"
import * as Result from "effect/Result"
import type { SecretRef } from "../model/connector.ts"

export interface MissingSecret {
  readonly name: string
  /** What was looked for and what to do. */
  readonly message: string
}

type Environment = { readonly [name: string]: string | undefined }

/** The value of one variable, or of the file that `NAME_FILE` names; `undefined` when neither is set. */
export const readVariable = (name: string, env: Environment): Result.Result<string | undefined, string> => {
  const value = env[name]
  if (value !== undefined && value !== "") return Result.succeed(value)
  const file = env[`${name}_FILE`]
  if (file === undefined || file === "") return Result.succeed(undefined)
  try {
    // A file's last line end belongs to the file, not to the secret.
    return Result.succeed(readFileSync(file, "utf8").replace(/\r?\n$/, ""))
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? String(cause)
    return Result.fail(`the file that ${name}_FILE names, ${JSON.stringify(file)}, cannot be read (${code})`)
  }
}

export const readSecret = (name: string, env: Environment): Result.Result<string, string> =>
  Result.flatMap(readVariable(name, env), (value) =>
    value === undefined || value === ""
      ? Result.fail(
          `secret "${name}" is not set: set the environment variable ${name}, or ${name}_FILE to a file that holds it`,
        )
      : Result.succeed(value),
  )

/** Looks each secret up once: for what asks for the same ones over and over, as a loop's thousands of connections do. */
export const rememberingReader = (env: Environment): typeof readSecret => {
  const known = new Map<string, Result.Result<string, string>>()
  return (name) => {
    let found = known.get(name)
    if (found === undefined) known.set(name, (found = readSecret(name, env)))
    return found
  }
}

/** A copy of `value` with every reference replaced, or all that are missing. */
export const resolveSecrets = (
  value: unknown,
  env: Environment,
  read: typeof readSecret = readSecret,
): Result.Result<unknown, ReadonlyArray<MissingSecret>> => {
  const missing = new Map<string, MissingSecret>()
  const replace = (part: unknown): unknown => {
    if (Array.isArray(part)) return part.map(replace)
    if (typeof part !== "object" || part === null) return part
    if (isSecretRef(part)) {
      const found = read(part.name, env)
      if (Result.isSuccess(found)) return found.success
      missing.set(part.name, { name: part.name, message: found.failure })
      return undefined
    }
    return Object.fromEntries(Object.entries(part).map(([key, inner]) => [key, replace(inner)]))
  }
  const resolved = replace(value)
  return missing.size === 0 ? Result.succeed(resolved) : Result.fail([...missing.values()])
}

export const isSecretRef = (value: unknown): value is SecretRef =>
  typeof value === "object" && value !== null && (value as SecretRef)._tag === "Secret"

/** The names of the secrets that a connection's settings refer to. */
export const secretNamesIn = (settings: unknown): ReadonlySet<string> => {
  const names = new Set<string>()
  const look = (part: unknown): void => {
    if (isSecretRef(part)) names.add(part.name)
    else if (typeof part === "object" && part !== null) Object.values(part).forEach(look)
  }
  look(settings)
  return names
}
