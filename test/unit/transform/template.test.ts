/**
 * Expressions that differ in their constants share what is parsed, and nothing of what they mean.
 */
import jsonata from "jsonata"
import * as Result from "effect/Result"
import { assert, describe, it } from "vitest"
import { compileExpression } from "../../../src/transform/expression.ts"
import { compileMapping } from "../../../src/transform/mapping.ts"
import { shapeOf } from "../../../src/transform/template.ts"

/** Each with `@` where a constant stands. */
const forms = [
  `"@"`,
  `'@'`,
  `@`,
  `payload.plan = "@"`,
  `payload.plan != '@' or payload.n > @`,
  `payload.n >= @ and payload.n < @`,
  `payload.name & " of @"`,
  `{ "customer": "@", "n": @, "inner": { "k@": payload.n } }`,
  `$uppercase("@") & $string(@)`,
  `payload.items[kind = "@"].price`,
  `payload.items[@]`,
  `payload.items[price > @][0].kind`,
  `payload."@"`,
  `payload.("@")`,
  `"@".length`,
  `payload.n = @ ? "yes @" : "no @"`,
  `($x := "@"; $x & $x)`,
  `["@", @, payload.n]`,
  `payload.items.(price + @)`,
  `payload.items.{ "@": price }`,
  `payload.items{ kind: $sum(price) + @ }`,
  `payload.n + -@`,
  `[1..@]`,
  `@ in payload.numbers`,
  `payload.items^(>price).kind & "@"`,
  `$map(payload.items, function($item) { $item.kind & "@" })`,
  `$contains(payload.name, /@/)`,
  `payload.name ~> $substringBefore("@")`,
  `$sum(payload.numbers[$ > @])`,
  `payload.v@`,
  `payload.n > 1.@`,
  `"\\u0041@"`,
  `payload.\`a@\``,
  `/* "@" */ "@"`,
  `$formatNumber(payload.n, "#0.@")`,
  `"@"[0]`,
  `("@")[payload.n = 1]`,
  `payload.n > "@"`,
  `payload.plan + @`,
]

const constants = ["0", "7", "42", "43", "007", "12345678901234567890"]

const event = {
  type: "t",
  payload: {
    plan: "42",
    n: 42,
    name: "Ada 43 Lovelace",
    v7: "seven",
    "42": "a field",
    numbers: [7, 42, 99],
    items: [
      { kind: "42", price: 7 },
      { kind: "7", price: 42 },
      { kind: "42", price: 43 },
    ],
  },
}

/** What it comes to, or what is said instead. */
const settle = async (run: () => unknown): Promise<string> => {
  try {
    return JSON.stringify(await run()) ?? "nothing"
  } catch {
    return "failure"
  }
}

describe("expressions of one shape", () => {
  for (const form of forms) {
    it(`each mean what they mean to JSONata alone: ${form}`, async () => {
      for (const constant of constants) {
        const source = form.replaceAll("@", constant)
        const compiled = compileExpression(source)
        let alone: jsonata.Expression | undefined
        try {
          alone = jsonata(source)
        } catch {
          // Then nothing else may be made of it either.
        }
        assert.strictEqual(Result.isSuccess(compiled), alone !== undefined, source)
        if (!Result.isSuccess(compiled) || alone === undefined) continue
        const expected = await settle(() => alone.evaluate(event))
        // Twice: the first evaluation must leave nothing behind.
        for (let time = 0; time < 2; time++) {
          assert.strictEqual(await settle(() => compiled.success.evaluate(event)), expected, source)
        }
      }
    })
  }

  it("share one parsed form, so that ten thousand of them cost little more than one", () => {
    const of = (source: string) => Result.getOrThrow(compileExpression(source)).paths
    assert.strictEqual(of(`payload.plan = "free-123"`), of(`payload.plan = "paid-456"`))
    assert.strictEqual(of(`$lowercase(payload.name) & " of 17"`), of(`$lowercase(payload.name) & " of 42"`))
    assert.strictEqual(of(`payload.n > 17`), of(`payload.n > 42`))
  })

  it("do not share one where a constant names a field, which is then another field", () => {
    const of = (source: string) => Result.getOrThrow(compileExpression(source)).paths.map(({ path }) => path)
    assert.deepStrictEqual(of(`payload."a1"`), [["payload", "a1"]])
    assert.deepStrictEqual(of(`payload."b2"`), [["payload", "b2"]])
  })

  it("say their own text when one of them fails", async () => {
    const failing = (text: string) => Result.getOrThrow(compileExpression(`$number(payload.name) + "${text}"`))
    for (const text of ["one", "two"]) {
      const said = await Promise.resolve(failing(text).evaluate(event)).then(
        () => "",
        (cause: unknown) => (cause as Error).message,
      )
      assert.include(said, `"${text}"`)
    }
  })

  it("keep their constants apart when they are evaluated at the same time", async () => {
    const sources = Array.from({ length: 50 }, (_, i) => `$map(payload.numbers, function($n) { $n + ${100 + i} })`)
    const made = await Promise.all(
      sources.map((source) => Result.getOrThrow(compileExpression(source)).evaluate(event)),
    )
    for (const [i, value] of made.entries()) assert.deepStrictEqual(value, [107 + i, 142 + i, 199 + i])
  })

  it("leave a source alone whose quotes may be something else", () => {
    for (const source of ["a / 2", "`a` = 1", `"\\"" = "x"`, `/"/`])
      assert.deepStrictEqual(shapeOf(source).constants, [])
  })
})

describe("mappings of one structure", () => {
  const made = (map: unknown) => Result.getOrThrow(compileMapping(map)).evaluate(event)

  it("differ in their expressions and constants", () => {
    assert.deepStrictEqual(made({ a: `"x1"`, "b.c": "payload.n" }), { a: "x1", b: { c: 42 } })
    assert.deepStrictEqual(made({ a: `"x2"`, "b.c": "payload.plan" }), { a: "x2", b: { c: "42" } })
    assert.deepStrictEqual(made({ a: 1 }), { a: 1 })
    assert.deepStrictEqual(made({ a: true }), { a: true })
    assert.deepStrictEqual(made({ a: [null, "payload.n"] }), { a: [null, 42] })
    assert.deepStrictEqual(made({ a: [null, "payload.n", "payload.gone"] }), { a: [null, 42, null] })
    assert.deepStrictEqual(made({ a: [{ b: "payload.n" }] }), { a: [{ b: 42 }] })
  })

  it("are the same object when their content is the same, and only then", () => {
    const of = (map: unknown) => Result.getOrThrow(compileMapping(map))
    assert.strictEqual(of({ a: "payload.n", b: 1 }), of({ a: "payload.n", b: 1 }))
    assert.notStrictEqual(of({ a: "payload.n", b: 1 }), of({ a: "payload.n", b: -1 }))
    assert.notStrictEqual(of({ a: "payload.n" }), of(["payload.n"]))
    assert.notStrictEqual(of({ a: "type", b: "id" }), of({ a: "id", b: "type" }))
  })
})
