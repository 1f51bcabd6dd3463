/**
 * A config that is wrong is told all that is wrong with it, where, and what was probably meant.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { describe, expect, test } from "vitest"
import { z } from "zod"
import { console, http, slack, webhook } from "../../../connectors/index.ts"
import { checkConfig } from "../../../src/config/check.ts"
import { parseDuration } from "../../../src/config/duration.ts"
import { resolveSecrets } from "../../../src/config/secrets.ts"
import { loadSettings } from "../../../src/config/settings.ts"
import { defineConnector, secret } from "../../../src/index.ts"
import { formatPath } from "../../../src/model/errors.ts"
import { compiler } from "../../../src/transform/compiler.ts"

const crm = defineConnector({
  name: "crm",
  title: "CRM",
  description: "For these tests.",
  settings: Schema.Struct({}),
  actions: {
    upsert: {
      title: "Upsert",
      map: "required",
      input: Schema.Struct({
        email: Schema.String,
        properties: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)),
      }),
      request: () => ({ method: "GET", url: "https://crm.example", headers: {} }),
    },
  },
})

/** `path: message` of all that is wrong. */
const wrongWith = (config: unknown): ReadonlyArray<string> => {
  const checked = checkConfig(config, compiler)
  return Result.isSuccess(checked) ? [] : checked.failure.map(({ path, message }) => `${formatPath(path)}: ${message}`)
}

const schema = Schema.Struct({ email: Schema.String, tags: Schema.Array(Schema.Struct({ name: Schema.String })) })

const withRule = (rule: object, types: object = { "lead.created": { schema } }): ReadonlyArray<string> =>
  wrongWith({
    eventTypes: types,
    workspaces: {
      acme: {
        connections: { log: console({}), crm: crm({}) },
        rules: { r: { on: "lead.created", actions: [{ connection: "log" }], ...rule } },
      },
    },
  })

test("a config with ten errors has all ten listed, each with its path", () => {
  const wrong = wrongWith({
    plns: {},
    accounts: { acme: { plan: "gold" } },
    eventTypes: { "lead.created": { schema }, "not a type": {} },
    workspaces: {
      "Acme!": {},
      acme: {
        connections: {
          erp: webhook({ url: "no url", concurency: 3 } as never),
          api: http({ url: "https://x", timeout: "5 sec" } as never),
        },
        rules: {
          one: { on: "lead.creatd", actions: [{ connection: "epr" }] },
          two: { on: "lead.created", when: { expression: "payload.emial = 1" }, actions: [] },
        },
      },
    },
  })
  const paths = wrong.map((line) => line.slice(0, line.indexOf(": ")))
  expect(paths).toEqual([
    "plns",
    "accounts.acme.plan",
    'eventTypes["not a type"]',
    'workspaces["Acme!"]',
    "workspaces.acme.connections.erp.concurency",
    "workspaces.acme.connections.api.timeout",
    "workspaces.acme.rules.one.on",
    "workspaces.acme.rules.one.actions[0].connection",
    "workspaces.acme.rules.two.when.expression",
    "workspaces.acme.rules.two.actions",
  ])
  for (const meant of ['"plans"', '"concurrency"', '"lead.created"', '"erp"', '"payload.email"']) {
    expect(wrong.some((line) => line.includes(`did you mean ${meant}?`))).toBe(true)
  }
})

test("a secret written into a config is refused, and never repeated", () => {
  const wrong = wrongWith({
    workspaces: { a: { connections: { w: webhook({ url: "https://x", secret: "whsec_leaked" } as never) } } },
  })
  expect(wrong).toHaveLength(1)
  expect(wrong[0]).toContain('secret("NAME")')
  expect(wrong[0]).not.toContain("leaked")
})

test("an expression that reads what the event's schema has not is refused, with what was probably meant", () => {
  expect(withRule({ when: { expression: "payload.emial" } })[0]).toContain('did you mean "payload.email"?')
  expect(withRule({ when: { expression: "email = 1" } })[0]).toContain('did you mean "payload.email"?')
  expect(withRule({ when: { expression: "payload.tags.nam" } })[0]).toContain('did you mean "payload.tags.name"?')
  expect(withRule({ when: { expression: "payload.tags[name = 'x'].name" } })).toEqual([])
  expect(withRule({ when: { expression: "payload.email.length" } })).toHaveLength(1)
})

test("fields are known by a zod schema and a JSON Schema too", () => {
  const when = { expression: "payload.emial" }
  expect(withRule({ when }, { "lead.created": { schema: z.object({ email: z.string() }) } })).toHaveLength(1)
  const json = { type: "object", properties: { email: { $ref: "#/$defs/text" } }, $defs: { text: { type: "string" } } }
  expect(withRule({ when }, { "lead.created": { schema: json } })).toHaveLength(1)
  expect(withRule({ when }, { "lead.created": { schema: { ...json, additionalProperties: true } } })).toEqual([])
  expect(withRule({ when }, { "lead.created": {} })).toEqual([])
})

test("a rule for several types may read what one of them has", () => {
  const types = { "lead.created": { schema }, "lead.lost": { schema: Schema.Struct({ reason: Schema.String }) } }
  expect(withRule({ on: ["lead.created", "lead.lost"], when: { expression: "payload.reason" } }, types)).toEqual([])
  expect(withRule({ on: ["lead.created", "lead.lost"], when: { expression: "payload.rason" } }, types)).toHaveLength(1)
})

test("a mapping's fields are the action's, the required ones among them", () => {
  const action = (map: unknown) => withRule({ actions: [{ connection: "crm", action: "upsert", map }] })
  expect(action({ email: "payload.email", "properties.plan": `"pro"` })).toEqual([])
  expect(action({ emial: "payload.email" })).toEqual([
    expect.stringContaining('did you mean "email"?'),
    expect.stringContaining('the action needs "email"'),
  ])
  expect(withRule({ actions: [{ connection: "crm", action: "upsert" }] })[0]).toContain("needs a mapping")
  expect(withRule({ actions: [{ connection: "crm", action: "upsret", map: "payload" }] })[0]).toContain(
    'did you mean "upsert"?',
  )
})

test("a rule is checked against a connection that is wrong itself, so that nothing is found out one by one", () => {
  const actions = [
    { connection: "chat", action: "message.pst" },
    { connection: "chat", map: { txt: "payload.email" } },
  ]
  expect(
    wrongWith({
      workspaces: { acme: { connections: { chat: slack({}) }, rules: { r: { on: ">", actions } } } },
    }),
  ).toEqual([
    expect.stringContaining('slack needs "webhookUrl"'),
    expect.stringMatching(/actions\[0\]\.action: .*did you mean "message.post"/),
    expect.stringMatching(/actions\[1\]\.map\.txt: the action takes no "txt"; did you mean "text"/),
  ])
})

test("an action needs a mapping unless it says that it does not", () => {
  const actions = [{ connection: "chat" }, { connection: "log" }]
  const connections = { chat: slack({ token: secret("A"), channel: "C1" }), log: console({}) }
  expect(wrongWith({ workspaces: { acme: { connections, rules: { r: { on: ">", actions } } } } })).toEqual([
    expect.stringMatching(/actions\[0\]: "message.post" needs a mapping/),
  ])
})

test("a connection's base URL and batches are checked, and what a connector has not is refused", () => {
  const connections = {
    a: slack({ token: secret("A"), baseUrl: "slack.com" }),
    b: webhook({ url: "https://x.example", baseUrl: "https://y.example" }),
    c: slack({ token: secret("A"), batch: { size: 0, wait: "1 fortnight" as never } }),
  }
  expect(wrongWith({ workspaces: { acme: { connections } } })).toEqual([
    expect.stringMatching(/connections\.a\.baseUrl: expected a URL/),
    expect.stringMatching(/connections\.b\.baseUrl: webhook has no base URL/),
    expect.stringMatching(/connections\.c\.batch\.size: expected a whole number from 1 to 1000/),
    expect.stringMatching(/connections\.c\.batch\.wait: expected a duration/),
  ])
})

test("a syntax error in an expression says where it is", () => {
  expect(withRule({ when: { expression: "payload.(" } })[0]).toMatch(/column 9/)
})

test("an ordering is one of the three, and its key reads what an event has", () => {
  const withOrdering = (ordering: unknown) =>
    wrongWith({ workspaces: { a: { connections: { log: console({ ordering } as never) } } } })
  for (const ordering of ["none", "connection", { key: "payload.id" }]) expect(withOrdering(ordering)).toEqual([])
  const path = "workspaces.a.connections.log.ordering"
  expect(withOrdering("key")).toEqual([expect.stringContaining(`${path}: expected "none", "connection"`)])
  expect(withOrdering({ key: "payload." })).toEqual([expect.stringContaining(`${path}.key`)])
  expect(withOrdering({ key: "paylod.id" })).toEqual([expect.stringContaining('did you mean "payload"')])
  expect(withOrdering({ by: "payload.id" })).not.toEqual([])
})

test("a circuit's numbers are held to their bounds", () => {
  const withCircuit = (circuit: unknown) =>
    wrongWith({ workspaces: { a: { connections: { log: console({ circuit } as never) } } } })
  for (const circuit of [false, {}, { failures: 3, rate: 0.2, wait: "1 second", maxWait: "1 minute" }]) {
    expect(withCircuit(circuit)).toEqual([])
  }
  expect(withCircuit({ failures: 0, rate: 2, wait: "soon" })).toHaveLength(3)
  expect(withCircuit(true)).toHaveLength(1)
})

test("the runtime's own event types are known to rules, by name and by payload, and nobody declares them", () => {
  const news = (rule: object) => withRule({ on: "meshes.connection.opened", ...rule })
  expect(news({ when: { expression: "$contains(payload.reason, '503')" } })).toEqual([])
  expect(news({ when: { expression: "payload.raeson = ''" } })).toEqual([
    expect.stringContaining('did you mean "payload.reason"'),
  ])
  for (const on of ["meshes.connection.*", ["meshes.connection.paused", "meshes.>"]]) {
    expect(withRule({ on, when: { expression: "payload.state = 'open'" } })).toEqual([])
    expect(withRule({ on, when: { expression: "payload.raeson = ''" } })).toHaveLength(1)
  }
  // Declared types beside them have payloads of their own, that nothing is known of.
  expect(withRule({ on: ["meshes.connection.*", "lead.*"], when: { expression: "payload.plan" } })).toEqual([])
  expect(withRule({ on: "meshes.connection.open" })).toEqual([
    expect.stringContaining('did you mean "meshes.connection.opened"'),
  ])
  expect(wrongWith({ eventTypes: { "meshes.mine": {} }, workspaces: {} })).toEqual([
    expect.stringContaining("runtime's own"),
  ])
})

test("hostile values are errors, not crashes", () => {
  for (const value of [null, 1, "x", [], { workspaces: null }, { workspaces: [] }, { workspaces: { a: 1 } }]) {
    expect(wrongWith(value).length).toBeGreaterThan(0)
  }
  expect(
    wrongWith({ workspaces: { a: { connections: { c: {} }, rules: { r: { on: 1, actions: {} } } } } }).length,
  ).toBe(3)
})

test("the same config has the same revision, another one another", () => {
  const revision = (prefix: string) => {
    const checked = checkConfig({ workspaces: { a: { connections: { log: console({ prefix }) } } } }, compiler)
    return Result.isSuccess(checked) ? checked.success.revision : ""
  }
  expect(revision("x")).toMatch(/^[0-9a-f]{12}$/)
  expect(revision("x")).toBe(revision("x"))
  expect(revision("x")).not.toBe(revision("y"))
})

test("durations are read as they are written", () => {
  expect(["30 seconds", "1 second", "1.5 hours", "250 milli", "2 days"].map(parseDuration)).toEqual([
    30_000, 1000, 5_400_000, 250, 172_800_000,
  ])
  expect(["30", "30s", "30 sec", "-1 second", "", 5].map(parseDuration)).toEqual(
    Array.from({ length: 6 }, () => undefined),
  )
})

describe("keys", () => {
  const withKey = (key: object) =>
    wrongWith({ keys: { site: { key: secret("SITE_KEY"), ...key } }, workspaces: { acme: {} } })

  test("may expire, and may be bound to origins, event types and workspaces", () => {
    const key = {
      key: secret("SITE_KEY"),
      scopes: ["publish"],
      publishable: true,
      workspaces: ["acme"],
      expiresAt: "2030-01-31T09:30:00+01:00",
      allowedOrigins: ["https://shop.example", "http://localhost:3000", "*"],
      eventTypes: ["page.viewed", "cart.*", "order.>"],
    }
    const checked = checkConfig({ keys: { site: key }, workspaces: { acme: {} } }, compiler)
    const { expiresAt, key: _, ...same } = key
    expect(Result.getOrThrow(checked).declaredKeys).toMatchObject([{ ...same, expires: Date.parse(expiresAt) }])
  })

  test("are told what is wrong with them", () => {
    expect(withKey({ scopes: ["pubish"], workspaces: ["acmee"], publishabel: true })).toEqual([
      expect.stringMatching(/^keys.site.publishabel: .*did you mean "publishable"/),
      expect.stringMatching(/^keys.site.scopes\[0\]: "pubish" is not one of/),
      expect.stringMatching(/^keys.site.workspaces\[0\]: .*did you mean "acme"/),
    ])
    expect(withKey({ scopes: ["read"], publishable: true })).toHaveLength(1)
    expect(withKey({ scopes: ["read"], allowedOrigins: ["*"] })).toEqual([
      expect.stringMatching(/^keys.site.allowedOrigins: are for publishable keys/),
    ])
    for (const origin of ["shop.example", "https://Shop.example", "https://shop.example/", "null", "https://*.example"])
      expect(withKey({ publishable: true, allowedOrigins: [origin] })).toHaveLength(1)
    for (const rest of [{ expiresAt: "tomorrow" }, { eventTypes: ["a.>.b"] }, { scopes: [] }, { workspaces: [] }])
      expect(withKey({ scopes: ["read"], ...rest })).toHaveLength(1)
  })
})

describe("secrets", () => {
  test("come from the environment or from a file, and all that are missing are named", () => {
    const found = resolveSecrets(
      { a: secret("A"), b: [secret("B")], c: 1 },
      { A: "one", B_FILE: new URL(import.meta.url).pathname },
    )
    expect(Result.isSuccess(found) && (found.success as { a: string }).a).toBe("one")
    const missing = resolveSecrets({ a: secret("A"), b: [secret("B")] }, { B_FILE: "/nowhere" })
    expect(Result.isFailure(missing) && missing.failure.map(({ name }) => name)).toEqual(["A", "B"])
  })
})

describe("settings", () => {
  test("have defaults, and flags beat the environment", () => {
    const settings = loadSettings({ MESHES_PORT: "1234" }, { port: 0 })
    expect(Result.isSuccess(settings) && settings.success).toMatchObject({
      port: 0,
      host: "127.0.0.1",
      logLevel: "info",
      keys: [],
    })
  })

  test("say where browsers reach the server: over https, or on this machine", () => {
    const urlOf = (MESHES_PUBLIC_URL: string) => {
      const settings = loadSettings({ MESHES_PUBLIC_URL })
      return Result.isSuccess(settings) ? settings.success.publicUrl : settings.failure.issues[0]!.path[0]
    }
    expect(urlOf("https://meshes.example.com/x/")).toBe("https://meshes.example.com/x")
    expect(urlOf("http://127.0.0.1:4400")).toBe("http://127.0.0.1:4400")
    expect(urlOf("http://localhost:4400")).toBe("http://localhost:4400")
    for (const wrong of [
      "http://meshes.example.com",
      "http://127.0.0.1.evil.example",
      "https://u:p@x",
      "https://x/?a",
      "x",
    ]) {
      expect(urlOf(wrong)).toBe("MESHES_PUBLIC_URL")
    }
    const origins = (MESHES_RETURN_TO: string) => loadSettings({ MESHES_RETURN_TO })
    expect(Result.getOrThrow(origins("https://a.example, https://b.example:8443")).returnTo).toEqual([
      "https://a.example",
      "https://b.example:8443",
    ])
    for (const wrong of ["https://a.example/", "a.example", "*"]) expect(Result.isFailure(origins(wrong))).toBe(true)
  })

  test("take keys with all that a config's may have, and say where one is wrong without what it is", () => {
    const keys = (more: object) =>
      loadSettings({ MESHES_KEYS: JSON.stringify([{ name: "a", key: "x".repeat(16), ...more }]) })
    const terms = { scopes: ["publish"], publishable: true, allowedOrigins: ["*"], eventTypes: ["page.*"] }
    expect(Result.getOrThrow(keys({ ...terms, expiresAt: "2030-01-01T00:00:00Z" })).keys).toMatchObject([
      { name: "a", ...terms, expires: Date.UTC(2030, 0) },
    ])
    const wrong = keys({ ...terms, allowedOrigins: ["leaked-key-of-somebody"] })
    expect(Result.isFailure(wrong) && wrong.failure.message).toContain('key 1: "allowedOrigins[0]" is not right')
    expect(Result.isFailure(wrong) && wrong.failure.message).not.toContain("leaked")
  })

  test("are told wrong all at once, without the keys they hold", () => {
    const settings = loadSettings({
      MESHES_PORT: "70000",
      MESHES_NATS_URL: "localhost",
      MESHES_ADMIN_KEY: "short",
      MESHES_LOG_LEVEL: "inof",
      MESHES_KEYS: '[{"name":"a","key":"leaked-key-of-somebody","scopes":["pubish"]}]',
      OTEL_EXPORTER_OTLP_ENDPOINT: "collector",
    })
    expect(Result.isFailure(settings)).toBe(true)
    if (Result.isSuccess(settings)) return
    expect(settings.failure.issues.map(({ path }) => path[0])).toEqual([
      "MESHES_PORT",
      "MESHES_NATS_URL",
      "MESHES_ADMIN_KEY",
      "MESHES_LOG_LEVEL",
      "OTEL_EXPORTER_OTLP_ENDPOINT",
      "MESHES_KEYS",
    ])
    expect(settings.failure.message).toContain('did you mean "info"?')
    expect(settings.failure.message).not.toContain("leaked")
  })
})
