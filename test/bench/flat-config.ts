/**
 * The config of the flat-cost benchmark, as somebody with many customers would write it: shared event types with schemas, and a loop
 * that makes every workspace of ten connections and ten rules. Conditions and mappings are the same in all workspaces but for some
 * constants, which differ from one to the next.
 */

/** Types that one rule of every workspace wants, and whose condition holds for the payload below. */
export const wantedTypes = [
  "lead.created",
  "lead.updated",
  "invoice.paid",
  "invoice.failed",
  "order.placed",
  "order.shipped",
  "user.joined",
  "user.left",
  "ticket.opened",
] as const

/** The type of every workspace's tenth rule: its condition, which is another in each workspace, never holds for the payload below. */
export const unwantedType = "ticket.closed"

export const perWorkspace = wantedTypes.length + 1

export const payload = {
  id: "lead_0123456789",
  email: "ada@example.com",
  plan: "pro",
  name: "Ada Lovelace",
  source: "marketing-site",
  amount: 4200,
}

export const workspaceName = (index: number): string => `customer-${index}`

/** The config's text after its imports. */
export const configOf = (origin: string, workspaces: number): string => `
import * as Schema from ${JSON.stringify(import.meta.resolve("effect/Schema"))}

const payload = Schema.Struct({
  id: Schema.String,
  email: Schema.String,
  plan: Schema.Literals(["free", "pro", "team"]),
  name: Schema.optionalKey(Schema.String),
  source: Schema.optionalKey(Schema.String),
  amount: Schema.Number,
})
const wanted = ${JSON.stringify(wantedTypes)}
const types = [...wanted, "${unwantedType}"]

const workspaceOf = (id: string, index: number) => ({
  tags: [index % 2 === 0 ? "eu" : "us"],
  connections: Object.fromEntries(
    types.map((type, i) => [
      "to-" + i,
      webhook({
        url: "${origin}/" + id + "/" + i,
        secret: secret("SIGNING"),
        concurrency: 32,
        allowPrivateNetwork: true,
        retry: { attempts: 5, initial: "10 seconds" },
        ...(i % 2 === 0 ? { headers: { "x-customer": id } } : {}),
      }),
    ]),
  ),
  rules: Object.fromEntries(
    types.map((type, i) => [
      "rule-" + i,
      {
        on: type,
        when: {
          expression: type === "${unwantedType}" ? 'payload.plan = "free-' + index + '"' : i % 3 === 0 ? 'payload.amount > ' + (index % 100) : 'payload.plan = "pro"',
        },
        actions: [
          {
            connection: "to-" + i,
            map: {
              email: "payload.email",
              "properties.plan": "payload.plan",
              "properties.name": "payload.name & ' of " + id + "'",
              customer: '"' + id + '"',
              kind: "type",
            },
          },
        ],
      },
    ]),
  ),
})

const ids = Array.from({ length: ${workspaces} }, (_, index) => "customer-" + index)
export default defineConfig({
  eventTypes: Object.fromEntries(types.map((type) => [type, { description: "Something happened: " + type, schema: payload }])),
  workspaces: Object.fromEntries(ids.map((id, index) => [id, workspaceOf(id, index)])),
} as any)`
