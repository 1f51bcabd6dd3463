/**
 * JSONata, compiled once and bounded: time, depth and the length of what it makes (`limits.expression…`), and regular expressions on an
 * engine that takes linear time, since JSONata's own clock cannot stop one that has begun.
 */
import * as Result from "effect/Result"
import { limits } from "../config/defaults.ts"
import type { Expression } from "../config/plan.ts"
import { interpreterDecides } from "./direct.ts"
import { compileTemplate, shapeOf, type Constants, type Shape, type Template } from "./template.ts"

const compiled = new Map<string, Result.Result<Expression, string>>()
/** By the shape of their sources. `undefined`: sources of this shape have none in common. */
const templates = new Map<string, Template | undefined>()

/** The expression, or what is wrong with it and where. The same source gives the same object. */
export const compileExpression = (source: string): Result.Result<Expression, string> => {
  const known = compiled.get(source)
  if (known !== undefined) return known
  const result = compile(source)
  if (compiled.size >= limits.expressionsRemembered) compiled.clear()
  compiled.set(source, result)
  return result
}

const compile = (source: string): Result.Result<Expression, string> => {
  if (source.trim() === "") return Result.fail("the expression is empty")
  if (source.length > limits.expressionCharacters) {
    return Result.fail(
      `the expression has ${source.length} characters, at most ${limits.expressionCharacters} are allowed`,
    )
  }
  const shape = shapeOf(source)
  const shared = templateOf(shape)
  if (shared !== undefined) return Result.succeed(makeExpression(source, shared, shape.constants))
  try {
    return Result.succeed(makeExpression(source, compileTemplate({ text: source, constants: [], ends: [] })!, []))
  } catch (cause) {
    return Result.fail(describe(source, cause))
  }
}

const templateOf = (shape: Shape): Template | undefined => {
  const known = templates.get(shape.text)
  if (known !== undefined || templates.has(shape.text)) return known
  let made: Template | undefined
  try {
    made = compileTemplate(shape)
  } catch {
    // What is wrong is said of the source itself.
  }
  if (templates.size >= limits.templatesRemembered) templates.clear()
  templates.set(shape.text, made)
  return made
}

const makeExpression = (source: string, { paths, direct, interpret }: Template, constants: Constants): Expression => {
  const ask = async (scope: unknown): Promise<unknown> => {
    for (let tries = 1; ; tries++) {
      try {
        return plain(await interpret(scope, constants))
      } catch (cause) {
        // The time is the clock's: a machine that stood still meanwhile must not decide whether a rule matches.
        if (timedOut(cause) && tries < limits.expressionTries) continue
        throw new Error(describe(source, cause), { cause })
      }
    }
  }
  if (direct === undefined) return { source, paths, evaluate: ask }
  const evaluate = (scope: unknown): unknown => {
    try {
      return direct(scope, constants)
    } catch (cause) {
      if (cause === interpreterDecides) return ask(scope)
      throw cause
    }
  }
  return { source, paths, evaluate }
}

/** By JSONata's code for its time guard. */
const timedOut = (cause: unknown): boolean => (cause as { readonly code?: unknown } | null)?.code === "D1012"

/** JSONata's lists carry marks of its own, and a result may be a function: neither is JSON. */
const plain = (value: unknown): unknown => {
  if (typeof value === "function") return undefined
  if (typeof value !== "object" || value === null) return value
  if ((value as { _jsonata_lambda?: boolean })._jsonata_lambda === true) return undefined
  return Array.isArray(value) ? [...value] : value
}

/** `line 1, column 9: Expected ")" …` and the line with a mark below the place. */
const describe = (source: string, cause: unknown): string => {
  const { message, position } = cause as { readonly message?: string; readonly position?: number }
  const said = message ?? String(cause)
  if (position === undefined) return said
  const before = source.slice(0, position)
  const line = before.split("\n").length
  const start = before.lastIndexOf("\n") + 1
  const column = Math.max(1, position - start)
  if (!source.includes("\n") && source.length <= limits.expressionShown) {
    return `column ${column}: ${said} in \`${source}\``
  }
  const text = source.slice(start).split("\n")[0]!.slice(0, limits.expressionShown)
  return `line ${line}, column ${column}: ${said} in \`${text}\``
}
