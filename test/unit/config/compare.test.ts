/**
 * What `meshes plan` finds between two configs.
 */
import { describe, expect, test } from "vitest"
import { slack, webhook } from "../../../connectors/index.ts"
import { compare, keptAs, type Change } from "../../../src/config/compare.ts"
import type { Config } from "../../../src/config/define.ts"
import { sectionsOf } from "../../../src/config/summary.ts"
import { secret } from "../../../src/index.ts"

const changes = (before: unknown, after: unknown): ReadonlyArray<Change> => [
  ...compare(new Map([...sectionsOf(before as Config)].map(keptAs)), sectionsOf(after as Config)),
]

const erp = (more: object = {}) => webhook({ url: "https://erp.example/in", ...more })
const rule = (more: object = {}) => ({ on: "lead.*", actions: [{ connection: "erp" }], ...more })
const acme = (more: object = {}) => ({ connections: { erp: erp() }, rules: { all: rule() }, ...more })
const config = (workspace: object = acme(), more: object = {}) => ({ workspaces: { acme: workspace }, ...more })

const connectionChange = (before: object, after: object) =>
  changes(config(acme({ connections: { erp: erp(before) } })), config(acme({ connections: { erp: erp(after) } })))

describe("between two configs", () => {
  test("that say the same there is nothing, however they are written", () => {
    expect(
      changes(config(), { workspaces: { acme: { rules: { all: rule() }, connections: { erp: erp() } } } }),
    ).toEqual([])
  })

  test("a first config is all new, each workspace with what is in it", () => {
    expect([...compare(new Map(), sectionsOf(config() as unknown as Config))]).toEqual([
      { change: "added", kind: "workspaces", name: "acme", connections: ["erp"], rules: ["all"] },
    ])
  })

  test("workspaces, connections, rules, event types, plans, accounts and keys come, change and go by name", () => {
    const before = config(acme({ eventTypes: { "lead.created": {} } }), {
      plans: { starter: { eventsPerMonth: 1000 }, old: {} },
      accounts: { one: { plan: "starter" } },
      keys: { app: { key: secret("APP"), scopes: ["publish"] } },
      eventTypes: { "user.created": { description: "before" } },
    })
    const after = {
      plans: { starter: { eventsPerMonth: 2000 } },
      accounts: { two: {} },
      keys: { app: { key: secret("APP_2"), scopes: ["publish", "read"] } },
      eventTypes: { "user.created": { description: "after" } },
      workspaces: {
        acme: { connections: { crm: erp() }, rules: { all: rule({ actions: [{ connection: "crm" }] }) } },
        beta: acme(),
      },
    }
    const lines = changes(before, after).map(
      ({ change, kind, workspace, name }) =>
        `${change} ${kind} ${workspace === undefined ? "" : `${workspace}/`}${name}`,
    )
    expect(lines).toEqual([
      "changed plans starter",
      "removed plans old",
      "added accounts two",
      "removed accounts one",
      "changed keys app",
      "changed eventTypes user.created",
      "removed eventTypes acme/lead.created",
      "added connections acme/crm",
      "removed connections acme/erp",
      "changed rules acme/all",
      "added workspaces beta",
    ])
  })

  test("a removed workspace names the connections that go with it", () => {
    expect(changes({ workspaces: { acme: acme(), beta: acme() } }, config())).toEqual([
      { change: "removed", kind: "workspaces", name: "beta", connections: ["erp"], rules: ["all"] },
    ])
  })

  test("numbers and the config's own words are shown as they were and are", () => {
    expect(connectionChange({ retry: { attempts: 5 } }, { retry: { attempts: 7, initial: "1 second" } })).toEqual([
      expect.objectContaining({
        fields: [
          { change: "changed", field: "retry.attempts", from: 5, to: 7 },
          { change: "added", field: "retry.initial", to: "1 second" },
        ],
      }),
    ])
    expect(changes(config(), config(acme({ rules: { all: rule({ on: ["lead.>", "user.*"] }) } })))).toEqual([
      expect.objectContaining({
        kind: "rules",
        fields: [{ change: "changed", field: "on", from: "lead.*", to: "lead.>, user.*" }],
      }),
    ])
  })

  test("a mapping that is another is found in its action", () => {
    const post = (text: string) => ({
      connections: { chat: slack({ token: secret("SLACK") }) },
      rules: { all: { on: "lead.*", actions: [{ connection: "chat", map: { channel: `"C1"`, text } }] } },
    })
    expect(changes(config(post("payload.a")), config(post("payload.b")))).toEqual([
      expect.objectContaining({ fields: [{ change: "changed", field: "actions.0.map" }] }),
    ])
  })

  test("of a secret its name is kept, of other settings nothing that could be read", () => {
    const before = { url: "https://erp.example/t0ken-in-the-path", headers: { "x-token": secret("ONE"), accept: "a" } }
    const after = { url: "https://erp.example/another", headers: { "x-token": secret("TWO"), accept: "b" } }
    expect(connectionChange(before, after)).toEqual([
      expect.objectContaining({
        fields: [
          { change: "changed", field: "url" },
          { change: "changed", field: "headers.x-token", from: { secret: "ONE" }, to: { secret: "TWO" } },
          { change: "changed", field: "headers.accept" },
        ],
      }),
    ])
    const members = [{ email: "ada@example.com", role: "owner" }]
    const whole = config(acme({ connections: { erp: erp(before) } }), { accounts: { one: { members } } })
    const kept = JSON.stringify([...sectionsOf(whole as unknown as Config)].map(keptAs))
    expect(kept).toContain("$ONE")
    expect(kept).not.toMatch(/t0ken|erp\.example|ada@/)
  })

  test("that a text became a secret is told without the text", () => {
    expect(connectionChange({ headers: { a: "plain-text" } }, { headers: { a: secret("A") } })).toEqual([
      expect.objectContaining({ fields: [{ change: "changed", field: "headers.a", to: { secret: "A" } }] }),
    ])
  })
})
