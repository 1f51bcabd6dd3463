/**
 * Explaining over HTTP has an end, however much there is to say, and no secret takes part in it.
 */
import { createHmac } from "node:crypto"
import * as Result from "effect/Result"
import { expect, test } from "vitest"
import { webhook } from "../../../connectors/index.ts"
import { checkConfig } from "../../../src/config/check.ts"
import { limits } from "../../../src/config/defaults.ts"
import { secret } from "../../../src/config/kit.ts"
import { explainBounded } from "../../../src/explain/bounded.ts"
import { explainEvent } from "../../../src/explain/explain.ts"
import { formatPath } from "../../../src/model/errors.ts"
import { compiler } from "../../../src/transform/compiler.ts"

const crm = webhook({ url: "https://crm.example/in", secret: secret("CRM_SECRET") })

const workspaceOf = (rules: object) =>
  checkConfig({ workspaces: { acme: { connections: { crm }, rules }, globex: {} } }, compiler)

const explain = async (rules: object, payload: object): Promise<any> =>
  Result.getOrThrow(
    await explainBounded(Result.getOrThrow(workspaceOf(rules)), "acme", { type: "lead.created", id: "l1", payload }),
  )

const rule = { on: "lead.created", actions: [{ connection: "crm" }] }

test("a great many rules over a large event are explained as far as an answer goes", async () => {
  const rules = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`r${i}`, rule]))
  const { complete, rules: explained } = await explain(rules, { text: "x".repeat(200_000) })
  expect(complete).toBe(false)
  expect(explained.length).toBeGreaterThan(0)
  expect(JSON.stringify(explained).length).toBeLessThan(limits.explainCharacters + 1_000_000)
})

test("nobody has something signed by having it explained", async () => {
  const real = `whsec_${Buffer.from("a secret of twenty-four b").toString("base64")}`
  const isSigned = ({ headers, body }: any): boolean => {
    const signed = `${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${JSON.stringify(body)}`
    const mac = createHmac("sha256", Buffer.from(real.slice("whsec_".length), "base64")).update(signed)
    return headers["webhook-signature"] === `v1,${mac.digest("base64")}`
  }
  const plan = Result.getOrThrow(workspaceOf({ all: rule }))
  const event = { workspace: "acme", type: "lead.created", payload: {} }
  const known = await explainEvent(plan, event, { now: Date.now(), env: { CRM_SECRET: real } })
  expect(isSigned(Result.getOrThrow(known).rules[0]!.actions[0]!.request)).toBe(true)
  process.env["CRM_SECRET"] = real
  try {
    expect(isSigned((await explain({ all: rule }, {})).rules[0].actions[0].request)).toBe(false)
  } finally {
    delete process.env["CRM_SECRET"]
  }
})

test("no reference to a secret can stand in a rule, so that rules can be shown as they are", () => {
  const map = { text: secret("CRM_SECRET") }
  const checked = workspaceOf({ all: { ...rule, actions: [{ connection: "crm", map }] } })
  expect(Result.isFailure(checked) && checked.failure.map(({ path }) => formatPath(path))).toEqual([
    "workspaces.acme.rules.all.actions[0].map.text._tag",
    "workspaces.acme.rules.all.actions[0].map.text.name",
  ])
})
