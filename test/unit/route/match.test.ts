/** Which rules want an event: patterns of types, conditions, and the index that finds the rules. */
import * as Result from "effect/Result"
import { assert, describe, it } from "vitest"
import { limits } from "../../../src/config/defaults.ts"
import type { ActionPlan, Expression, Plan, RulePlan, WorkspacePlan } from "../../../src/config/plan.ts"
import type { Event } from "../../../src/model/event.ts"
import { matchesType } from "../../../src/model/type-pattern.ts"
import { isTrue, judge, makeRuleIndex, type Verdict } from "../../../src/route/match.ts"
import { compiler } from "../../../src/transform/compiler.ts"
import { makeRandom, seedOf } from "../../support/random.ts"

const event = (rest: Partial<Event> = {}): Event => ({
  id: "evt_1",
  type: "lead.created",
  workspace: "acme",
  time: "2030-01-01T00:00:00Z",
  payload: { plan: "pro", score: 7, tags: ["a"], none: [] },
  ...rest,
})

const rule = (id: string, rest: Partial<RulePlan> = {}): RulePlan => ({
  id,
  on: ["lead.created"],
  actions: [],
  ...rest,
})

const workspace = (rest: Partial<WorkspacePlan> = {}): WorkspacePlan => ({
  id: "acme",
  tags: [],
  eventTypes: new Map(),
  connections: new Map(),
  rules: [],
  ...rest,
})

const planOf = (...workspaces: ReadonlyArray<WorkspacePlan>): Plan => ({
  revision: "0",
  workspaces: new Map(workspaces.map((one) => [one.id, one])),
  keys: [],
})

const compiled = (source: string): Expression => Result.getOrThrow(compiler.expression(source))

const expressionOf = (evaluate: Expression["evaluate"]): Expression => ({ source: "the source", paths: [], evaluate })

const verdict = async (when: NonNullable<RulePlan["when"]>, of: Event = event(), tags: ReadonlyArray<string> = []) =>
  judge(workspace({ tags }), rule("r", { when }), of)

const refused = (given: Verdict): { readonly why: string; readonly because: string } => {
  if (given.matched) return assert.fail("it matched")
  return given
}

describe("a pattern of event types", () => {
  it("without wildcards matches its own type and nothing near it", () => {
    assert.isTrue(matchesType("lead.created", "lead.created"))
    for (const type of ["lead", "lead.create", "lead.created.now", "xlead.created", "leadxcreated", "Lead.created"]) {
      assert.isFalse(matchesType("lead.created", type), type)
    }
  })

  it("matches exactly one token by *, wherever it stands", () => {
    assert.isTrue(matchesType("lead.*", "lead.created"))
    assert.isTrue(matchesType("*.created", "lead.created"))
    assert.isTrue(matchesType("a.*.c", "a.b.c"))
    assert.isTrue(matchesType("*", "lead"))
    assert.isTrue(matchesType("*.*", "a.b"))
    for (const [pattern, type] of [
      ["lead.*", "lead"],
      ["lead.*", "lead.a.b"],
      ["*", "a.b"],
      ["*.*", "a"],
      ["*.created", "created"],
      ["a.*.c", "a.c"],
      ["a.*.c", "a.b.d"],
    ] as const) {
      assert.isFalse(matchesType(pattern, type), `${pattern} of ${type}`)
    }
  })

  it("matches one or more tokens by > at its end, and never none", () => {
    assert.isTrue(matchesType(">", "lead"))
    assert.isTrue(matchesType(">", "a.b.c.d"))
    assert.isTrue(matchesType("invoice.>", "invoice.paid"))
    assert.isTrue(matchesType("invoice.>", "invoice.paid.late"))
    assert.isTrue(matchesType("*.>", "a.b"))
    assert.isTrue(matchesType("*.b.>", "a.b.c"))
    for (const [pattern, type] of [
      ["invoice.>", "invoice"],
      ["invoice.>", "invoices.paid"],
      ["*.>", "a"],
      ["*.b.>", "a.b"],
    ] as const) {
      assert.isFalse(matchesType(pattern, type), `${pattern} of ${type}`)
    }
  })

  it("matches as a regular expression of the same meaning does", () => {
    const random = makeRandom(seedOf("patterns"))
    const pick = <A>(list: ReadonlyArray<A>) => list[Math.floor(random() * list.length)]!
    const some = (list: ReadonlyArray<string>) => Array.from({ length: 1 + Math.floor(random() * 4) }, () => pick(list))
    for (let i = 0; i < 20_000; i++) {
      const type = some(["a", "b", "a-b", "_"]).join(".")
      const tokens = some(["a", "b", "a-b", "*", "*"])
      if (random() < 0.3) tokens.push(">")
      const pattern = tokens.join(".")
      const source = tokens.map((one) => (one === "*" ? "[^.]+" : one === ">" ? ".+" : one)).join("\\.")
      assert.strictEqual(matchesType(pattern, type), new RegExp(`^${source}$`).test(type), `${pattern} of ${type}`)
    }
  })
})

describe("a rule", () => {
  it("without conditions wants every event of its types", () => {
    assert.deepStrictEqual(judge(workspace(), rule("r"), event()), { matched: true })
    assert.deepStrictEqual(judge(workspace(), rule("r", { when: {} }), event()), { matched: true })
  })

  it("that names a resource wants its events only, and says which it was", async () => {
    const when = { resource: "page", resource_id: "site" }
    assert.isTrue((await verdict(when, event({ resource: "page", resource_id: "site" }))).matched)
    assert.include(refused(await verdict(when, event({ resource: "form", resource_id: "site" }))).because, '"form"')
    assert.include(refused(await verdict(when, event({ resource: "page", resource_id: "x" }))).because, '"x"')
    const absent = refused(await verdict(when))
    assert.include(absent.because, "absent")
    assert.strictEqual(absent.why, "resource")
  })

  it("that names tags wants all of them on the workspace, and says which is missing", async () => {
    const when = { tags: ["eu", "beta"] }
    assert.isTrue((await verdict(when, event(), ["beta", "x", "eu"])).matched)
    const { because } = refused(await verdict(when, event(), ["eu"]))
    assert.include(because, '"beta"')
    assert.isTrue((await verdict({ tags: [] })).matched)
  })

  it("with an expression wants the events for which it is true", async () => {
    assert.isTrue((await verdict({ expression: compiled(`payload.plan = "pro"`) })).matched)
    assert.isTrue((await verdict({ expression: compiled(`payload.score > 5 and type = "lead.created"`) })).matched)
    const not = refused(await verdict({ expression: compiled(`payload.plan = "free"`) }))
    assert.strictEqual(not.why, "expression")
    assert.include(not.because, "payload.plan")
    assert.include(not.because, "false")
  })

  it("with an expression of something that is not there does not want the event", async () => {
    const not = refused(await verdict({ expression: compiled("payload.missing") }))
    assert.strictEqual(not.why, "expression")
    assert.include(not.because, "absent")
  })

  it("whose expression fails does not want the event, and the verdict says that it failed and why", async () => {
    const failed = refused(await verdict({ expression: compiled(`$number(payload.plan) > 1`) }))
    assert.strictEqual(failed.why, "failed")
    assert.include(failed.because, "$number(payload.plan)")
  })

  it("whose expression throws, rejects, or does so with what is no error, gives a failed verdict each time", async () => {
    const wrong: ReadonlyArray<Expression["evaluate"]> = [
      () => {
        throw new Error("broken")
      },
      () => Promise.reject(new Error("broken")),
      () => {
        throw "broken"
      },
      () => Promise.reject("broken"),
    ]
    for (const evaluate of wrong) {
      const failed = refused(await verdict({ expression: expressionOf(evaluate) }))
      assert.strictEqual(failed.why, "failed")
      assert.strictEqual(failed.because, "the condition `the source` failed: broken")
    }
  })

  it("gives no promise when its expression gives none", () => {
    assert.notInstanceOf(
      judge(workspace(), rule("r", { when: { expression: expressionOf(() => 1) } }), event()),
      Promise,
    )
    const later = rule("r", { when: { expression: expressionOf(() => Promise.resolve(1)) } })
    assert.instanceOf(judge(workspace(), later, event()), Promise)
  })

  it("does not run its expression when another condition already refuses", async () => {
    const never = expressionOf(() => assert.fail("it ran"))
    refused(await verdict({ resource: "page", expression: never }))
    refused(await verdict({ tags: ["eu"], expression: never }))
  })

  it("gives a short reason, however long the value", async () => {
    const { because } = refused(await verdict({ resource: "page" }, event({ resource: "x".repeat(10_000) })))
    assert.isBelow(because.length, 200)
  })
})

describe("truth", () => {
  it("is JSONata's", async () => {
    const values = [true, false, 1, 0, -1, "a", "", null, [], [0], [0, 1], [[]], [[1]], {}, { a: 0 }, [{}], ["", "a"]]
    for (const value of values) {
      const theirs = await compiled("$boolean(payload.value)").evaluate({ payload: { value } })
      assert.strictEqual(isTrue(value), theirs, JSON.stringify(value))
    }
    assert.isFalse(isTrue(undefined))
  })
})

describe("the index of rules", () => {
  const action = (index: number): ActionPlan => ({ index, connection: "c", action: "send" })
  const ids = (found: ReadonlyArray<{ readonly rule: RulePlan }>) => found.map((one) => one.rule.id)

  it("finds the rules of a type by any of their patterns, each once", () => {
    const acme = workspace({
      rules: [
        rule("exact"),
        rule("star", { on: ["lead.*"] }),
        rule("rest", { on: [">"] }),
        rule("several", { on: ["lead.created", "lead.*", ">"] }),
        rule("other", { on: ["invoice.>"] }),
      ],
    })
    const index = makeRuleIndex(planOf(acme))
    assert.sameMembers(ids(index.candidates(acme, "lead.created")), ["exact", "star", "rest", "several"])
    assert.sameMembers(ids(index.candidates(acme, "invoice.paid.late")), ["rest", "several", "other"])
    assert.strictEqual(index.candidates(acme, "lead.created"), index.candidates(acme, "lead.created"))
  })

  it("gives deliveries the same order however the config orders its rules", () => {
    const rules = ["b", "a", "a-b", "a1", "A", "a_b"].map((id) => rule(id, { actions: [action(0), action(1)] }))
    const keys = (of: ReadonlyArray<RulePlan>) => {
      const acme = workspace({ rules: of })
      const found = makeRuleIndex(planOf(acme)).candidates(acme, "lead.created")
      return found.flatMap(({ actions }) => actions.map(({ key }) => key))
    }
    const ordered = keys(rules)
    assert.deepStrictEqual(keys(rules.toReversed()), ordered)
    assert.deepStrictEqual(ordered, [...ordered].toSorted(), "their keys ascend")
    assert.strictEqual(new Set(ordered).size, rules.length * 2)
  })

  it("keeps the order of a rule's actions beyond nine of them", () => {
    const acme = workspace({
      rules: [rule("r", { actions: Array.from({ length: limits.actionsPerRule }, (_, i) => action(i)) })],
    })
    const [found] = makeRuleIndex(planOf(acme)).candidates(acme, "lead.created")
    const keys = found!.actions.map(({ key }) => key)
    assert.deepStrictEqual(keys, keys.toSorted())
    assert.deepStrictEqual(
      found!.actions.map(({ plan }) => plan.index),
      Array.from({ length: limits.actionsPerRule }, (_, i) => i),
    )
  })

  it("keeps workspaces apart", () => {
    const [one, two] = [
      workspace({ id: "one", rules: [rule("of-one")] }),
      workspace({ id: "two", rules: [rule("of-two")] }),
    ]
    const index = makeRuleIndex(planOf(one, two))
    assert.deepStrictEqual(ids(index.candidates(one, "lead.created")), ["of-one"])
    assert.deepStrictEqual(ids(index.candidates(two, "lead.created")), ["of-two"])
    assert.strictEqual(index.workspace("one"), one)
    assert.isUndefined(index.workspace("three"))
  })

  it("is right for more types than it remembers", () => {
    const acme = workspace({ rules: [rule("r", { on: ["t.*"] })] })
    const index = makeRuleIndex(planOf(acme))
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < limits.indexedTypes + 10; i++) {
        assert.strictEqual(index.candidates(acme, `t.${i}`).length, 1)
        assert.strictEqual(index.candidates(acme, `u.${i}`).length, 0)
      }
    }
  })
})

it("the runtime's own types are meant by patterns that name them, and by no other", () => {
  const type = "meshes.connection.opened"
  for (const pattern of [type, "meshes.connection.*", "meshes.>", "meshes.*.opened"]) {
    assert.isTrue(matchesType(pattern, type), pattern)
  }
  for (const pattern of [">", "*.connection.opened", "*.>", "*.*.*"])
    assert.isFalse(matchesType(pattern, type), pattern)
})
