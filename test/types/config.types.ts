/**
 * The types of a config: each mistake is an error on its own line. Checked by the compiler (`npm run check`), never run.
 */
import * as Schema from "effect/Schema"
import { z } from "zod"
import { http, webhook } from "../../connectors/index.ts"
import { defineConfig, defineConnector, defineWorkspace, secret, SecretField } from "../../src/index.ts"

const crm = defineConnector({
  name: "crm",
  title: "CRM",
  description: "For these types only.",
  settings: Schema.Struct({ token: SecretField }),
  actions: {
    upsert: {
      title: "Upsert",
      map: "required",
      input: Schema.Struct({
        email: Schema.String,
        name: Schema.optionalKey(Schema.String),
        properties: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)),
      }),
      request: (input, { settings }) => ({
        method: "POST",
        url: "https://crm.example/contacts",
        headers: { authorization: settings.token },
        body: input!.email,
      }),
    },
    ping: {
      title: "Ping",
      map: "optional",
      input: Schema.Unknown,
      request: () => ({ method: "GET", url: "https://crm.example", headers: {} }),
    },
  },
})

export const right = defineConfig({
  plans: { pro: { eventsPerMonth: 100, overage: "reject" } },
  accounts: { acme: { plan: "pro", members: [{ email: "ops@acme.test", role: "admin" }] } },
  keys: { site: { key: secret("SITE_KEY"), scopes: ["publish"], workspaces: ["acme-prod"], publishable: true } },
  eventTypes: {
    "lead.created": { schema: Schema.Struct({ email: Schema.String }) },
    "lead.lost": { schema: z.object({ email: z.string() }) },
    "lead.won": { schema: { type: "object", properties: { email: { type: "string" } } } },
  },
  workspaces: {
    "acme-prod": {
      account: "acme",
      tags: ["eu"],
      eventTypes: { "invoice.paid": {} },
      connections: {
        crm: crm({ token: secret("CRM"), concurrency: 4, retry: { attempts: 3, initial: "5 seconds" } }),
        erp: webhook({ url: "https://erp.acme.test/in", secret: secret("ERP"), timeout: "10 seconds" }),
        api: http({ url: "https://api.acme.test", auth: { type: "bearer", token: secret("API") } }),
      },
      rules: {
        one: {
          on: "lead.created",
          when: { resource: "page", expression: "payload.plan = 'pro'" },
          actions: [
            { connection: "crm", action: "upsert", map: { email: "payload.email", "properties.plan": "payload.plan" } },
            { connection: "crm", action: "ping" },
            { connection: "erp" },
            { connection: "erp", action: "send", map: { any: "payload.x", deep: { n: 1, list: ["id"] } } },
            { connection: "api", action: "request", map: "payload" },
          ],
        },
        own: { on: ["invoice.paid", "lead.*"], actions: [{ connection: "erp", map: "payload" }] },
        all: { on: ">", actions: [{ connection: "erp" }] },
        news: { on: ["meshes.connection.opened", "meshes.connection.*"], actions: [{ connection: "erp" }] },
      },
    },
    other: {
      connections: { hook: webhook({ url: "https://other.test" }) },
      rules: { one: { on: "lead.won", actions: [{ connection: "hook" }] } },
    },
    "not-connected-yet": {},
  },
})

export const wrong = defineConfig({
  plans: { pro: {} },
  accounts: {
    acme: {
      // @ts-expect-error no such plan
      plan: "prof",
    },
  },
  eventTypes: { "lead.created": {} },
  workspaces: {
    "acme-prod": {
      // @ts-expect-error no such account
      account: "acmee",
      connections: {
        crm: crm({ token: secret("CRM") }),
        erp: webhook({ url: "https://erp.acme.test/in" }),
      },
      rules: {
        one: {
          // @ts-expect-error no such event type
          on: "lead.creatd",
          actions: [
            // @ts-expect-error no such connection
            { connection: "crn", action: "upsert", map: { email: "payload.email" } },
            {
              connection: "crm",
              // @ts-expect-error no such action
              action: "upsrt",
              map: { email: "payload.email" },
            },
            {
              connection: "crm",
              action: "upsert",
              map: {
                email: "payload.email",
                // @ts-expect-error no such field
                emial: "payload.email",
              },
            },
            // @ts-expect-error the required field is missing
            { connection: "crm", action: "upsert", map: { name: "payload.name" } },
            // @ts-expect-error this action needs a mapping
            { connection: "crm", action: "upsert" },
            // @ts-expect-error there is no default action
            { connection: "crm", map: "payload" },
          ],
        },
        two: {
          // @ts-expect-error no such event type in a list
          on: ["lead.*", "invoice.paid"],
          actions: [],
        },
        news: {
          // @ts-expect-error no such event type of the runtime's own
          on: "meshes.connection.opend",
          actions: [],
        },
        three: {
          on: "lead.created",
          actions: [],
          // @ts-expect-error no such key
          wehn: {},
        },
      },
    },
    other: {
      // @ts-expect-error an address is no connection
      connections: { erp: "https://erp.acme.test" },
    },
  },
})

export const settings = [
  // @ts-expect-error a secret is a reference, never a value
  crm({ token: "abc" }),
  // @ts-expect-error the required setting is missing
  crm({}),
  webhook({
    url: "https://x.test",
    // @ts-expect-error no such method
    method: "GET",
  }),
  webhook({
    url: "https://x.test",
    // @ts-expect-error no such setting
    urll: "x",
  }),
  webhook({
    url: "https://x.test",
    // @ts-expect-error not a duration
    timeout: "soon",
  }),
]

const ids = ["a", "b"]
export const many = defineConfig({
  workspaces: Object.fromEntries(
    ids.map((id) => [
      id,
      defineWorkspace({
        eventTypes: { "lead.created": {} },
        connections: { hook: webhook({ url: `https://${id}.test` }) },
        rules: { all: { on: "lead.created", actions: [{ connection: "hook" }] } },
      }),
    ]),
  ),
})

export const manyWrong = defineWorkspace({
  connections: { hook: webhook({ url: "https://x.test" }) },
  rules: {
    all: {
      on: ">",
      actions: [
        // @ts-expect-error no such connection
        { connection: "hok" },
      ],
    },
  },
})
