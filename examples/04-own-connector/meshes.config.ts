/**
 * A connector of your own, used as one that comes along: the same types, checks and pages.
 */
import { defineConfig, secret } from "meshes"
import { pager } from "./pager.ts"

export default defineConfig({
  workspaces: {
    demo: {
      connections: { oncall: pager({ token: secret("PAGER_TOKEN") }) },
      rules: {
        page: {
          on: "lead.created",
          actions: [{ connection: "oncall", map: { text: `"Lead " & payload.email`, urgent: true } }],
        },
      },
    },
  },
})
