/**
 * The direct form of an expression gives what JSONata gives, or leaves the decision to it.
 */
import jsonata from "jsonata"
import * as Result from "effect/Result"
import { assert, describe, it } from "vitest"
import { compileExpression } from "../../../src/transform/expression.ts"

const expressions = [
  "payload.a",
  "payload.a.b",
  "payload.a.b.c",
  "type",
  "resource",
  "payload",
  "payload.`a b`",
  `payload.a = "x"`,
  "payload.a = 1",
  "payload.a = payload.b",
  "payload.a != payload.b",
  "payload.a < 1",
  `payload.a >= "x"`,
  "payload.a > payload.b or payload.c <= payload.a",
  "payload.a = null",
  "payload.a != 0",
  `payload.a & "-" & payload.b`,
  "payload.a and payload.b",
  "payload.a or payload.b",
  `payload.a = "x" and payload.b != "y" or payload.c`,
  `{ "k": payload.a, "n": 1, "t": true, "nested": { "b": payload.b.c } }`,
  `{ "text": "New " & payload.a & " of " & payload.b.c }`,
  `{ "a": payload.a = payload.b }`,
  "payload.length",
  "payload.a.length",
  "payload.toString",
  "payload.constructor",
  "payload.a.sequence",
  "1",
  `"x"`,
  "null",
  "true",
]

/** A small seeded generator, so that a failure can be repeated. */
const makeRandom = (seed: number) => () => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
  return seed / 2 ** 32
}

const values: ReadonlyArray<unknown> = [
  null,
  true,
  false,
  0,
  -0,
  1,
  -1,
  1.5,
  1e21,
  1e-7,
  0.1 + 0.2,
  "",
  "x",
  "y",
  "1",
  "ä",
  [],
  [1],
  ["x"],
  [1, 2],
  [[1]],
  [[]],
  {},
  { b: 1 },
  { b: "x" },
  { b: { c: 2 } },
  { b: [1, 2] },
  { c: 1 },
  [{ b: 1 }, { b: 2 }],
  [{ b: [1] }],
  [{ x: 1 }],
  { length: 3 },
  { b: null },
]

const makePayload = (random: () => number): Record<string, unknown> => {
  const payload: Record<string, unknown> = {}
  for (const key of ["a", "b", "c", "a b"]) {
    if (random() < 0.8) payload[key] = values[Math.floor(random() * values.length)]
  }
  return payload
}

/** What an evaluation came to, in a form that can be compared: results as JSON, failures by the fact. */
const settle = async (run: () => unknown): Promise<string> => {
  try {
    const value = await run()
    return typeof value === "function" ? "undefined" : (JSON.stringify(value) ?? "undefined")
  } catch {
    return "failure"
  }
}

describe("an expression in direct form", () => {
  for (const source of expressions) {
    it(`means the same as in JSONata: ${source}`, async () => {
      const compiled = Result.getOrThrow(compileExpression(source))
      const reference = jsonata(source)
      const random = makeRandom(42)
      for (let round = 0; round < 400; round++) {
        const event = { id: "e", type: "t", workspace: "w", time: "now", payload: makePayload(random) }
        const expected = await settle(() => reference.evaluate(event))
        const actual = await settle(() => compiled.evaluate(event))
        assert.strictEqual(actual, expected, JSON.stringify(event.payload))
      }
    })
  }

  it("is used for the common forms, so that these give their value at once", () => {
    for (const source of ["payload.a", `payload.a = "x"`, `{ "k": payload.a }`, `"a" & payload.b`]) {
      const compiled = Result.getOrThrow(compileExpression(source))
      assert.notInstanceOf(compiled.evaluate({ payload: { a: "x", b: "y" } }), Promise, source)
    }
  })
})
