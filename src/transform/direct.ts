/**
 * The common part of JSONata as plain functions: paths of names, constants, comparisons, `and`, `or`, `&` and objects of these. The
 * interpreter takes 16 µs for what these do in one; most mappings and conditions are made of them.
 *
 * The meaning is JSONata's own, to the letter (`test/unit/transform/direct.test.ts` compares the two on generated events). Where the
 * meaning depends on lists or on errors, which JSONata treats in its own ways, the interpreter is asked after all.
 */
import type jsonata from "jsonata"

/** @param constants in the order of their template (`template.ts`) */
export type Direct = (scope: unknown, constants: ReadonlyArray<string | number>) => unknown

/** Which of the constants a node stands for; `undefined`: for the value that it holds. */
export type ConstantOf = (node: unknown) => number | undefined

/** Thrown when the interpreter must decide. One object: no stack is made. */
export const interpreterDecides = new Error("the interpreter decides")

/** The expression as a function, or `undefined` when it holds anything else. The function throws `interpreterDecides` where lists come up. */
export const compileDirectly = (ast: jsonata.ExprNode, constantOf: ConstantOf): Direct | undefined =>
  compileNode(ast, constantOf)

const compileNode = (node: any, constantOf: ConstantOf): Direct | undefined => {
  if (node.group !== undefined || node.stages !== undefined || node.predicate !== undefined || node.keepArray === true)
    return undefined
  switch (node.type) {
    case "string":
    case "number":
    case "value": {
      const index = constantOf(node)
      const value: unknown = node.value
      return index === undefined ? () => value : (_, constants) => constants[index]
    }
    case "path":
      return compilePath(node)
    case "binary":
      return compileBinary(node, constantOf)
    case "unary":
      return node.value === "{" ? compileObject(node, constantOf) : undefined
    default:
      return undefined
  }
}

const compilePath = (node: any): Direct | undefined => {
  if (node.keepSingletonArray === true || node.tuple !== undefined) return undefined
  const names: Array<string> = []
  for (const step of node.steps) {
    const simple =
      step.type === "name" &&
      step.stages === undefined &&
      step.focus === undefined &&
      step.index === undefined &&
      step.predicate === undefined &&
      step.keepArray === undefined &&
      step.group === undefined &&
      step.tuple === undefined &&
      step.ancestor === undefined
    if (!simple) return undefined
    names.push(step.value)
  }
  if (names.length === 0) return undefined
  return (scope) => {
    let value = scope
    for (const name of names) {
      if (Array.isArray(value)) throw interpreterDecides
      if (typeof value !== "object" || value === null) return undefined
      value = Object.hasOwn(value, name) || name in value ? (value as Record<string, unknown>)[name] : undefined
      if (value === undefined) return undefined
      if (typeof value === "function") throw interpreterDecides
    }
    // A list at the end is a sequence to JSONata: of one it makes that one, of none nothing.
    if (Array.isArray(value)) throw interpreterDecides
    return value
  }
}

const compileBinary = (node: any, constantOf: ConstantOf): Direct | undefined => {
  const lhs = compileNode(node.lhs, constantOf)
  const rhs = compileNode(node.rhs, constantOf)
  if (lhs === undefined || rhs === undefined) return undefined
  switch (node.value) {
    case "=":
      return (scope, constants) => equal(lhs(scope, constants), rhs(scope, constants), false)
    case "!=":
      return (scope, constants) => equal(lhs(scope, constants), rhs(scope, constants), true)
    case "&":
      return (scope, constants) => text(lhs(scope, constants)) + text(rhs(scope, constants))
    case "and":
      return (scope, constants) => truth(lhs(scope, constants)) && truth(rhs(scope, constants))
    case "or":
      return (scope, constants) => truth(lhs(scope, constants)) || truth(rhs(scope, constants))
    case "<":
      return (scope, constants) => ordered(lhs(scope, constants), rhs(scope, constants), (a, b) => a < b)
    case "<=":
      return (scope, constants) => ordered(lhs(scope, constants), rhs(scope, constants), (a, b) => a <= b)
    case ">":
      return (scope, constants) => ordered(lhs(scope, constants), rhs(scope, constants), (a, b) => a > b)
    case ">=":
      return (scope, constants) => ordered(lhs(scope, constants), rhs(scope, constants), (a, b) => a >= b)
    default:
      return undefined
  }
}

/** Two numbers or two strings; nothing beside either is nothing. All else is an error, which the interpreter words. */
const ordered = (a: unknown, b: unknown, holds: (a: string | number, b: string | number) => boolean): unknown => {
  if (a !== undefined && typeof a !== "number" && typeof a !== "string") throw interpreterDecides
  if (b !== undefined && typeof b !== "number" && typeof b !== "string") throw interpreterDecides
  if (a === undefined || b === undefined) return undefined
  if (typeof a !== typeof b) throw interpreterDecides
  return holds(a, b)
}

/** Scalars only: the equality of structures is the interpreter's. If either side is nothing, both `=` and `!=` are false. */
const equal = (a: unknown, b: unknown, negated: boolean): boolean => {
  if (typeof a === "object" && a !== null) throw interpreterDecides
  if (typeof b === "object" && b !== null) throw interpreterDecides
  if (a === undefined || b === undefined) return false
  return (a === b) !== negated
}

const text = (value: unknown): string => {
  if (value === undefined) return ""
  if (typeof value === "string") return value
  if (typeof value === "boolean") return String(value)
  if (typeof value === "number" && Number.isSafeInteger(value) && !Object.is(value, -0)) return String(value)
  throw interpreterDecides
}

const truth = (value: unknown): boolean => {
  if (typeof value === "object" && value !== null) throw interpreterDecides
  return Boolean(value)
}

const compileObject = (node: any, constantOf: ConstantOf): Direct | undefined => {
  const fields: Array<readonly [string, Direct]> = []
  const keys = new Set<string>()
  for (const [key, value] of node.lhs) {
    const direct = compileNode(value, constantOf)
    if (key.type !== "string" || direct === undefined || key.value === "__proto__" || keys.has(key.value))
      return undefined
    keys.add(key.value)
    fields.push([key.value, direct])
  }
  return (scope, constants) => {
    const made: Record<string, unknown> = {}
    for (const [key, direct] of fields) {
      const value = direct(scope, constants)
      if (value !== undefined) made[key] = value
    }
    return made
  }
}
