/**
 * Loads a config file: TypeScript as it is (Node strips the types) or JavaScript, its default export checked and made into a plan.
 */
import { access } from "node:fs/promises"
import { relative } from "node:path"
import { pathToFileURL } from "node:url"
import * as Effect from "effect/Effect"
import { InvalidInput } from "../model/errors.ts"
import { checkConfig } from "./check.ts"
import type { Compiler, Plan } from "./plan.ts"

/** The plan in a config file. @param file absolute */
export const loadPlan = (file: string, compiler: Compiler): Effect.Effect<Plan, InvalidInput> =>
  Effect.flatMap(loadDefault(file, "export default defineConfig({ … })"), (exported) =>
    Effect.mapError(
      Effect.fromResult(checkConfig(exported, compiler)),
      (issues) => new InvalidInput({ subject: subjectOf(file), issues }),
    ),
  )

/** What a file of the user's exports by default. @param example what is to be written where it exports nothing */
export const loadDefault = (file: string, example: string): Effect.Effect<unknown, InvalidInput> => {
  const subject = subjectOf(file)
  const wrong = (message: string) => new InvalidInput({ subject, issues: [{ path: [], message }] })
  return Effect.flatMap(
    Effect.tryPromise({ try: () => importDefault(file), catch: (cause) => wrong(explain(cause, subject)) }),
    (exported) =>
      exported === undefined
        ? Effect.fail(wrong(`it has no default export; write \`${example}\``))
        : Effect.succeed(exported),
  )
}

const subjectOf = (file: string): string => relative(process.cwd(), file) || file

const importDefault = async (file: string): Promise<unknown> => {
  await access(file)
  const module = (await import(pathToFileURL(file).href)) as { readonly default?: unknown }
  return module.default
}

const explain = (cause: unknown, subject: string): string => {
  if (!(cause instanceof Error)) return `it threw ${String(cause)}`
  const { code } = cause as NodeJS.ErrnoException
  if (code === "ENOENT") {
    return `there is no such file; \`meshes init\` writes a first one, --config or MESHES_CONFIG name another`
  }
  if (code === "ERR_MODULE_NOT_FOUND" || code === "MODULE_NOT_FOUND") {
    return `it imports what is not there: ${firstLine(cause)}. Is it installed (npm install)?`
  }
  if (code === "ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX" || code === "ERR_INVALID_TYPESCRIPT_SYNTAX") {
    return `Node cannot run this TypeScript: ${firstLine(cause)}. Types are stripped, not compiled: no enum, namespace or parameter properties${placeOf(cause, subject)}`
  }
  if (code === "ERR_UNKNOWN_FILE_EXTENSION") {
    return `Node cannot load ${subject}: name it .ts, .mts, .js or .mjs`
  }
  if (/Cannot use import statement outside a module/.test(cause.message)) {
    return `it is an ES module in a package that says it has none: set "type": "module" in package.json, or name the config .mts`
  }
  return `loading it failed: ${cause.name}: ${firstLine(cause)}${placeOf(cause, subject)}`
}

const firstLine = (cause: Error): string => cause.message.split("\n")[0]!

/** The line of the config that threw, where the stack tells. */
const placeOf = (cause: Error, subject: string): string => {
  const name = subject.split("/").at(-1)!
  const line = cause.stack?.split("\n").find((one) => one.includes(name))
  const place = line === undefined ? null : /:(\d+)(?::(\d+))?\)?$/.exec(line)
  return place === null ? "" : ` (line ${place[1]})`
}
