/**
 * The config that `npm start` runs: it needs nothing outside, and prints what it delivers. Publish an event and look:
 *
 *   npm run meshes -- publish lead.created --workspace demo --payload '{"id":"1","email":"ada@example.com","plan":"pro"}'
 */
import * as Schema from "effect/Schema"
import { defineConfig } from "meshes"
import { console } from "meshes/connectors"

export default defineConfig({
  eventTypes: {
    "lead.created": {
      description: "A lead signed up",
      schema: Schema.Struct({ id: Schema.String, email: Schema.String, plan: Schema.optionalKey(Schema.String) }),
    },
    "invoice.paid": { description: "An invoice was paid" },
  },
  workspaces: {
    demo: {
      connections: { log: console({}) },
      rules: {
        everything: { on: ">", actions: [{ connection: "log" }] },
        "pro-lead": {
          on: "lead.created",
          when: { expression: `payload.plan = "pro"` },
          actions: [{ connection: "log", map: { text: `"New lead " & payload.email` } }],
        },
      },
    },
  },
})
