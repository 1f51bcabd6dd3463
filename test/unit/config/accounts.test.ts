/**
 * What a config says of accounts and their plans, and whether it keeps to them.
 */
import * as Result from "effect/Result"
import { expect, test } from "vitest"
import { console } from "../../../connectors/index.ts"
import { checkConfig } from "../../../src/config/check.ts"
import { formatPath } from "../../../src/model/errors.ts"
import { compiler } from "../../../src/transform/compiler.ts"

const checked = (config: unknown) => checkConfig(config, compiler)

/** `path: message` of all that is wrong. */
const wrongWith = (config: unknown): ReadonlyArray<string> => {
  const result = checked(config)
  return Result.isSuccess(result) ? [] : result.failure.map(({ path, message }) => `${formatPath(path)}: ${message}`)
}

const actions = [{ connection: "log" }]
const rulesOn = (...types: ReadonlyArray<unknown>) =>
  Object.fromEntries(types.map((on, i) => [`rule-${i}`, { on, actions }]))

const acme = (limits: object, workspaces: { readonly [id: string]: object }, members = 1) => ({
  plans: { pro: limits },
  accounts: {
    acme: {
      plan: "pro",
      members: Array.from({ length: members }, (_, i) => ({ email: `${i}@acme.test`, role: "admin" })),
    },
    other: {},
  },
  eventTypes: { "lead.created": {}, "lead.lost": {}, "invoice.paid": {} },
  workspaces: Object.fromEntries(
    Object.entries(workspaces).map(([id, rules]) => [
      id,
      { account: "acme", connections: { log: console({}), also: console({}) }, rules },
    ]),
  ),
})

test("a config that keeps to its accounts' plans is right, to the last one allowed", () => {
  const limits = { workspaces: 2, connections: 4, rulesPerWorkspace: 3, rulesPerEventType: 2, members: 2 }
  const rules = rulesOn("lead.created", "lead.*", "invoice.paid")
  expect(wrongWith(acme(limits, { a: rules, b: rules }, 2))).toEqual([])
  expect(wrongWith({ ...acme({ workspaces: 0 }, {}), workspaces: { free: {}, others: { account: "other" } } })).toEqual(
    [],
  )
})

test("every limit that is exceeded is told with its place, what there is, what is allowed and what to do", () => {
  const limits = { workspaces: 1, connections: 3, rulesPerWorkspace: 3, rulesPerEventType: 2, members: 1 }
  const config = acme(limits, { a: rulesOn("lead.created", "lead.*", [">", "invoice.paid"], "invoice.paid"), b: {} }, 2)
  const advice = (limit: string, allowed: number) =>
    `the plan "pro" allows ${allowed}: take some away, or raise plans.pro.${limit}`
  expect(wrongWith(config)).toEqual([
    `accounts.acme.members: 2 members, ${advice("members", 1)}`,
    `accounts.acme: 2 workspaces, ${advice("workspaces", 1)}`,
    `accounts.acme: 4 connections in its workspaces, ${advice("connections", 3)}`,
    `workspaces.a.rules: 4 rules, ${advice("rulesPerWorkspace", 3)}`,
    `workspaces.a.rules: 3 rules for "lead.created", ${advice("rulesPerEventType", 2)}`,
  ])
})

test("rules on the runtime's own events are not held against a plan's rules for one type", () => {
  const own = ["meshes.usage.warning", "meshes.connection.opened", "meshes.>"]
  expect(wrongWith(acme({ rulesPerEventType: 1 }, { a: rulesOn(...own, ...own) }))).toEqual([])
})

test("a plan's values are numbers from 0 on and known words", () => {
  expect(
    wrongWith(acme({ eventsPerMonth: -1, members: "3", overage: "maybe", usage: "pooled", evnts: 1 }, {})),
  ).toEqual([
    'plans.pro.evnts: "evnts" is not known here; there is "eventsPerMonth", "workspaces", "connections", "rulesPerWorkspace", "rulesPerEventType", "auditRetentionDays", "members", "overage" and 1 more',
    expect.stringMatching(/^plans\.pro\.eventsPerMonth: .*got -1$/),
    expect.stringMatching(/^plans\.pro\.members: .*got "3"$/),
    'plans.pro.overage: "maybe" is not one of "reject", "allow"',
    'plans.pro.usage: "pooled" is not one of "account", "workspace"',
  ])
})

test("the plan that the runtime works by has the accounts, with their workspaces and limits", () => {
  const plan = Result.getOrThrow(checked(acme({ eventsPerMonth: 100 }, { b: {}, a: {} })))
  expect(plan.accounts?.get("acme")).toEqual({
    id: "acme",
    plan: "pro",
    members: [{ email: "0@acme.test", role: "admin" }],
    limits: { eventsPerMonth: 100, overage: "reject", usage: "account" },
    workspaces: ["a", "b"],
  })
  expect(plan.accounts?.get("other")).toEqual({ id: "other", members: [], workspaces: [] })
})

test("rules may be on a usage warning, and read its payload", () => {
  const rule = (expression: string) => ({ r: { on: "meshes.usage.warning", when: { expression }, actions } })
  expect(wrongWith(acme({}, { a: rule("payload.percent = 100 and payload.metric = 'events'") }))).toEqual([])
  expect(wrongWith(acme({}, { a: rule("payload.percnt = 100") }))[0]).toContain('did you mean "payload.percent"?')
})
