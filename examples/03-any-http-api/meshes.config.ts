/**
 * An API that has no connector of its own: the mapping makes the whole call.
 */
import { defineConfig, secret } from "meshes"
import { http } from "meshes/connectors"

export default defineConfig({
  workspaces: {
    demo: {
      connections: {
        crm: http({
          url: "https://crm.example/v1",
          auth: { type: "bearer", token: secret("CRM_TOKEN") },
          rateLimit: { limit: 10, per: "1 second" },
        }),
      },
      rules: {
        upsert: {
          on: "lead.created",
          actions: [
            {
              connection: "crm",
              action: "call",
              map: {
                method: `"PUT"`,
                path: `"contacts/" & $encodeUrlComponent(payload.id)`,
                body: { email: "payload.email", labels: [`"lead"`, "payload.plan"] },
              },
            },
          ],
        },
      },
    },
  },
})
