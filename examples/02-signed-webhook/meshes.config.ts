/**
 * A customer each has a webhook of its own, signed with a secret of its own. Paying customers' leads are sent as the customer's system
 * wants them; the whole event goes to an audit address.
 */
import * as Schema from "effect/Schema"
import { defineConfig, defineWorkspace, secret } from "meshes"
import { webhook } from "meshes/connectors"

const customers = [
  { id: "acme", url: "https://acme.example/leads" },
  { id: "globex", url: "https://globex.example/hooks/leads" },
]

const workspaceOf = ({ id, url }: (typeof customers)[number]) =>
  defineWorkspace({
    eventTypes: {
      "lead.created": { schema: Schema.Struct({ id: Schema.String, email: Schema.String, plan: Schema.String }) },
    },
    connections: {
      leads: webhook({
        url,
        secret: secret(`${id.toUpperCase()}_WEBHOOK_SECRET`),
        // Three quick attempts and then a few more over an hour.
        retry: { attempts: 6, initial: "5 seconds", factor: 4, max: "30 minutes" },
      }),
      audit: webhook({ url: "https://audit.example/in", secret: secret("AUDIT_SECRET") }),
    },
    rules: {
      paying: {
        on: "lead.created",
        when: { expression: `payload.plan != "free"` },
        actions: [{ connection: "leads", map: { contact: { email: "payload.email" }, reference: "payload.id" } }],
      },
      audit: { on: ">", actions: [{ connection: "audit" }] },
    },
  })

export default defineConfig({
  workspaces: Object.fromEntries(customers.map((customer) => [customer.id, workspaceOf(customer)])),
})
