/** What a config would do with an event, and how that differs from what was expected. */
import { expect, test } from "vitest"
import { http, hubspot, webhook } from "../../../connectors/index.ts"
import { deliveriesOf, defineTests, planOf, runTest, type ConfigTest } from "../../../src/explain/testing.ts"
import { defineConfig, secret } from "../../../src/index.ts"

const config = defineConfig({
  eventTypes: {
    "lead.created": {
      schema: {
        type: "object",
        required: ["email"],
        properties: { email: { type: "string" }, plan: { type: "string" }, tags: { type: "array" } },
      },
    },
    "lead.lost": {},
  },
  workspaces: {
    acme: {
      connections: {
        crm: hubspot({ token: secret("CRM_TOKEN") }),
        erp: webhook({
          url: "https://erp.acme.test/in",
          secret: secret("ERP_SECRET"),
          headers: { "x-k": secret("ERP_KEY") },
        }),
        api: http({ url: "https://api.acme.test", auth: { type: "bearer", token: secret("API_TOKEN") } }),
      },
      rules: {
        "pro-lead": {
          on: "lead.created",
          when: { expression: `payload.plan = "pro"` },
          actions: [
            {
              connection: "crm",
              action: "contact.upsert",
              map: { email: "payload.email", "properties.plan": "payload.plan" },
            },
            { connection: "erp", map: { who: "payload.email", tags: "payload.tags" } },
          ],
        },
        lost: {
          on: "lead.lost",
          actions: [{ connection: "crm", action: "contact.upsert", map: { email: "payload.email" } }],
        },
        news: {
          on: "meshes.connection.>",
          actions: [{ connection: "erp" }, { connection: "api", map: `{ "body": payload }` }],
        },
      },
    },
  },
})

const payload = { email: "ada@example.com", plan: "pro", tags: ["a", "b"] }
const lead = { type: "lead.created", payload } as const

test("the deliveries of an event are told with what is mapped and what is sent, the same each time", async () => {
  const deliveries = await deliveriesOf(config, lead)
  expect(deliveries).toMatchObject([
    {
      rule: "pro-lead",
      connection: "crm",
      connector: "hubspot",
      action: "contact.upsert",
      input: { email: "ada@example.com", properties: { plan: "pro" } },
    },
    {
      connection: "erp",
      input: { who: "ada@example.com", tags: ["a", "b"] },
      request: { method: "POST", url: "https://erp.acme.test/in", body: { who: "ada@example.com" } },
    },
  ])
  expect(await deliveriesOf(config, lead)).toEqual(deliveries)
})

test("secrets need no values, are masked under their own names, and those of the surroundings are not looked at", async () => {
  process.env["ERP_KEY"] = "a-value-of-this-machine"
  try {
    const [, erp] = await deliveriesOf(config, lead)
    const { headers } = erp!.request as { readonly headers: { readonly [name: string]: string } }
    expect(headers).toMatchObject({
      "x-k": '***secret("ERP_KEY")***',
      "webhook-signature": expect.stringMatching(/^v1,/),
    })
  } finally {
    delete process.env["ERP_KEY"]
  }
})

test("a mapping that fails is a delivery with its error", async () => {
  const [dead] = await deliveriesOf(config, { type: "lead.lost", payload: {} })
  expect(dead).toMatchObject({ connection: "crm", error: expect.stringContaining("mapping") })
})

test("an event about a connection is not sent over that connection", async () => {
  const change = { connection: "erp", state: "open", reason: "it failed", by: "runtime" } as const
  const about = {
    type: "meshes.connection.opened",
    resource: "connection",
    resource_id: "erp",
    payload: change,
  } as const
  expect((await deliveriesOf(config, about)).map(({ connection }) => connection)).toEqual(["api"])
})

test("an event that would be refused, or that no publisher could mean, is an error that says why", async () => {
  await expect(deliveriesOf(config, { type: "lead.created", payload: { plan: "pro" } } as never)).rejects.toThrow(
    /payload\.email/,
  )
  await expect(deliveriesOf(config, { type: "lead.creatd", payload } as never)).rejects.toThrow(
    'did you mean "lead.created"?',
  )
  await expect(deliveriesOf(config, { ...lead, workspace: "acm" } as never)).rejects.toThrow('did you mean "acme"?')
  await expect(deliveriesOf({ workspaces: { A: {} } } as never, lead as never)).rejects.toThrow(
    /cannot name a workspace/,
  )
})

const differencesOf = (one: object) => runTest(planOf(config), { name: "one", ...one } as ConfigTest)

const right = { connection: "crm", input: { email: "ada@example.com" } }

test("a test passes when all deliveries are as expected, in any order, in what is said of them", async () => {
  const erp = { connection: "erp", action: "send", rule: "pro-lead", request: { body: { tags: ["a", "b"] } } }
  expect(await differencesOf({ event: lead, deliveries: [erp, right] })).toEqual([])
  expect(await differencesOf({ event: { ...lead, payload: { email: "x" } }, deliveries: [] })).toEqual([])
  expect(
    await differencesOf({
      event: { type: "lead.lost", payload: {} },
      deliveries: [{ connection: "crm", error: "mapping" }],
    }),
  ).toEqual([])
  expect(await differencesOf({ event: { type: "lead.created", payload: {} }, refused: "payload.email" })).toEqual([])
})

test("what differs is told value by value", async () => {
  const erp = { connection: "erp", input: { who: "grace@example.com", tags: ["a"], more: 1 } }
  expect(await differencesOf({ event: lead, deliveries: [right, erp] })).toEqual([
    { at: "erp: send (rule pro-lead), input.who", expected: "grace@example.com", actual: "ada@example.com" },
    { at: "erp: send (rule pro-lead), input.tags", expected: ["a"], actual: ["a", "b"] },
    { at: "erp: send (rule pro-lead), input.more", expected: 1, actual: undefined },
  ])
})

test("a delivery that is missing is told with why, one that nobody expected with its input", async () => {
  const event = { ...lead, payload: { ...payload, plan: "free" } }
  expect(await differencesOf({ event, deliveries: [right] })).toEqual([
    {
      at: "crm: there is no such delivery",
      because: [
        expect.stringContaining('rule pro-lead: no, the condition `payload.plan = "pro"` gave false'),
        "rule lost: no, it is on lead.lost",
      ],
    },
  ])
  expect(await differencesOf({ event: lead, deliveries: [right] })).toEqual([
    { at: "erp: send (rule pro-lead): not expected", actual: { who: "ada@example.com", tags: ["a", "b"] } },
  ])
  const [unknown] = await differencesOf({ event, deliveries: [{ connection: "crn" }] })
  expect(unknown!.because).toEqual(['no connection "crn" in acme; did you mean "crm"?'])
})

test("of two alike, each expected delivery has its own", async () => {
  const twice = defineConfig({
    workspaces: {
      acme: {
        connections: { erp: webhook({ url: "https://erp.acme.test/in" }) },
        rules: {
          all: {
            on: ">",
            actions: [
              { connection: "erp", map: { n: "1" } },
              { connection: "erp", map: { n: "2" } },
            ],
          },
        },
      },
    },
  })
  const event = { type: "any", payload: {} }
  const run = (ns: ReadonlyArray<number>) =>
    runTest(planOf(twice), { name: "one", event, deliveries: ns.map((n) => ({ connection: "erp", input: { n } })) })
  expect(await run([2, 1])).toEqual([])
  expect(await run([2, 2])).toMatchObject([{ at: "erp: send (rule all), input.n", expected: 2, actual: 1 }])
  expect(await run([1])).toMatchObject([{ actual: { n: 2 } }])
})

test("an error where there should be none, and none where one was expected, are differences", async () => {
  const lost = { type: "lead.lost", payload: {} } as const
  expect(await differencesOf({ event: lost, deliveries: [right] })).toMatchObject([
    { actual: expect.stringContaining("mapping") },
  ])
  expect(
    await differencesOf({ event: lost, deliveries: [{ connection: "crm", error: "another reason" }] }),
  ).toHaveLength(1)
  expect(
    await differencesOf({ event: lead, deliveries: [{ ...right, error: true }, { connection: "erp" }] }),
  ).toMatchObject([{ at: expect.stringContaining("crm"), expected: true, actual: undefined }])
  expect(await differencesOf({ event: lead, refused: true })).toMatchObject([
    { at: expect.stringContaining("fits its type") },
  ])
})

test("defineTests keeps the config beside its tests", () => {
  const tests = [{ name: "one", event: lead, deliveries: [] }] as const
  expect(defineTests(config, tests)).toEqual({ config, tests })
})
