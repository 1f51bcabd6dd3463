/**
 * The common part of JSONata as plain functions: paths of names, constants, comparisons, `and`, `or`, `&` and objects of these. The
 * interpreter takes 16 µs for what these do in one; most mappings and conditions are made of them.
 *
 * The meaning is JSONata's own, to the letter (`test/unit/transform/direct.test.ts` compares the two on generated events). Where the
 * meaning depends on lists or on errors, which JSONata treats in its own ways, the interpreter is asked after all.
 */
import type jsonata from "jsonata"

type Direct = (scope: unknown) => unknown

/** Thrown inside when the interpreter must decide. One object: no stack is made. */
const interpreterDecides = new Error("the interpreter decides")

/** The expression as a function, or `undefined` when it holds anything else. `interpret` is called where lists come up. */
export const compileDirectly = (
  ast: jsonata.ExprNode,
  interpret: (scope: unknown) => Promise<unknown>,
): Direct | undefined => {
  const direct = compileNode(ast)
  if (direct === undefined) return undefined
  return (scope) => {
    try {
      return direct(scope)
    } catch (cause) {
      if (cause === interpreterDecides) return interpret(scope)
      throw cause
    }
  }
}

const compileNode = (node: any): Direct | undefined => {
  if (node.group !== undefined || node.stages !== undefined || node.predicate !== undefined || node.keepArray === true)
    return undefined
  switch (node.type) {
    case "string":
    case "number":
      return () => node.value
    case "value":
      return () => node.value
    case "path":
      return compilePath(node)
    case "binary":
      return compileBinary(node)
    case "unary":
      return node.value === "{" ? compileObject(node) : undefined
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

const compileBinary = (node: any): Direct | undefined => {
  const lhs = compileNode(node.lhs)
  const rhs = compileNode(node.rhs)
  if (lhs === undefined || rhs === undefined) return undefined
  switch (node.value) {
    case "=":
      return (scope) => equal(lhs(scope), rhs(scope), false)
    case "!=":
      return (scope) => equal(lhs(scope), rhs(scope), true)
    case "&":
      return (scope) => text(lhs(scope)) + text(rhs(scope))
    case "and":
      return (scope) => truth(lhs(scope)) && truth(rhs(scope))
    case "or":
      return (scope) => truth(lhs(scope)) || truth(rhs(scope))
    default:
      return undefined
  }
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

const compileObject = (node: any): Direct | undefined => {
  const fields: Array<readonly [string, Direct]> = []
  const keys = new Set<string>()
  for (const [key, value] of node.lhs) {
    const direct = compileNode(value)
    if (key.type !== "string" || direct === undefined || key.value === "__proto__" || keys.has(key.value))
      return undefined
    keys.add(key.value)
    fields.push([key.value, direct])
  }
  return (scope) => {
    const made: Record<string, unknown> = {}
    for (const [key, direct] of fields) {
      const value = direct(scope)
      if (value !== undefined) made[key] = value
    }
    return made
  }
}
