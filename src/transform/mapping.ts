/**
 * Mappings: one expression that makes the whole input, or a structure whose strings are expressions and whose other constants stand for
 * themselves. A key with dots, `"properties.plan"`, makes a nested field.
 */
import * as Result from "effect/Result"
import { limits } from "../config/defaults.ts"
import type { Expression, Mapping } from "../config/plan.ts"
import type { Issue } from "../model/errors.ts"
import { compileExpression } from "./expression.ts"

type Path = ReadonlyArray<string | number>
/** @param expressions those of the mapping, in order */
type Maker = (scope: unknown, expressions: ReadonlyArray<Expression>) => unknown

/** What mappings of the same structure have in common: all but their expressions. */
interface Form {
  readonly make: Maker
  /** Where each expression stands. */
  readonly paths: ReadonlyArray<Path>
}

const depthMax = 16

const forms = new Map<string, Form>()
const mappings = new Map<string, Result.Result<Mapping, never>>()

/** The mapping, or all that is wrong with it; paths begin at the mapping. The same content gives the same object while remembered. */
export const compileMapping = (map: unknown): Result.Result<Mapping, ReadonlyArray<Issue>> => {
  const sources: Array<string> = []
  const structure = structureOf(map, sources, 0)
  if (structure === undefined) return Result.fail(issuesOf(map))
  let content = structure
  for (const source of sources) content += `${source.length}:${source}`
  const known = mappings.get(content)
  if (known !== undefined) return known
  const expressions: Array<Expression> = []
  for (const source of sources) {
    const compiled = compileExpression(source)
    if (Result.isFailure(compiled)) return Result.fail(issuesOf(map))
    expressions.push(compiled.success)
  }
  const mapping = Result.succeed(makeMapping(map, formOf(structure, map), expressions))
  if (mappings.size >= limits.mappingsRemembered) mappings.clear()
  mappings.set(content, mapping)
  return mapping
}

const makeMapping = (source: unknown, { make, paths }: Form, expressions: ReadonlyArray<Expression>): Mapping => ({
  source,
  paths,
  expressions,
  evaluate: (scope) => {
    const made = make(scope, expressions)
    return made instanceof Promise ? made.then(something) : something(made)
  },
})

/** The mapping without its expressions, which are added to `sources`, as a text; `undefined` when something is wrong with it. */
const structureOf = (value: unknown, sources: Array<string>, depth: number): string | undefined => {
  if (typeof value === "string") {
    sources.push(value)
    return "$"
  }
  if (value === null || typeof value === "boolean") return String(value)
  // Zero has two signs, of which a text shows one.
  if (typeof value === "number") return Object.is(value, -0) ? "-0" : String(value)
  if (depth >= depthMax || typeof value !== "object") return undefined
  if (Array.isArray(value)) {
    let text = `[${value.length}:`
    for (let i = 0; i < value.length; i++) {
      const item = i in value ? structureOf(value[i], sources, depth + 1) : "-"
      if (item === undefined) return undefined
      text += `${item},`
    }
    return `${text}]`
  }
  if (!isPlain(value)) return undefined
  let text = "{"
  for (const key of Object.keys(value)) {
    if (!isFieldName(key)) return undefined
    const field = structureOf((value as { readonly [key: string]: unknown })[key], sources, depth + 1)
    if (field === undefined) return undefined
    text += `${JSON.stringify(key)}:${field},`
  }
  return `${text}}`
}

const isFieldName = (key: string): boolean => key.split(".").every((part) => part !== "" && part !== "__proto__")

const formOf = (structure: string, map: unknown): Form => {
  const known = forms.get(structure)
  if (known !== undefined) return known
  const paths: Array<Path> = []
  const form = { make: makerOf(map, [], paths), paths }
  if (forms.size >= limits.mappingsRemembered) forms.clear()
  forms.set(structure, form)
  return form
}

/** Of a mapping with nothing wrong. */
const makerOf = (value: unknown, path: Path, paths: Array<Path>): Maker => {
  if (typeof value === "string") {
    const index = paths.push(path) - 1
    return (scope, expressions) => expressions[index]!.evaluate(scope)
  }
  if (Array.isArray(value)) return makeArray(value.map((item, i) => makerOf(item, [...path, i], paths)))
  if (typeof value !== "object" || value === null) return () => value
  return makeObject(
    Object.entries(value).map(([key, field]) => [key.split("."), makerOf(field, [...path, key], paths)] as const),
  )
}

const issuesOf = (map: unknown): ReadonlyArray<Issue> => {
  const issues: Array<Issue> = []
  const visit = (value: unknown, path: Path): void => {
    if (typeof value === "string") {
      const compiled = compileExpression(value)
      if (Result.isFailure(compiled)) issues.push({ path, message: compiled.failure })
      return
    }
    if (value === null || typeof value === "number" || typeof value === "boolean") return
    if (path.length >= depthMax) {
      issues.push({ path, message: `the mapping is nested deeper than ${depthMax} levels` })
      return
    }
    if (Array.isArray(value)) return value.forEach((item, i) => visit(item, [...path, i]))
    if (typeof value === "object" && isPlain(value)) {
      for (const [key, field] of Object.entries(value)) visit(field, [...path, key])
      for (const key of Object.keys(value)) {
        if (!isFieldName(key)) issues.push({ path: [...path, key], message: `"${key}" is not a field's name` })
      }
      return
    }
    issues.push({
      path,
      message: `a mapping holds JSONata strings, numbers, booleans, null, lists and objects; this is a ${typeof value}`,
    })
  }
  visit(map, [])
  return issues
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
  return (scope, expressions) => {
    const values = makers.map((maker) => maker(scope, expressions))
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
  return (scope, expressions) => {
    const values = fields.map(([, maker]) => maker(scope, expressions))
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
