/**
 * What each event would do: `npm run -s meshes -- test --config examples/05-typed-and-tested/meshes.config.ts`.
 */
import { defineTests } from "meshes/testing"
import config from "./meshes.config.ts"

export default defineTests(config, [
  {
    name: "a lead on the pro plan goes to the CRM",
    event: { type: "lead.created", payload: { id: "1", email: "ada@example.com", plan: "pro" } },
    deliveries: [{ connection: "crm", request: { method: "POST", body: { contact: "ada@example.com" } } }],
  },
  {
    name: "other leads go nowhere",
    event: { type: "lead.created", payload: { id: "2", email: "grace@example.com", plan: "free" } },
    deliveries: [],
  },
  {
    name: "a plan is one of ours",
    event: { type: "lead.created", payload: { id: "3", email: "joan@example.com", plan: "gold" } },
    refused: "payload.plan",
  },
])
