/**
 * Checks a rule against what it refers to: event types, connections, their actions, the fields that a mapping must make and the fields
 * of the event that its expressions read.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { isOwnType } from "../model/connection-state.ts"
import type { AnyAction, ConnectorDefinition } from "../model/connector.ts"
import { eventTypePattern, namePattern, resourcePattern, type EventType } from "../model/ids.ts"
import { isTypePattern } from "../model/type-pattern.ts"
import { checkPaths, isRight, type Schemas } from "./check-paths.ts"
import { checkRetry } from "./check-connection.ts"
import { hint, shown, type Checker, type Path } from "./check-shape.ts"
import { connectionDefaults, limits } from "./defaults.ts"
import { unknownField, type JsonSchema } from "./event-types.ts"
import { ownTypes } from "./own-types.ts"
import type { ActionPlan, Compiler, ConnectionPlan, Mapping, RulePlan } from "./plan.ts"

/** What a rule may refer to. */
export interface RuleSurroundings {
  /** Declared types with the schema of their payload where there is one; empty: any type goes. */
  readonly types: ReadonlyMap<EventType, JsonSchema | undefined>
  readonly connections: ReadonlyMap<string, ConnectionPlan>
  /** Connections that are declared but wrong, with what is known of them: their own errors are told already. */
  readonly broken: ReadonlyMap<string, ConnectorDefinition | undefined>
  readonly compiler: Compiler
}

export const checkRule = (
  check: Checker,
  id: string,
  value: unknown,
  path: Path,
  around: RuleSurroundings,
): RulePlan | undefined => {
  const before = check.issues.length
  if (!namePattern.test(id)) {
    check.note(
      path,
      `"${id}" cannot name a rule: letters, digits, - and _, at most 63, beginning with a letter or digit`,
    )
  }
  const rule = check.object(value, path, ["on", "when", "actions"])
  if (rule === undefined) return undefined
  const patterns = checkOn(check, rule["on"], [...path, "on"], around)
  const on = check.shared(patterns.join(","), patterns)
  const schemas = schemasOf(on, around.types)
  const when = checkWhen(check, rule["when"], [...path, "when"], around.compiler, schemas)
  const actions = check.list(rule["actions"], [...path, "actions"]) ?? []
  if (Array.isArray(rule["actions"]) && actions.length === 0) check.note([...path, "actions"], "a rule needs an action")
  if (actions.length > limits.actionsPerRule) {
    check.note([...path, "actions"], `${actions.length} actions, at most ${limits.actionsPerRule} are allowed`)
  }
  const plans = actions
    .slice(0, limits.actionsPerRule)
    .map((action, index) => checkAction(check, index, action, [...path, "actions", index], around, schemas))
  return check.issues.length === before
    ? { id, on, ...(when === undefined ? {} : { when }), actions: plans.filter((plan) => plan !== undefined) }
    : undefined
}

const checkOn = (check: Checker, value: unknown, path: Path, { types }: RuleSurroundings): ReadonlyArray<string> => {
  const listed = Array.isArray(value)
  const list = listed ? value : [value]
  if (list.length === 0) check.note(path, "a rule needs an event type")
  return list.flatMap((one, index) => {
    const place = listed ? [...path, index] : path
    const pattern = check.text(one, place)
    if (pattern === undefined) return []
    if (!isTypePattern(pattern)) {
      check.note(
        place,
        `"${pattern}" is not an event type: tokens of letters, digits, - and _ apart by dots, "*" for any one token, ">" at the end for all that follow`,
      )
      return []
    }
    const undeclared = isOwnType(pattern) ? !ownTypes.has(pattern) : types.size > 0 && !types.has(pattern)
    if (eventTypePattern.test(pattern) && undeclared) {
      check.note(place, `no event type "${pattern}" is declared${hint(pattern, [...types.keys(), ...ownTypes.keys()])}`)
      return []
    }
    return [pattern]
  })
}

const schemasKnown = new WeakMap<RuleSurroundings["types"], Map<ReadonlyArray<string>, Schemas | undefined>>()

/**
 * The schemas of the payloads that a rule can meet; `undefined` when it can meet one without. The same list for the same types and
 * patterns.
 */
const schemasOf = (on: ReadonlyArray<string>, types: RuleSurroundings["types"]): Schemas | undefined => {
  let known = schemasKnown.get(types)
  if (known === undefined) schemasKnown.set(types, (known = new Map()))
  if (!known.has(on)) known.set(on, collectSchemas(on, types))
  return known.get(on)
}

const collectSchemas = (on: ReadonlyArray<string>, types: RuleSurroundings["types"]): Schemas | undefined => {
  const found: Array<JsonSchema> = []
  for (const pattern of on) {
    // A pattern of the runtime's own may mean any of them, and no others.
    const own = isOwnType(pattern) && !ownTypes.has(pattern) ? [...ownTypes.values()] : [ownTypes.get(pattern)]
    for (const schema of types.has(pattern) ? [types.get(pattern)] : own) {
      if (schema === undefined) return undefined
      found.push(schema)
    }
  }
  return found.length === 0 ? undefined : found
}

const checkWhen = (
  check: Checker,
  value: unknown,
  path: Path,
  compiler: Compiler,
  schemas: Schemas | undefined,
): RulePlan["when"] => {
  if (value === undefined) return undefined
  const when = check.object(value, path, ["resource", "resource_id", "tags", "expression"])
  if (when === undefined) return undefined
  const resource = checkResource(check, when["resource"], [...path, "resource"])
  const resource_id = checkResource(check, when["resource_id"], [...path, "resource_id"])
  const tags = when["tags"] === undefined ? undefined : check.list(when["tags"], [...path, "tags"])
  const texts = tags?.map((tag, i) => check.text(tag, [...path, "tags", i]) ?? "")
  const source = check.optionalText(when["expression"], [...path, "expression"])
  const compiled = source === undefined ? undefined : compiler.expression(source)
  if (compiled !== undefined && Result.isFailure(compiled)) check.note([...path, "expression"], compiled.failure)
  const expression = compiled !== undefined && Result.isSuccess(compiled) ? compiled.success : undefined
  if (expression !== undefined && !isRight(expression, schemas))
    checkPaths(check, expression, [...path, "expression"], schemas)
  return {
    ...(resource === undefined ? {} : { resource }),
    ...(resource_id === undefined ? {} : { resource_id }),
    ...(texts === undefined ? {} : { tags: texts }),
    ...(expression === undefined ? {} : { expression }),
  }
}

const checkResource = (check: Checker, value: unknown, path: Path): string | undefined => {
  const text = check.optionalText(value, path)
  if (text === undefined || resourcePattern.test(text)) return text
  return check.note(path, `${shown(text)} is no resource: 1 to 64 of letters, digits, ".", "_", ":" and "-"`)
}

/** `undefined`: it is not there, or not known to be a connection. */
const findConnector = (
  check: Checker,
  name: unknown,
  path: Path,
  { connections, broken }: RuleSurroundings,
): ConnectorDefinition | undefined => {
  const found = connections.get(name as string)
  if (found !== undefined) return found.connection.connector
  check.reference(name, path, "connection", [...connections.keys(), ...broken.keys()])
  return broken.get(name as string)
}

const checkAction = (
  check: Checker,
  index: number,
  value: unknown,
  path: Path,
  around: RuleSurroundings,
  schemas: Schemas | undefined,
): ActionPlan | undefined => {
  const action = check.object(value, path, ["connection", "action", "map", "retry"])
  if (action === undefined) return undefined
  const connector = findConnector(check, action["connection"], [...path, "connection"], around)
  const map =
    action["map"] === undefined ? undefined : checkMap(check, action["map"], [...path, "map"], around.compiler, schemas)
  // Of a connection that is not there nothing more can be said.
  if (connector === undefined) return undefined
  const wanted = action["action"] ?? connector.defaultAction
  if (wanted === undefined) {
    return check.note(
      [...path, "action"],
      `name the action of ${connector.name}${hint("", Object.keys(connector.actions))}`,
    )
  }
  const actionName = check.reference(
    wanted,
    [...path, "action"],
    `action of ${connector.name}`,
    Object.keys(connector.actions),
  )
  if (actionName === undefined) return undefined
  const definition = connector.actions[actionName]!
  if (action["map"] === undefined) {
    if (definition.map !== "optional") check.note(path, `"${actionName}" needs a mapping: add "map"`)
  } else checkMapFields(check, definition, action["map"], [...path, "map"])
  const connection = around.connections.get(action["connection"] as string)
  const base = connection?.retry ?? connectionDefaults.retry
  const retry = action["retry"] === undefined ? undefined : checkRetry(check, action["retry"], [...path, "retry"], base)
  if (connection === undefined) return undefined
  return {
    index,
    connection: connection.id,
    action: actionName,
    ...(map === undefined ? {} : { map }),
    ...(retry === undefined ? {} : { retry }),
  }
}

const checkMap = (
  check: Checker,
  value: unknown,
  path: Path,
  compiler: Compiler,
  schemas: Schemas | undefined,
): Mapping | undefined => {
  const compiled = compiler.mapping(value)
  if (Result.isFailure(compiled)) {
    for (const issue of compiled.failure) check.note([...path, ...issue.path], issue.message)
    return undefined
  }
  const { expressions, paths } = compiled.success
  for (let i = 0; i < expressions.length; i++) {
    if (!isRight(expressions[i]!, schemas)) checkPaths(check, expressions[i]!, [...path, ...paths[i]!], schemas)
  }
  return compiled.success
}

const inputs = new WeakMap<AnyAction, JsonSchema | undefined>()

const inputSchemaOf = (action: AnyAction): JsonSchema | undefined => {
  if (!inputs.has(action)) {
    let schema: JsonSchema | undefined
    try {
      const document = Schema.toJsonSchemaDocument(action.input, { onExcessProperty: "error" })
      schema = { ...document.schema, $defs: document.definitions }
    } catch {
      // An input without a JSON form is checked when it is made.
    }
    inputs.set(action, schema)
  }
  return inputs.get(action)
}

/** Fields that were looked for in an action's input, and are there. */
const fieldsTaken = new WeakMap<AnyAction, Set<string>>()

/** The fields that a mapping makes are the action's, the required ones among them. */
const checkMapFields = (check: Checker, action: AnyAction, map: unknown, path: Path): void => {
  const schema = inputSchemaOf(action)
  if (
    schema === undefined ||
    typeof schema === "boolean" ||
    typeof map !== "object" ||
    map === null ||
    Array.isArray(map)
  )
    return
  const keys = Object.keys(map)
  let taken = fieldsTaken.get(action)
  if (taken === undefined) fieldsTaken.set(action, (taken = new Set()))
  for (const key of keys) {
    if (taken.has(key)) continue
    const unknown = unknownField(schema, key.split("."))
    if (unknown === undefined) taken.add(key)
    else check.note([...path, key], `the action takes no "${key}"${hint(key, unknown.known)}`)
  }
  for (const required of (schema["required"] as ReadonlyArray<string> | undefined) ?? []) {
    if (!keys.some((key) => key === required || key.startsWith(`${required}.`))) {
      check.note([...path, required], `the action needs "${required}": add it to the mapping`)
    }
  }
}
