/**
 * Holds the paths that an expression reads against what an event has.
 */
import { nearest } from "../model/nearest.ts"
import { hint, type Checker, type Path } from "./check-shape.ts"
import { unknownField, type JsonSchema } from "./event-types.ts"
import type { Expression } from "./plan.ts"

/** The payloads' schemas, where all are known. */
export type Schemas = ReadonlyArray<JsonSchema>

/** What was read that is there, by the schemas it was looked for in: expressions that share their paths are checked once. */
const right = new WeakMap<Expression["paths"], WeakSet<object>>()
const anyPayload: Schemas = []

export const isRight = ({ paths }: Expression, schemas: Schemas | undefined): boolean =>
  right.get(paths)?.has(schemas ?? anyPayload) === true

const eventFields = ["id", "type", "workspace", "resource", "resource_id", "time", "source", "payload"]

/** What an expression reads must be there: the event's own fields, and the payload's where its schema tells them. */
export const checkPaths = (check: Checker, expression: Expression, place: Path, schemas: Schemas | undefined): void => {
  const before = check.issues.length
  for (const { path, position } of expression.paths) {
    const [field, ...inner] = path
    const at = `at ${position + 1} in \`${expression.source.length > 80 ? `${expression.source.slice(0, 80)}…` : expression.source}\``
    if (!eventFields.includes(field!)) {
      check.note(place, `an event has no "${field}" (${at})${meant(field!, schemas)}`)
      continue
    }
    if (field !== "payload" || schemas === undefined || inner.length === 0) continue
    const unknown = schemas.map((schema) => unknownField(schema, inner))
    // A rule for several types may read what only one of them has.
    if (unknown.some((one) => one === undefined)) continue
    const first = unknown[0]!
    const wrong = ["payload", ...inner.slice(0, first.at + 1)].join(".")
    const near =
      first.nearest === undefined ? undefined : ["payload", ...inner.slice(0, first.at), first.nearest].join(".")
    const choice = near === undefined ? hint("", first.known) : `; did you mean "${near}"?`
    check.note(place, `by its schema the event has no "${wrong}" (${at})${choice}`)
  }
  if (check.issues.length > before) return
  const known = right.get(expression.paths)
  if (known === undefined) right.set(expression.paths, new WeakSet([schemas ?? anyPayload]))
  else known.add(schemas ?? anyPayload)
}

/** `email` for `payload.email` is the commonest slip. */
const meant = (field: string, schemas: Schemas | undefined): string => {
  const inPayload = schemas?.some((schema) => unknownField(schema, [field]) === undefined)
  return inPayload === true && nearest(field, eventFields) === undefined
    ? `; did you mean "payload.${field}"?`
    : hint(field, eventFields)
}
