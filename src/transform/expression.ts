/**
 * JSONata, compiled once and bounded: time, depth and the length of what it makes (`limits.expression…`), and regular expressions on an
 * engine that takes linear time, since JSONata's own clock cannot stop one that has begun.
 */
import jsonata from "jsonata"
import * as Result from "effect/Result"
import { limits } from "../config/defaults.ts"
import type { Expression } from "../config/plan.ts"
import { compileDirectly } from "./direct.ts"
import { pathsOf } from "./paths.ts"
import { LinearRegExp } from "./regexp.ts"

const compiled = new Map<string, Result.Result<Expression, string>>()

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
  try {
    const expression = jsonata(source, {
      timeout: limits.expressionTimeoutMs,
      stack: limits.expressionStack,
      sequence: limits.expressionSequence,
      RegexEngine: LinearRegExp,
    })
    const interpret = async (scope: unknown): Promise<unknown> => {
      try {
        return plain(await expression.evaluate(scope))
      } catch (cause) {
        throw new Error(describe(source, cause), { cause })
      }
    }
    const ast = expression.ast()
    return Result.succeed({
      source,
      paths: pathsOf(ast, source),
      evaluate: compileDirectly(ast, interpret) ?? interpret,
    })
  } catch (cause) {
    return Result.fail(describe(source, cause))
  }
}

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
