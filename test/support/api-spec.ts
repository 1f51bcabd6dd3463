/**
 * The API's own description, as tests go through it: whoever adds a route gets it walked and shaken.
 */

export interface Schema {
  readonly [keyword: string]: any
}

export interface Operation {
  /** `POST /api/v1/keys` */
  readonly name: string
  readonly method: string
  /** With `{name}` for each parameter. */
  readonly template: string
  readonly parameters: ReadonlyArray<{
    readonly name: string
    readonly in: "path" | "query" | "header"
    readonly required: boolean
    readonly schema: Schema
  }>
  /** Schemas of bodies, by content type; references are resolved by `resolve`. */
  readonly bodies: ReadonlyArray<readonly [type: string, schema: Schema]>
  /** Documented statuses with their content types. */
  readonly answers: ReadonlyMap<number, ReadonlyArray<string>>
  readonly secured: boolean
}

/** A step of a path that is a parameter. */
export const parameterPattern = /^\{(\w+)\}$/

export const operationsOf = (spec: any): ReadonlyArray<Operation> =>
  Object.entries<any>(spec.paths).flatMap(([template, operations]) =>
    Object.entries<any>(operations).map(([verb, operation]): Operation => ({
      name: `${verb.toUpperCase()} ${template}`,
      method: verb.toUpperCase(),
      template,
      parameters: (operation.parameters ?? []).map((one: any) => ({ ...one, required: one.required === true })),
      bodies: Object.entries<any>(operation.requestBody?.content ?? {}).map(([type, { schema }]) => [type, schema]),
      answers: new Map(
        Object.entries<any>(operation.responses).map(([status, { content }]) => [
          Number(status),
          Object.keys(content ?? {}),
        ]),
      ),
      secured: (operation.security ?? []).length > 0,
    })),
  )

/** A schema with what it refers to in place, at its top. */
export const resolve = (spec: any, schema: Schema): Schema => {
  const merged = (schema["allOf"] ?? []).reduce(
    (all: Schema, part: Schema) => ({ ...all, ...resolve(spec, part) }),
    schema,
  )
  const path: ReadonlyArray<string> | undefined = merged["$ref"]?.slice(2).split("/")
  if (path === undefined) return merged
  return resolve(
    spec,
    path.reduce((at: any, step) => at[step], spec),
  )
}
