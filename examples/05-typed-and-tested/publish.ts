/**
 * Publishes a lead: of the config only its type is imported, so nothing of it gets into the program.
 */
import { createClient } from "meshes/client"
import type config from "./meshes.config.ts"

const client = createClient<typeof config>({
  url: process.env["MESHES_URL"] ?? "http://127.0.0.1:4400",
  key: process.env["MESHES_KEY"] ?? "",
  workspace: "demo",
})

// `plan: "gold"` would not compile.
const stored = await client.publish("lead.created", { id: "1", email: "ada@example.com", plan: "pro" })
console.log(stored.id)
