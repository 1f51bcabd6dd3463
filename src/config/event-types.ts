/**
 * What a declared event type's schema is good for: checking payloads when events come in, and knowing the payload's fields when
 * expressions are checked. A schema is an Effect Schema, any Standard Schema, or a JSON Schema.
 */
import { Ajv, type ErrorObject } from "ajv"
import { Ajv2020 } from "ajv/dist/2020.js"
import addFormats from "ajv-formats"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import type { StandardSchemaV1 } from "effect/StandardSchema"
import type { Issue } from "../model/errors.ts"
import { nearest } from "../model/nearest.ts"

/** A JSON Schema's node. */
export type JsonSchema = { readonly [keyword: string]: any } | boolean

export interface CompiledSchema {
  /** What is wrong with a payload; paths start at the payload. */
  readonly check: (payload: unknown) => ReadonlyArray<Issue>
  /** The schema's fields, as far as it tells them. */
  readonly fields?: JsonSchema
}

const compiled = new WeakMap<object, Result.Result<CompiledSchema, string>>()

/** The schema made ready, or why it cannot be. The same schema gives the same object. */
export const compileSchema = (schema: unknown): Result.Result<CompiledSchema, string> => {
  if ((typeof schema !== "object" && typeof schema !== "function") || schema === null) return compile(schema)
  let known = compiled.get(schema)
  if (known === undefined) {
    known = compile(schema)
    compiled.set(schema, known)
  }
  return known
}

const compile = (schema: unknown): Result.Result<CompiledSchema, string> => {
  if (Schema.isSchema(schema)) return Result.succeed(effectSchema(schema as Schema.Codec<unknown, unknown>))
  if (isStandard(schema)) return Result.succeed(standardSchema(schema))
  if (typeof schema === "object" && schema !== null && !Array.isArray(schema)) return jsonSchema(schema)
  return Result.fail("a schema is an Effect Schema, a Standard Schema (zod, valibot, arktype) or a JSON Schema")
}

const formatIssues = SchemaIssue.makeFormatterStandardSchemaV1()

const effectSchema = (schema: Schema.Codec<unknown, unknown>): CompiledSchema => {
  const decode = Schema.decodeUnknownResult(schema, { errors: "all" })
  return {
    check: (payload) => {
      const decoded = decode(payload)
      return Result.isSuccess(decoded) ? [] : standardIssues(formatIssues(decoded.failure.issue).issues)
    },
    ...asFields(() => {
      const { schema: root, definitions } = Schema.toJsonSchemaDocument(schema, { onExcessProperty: "error" })
      return { ...root, $defs: definitions }
    }),
  }
}

const isStandard = (value: unknown): value is StandardSchemaV1<unknown, unknown> =>
  (typeof value === "object" || typeof value === "function") &&
  value !== null &&
  typeof (value as StandardSchemaV1)["~standard"]?.validate === "function"

const standardSchema = (schema: StandardSchemaV1<unknown, unknown>): CompiledSchema => {
  const standard = schema["~standard"] as StandardSchemaV1<unknown, unknown>["~standard"] & {
    /** Standard JSON Schema, where the library has it. */
    readonly jsonSchema?: { readonly input: (options: { readonly target: string }) => JsonSchema }
  }
  return {
    check: (payload) => {
      let checked: ReturnType<typeof standard.validate>
      try {
        checked = standard.validate(payload)
      } catch (cause) {
        return [{ path: [], message: `the event type's schema failed: ${(cause as Error).message}` }]
      }
      if (checked instanceof Promise) {
        void checked.catch(() => undefined)
        return [{ path: [], message: "the event type's schema is asynchronous, which cannot be used here" }]
      }
      return checked.issues === undefined ? [] : standardIssues(checked.issues)
    },
    ...(standard.jsonSchema === undefined
      ? {}
      : asFields(() => standard.jsonSchema!.input({ target: "draft-2020-12" }))),
  }
}

/** A schema that has no JSON form (a transformation, a class) is checked at run time alone. */
const asFields = (make: () => JsonSchema): { readonly fields?: JsonSchema } => {
  try {
    return { fields: make() }
  } catch {
    return {}
  }
}

const standardIssues = (issues: ReadonlyArray<StandardSchemaV1.Issue>): ReadonlyArray<Issue> =>
  issues.map(({ path, message }) => ({
    path: (path ?? []).map((step) => {
      const key = typeof step === "object" ? step.key : step
      return typeof key === "number" ? key : String(key)
    }),
    message,
  }))

const ajvOptions = { allErrors: true, strict: false, logger: false } as const

const jsonSchema = (schema: object): Result.Result<CompiledSchema, string> => {
  try {
    const uri = String((schema as { readonly $schema?: unknown }).$schema ?? "")
    const ajv = /draft-0[67]/.test(uri) ? new Ajv(ajvOptions) : new Ajv2020(ajvOptions)
    addFormats.default(ajv)
    const validate = ajv.compile(schema)
    return Result.succeed({
      check: (payload) => (validate(payload) ? [] : (validate.errors ?? []).map(ajvIssue)),
      fields: schema as JsonSchema,
    })
  } catch (cause) {
    return Result.fail(`this is not a JSON Schema: ${(cause as Error).message}`)
  }
}

const ajvIssue = (error: ErrorObject): Issue => {
  const path = error.instancePath
    .split("/")
    .slice(1)
    .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"))
    .map((step) => (/^\d+$/.test(step) ? Number(step) : step))
  if (error.keyword === "required") {
    return { path: [...path, String(error.params["missingProperty"])], message: "is required" }
  }
  const allowed = error.keyword === "enum" ? `: ${JSON.stringify(error.params["allowedValues"])}` : ""
  return { path, message: `${error.message ?? "does not fit"}${allowed}` }
}

/** The first field of a path that the schema does not have. */
export interface UnknownField {
  /** Position in the path. */
  readonly at: number
  readonly nearest: string | undefined
  readonly known: ReadonlyArray<string>
}

/** Looks whether a payload by this schema can have something at the path; `undefined` when it can, or nobody can know. */
export const unknownField = (root: JsonSchema, path: ReadonlyArray<string>): UnknownField | undefined => {
  let nodes: ReadonlyArray<JsonSchema> = [root]
  for (const [at, name] of path.entries()) {
    const found = nodes.map((node) => step(root, node, name, 0))
    if (found.some((one) => one === "anything")) return undefined
    const next = found.flatMap((one) => (one === "anything" ? [] : one.nodes))
    if (next.length === 0) {
      const known = [...new Set(found.flatMap((one) => (one === "anything" ? [] : one.known)))]
      return { at, nearest: nearest(name, known), known }
    }
    nodes = next
  }
  return undefined
}

type Step = "anything" | { readonly nodes: ReadonlyArray<JsonSchema>; readonly known: ReadonlyArray<string> }

/** Schemas may refer to themselves. */
const referencesMax = 32
const scalars = new Set(["string", "number", "integer", "boolean", "null"])

const step = (root: JsonSchema, node: JsonSchema, name: string, depth: number): Step => {
  if (typeof node === "boolean" || depth > referencesMax) return "anything"
  if (typeof node["$ref"] === "string") {
    const target = resolve(root, node["$ref"])
    return target === undefined ? "anything" : step(root, target, name, depth + 1)
  }
  const branches: ReadonlyArray<JsonSchema> = node["anyOf"] ?? node["oneOf"] ?? node["allOf"] ?? []
  const found: Array<Step> = branches.map((branch) => step(root, branch, name, depth + 1))
  // A name after a list means that name of each item.
  if (node["items"] !== undefined || node["prefixItems"] !== undefined) {
    for (const item of [node["items"], ...(node["prefixItems"] ?? [])]) {
      if (item !== undefined) found.push(step(root, item, name, depth + 1))
    }
  }
  if (node["patternProperties"] !== undefined) return "anything"
  const properties: { readonly [name: string]: JsonSchema } | undefined = node["properties"]
  if (properties !== undefined) {
    const own = Object.hasOwn(properties, name) ? properties[name] : undefined
    if (own !== undefined) found.push({ nodes: [own], known: [] })
    else found.push({ nodes: [], known: Object.keys(properties) })
  }
  const additional: JsonSchema | undefined = node["additionalProperties"]
  if (additional === true) return "anything"
  if (typeof additional === "object") found.push({ nodes: [additional], known: [] })
  if (found.length === 0) {
    const types: ReadonlyArray<unknown> = [node["type"]].flat()
    const scalar =
      types.every((type) => scalars.has(String(type))) || node["const"] !== undefined || node["enum"] !== undefined
    return scalar ? { nodes: [], known: [] } : "anything"
  }
  if (found.some((one) => one === "anything")) return "anything"
  return {
    nodes: found.flatMap((one) => (one === "anything" ? [] : one.nodes)),
    known: found.flatMap((one) => (one === "anything" ? [] : one.known)),
  }
}

const resolve = (root: JsonSchema, reference: string): JsonSchema | undefined => {
  if (!reference.startsWith("#")) return undefined
  let node: any = root
  for (const key of reference.slice(1).split("/").slice(1)) {
    node = node?.[decodeURIComponent(key).replaceAll("~1", "/").replaceAll("~0", "~")]
  }
  return node
}
