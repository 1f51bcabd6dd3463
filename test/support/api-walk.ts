/**
 * Requests for every call of the API's own description, each path, method and form of a body, about certain things: those that a
 * workspace has, or as many that nobody has. What stands in a path is known by the step before it (`/keys/{id}`: a key); what the walk
 * was not told of is looked up in the API's own lists.
 */
import { operationsOf, parameterPattern, resolve, type Operation, type Schema } from "./api-spec.ts"

export interface Walked {
  /** `POST /api/v1/keys application/json`: the call, whatever it is filled with. */
  readonly call: string
  readonly operation: Operation
  readonly method: string
  /** With the query. */
  readonly path: string
  readonly headers: { readonly [name: string]: string }
  readonly body?: string
}

/** What is meant by a kind of things, named as in paths: `workspaces`, `keys`. */
export type Things = ReadonlyMap<string, string>

export const walk = (spec: any, things: Things): ReadonlyArray<Walked> =>
  operationsOf(spec).flatMap((operation): ReadonlyArray<Walked> => {
    const { method, template, parameters, bodies } = operation
    const path = pathOf(template, things)
    const last = template.split("/").findLast((step) => !parameterPattern.test(step)) ?? ""
    const query = new URLSearchParams(
      parameters
        .filter((one) => one.in === "query")
        .flatMap((one): ReadonlyArray<[string, string]> => {
          const value = one.name === "id" ? things.get(last) : thingOf(things, one.name)
          if (value !== undefined) return [[one.name, String(value)]]
          return one.required ? [[one.name, String(exampleOf(spec, one.schema, things))]] : []
        }),
    ).toString()
    const common = { operation, method, path: query === "" ? path : `${path}?${query}` }
    if (bodies.length === 0) return [{ ...common, call: operation.name, headers: {} }]
    return bodies.map(([type, schema]) => ({
      ...common,
      call: `${operation.name} ${type}`,
      headers: { "content-type": type },
      body: JSON.stringify(exampleOf(spec, schema, things)),
    }))
  })

/** Throws where the walk knows nothing to put: then its test's world, or the API, lacks something. */
export const pathOf = (template: string, things: Things): string => {
  const steps = template.split("/")
  return steps
    .map((step, i) => {
      if (!parameterPattern.test(step)) return step
      const thing = things.get(steps[i - 1]!)
      if (thing === undefined)
        throw new Error(`what is ${step} in ${template}? No test has made one of ${steps[i - 1]}`)
      return encodeURIComponent(thing)
    })
    .join("/")
}

/** Kinds of things that paths name and the walk was not told of. */
export const unknownKinds = (spec: any, things: Things): ReadonlySet<string> =>
  new Set(
    Object.keys(spec.paths).flatMap((template) => {
      const steps = template.split("/")
      return steps.flatMap((step, i) =>
        parameterPattern.test(step) && !things.has(steps[i - 1]!) ? [steps[i - 1]!] : [],
      )
    }),
  )

/** Paths of lists that such things are in. */
export const listsOf = (spec: any, kind: string, things: Things): ReadonlyArray<string> =>
  Object.entries<any>(spec.paths)
    .filter(([template, operations]) => template.endsWith(`/${kind}`) && operations.get !== undefined)
    .filter(([template]) =>
      template.split("/").every((step, i, all) => !parameterPattern.test(step) || things.has(all[i - 1]!)),
    )
    .map(([template]) => pathOf(template, things))

/** `connection` and `connections` alike. */
export const thingOf = (things: Things, field: string): string | undefined =>
  things.get(field) ?? things.get(`${field}s`) ?? things.get(field.replace(/y$/, "ies"))

/** The least that fits a schema, and all fields that name things, or have only so many values. */
const exampleOf = (spec: any, given: Schema, things: Things, name = ""): unknown => {
  const schema = resolve(spec, given)
  // What lets somebody in is no name of a thing.
  const thing = schema["format"] === "password" ? undefined : thingOf(things, name)
  if (schema["type"] === "array") return [thing ?? exampleOf(spec, schema["items"] ?? {}, things, name)]
  if (thing !== undefined && schema["type"] !== "object") return thing
  if (schema["const"] !== undefined) return schema["const"]
  if (schema["enum"] !== undefined) return schema["enum"][0]
  const choice = schema["anyOf"] ?? schema["oneOf"]
  if (choice !== undefined) return exampleOf(spec, choice[0], things, name)
  switch (schema["type"]) {
    case "object": {
      const required: ReadonlyArray<string> = schema["required"] ?? []
      const fields = Object.entries<Schema>(schema["properties"] ?? {})
        .filter(
          ([field, inner]) =>
            required.includes(field) || thingOf(things, field) !== undefined || isChoice(resolve(spec, inner)),
        )
        .map(([field, inner]) => [field, exampleOf(spec, inner, things, field)])
      // Things by their names: one of them.
      if (thing !== undefined) fields.push([thing, exampleOf(spec, schema["additionalProperties"] ?? {}, things)])
      return Object.fromEntries(fields)
    }
    case "integer":
    case "number":
      return schema["minimum"] ?? 1
    case "boolean":
      return true
    case "string":
      return samples[schema["format"]] ?? "x"
    default:
      return {}
  }
}

const samples: { readonly [format: string]: string } = {
  "date-time": "2099-01-31T09:30:00Z",
  uri: "https://page.example",
}

const isChoice = (schema: Schema): boolean => schema["enum"] !== undefined || schema["items"]?.enum !== undefined
