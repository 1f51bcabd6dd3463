/**
 * A request for every call of the API's own description: each path, method and form of a body, filled by the names of what it asks for.
 * Whoever adds a route gets it walked.
 */

export interface Walked {
  /** `POST /api/v1/keys application/json`: the call, whatever it is filled with. */
  readonly call: string
  readonly method: string
  /** With the query. */
  readonly path: string
  readonly headers: { readonly [name: string]: string }
  readonly body?: string
  /** Whether a key is asked for. */
  readonly secured: boolean
}

/** What stands for a parameter or a field of that name; `undefined`: whatever fits its schema. */
export type Fill = (name: string) => unknown

interface Schema {
  readonly [keyword: string]: any
}

export const walk = (spec: any, fill: Fill): ReadonlyArray<Walked> =>
  Object.entries<any>(spec.paths).flatMap(([template, operations]) =>
    Object.entries<any>(operations).flatMap(([verb, operation]): ReadonlyArray<Walked> => {
      const method = verb.toUpperCase()
      const path = template.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(fill(name) ?? "x")))
      const parameters: ReadonlyArray<any> = operation.parameters ?? []
      const query = new URLSearchParams(
        parameters
          .filter((one) => one.in === "query" && (one.required === true || fill(one.name) !== undefined))
          .map((one): [string, string] => [one.name, String(fill(one.name) ?? exampleOf(spec, one.schema, fill))]),
      ).toString()
      const common = {
        method,
        path: query === "" ? path : `${path}?${query}`,
        secured: (operation.security ?? []).length > 0,
      }
      const forms = Object.entries<any>(operation.requestBody?.content ?? {})
      if (forms.length === 0) return [{ ...common, call: `${method} ${template}`, headers: {} }]
      return forms.map(([type, { schema }]) => ({
        ...common,
        call: `${method} ${template} ${type}`,
        headers: { "content-type": type },
        body: JSON.stringify(exampleOf(spec, schema, fill)),
      }))
    }),
  )

/** The least that fits a schema, and all fields that `fill` knows. */
const exampleOf = (spec: any, given: Schema, fill: Fill, name = ""): unknown => {
  const schema = resolve(spec, given)
  const filled = fill(name)
  if (schema["type"] === "array") return [filled ?? exampleOf(spec, schema["items"] ?? {}, fill, name)].flat()
  if (filled !== undefined) return filled
  if (schema["const"] !== undefined) return schema["const"]
  if (schema["enum"] !== undefined) return schema["enum"][0]
  const choice = schema["anyOf"] ?? schema["oneOf"]
  if (choice !== undefined) return exampleOf(spec, choice[0], fill, name)
  switch (schema["type"]) {
    case "object": {
      const required: ReadonlyArray<string> = schema["required"] ?? []
      const fields = Object.entries<Schema>(schema["properties"] ?? {})
        .filter(([field]) => required.includes(field) || fill(field) !== undefined)
        .map(([field, inner]) => [field, exampleOf(spec, inner, fill, field)])
      return Object.fromEntries(fields)
    }
    case "integer":
    case "number":
      return schema["minimum"] ?? 1
    case "boolean":
      return true
    case "string":
      return schema["format"] === "date-time" ? "2099-01-31T09:30:00Z" : "x"
    default:
      return {}
  }
}

const resolve = (spec: any, schema: Schema): Schema => {
  const merged = (schema["allOf"] ?? []).reduce(
    (all: Schema, part: Schema) => ({ ...all, ...resolve(spec, part) }),
    schema,
  )
  const path = merged["$ref"]?.slice(2).split("/")
  return path === undefined
    ? merged
    : resolve(
        spec,
        path.reduce((at: any, step: string) => at[step], spec),
      )
}
