/**
 * What bounds an expression's evaluation, and what must not be taken for its fault.
 */
import * as Result from "effect/Result"
import { afterEach, expect, test, vi } from "vitest"
import { compileExpression } from "../../../src/transform/expression.ts"

afterEach(() => void vi.restoreAllMocks())

const evaluate = async (source: string, scope: unknown): Promise<unknown> =>
  Result.getOrThrow(compileExpression(source)).evaluate(scope)

// Regression: a rule's condition failed, and its event was lost to it, when the process was stopped just then.
test("a process that was stopped during an evaluation, or had its clock set, evaluates once more", async () => {
  const real = Date.now
  let asked = 0
  // An hour passes after the evaluation has begun.
  vi.spyOn(Date, "now").mockImplementation(() => real() + (asked++ > 0 ? 3_600_000 : 0))
  expect(await evaluate("payload.n % 2 = 1", { payload: { n: 3 } })).toBe(true)
  expect(asked).toBeGreaterThan(1)
})

test("an expression that never ends is stopped", async () => {
  await expect(evaluate("($f := function($n) { $f($n + 1) }; $f(0))", {})).rejects.toThrow(/timeout|Stack overflow/i)
})
