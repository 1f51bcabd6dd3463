/**
 * `meshes test`: the tests beside a config, each an event with the deliveries that it is expected to make. Nothing is sent.
 */
import { existsSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { basename, dirname, join, relative, resolve } from "node:path"
import * as Effect from "effect/Effect"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import { Checker } from "../config/check-shape.ts"
import { loadDefault } from "../config/load.ts"
import type { Settings } from "../config/settings.ts"
import type { Difference } from "../explain/expectation.ts"
import { planOf as planIn, runTest, type ConfigTest } from "../explain/testing.ts"
import { formatPath, InvalidInput } from "../model/errors.ts"
import { planOf, settingsOf, shared } from "./context.ts"
import { AnswerIsNo, bad, good, paint, print, printJson } from "./output.ts"

/** Where tests are looked for, in this order, when no file is named. */
const extensions = [".ts", ".mts", ".js", ".mjs", ".json"]

/** The file of the tests of a config: `meshes.config.ts` has `meshes.tests.ts`. */
export const testsFileOf = (configFile: string, extension: string): string => {
  const name = basename(configFile).replace(/\.[^.]+$/, "")
  return join(dirname(configFile), `${name.replace(/\.config$/, "")}.tests${extension}`)
}

interface Ran {
  readonly file: string
  readonly name: string
  readonly passed: boolean
  readonly differences: ReadonlyArray<Difference>
}

export const test = Command.make(
  "test",
  {
    files: Argument.String("file").pipe(
      Argument.variadic(),
      Argument.withDescription("Tests (default: meshes.tests.ts or meshes.tests.json beside the config)"),
    ),
  },
  Effect.fn(function* ({ files }) {
    const { config, json } = yield* shared
    const settings = yield* settingsOf({ config })
    const named = files.map((file) => resolve(file))
    const found = extensions.map((extension) => testsFileOf(settings.configFile, extension)).find(existsSync)
    if (named.length === 0 && found === undefined) {
      bad(
        `there are no tests beside ${settings.configFile}: write ${testsFileOf(settings.configFile, ".ts")} (\`meshes init\` does)`,
      )
      return yield* new AnswerIsNo()
    }
    const ran: Array<Ran> = []
    for (const file of named.length > 0 ? named : [found!]) ran.push(...(yield* runFile(file, settings)))
    const failed = ran.filter(({ passed }) => !passed)
    if (json) printJson({ passed: ran.length - failed.length, failed: failed.length, tests: ran })
    else ran.forEach(show)
    if (failed.length === 0) return json ? undefined : good(`${count(ran.length)} passed; nothing was sent`)
    if (!json) bad(`${failed.length} of ${count(ran.length)} failed`)
    return yield* new AnswerIsNo()
  }),
).pipe(
  Command.withDescription("Run the tests beside the config: events, and the deliveries that each is expected to make"),
  Command.withExamples([
    { command: "meshes test", description: "Those in meshes.tests.ts" },
    { command: "meshes test eu.tests.json --config eu.config.ts --json", description: "For a pipeline" },
  ]),
)

const count = (tests: number): string => `${tests} ${tests === 1 ? "test" : "tests"}`

const runFile = Effect.fn(function* (file: string, settings: Settings) {
  const subject = relative(process.cwd(), file) || file
  const exported = file.endsWith(".json")
    ? yield* readTests(file, subject)
    : yield* loadDefault(file, "export default defineTests(config, [ … ])")
  // What `defineTests` gives knows its config; a list is for the config in force.
  const own = Array.isArray(exported)
    ? undefined
    : (exported as { readonly config?: unknown; readonly tests?: unknown })
  const tests = yield* checkTests(own === undefined ? exported : own.tests, subject)
  const plan = own === undefined ? yield* planOf(settings) : yield* wrongIsInput(() => planIn(own.config))
  const ran: Array<Ran> = []
  for (const one of tests) {
    const differences = yield* wrongIsInput(() => runTest(plan, one)).pipe(
      Effect.catchTag("InvalidInput", ({ issues }) =>
        Effect.succeed(
          issues.map(({ path, message }): Difference => ({
            at: `the event can be none: ${formatPath(path)}: ${message}`,
          })),
        ),
      ),
    )
    ran.push({ file: subject, name: one.name, passed: differences.length === 0, differences })
  }
  return ran
})

const readTests = (file: string, subject: string) =>
  Effect.tryPromise({
    try: async () => JSON.parse(await readFile(file, "utf8")) as unknown,
    catch: (cause) =>
      new InvalidInput({ subject, issues: [{ path: [], message: `it cannot be read: ${(cause as Error).message}` }] }),
  })

/** Anything but `InvalidInput` is a bug. */
const wrongIsInput = <A>(run: () => A | Promise<A>): Effect.Effect<A, InvalidInput> =>
  Effect.tryPromise({ try: async () => run(), catch: (cause) => cause }).pipe(
    Effect.catch((cause) => (cause instanceof InvalidInput ? Effect.fail(cause) : Effect.die(cause))),
  )

const checkTests = (value: unknown, subject: string): Effect.Effect<ReadonlyArray<ConfigTest>, InvalidInput> => {
  const check = new Checker()
  const tests = check.list(value, []) ?? []
  for (const [i, test] of tests.entries()) {
    const given = check.object(test, [i], ["name", "event", "deliveries", "refused"])
    if (given === undefined) continue
    check.text(given["name"], [i, "name"])
    check.object(given["event"], [i, "event"])
    if ((given["deliveries"] === undefined) === (given["refused"] === undefined))
      check.note([i], "expected deliveries (a list, [] if no rule wants the event), or refused")
    const deliveries =
      given["deliveries"] === undefined ? [] : (check.list(given["deliveries"], [i, "deliveries"]) ?? [])
    for (const [j, delivery] of deliveries.entries()) {
      const path = [i, "deliveries", j]
      const expected = check.object(delivery, path, ["connection", "action", "rule", "input", "request", "error"])
      if (expected !== undefined) check.text(expected["connection"], [...path, "connection"])
    }
  }
  return check.issues.length === 0
    ? Effect.succeed(tests as ReadonlyArray<ConfigTest>)
    : Effect.fail(new InvalidInput({ subject, issues: check.issues }))
}

const show = ({ name, passed, differences }: Ran): void => {
  print(`${passed ? paint.green("✓") : paint.red("✗")} ${name}`)
  for (const { at, because, ...values } of differences) {
    print(`    ${at}`)
    if ("expected" in values) print(paint.red(`      - ${shown(values.expected)}`))
    if ("actual" in values) print(paint.green(`      + ${shown(values.actual)}`))
    for (const reason of because ?? []) print(`      ${reason}`)
  }
}

/** Long values go over lines of their own. */
const shown = (value: unknown): string =>
  value === undefined ? "nothing" : (JSON.stringify(value, null, 2) ?? String(value)).replaceAll("\n", "\n        ")
