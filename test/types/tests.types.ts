/**
 * The types of a config's tests: each mistake is an error on its own line. Checked by the compiler (`npm run check`), never run.
 */
import * as Schema from "effect/Schema"
import { console } from "../../connectors/index.ts"
import { defineTests, deliveriesOf } from "../../src/explain/testing.ts"
import { defineConfig } from "../../src/index.ts"

const config = defineConfig({
  eventTypes: { "lead.created": { schema: Schema.Struct({ email: Schema.String }) } },
  workspaces: { acme: { connections: { log: console({}) } } },
})

export const right = defineTests(config, [
  { name: "one", event: { type: "lead.created", payload: { email: "x" } }, deliveries: [{ connection: "log" }] },
  { name: "two", event: { type: "lead.created", workspace: "acme", payload: {} }, refused: "payload.email" },
])

export const wrong = [
  // @ts-expect-error no such event type
  deliveriesOf(config, { type: "lead.creatd", payload: { email: "x" } }),
  // @ts-expect-error the payload's field is missing
  deliveriesOf(config, { type: "lead.created", payload: {} }),
  // @ts-expect-error no such workspace
  deliveriesOf(config, { type: "lead.created", workspace: "acm", payload: { email: "x" } }),
  // @ts-expect-error what is expected is not said
  defineTests(config, [{ name: "one", event: { type: "lead.created", payload: { email: "x" } } }]),
]
