/**
 * One workspace, one connection, one rule: every lead is printed.
 */
import { defineConfig } from "meshes"
import { console } from "meshes/connectors"

export default defineConfig({
  workspaces: {
    demo: {
      connections: { log: console({}) },
      rules: { leads: { on: "lead.*", actions: [{ connection: "log" }] } },
    },
  },
})
