/**
 * Expressions that differ in their constants alone, as those that a loop writes for every workspace, share one template: it is parsed
 * once, and each of them keeps only its constants. A parsed expression costs JSONata about 20 kB and 100 µs, a template's user some
 * hundred bytes and two.
 *
 * A template is the expression with each constant replaced by a filler of the same length, so that every position in it holds for all
 * of them. Whether the fillers became constants and nothing else (`payload."name"` is a field) is read from the syntax tree.
 */
import jsonata from "jsonata"
import { limits } from "../config/defaults.ts"
import type { ReadPath } from "../config/plan.ts"
import { compileDirectly, type ConstantOf } from "./direct.ts"
import { pathsOf } from "./paths.ts"
import { LinearRegExp } from "./regexp.ts"

export type Constants = ReadonlyArray<string | number>

export interface Template {
  readonly paths: ReadonlyArray<ReadPath>
  /** What the interpreter gives. */
  readonly interpret: (scope: unknown, constants: Constants) => Promise<unknown>
  /** The same without the interpreter, for the common forms. `undefined`: the interpreter must decide. */
  readonly direct: ReturnType<typeof compileDirectly>
}

/** A source without its constants. */
export interface Shape {
  readonly text: string
  readonly constants: Constants
  /** Where each of them ends in the source. */
  readonly ends: ReadonlyArray<number>
}

/** In these the quotes may be part of something else: a regular expression, a comment, a quoted name, an escape. */
const beyond = /[\\/`]/
/** Strings, and whole numbers that are no part of a name or of another number. A number's first digit decides how it is read on. */
const constant = /"[^"]*"|'[^']*'|(?<![\w.$])(?:0|[1-9]\d{0,14})(?![\w.])/g
const key = /^\s*[:.]/
const field = /\.\s*$/

export const shapeOf = (source: string): Shape => {
  if (beyond.test(source)) return { text: source, constants: [], ends: [] }
  const constants: Array<string | number> = []
  const ends: Array<number> = []
  const text = source.replace(constant, (found: string, position: number) => {
    const end = position + found.length
    // Keys of objects and names of fields are no constants.
    if (key.test(source.slice(end)) || field.test(source.slice(0, position))) return found
    ends.push(end)
    const quote = found[0]!
    if (quote !== '"' && quote !== "'") {
      constants.push(Number(found))
      return "1".repeat(found.length)
    }
    constants.push(found.slice(1, -1))
    return `${quote}${filler.repeat(found.length - 2)}${quote}`
  })
  return { text, constants, ends }
}

/** No name in an expression has it. */
const filler = "\u0001"

/** Throws what JSONata says of the source. `undefined`: not all of the constants are constants to JSONata. */
export const compileTemplate = ({ text, constants, ends }: Shape): Template | undefined => {
  const expression = jsonata(text, {
    timeout: limits.expressionTimeoutMs,
    stack: limits.expressionStack,
    sequence: limits.expressionSequence,
    RegexEngine: LinearRegExp,
  })
  const ast = expression.ast()
  const found = new Map<unknown, number>()
  if (constants.length > 0) {
    const indexes = new Map(ends.map((end, index) => [end, index]))
    noteConstant(ast, found, indexes)
    findConstants(ast, found, indexes, new Set())
  }
  if (found.size !== constants.length) return undefined
  const constantOf: ConstantOf = (node) => found.get(node)
  const template = {
    paths: pathsOf(ast, text),
    direct: compileDirectly(ast, constantOf),
    interpret: (scope: unknown, values: Constants): Promise<unknown> =>
      values.length === 0
        ? expression.evaluate(scope)
        : expression.evaluate(scope, Object.fromEntries(values.map((value, index) => [variable(index), value]))),
  }
  // From here on the interpreter reads them as variables, each evaluation with its own.
  for (const [node, index] of found) Object.assign(node as object, { type: "variable", value: variable(index) })
  return template
}

/** No variable of an expression can have such a name. */
const variable = (index: number): string => `${filler}${index}`

/** Where a constant is a value that is worked out like any other: the interpreter makes no difference there by its kind. */
const valuePlaces: { readonly [type: string]: ReadonlyArray<string> } = {
  binary: ["lhs", "rhs"],
  condition: ["condition", "then", "else"],
  function: ["arguments"],
  block: ["expressions"],
  unary: ["expressions", "lhs"],
}

const findConstants = (
  node: any,
  found: Map<unknown, number>,
  ends: ReadonlyMap<number, number>,
  seen: Set<unknown>,
): void => {
  if (typeof node !== "object" || node === null || seen.has(node)) return
  seen.add(node)
  const places = valuePlaces[node.type] ?? []
  for (const [name, child] of Object.entries(node)) {
    if (places.includes(name)) for (const value of valuesAt(name, child)) noteConstant(value, found, ends)
    findConstants(child, found, ends, seen)
  }
}

/** The values of an object are the second of each pair. */
const valuesAt = (name: string, child: any): ReadonlyArray<unknown> =>
  !Array.isArray(child) ? [child] : name === "lhs" ? child.map((pair) => pair[1]) : child

const noteConstant = (node: any, found: Map<unknown, number>, ends: ReadonlyMap<number, number>): void => {
  if (node?.type !== "string" && node?.type !== "number") return
  // The parser has put a minus sign into it.
  if (node.value < 0) return
  if ("predicate" in node || "group" in node || "stages" in node || "keepArray" in node) return
  const index = ends.get(node.position)
  if (index !== undefined) found.set(node, index)
}
