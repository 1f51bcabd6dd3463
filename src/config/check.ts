/**
 * From the value that a config file exports to the plan that the runtime works by, or to all that is wrong with it. Nothing is taken on
 * trust: a config may come from plain JavaScript.
 */
import { createHash, hash } from "node:crypto"
import * as Result from "effect/Result"
import type { Connection } from "../model/connector.ts"
import { isOwnType } from "../model/connection-state.ts"
import type { Issue } from "../model/errors.ts"
import {
  eventTypeLengthMax,
  eventTypePattern,
  workspacePattern,
  type EventType,
  type WorkspaceId,
} from "../model/ids.ts"
import type { ConnectorDefinition } from "../model/connector.ts"
import { checkAccounts, checkPlanLimits, checkPlans } from "./check-accounts.ts"
import { checkConnection, connectorOf } from "./check-connection.ts"
import { checkTerms, configTermNames, termFields } from "./check-key.ts"
import { checkRule, type RuleSurroundings } from "./check-rule.ts"
import { Checker, type Path } from "./check-shape.ts"
import { limits } from "./defaults.ts"
import type { Config } from "./define.ts"
import { compileSchema, type JsonSchema } from "./event-types.ts"
import type { Compiler, ConnectionPlan, EventTypePlan, KeyDeclaration, Plan, RulePlan, WorkspacePlan } from "./plan.ts"
import { isSecretRef } from "./secrets.ts"

/** The plan of a config, or every error in it. */
export const checkConfig = (config: unknown, compiler: Compiler): Checked => {
  const steps = checkingConfig(config, compiler)
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
  }
}

type Checked = Result.Result<Plan, ReadonlyArray<Issue>>

/** The same in steps, of a workspace each: a large config takes seconds, in which a runtime has other things to do. */
export function* checkingConfig(config: unknown, compiler: Compiler): Generator<void, Checked> {
  const check = new Checker()
  const root = check.object(config, [], ["plans", "accounts", "keys", "eventTypes", "workspaces"])
  if (root === undefined) return Result.fail(check.issues)
  const declaredAccounts = checkAccounts(check, root["accounts"], checkPlans(check, root["plans"]))
  const shared = checkEventTypes(check, root["eventTypes"], ["eventTypes"])
  const declared = check.object(root["workspaces"], ["workspaces"])
  const workspaces = new Map<WorkspaceId, WorkspacePlan>()
  const names = Object.keys(declared ?? {})
  if (names.length > limits.workspaces) {
    check.note(["workspaces"], `${names.length} workspaces, at most ${limits.workspaces} are allowed`)
  }
  for (const [id, value] of Object.entries(declared ?? {})) {
    const workspace = checkWorkspace(check, id, value, { accounts: [...declaredAccounts.keys()], shared, compiler })
    if (workspace !== undefined) workspaces.set(id, workspace)
    yield
  }
  const accounts = checkPlanLimits(check, declaredAccounts, workspaces)
  const declaredKeys = checkKeys(check, root["keys"], names)
  if (check.issues.length > 0) return Result.fail(check.issues)
  const { revision, digests } = yield* digestsOf(config)
  return Result.succeed(Object.freeze({ revision, workspaces, accounts, keys: [], declaredKeys, digests }))
}

const checkKeys = (check: Checker, value: unknown, workspaces: ReadonlyArray<string>): ReadonlyArray<KeyDeclaration> =>
  check.entries(value, ["keys"]).flatMap(([name, key]) => {
    const path = ["keys", name]
    const given = check.object(key, path, ["key", ...termFields(configTermNames)])
    if (given === undefined) return []
    const secret = given["key"]
    if (!isSecretRef(secret)) {
      check.note([...path, "key"], 'expected secret("NAME"): keys are never written into a config')
      return []
    }
    const workspaceAt = (id: unknown, place: Path) => check.reference(id, place, "workspace", workspaces)
    return [{ name, secret, ...checkTerms(check, given, path, configTermNames, workspaceAt) }]
  })

interface TypePlan extends EventTypePlan {
  /** The payload's fields, where the schema tells them. */
  readonly fields?: JsonSchema
}
type Types = ReadonlyMap<EventType, TypePlan>

const checkEventTypes = (check: Checker, value: unknown, path: Path): Types => {
  const types = new Map<EventType, TypePlan>()
  for (const [type, declaration] of check.entries(value, path)) {
    const place = [...path, type]
    if (!eventTypePattern.test(type) || type.length > eventTypeLengthMax) {
      check.note(
        place,
        `"${type}" is not an event type: tokens of letters, digits, - and _ apart by dots, at most ${eventTypeLengthMax} characters`,
      )
    }
    if (isOwnType(type))
      check.note(place, `types that begin with "meshes." are the runtime's own: name yours otherwise`)
    const given = check.object(declaration, place, ["description", "schema"])
    const description = check.optionalText(given?.["description"], [...place, "description"])
    const compiled = given?.["schema"] === undefined ? undefined : compileSchema(given["schema"])
    if (compiled !== undefined && Result.isFailure(compiled)) check.note([...place, "schema"], compiled.failure)
    types.set(type, {
      type,
      ...(description === undefined ? {} : { description }),
      ...(compiled !== undefined && Result.isSuccess(compiled) ? compiled.success : {}),
    })
  }
  return types
}

const checkWorkspace = (
  check: Checker,
  id: string,
  value: unknown,
  around: { readonly accounts: ReadonlyArray<string>; readonly shared: Types; readonly compiler: Compiler },
): WorkspacePlan | undefined => {
  const path = ["workspaces", id]
  const before = check.issues.length
  if (!workspacePattern.test(id)) {
    check.note(
      path,
      `"${id}" cannot name a workspace: lower-case letters, digits, - and _, at most 63, beginning with a letter or digit`,
    )
  }
  const given = check.object(value, path, ["account", "tags", "eventTypes", "connections", "rules"])
  if (given === undefined) return undefined
  const account =
    given["account"] === undefined
      ? undefined
      : check.reference(given["account"], [...path, "account"], "account", around.accounts)
  const tags = given["tags"] === undefined ? [] : (check.list(given["tags"], [...path, "tags"]) ?? [])
  const texts = tags.map((tag, i) => check.text(tag, [...path, "tags", i]) ?? "")
  const own = checkEventTypes(check, given["eventTypes"], [...path, "eventTypes"])
  const types: Types = own.size === 0 ? around.shared : new Map([...around.shared, ...own])

  const connections = new Map<string, ConnectionPlan>()
  const broken = new Map<string, ConnectorDefinition | undefined>()
  const declared = check.entries(given["connections"], [...path, "connections"])
  if (declared.length > limits.connectionsPerWorkspace) {
    check.note(
      [...path, "connections"],
      `${declared.length} connections, at most ${limits.connectionsPerWorkspace} are allowed`,
    )
  }
  for (const [name, connection] of declared) {
    const plan = checkConnection(check, id, name, connection, [...path, "connections", name], around.compiler)
    if (plan === undefined) broken.set(name, connectorOf(connection))
    else connections.set(name, plan)
  }

  const rules: Array<RulePlan> = []
  const declaredRules = check.entries(given["rules"], [...path, "rules"])
  if (declaredRules.length > limits.rulesPerWorkspace) {
    check.note([...path, "rules"], `${declaredRules.length} rules, at most ${limits.rulesPerWorkspace} are allowed`)
  }
  const surroundings = { ...surroundingsOf({ eventTypes: types, connections }, around.compiler), broken }
  for (const [name, rule] of declaredRules) {
    const plan = checkRule(check, name, rule, [...path, "rules", name], surroundings)
    if (plan !== undefined) rules.push(plan)
  }
  if (check.issues.length > before) return undefined
  return { id, ...(account === undefined ? {} : { account }), tags: texts, eventTypes: types, connections, rules }
}

/** What the rules of a workspace may refer to; for others than it has too. */
export const surroundingsOf = (
  { eventTypes, connections }: Pick<WorkspacePlan, "eventTypes" | "connections">,
  compiler: Compiler,
): RuleSurroundings => ({ types: fieldsOf(eventTypes), connections, broken: new Map(), compiler })

const fields = new WeakMap<Types, ReadonlyMap<EventType, JsonSchema | undefined>>()

/** Most workspaces have the shared types and no others: one map for them all. */
const fieldsOf = (types: Types): ReadonlyMap<EventType, JsonSchema | undefined> => {
  let known = fields.get(types)
  if (known === undefined) {
    known = new Map([...types].map(([type, plan]) => [type, plan.fields]))
    fields.set(types, known)
  }
  return known
}

/** The same config gives the same revision, on every machine: its content as JSON, connectors by name, schemas by their JSON form. */
function* digestsOf(config: unknown): Generator<void, Required<Pick<Plan, "revision" | "digests">>> {
  const digest = createHash("sha256")
  const digests = new Map<WorkspaceId, string>()
  const { workspaces, ...rest } = config as Config
  // A workspace at a time: the whole text of a large config would be hundreds of megabytes.
  for (const [id, workspace] of Object.entries(workspaces)) {
    const text = workspaceText(workspace)
    digests.set(id, hash("sha256", text, "base64"))
    digest.update(`${JSON.stringify(id)}:${text},`)
    yield
  }
  const text = objectText(rest, (key, value) => (key === "eventTypes" ? eventTypesText(value) : JSON.stringify(value)))
  return { revision: digest.update(text).digest("hex").slice(0, 12), digests }
}

const objectText = (value: unknown, textOf: (key: string, value: unknown) => string | undefined): string => {
  let text = "{"
  for (const [key, inner] of Object.entries(value ?? {})) {
    const of = inner === undefined ? undefined : textOf(key, inner)
    if (of !== undefined) text += `${text === "{" ? "" : ","}${JSON.stringify(key)}:${of}`
  }
  return `${text}}`
}

const workspaceText = (workspace: unknown): string =>
  objectText(workspace, (key, value) =>
    key === "eventTypes"
      ? eventTypesText(value)
      : key === "connections"
        ? connectionsText(value)
        : JSON.stringify(value),
  )

const eventTypesText = (types: unknown): string =>
  objectText(types, (_, declaration) =>
    objectText(declaration, (key, value) => {
      if (key !== "schema") return JSON.stringify(value)
      const compiled = compileSchema(value)
      return JSON.stringify(Result.isSuccess(compiled) ? (compiled.success.fields ?? "opaque") : "none")
    }),
  )

const connectionsText = (connections: unknown): string =>
  objectText(connections, (_, connection) =>
    JSON.stringify({ ...(connection as Connection), connector: (connection as Connection).connector.name }),
  )
