/**
 * A connector as a document: what a form, a reference page or a program needs to know of it, made from its definition alone.
 */
import * as Schema from "effect/Schema"
import type { Auth, OAuth2 } from "../model/auth.ts"
import { settingsOf } from "../model/complete.ts"
import type { AnyAction, ConnectorDefinition } from "../model/connector.ts"

/** JSON Schema, draft 2020-12. A field of `format: "secret"` takes the name of a secret; `choices` names a list to pick from. */
export type JsonSchema = { readonly [keyword: string]: unknown }

export interface DescribedAuth {
  readonly kind: Auth["kind"]
  /** The settings that it needs. */
  readonly settings: ReadonlyArray<string>
  readonly description?: string
  readonly grant?: OAuth2["grant"]
  readonly scopes?: ReadonlyArray<string>
}

export interface DescribedAction {
  readonly id: string
  readonly title: string
  readonly description?: string
  readonly docs?: string
  readonly map: "required" | "optional"
  /** What a repeat of a delivery does: `key` and `natural`: nothing; `again`: the same thing again. */
  readonly repeat: "key" | "natural" | "again"
  /** How many deliveries go in one call. */
  readonly batch?: number
  readonly input: JsonSchema
  readonly example?: unknown
}

export interface DescribedConnector {
  readonly id: string
  readonly title: string
  readonly description: string
  readonly docs?: string
  readonly auth: ReadonlyArray<DescribedAuth>
  readonly settings: JsonSchema
  readonly actions: ReadonlyArray<DescribedAction>
  readonly default_action?: string
  readonly lists: ReadonlyArray<{ readonly id: string; readonly title: string }>
  /** Whether a connection can be tested by a call that does no harm. */
  readonly test: boolean
  readonly limits?: {
    readonly concurrency?: number
    readonly rate?: { readonly limit: number; readonly per: string }
    readonly says?: string
  }
}

const known = new WeakMap<ConnectorDefinition, DescribedConnector>()

export const describeConnector = (connector: ConnectorDefinition): DescribedConnector => {
  let described = known.get(connector)
  if (described === undefined) known.set(connector, (described = describe(connector)))
  return described
}

const describe = (connector: ConnectorDefinition): DescribedConnector => {
  const { limits } = connector
  return {
    id: connector.name,
    title: connector.title,
    description: connector.description,
    ...given("docs", connector.docs),
    auth: (connector.auth ?? [{ kind: "none" }]).map(describeAuth),
    settings: jsonSchemaOf(connector.settings),
    actions: Object.entries(connector.actions).map(([id, action]) => describeAction(id, action)),
    ...given("default_action", connector.defaultAction),
    lists: Object.entries(connector.lists ?? {}).map(([id, { title }]) => ({ id, title })),
    test: connector.test !== undefined,
    ...(limits === undefined
      ? {}
      : {
          limits: {
            ...given("concurrency", limits.concurrency),
            ...given("rate", limits.rateLimit),
            ...given("says", limits.says),
          },
        }),
  }
}

const describeAuth = (auth: Auth): DescribedAuth => ({
  kind: auth.kind,
  settings: settingsOf(auth),
  ...(auth.kind === "custom" ? { description: auth.description } : {}),
  ...(auth.kind === "oauth2" ? { grant: auth.grant, scopes: auth.scopes } : {}),
})

const describeAction = (id: string, action: AnyAction): DescribedAction => ({
  id,
  title: action.title,
  ...given("description", action.description),
  ...given("docs", action.docs),
  map: action.map ?? "required",
  repeat: action.repeat ?? "again",
  ...("batch" in action ? { batch: action.batch.max } : {}),
  input: jsonSchemaOf(action.input),
  ...given("example", action.example),
})

const given = <K extends string, V>(key: K, value: V | undefined): { readonly [k in K]?: V } =>
  value === undefined ? {} : ({ [key]: value } as { readonly [k in K]: V })

const jsonSchemaOf = (schema: Schema.Top): JsonSchema => {
  const { schema: made, definitions } = Schema.toJsonSchemaDocument(schema as Schema.Codec<unknown, unknown>, {
    includeAnnotationKey: (key) => key === "choices",
    onExcessProperty: "error",
  })
  const defs = Object.keys(definitions).length === 0 ? {} : { $defs: definitions }
  return worded(schema, tidied({ ...made, ...defs }) as JsonSchema)
}

/** What is said of a field whose schema has no counterpart in JSON Schema, a secret or a check of our own, is left out by Effect. */
const worded = (schema: Schema.Top, made: JsonSchema): JsonSchema => {
  const { fields } = schema as { readonly fields?: Schema.Struct.Fields }
  const properties = made["properties"] as { readonly [name: string]: JsonSchema } | undefined
  if (fields === undefined || properties === undefined) return made
  const words = ([name, property]: readonly [string, JsonSchema]) => {
    const { description, choices } = Schema.resolveAnnotations(fields[name]!) ?? {}
    return [name, { ...property, ...given("description", description), ...given("choices", choices) }]
  }
  return { ...made, properties: Object.fromEntries(Object.entries(properties).map(words)) }
}

/** Effect takes numbers that JSON has no sign for as texts: nobody writes them. */
const isNoNumber = (part: unknown): boolean => {
  const values = (part as { readonly enum?: unknown } | null)?.enum
  return Array.isArray(values) && values.includes("NaN")
}

const tidied = (part: unknown): unknown => {
  if (Array.isArray(part)) return part.filter((one) => !isNoNumber(one)).map(tidied)
  if (typeof part !== "object" || part === null) return part
  const whole = Object.fromEntries(Object.entries(part).map(([key, inner]) => [key, tidied(inner)]))
  const { anyOf, allOf, ...rest } = whole
  // What is left of a choice of one, and what checks put aside, stands where it belongs.
  const only = Array.isArray(anyOf) && anyOf.length === 1 ? (anyOf[0] as object) : undefined
  const all = Array.isArray(allOf) ? (allOf as ReadonlyArray<object>) : []
  const keys = all.flatMap(Object.keys)
  if (new Set([...keys, ...Object.keys(rest)]).size < keys.length + Object.keys(rest).length) return whole
  return Object.assign({}, only, anyOf === undefined || only !== undefined ? {} : { anyOf }, rest, ...all)
}
