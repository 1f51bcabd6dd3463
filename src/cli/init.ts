/**
 * `meshes init`: a first config that runs as it is.
 */
import { access, writeFile } from "node:fs/promises"
import { basename } from "node:path"
import * as Effect from "effect/Effect"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import { settingsOf, shared } from "./context.ts"
import { AnswerIsNo, bad, good, note, printJson } from "./output.ts"
import { Unusable } from "../model/errors.ts"

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
    const exists = yield* Effect.promise(() =>
      access(configFile).then(
        () => true,
        () => false,
      ),
    )
    if (exists && !force) {
      bad(`${configFile} is there already: it was left as it is (--force writes over it)`)
      return yield* new AnswerIsNo()
    }
    yield* Effect.tryPromise({
      try: () => writeFile(configFile, firstConfig),
      catch: (cause) => new Unusable({ message: `cannot write ${configFile}: ${(cause as Error).message}` }),
    })
    if (json) return printJson({ written: configFile })
    good(`wrote ${basename(configFile)}`)
    note("  next: meshes validate, meshes start, and in another terminal")
    note(`  meshes publish lead.created --workspace demo --payload '{"id":"1","email":"ada@example.com","plan":"pro"}'`)
  }),
).pipe(Command.withDescription("Write a first meshes.config.ts"))
