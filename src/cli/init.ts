/**
 * `meshes init`: a first config that runs as it is.
 */
import { access, writeFile } from "node:fs/promises"
import { basename, extname } from "node:path"
import * as Effect from "effect/Effect"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import { settingsOf, shared } from "./context.ts"
import { AnswerIsNo, bad, good, note, printJson } from "./output.ts"
import { Unusable } from "../model/errors.ts"
import { testsFileOf } from "./test.ts"

/** What is written. A test runs it. */
export const firstConfig = `import { defineConfig } from "meshes"
import { console } from "meshes/connectors"

export default defineConfig({
  // What can happen. A schema (Effect Schema, zod, valibot, arktype or JSON Schema) checks payloads and expressions.
  eventTypes: {
    "lead.created": {
      description: "A lead signed up",
      schema: {
        type: "object",
        properties: { id: { type: "string" }, email: { type: "string" }, plan: { type: "string" } },
        required: ["id", "email"],
      },
    },
  },
  // One for each of your customers.
  workspaces: {
    demo: {
      connections: {
        log: console({}),
        // erp: webhook({ url: "https://erp.example.com/in", secret: secret("ERP_SECRET") }),
      },
      rules: {
        "new-lead": {
          on: "lead.created",
          when: { expression: \`payload.plan = "pro"\` },
          actions: [{ connection: "log", map: { text: \`"New lead " & payload.email\` } }],
        },
      },
    },
  },
})
`

/** What is written beside it: tests of it. */
const firstTestsOf = (config: string): string => `import { defineTests } from "meshes/testing"
import config from "./${config}"

// \`meshes test\` runs these: what each event would do. Nothing is sent, and secrets need no values.
export default defineTests(config, [
  {
    name: "a lead on the pro plan is told of",
    event: { type: "lead.created", payload: { id: "1", email: "ada@example.com", plan: "pro" } },
    deliveries: [{ connection: "log", input: { text: "New lead ada@example.com" } }],
  },
  {
    name: "nobody is told of other leads",
    event: { type: "lead.created", payload: { id: "2", email: "grace@example.com", plan: "free" } },
    deliveries: [],
  },
  {
    name: "a lead has an address",
    event: { type: "lead.created", payload: { id: "3" } },
    refused: "payload.email",
  },
])
`

export const init = Command.make(
  "init",
  {
    force: Flag.Boolean("force").pipe(
      Flag.withDefault(false),
      Flag.withDescription("Write over a config that is there"),
    ),
  },
  Effect.fn(function* ({ force }) {
    const { config, json } = yield* shared
    const { configFile } = yield* settingsOf({ config })
    const exists = yield* isThere(configFile)
    if (exists && !force) {
      bad(`${configFile} is there already: it was left as it is (--force writes over it)`)
      return yield* new AnswerIsNo()
    }
    yield* write(configFile, firstConfig)
    const testsFile = testsFileOf(configFile, extname(configFile))
    const withTests = force || !(yield* isThere(testsFile))
    if (withTests) yield* write(testsFile, firstTestsOf(basename(configFile)))
    if (json) return printJson({ written: configFile, ...(withTests ? { tests: testsFile } : {}) })
    good(`wrote ${basename(configFile)}${withTests ? ` and ${basename(testsFile)}` : ""}`)
    note("  next: meshes validate, meshes test, meshes start, and in another terminal")
    note(`  meshes publish lead.created --workspace demo --payload '{"id":"1","email":"ada@example.com","plan":"pro"}'`)
  }),
).pipe(Command.withDescription("Write a first meshes.config.ts, and tests of it"))

const isThere = (file: string) =>
  Effect.promise(() =>
    access(file).then(
      () => true,
      () => false,
    ),
  )

const write = (file: string, text: string) =>
  Effect.tryPromise({
    try: () => writeFile(file, text),
    catch: (cause) => new Unusable({ message: `cannot write ${file}: ${(cause as Error).message}` }),
  })
