/**
 * A schema for each event: publishers are held to it by the compiler, and the config by its tests.
 */
import * as Schema from "effect/Schema"
import { defineConfig, secret } from "meshes"
import { webhook } from "meshes/connectors"

export default defineConfig({
  eventTypes: {
    "lead.created": {
      schema: Schema.Struct({ id: Schema.String, email: Schema.String, plan: Schema.Literals(["free", "pro"]) }),
    },
  },
  workspaces: {
    demo: {
      connections: { crm: webhook({ url: "https://crm.example/leads", secret: secret("CRM_SECRET") }) },
      rules: {
        "pro-lead": {
          on: "lead.created",
          when: { expression: `payload.plan = "pro"` },
          actions: [{ connection: "crm", map: { contact: "payload.email" } }],
        },
      },
    },
  },
})
