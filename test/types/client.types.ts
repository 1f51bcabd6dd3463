/**
 * The types of the client: each mistake is an error on its own line. Checked by the compiler (`npm run check`), never run.
 */
import * as Schema from "effect/Schema"
import { z } from "zod"
import { createClient, type PayloadOf } from "../../client/index.ts"
import { webhook } from "../../connectors/index.ts"
import { defineConfig, defineWorkspace, secret } from "../../src/index.ts"

const config = defineConfig({
  eventTypes: {
    "lead.created": { schema: Schema.Struct({ email: Schema.String, seen: Schema.NumberFromString }) },
    "lead.lost": { schema: z.object({ email: z.string(), at: z.string().transform((text) => new Date(text)) }) },
    "lead.won": {
      schema: {
        type: "object",
        required: ["email", "plan"],
        properties: {
          email: { type: "string" },
          plan: { enum: ["free", "pro"] },
          seats: { type: ["integer", "null"] },
          lines: { type: "array", items: { type: "object", properties: { sku: { type: "string" } } } },
          more: { $ref: "#/$defs/more" },
        },
      },
    },
    "lead.seen": {},
  },
  workspaces: {
    acme: {
      eventTypes: { "invoice.paid": { schema: Schema.Struct({ amount: Schema.Number }) } },
      connections: { erp: webhook({ url: "https://erp.acme.test", secret: secret("ERP") }) },
    },
    globex: { eventTypes: { "lead.seen": { schema: z.object({ page: z.string() }) } } },
    initech: {},
  },
})

const client = createClient<typeof config>({ url: "https://events.test", key: "k", workspace: "acme" })

export const right = [
  client.publish("lead.created", { email: "ada@example.com", seen: "3" }),
  client.publish("lead.lost", { email: "ada@example.com", at: "2026-01-01" }, { workspace: "globex", id: "one" }),
  client.publish("lead.won", { email: "ada@example.com", plan: "pro", seats: null, lines: [{ sku: "a" }], more: 1 }),
  client.publish("lead.seen", { anything: ["goes"] }, { workspace: "acme" }),
  client.publish("invoice.paid", { amount: 3 }, { time: new Date(), resource: "order", resourceId: "o1" }),
  client.emit("lead.seen", { page: "/" }, { workspace: "globex" }),
  client.publishMany([
    { type: "lead.created", payload: { email: "ada@example.com", seen: "3" } },
    { type: "invoice.paid", payload: { amount: 3 }, workspace: "acme" },
  ]),
]

export const wrong = [
  // @ts-expect-error no such event type
  client.publish("lead.creatd", { email: "ada@example.com", seen: "3" }),
  // @ts-expect-error the field is missing
  client.publish("lead.created", { email: "ada@example.com" }),
  // @ts-expect-error what is sent is encoded: a text
  client.publish("lead.created", { email: "ada@example.com", seen: 3 }),
  // @ts-expect-error what is sent is the input: a text
  client.emit("lead.lost", { email: "ada@example.com", at: new Date() }),
  // @ts-expect-error no such field
  client.publish("lead.won", { emial: "ada@example.com", plan: "pro" }),
  // @ts-expect-error none of the values
  client.publish("lead.won", { email: "ada@example.com", plan: "prof" }),
  // @ts-expect-error a list of something else
  client.publish("lead.won", { email: "ada@example.com", plan: "pro", lines: [{ sku: 1 }] }),
  // @ts-expect-error no such workspace
  client.publish("lead.seen", {}, { workspace: "acmee" }),
  // @ts-expect-error that workspace has no such type
  client.publish("invoice.paid", { amount: 3 }, { workspace: "globex" }),
  // @ts-expect-error that workspace declares the type in its own way
  client.publish("lead.seen", { pge: "/" }, { workspace: "globex" }),
  // @ts-expect-error the payload is another type's
  client.publishMany([{ type: "lead.created", payload: { amount: 3 } }]),
  // @ts-expect-error no such workspace
  createClient<typeof config>({ url: "https://events.test", key: "k", workspace: "acmee" }),
  // @ts-expect-error no key
  createClient<typeof config>({ url: "https://events.test" }),
  // @ts-expect-error two keys
  createClient<typeof config>({ url: "https://events.test", key: "k", publishableKey: "p" }),
]

const bound = createClient<typeof config, "initech">({ url: "https://events.test", publishableKey: "p" })

export const ofOneWorkspace = [
  bound.publish("lead.seen", {}),
  // @ts-expect-error another workspace's type
  bound.publish("invoice.paid", { amount: 3 }),
  // @ts-expect-error another workspace
  bound.publish("lead.seen", {}, { workspace: "acme" }),
]

const many = defineConfig({
  eventTypes: { "lead.created": { schema: z.object({ email: z.string() }) } },
  workspaces: Object.fromEntries(
    ["a", "b"].map((id) => [id, defineWorkspace({ connections: { hook: webhook({ url: `https://${id}.test` }) } })]),
  ),
})
const ofMany = createClient<typeof many>({ url: "https://events.test", key: "k" })

export const workspacesFromALoop = [
  ofMany.publish("lead.created", { email: "ada@example.com" }, { workspace: "whichever" }),
  // @ts-expect-error no such event type
  ofMany.publish("lead.creatd", { email: "ada@example.com" }),
  // @ts-expect-error no such field
  ofMany.publish("lead.created", { emial: "ada@example.com" }),
]

const untyped = createClient({ url: "https://events.test", key: "k" })
export const withoutAConfig = [
  untyped.publish("anything.at.all", { of: ["any", { form: 1 }] }, { workspace: "acme" }),
  // @ts-expect-error a payload is an object
  untyped.publish("anything.at.all", 3),
]

export const payload: PayloadOf<typeof config, "acme", "invoice.paid"> = { amount: 3 }
