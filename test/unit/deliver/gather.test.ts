/**
 * Which deliveries of a lane go in one call.
 */
import { expect, test } from "vitest"
import { gather, type Form } from "../../../src/deliver/gather.ts"

const form: Form = { action: "upsert", size: 3, waitMs: 100 }
const at = (since: number, name: number, of: Form = form) => ({ since, name, form: of })
const names = (found: number | ReadonlyArray<{ readonly name: number }>) =>
  typeof found === "number" ? found : found.map(({ name }) => name)

test("what has no batch form goes by itself, at once", () => {
  expect(names(gather([{ since: 0, name: 1, form: undefined }, at(0, 2)], 0))).toEqual([1])
})

test("as many as one call takes go at once, the oldest first", () => {
  expect(names(gather([at(0, 1), at(0, 2), at(0, 3), at(0, 4)], 0))).toEqual([1, 2, 3])
})

test("fewer wait for others, until the first has waited long enough", () => {
  expect(names(gather([at(50, 1), at(90, 2)], 100))).toBe(50)
  expect(names(gather([at(50, 1), at(90, 2)], 150))).toEqual([1, 2])
})

test("only deliveries of the same action go together", () => {
  const other = { ...form, action: "track" }
  expect(names(gather([at(0, 1), at(0, 2, other), at(0, 3)], 100))).toEqual([1, 3])
})

test("one is tried alone where no more may be tried", () => {
  expect(names(gather([at(0, 1), at(0, 2), at(0, 3)], 0, 1))).toEqual([1])
})
