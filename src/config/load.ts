/**
 * Loads a config file: TypeScript as it is (Node strips the types) or JavaScript, its default export checked and made into a plan.
 */
import { access } from "node:fs/promises"
import { relative } from "node:path"
import { pathToFileURL } from "node:url"
import * as Effect from "effect/Effect"
import { InvalidInput } from "../model/errors.ts"
import { checkConfig, checkingConfig } from "./check.ts"
import { limits } from "./defaults.ts"
import type { Config } from "./define.ts"
import { importAnew } from "./import-anew.ts"
import { inTurns } from "./in-turns.ts"
import type { Compiler, Plan } from "./plan.ts"

/** The plan in a config file. @param file absolute */
export const loadPlan = (file: string, compiler: Compiler): Effect.Effect<Plan, InvalidInput> =>
  Effect.flatMap(loadDefault(file, configExample), (config) => fitting(file, checkConfig(config, compiler)))

/** A config and its plan. */
export interface LoadedConfig {
  readonly plan: Plan
  readonly config: Config
}

/**
 * The config in a file as it is on the disk now, with what it imports, however often it was loaded before. Gives way to what else the
 * process does.
 *
 * @param files is given each file that was read, also when the load fails
 */
export const loadAnew = (
  file: string,
  compiler: Compiler,
  files: Set<string>,
): Effect.Effect<LoadedConfig, InvalidInput> =>
  Effect.gen(function* () {
    files.add(file)
    const wrong = (message: string) => new InvalidInput({ subject: subjectOf(file), issues: [{ path: [], message }] })
    const config = yield* loadDefault(file, configExample, () => importAnew(file, files)).pipe(
      Effect.timeoutOrElse({
        duration: limits.configLoadMs,
        orElse: () =>
          Effect.fail(wrong(`loading it takes longer than ${limits.configLoadMs / 1000} s; what does it wait for?`)),
      }),
    )
    // A getter of the user's, or what its values make of themselves as JSON, may throw.
    const checked = yield* Effect.tryPromise({
      try: async () => {
        emptyAllBut(config)
        return isEmptied(config) ? undefined : inTurns(checkingConfig(config, compiler))
      },
      catch: (cause) => wrong(`checking it failed: ${cause instanceof Error ? cause.message : String(cause)}`),
    })
    if (checked === undefined) return yield* wrong(emptied)
    const plan = yield* Effect.tapError(fitting(file, checked), () => Effect.sync(() => letGoOf(config)))
    return { plan, config: config as Config }
  })

/**
 * The config is done with: what its plan needs of it, the plan has. Node never forgets a module, nor what it exports, and a large config
 * is some 100 MB: so its outer parts are emptied, once the next load shows that they are not the same objects again, out of a package
 * that is loaded once.
 */
export const letGoOf = (config: unknown): void => {
  for (const part of outerParts(config)) done.add(part)
}

const done = new Set<object>()
const wereEmptied = new WeakSet<object>()

const outerParts = (config: unknown): ReadonlyArray<object> =>
  [config, (config as { readonly workspaces?: unknown } | undefined)?.workspaces].filter(isPlain)

const isPlain = (value: unknown): value is object =>
  typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype

const emptyAllBut = (config: unknown): void => {
  const kept = outerParts(config)
  for (const part of done) {
    if (kept.includes(part)) continue
    for (const key of Object.keys(part)) Reflect.deleteProperty(part, key)
    wereEmptied.add(part)
  }
  done.clear()
}

const isEmptied = (config: unknown): boolean => outerParts(config).some((part) => wereEmptied.has(part))

const emptied =
  "its workspaces are an object of a package's, which was let go of when another config came into force: restart, or copy it where " +
  "the config is made ({ ...workspaces })"

/** What a file of the user's exports by default. @param example what is to be written where it exports nothing */
export const loadDefault = (file: string, example: string, load = importOnce): Effect.Effect<unknown, InvalidInput> => {
  const subject = subjectOf(file)
  const wrong = (message: string) => new InvalidInput({ subject, issues: [{ path: [], message }] })
  return Effect.tryPromise({
    try: async () => {
      await access(file)
      return ((await load(file)) as { readonly default?: unknown }).default
    },
    catch: (cause) => wrong(explain(cause, subject)),
  }).pipe(
    Effect.filterOrFail(
      (exported) => exported !== undefined,
      () => wrong(`it has no default export; write \`${example}\``),
    ),
  )
}

const configExample = "export default defineConfig({ … })"

const subjectOf = (file: string): string => relative(process.cwd(), file) || file

const importOnce = (file: string): Promise<unknown> => import(pathToFileURL(file).href)

const fitting = (file: string, checked: ReturnType<typeof checkConfig>): Effect.Effect<Plan, InvalidInput> =>
  Effect.mapError(Effect.fromResult(checked), (issues) => new InvalidInput({ subject: subjectOf(file), issues }))

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
