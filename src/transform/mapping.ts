/**
 * Mappings: one expression that makes the whole input, or a structure whose strings are expressions and whose other constants stand for
 * themselves. A key with dots, `"properties.plan"`, makes a nested field.
 */
import * as Result from "effect/Result"
import type { Expression, Mapping } from "../config/plan.ts"
import type { Issue } from "../model/errors.ts"
import { compileExpression } from "./expression.ts"

type Path = ReadonlyArray<string | number>
type Maker = (scope: unknown) => unknown

const depthMax = 16

/** The mapping, or all that is wrong with it; paths begin at the mapping. */
export const compileMapping = (map: unknown): Result.Result<Mapping, ReadonlyArray<Issue>> => {
  const issues: Array<Issue> = []
  const expressions: Array<{ readonly path: Path; readonly expression: Expression }> = []

  const make = (value: unknown, path: Path): Maker => {
    if (typeof value === "string") {
      const compiled = compileExpression(value)
      if (Result.isFailure(compiled)) {
        issues.push({ path, message: compiled.failure })
        return () => undefined
      }
      expressions.push({ path, expression: compiled.success })
      return compiled.success.evaluate
    }
    if (value === null || typeof value === "number" || typeof value === "boolean") return () => value
    if (path.length >= depthMax) {
      issues.push({ path, message: `the mapping is nested deeper than ${depthMax} levels` })
      return () => undefined
    }
    if (Array.isArray(value)) return makeArray(value.map((item, i) => make(item, [...path, i])))
    if (typeof value === "object" && isPlain(value)) {
      const fields = Object.entries(value).map(([key, field]) => [key.split("."), make(field, [...path, key])] as const)
      for (const [keys] of fields) {
        if (keys.some((key) => key === "" || key === "__proto__")) {
          issues.push({ path: [...path, keys.join(".")], message: `"${keys.join(".")}" is not a field's name` })
        }
      }
      return makeObject(fields)
    }
    issues.push({
      path,
      message: `a mapping holds JSONata strings, numbers, booleans, null, lists and objects; this is a ${typeof value}`,
    })
    return () => undefined
  }

  const maker = make(map, [])
  if (issues.length > 0) return Result.fail(issues)
  return Result.succeed({
    expressions,
    evaluate: (scope) => {
      const made = maker(scope)
      return made instanceof Promise ? made.then(something) : something(made)
    },
  })
}

const isPlain = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

const something = (value: unknown): unknown => {
  if (value === undefined) throw new Error("the mapping produced nothing for this event")
  return value
}

/** Lists keep their length: what is absent becomes null. */
const makeArray = (makers: ReadonlyArray<Maker>): Maker => {
  return (scope) => {
    const values = makers.map((maker) => maker(scope))
    return values.some((value) => value instanceof Promise)
      ? Promise.all(values).then((settled) => settled.map((value) => value ?? null))
      : values.map((value) => value ?? null)
  }
}

const makeObject = (fields: ReadonlyArray<readonly [ReadonlyArray<string>, Maker]>): Maker => {
  const assemble = (values: ReadonlyArray<unknown>): unknown => {
    const made: Record<string, unknown> = {}
    for (let i = 0; i < fields.length; i++) if (values[i] !== undefined) put(made, fields[i]![0], values[i])
    return made
  }
  return (scope) => {
    const values = fields.map(([, maker]) => maker(scope))
    return values.some((value) => value instanceof Promise) ? Promise.all(values).then(assemble) : assemble(values)
  }
}

const put = (target: Record<string, unknown>, keys: ReadonlyArray<string>, value: unknown): void => {
  let place = target
  for (let i = 0; i < keys.length - 1; i++) {
    const next = place[keys[i]!]
    if (typeof next === "object" && next !== null) place = next as Record<string, unknown>
    else place = place[keys[i]!] = {} as Record<string, unknown>
  }
  place[keys.at(-1)!] = value
}
