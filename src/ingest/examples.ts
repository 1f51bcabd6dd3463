/**
 * Examples for the document of the API: made from its schemas, with a value that makes sense for each name, so that none is forgotten and
 * each is of the shape that is described.
 */

interface Schema {
  readonly [keyword: string]: any
}

const now = "2026-01-31T09:30:00.000Z"

const values: { readonly [name: string]: unknown } = {
  account: "acme",
  action: 0,
  agent: "curl/8.5.0",
  allowed_origins: ["https://app.example.com"],
  at: now,
  attempt: 1,
  attempt_count: 1,
  backlog: 12,
  body: '{"email":"ada@example.com"}',
  by: "key:support",
  bytes: 345,
  connection: "crm",
  connector: "hubspot",
  count: 1,
  created_at: now,
  cursor: "ev_mkk4z1q0_1f",
  delivery: "dlv_01kg9d2c00x7m3q9v2k5t8w1ya",
  dead: 2,
  delivered: 1200,
  description: "A lead signed up",
  duration_ms: 41.5,
  error_count: 0,
  events: 1210,
  example: "dlv_01kg9d2c00x7m3q9v2k5t8w1ya",
  event: "evt_01kg9d2c00r4n8s6b1h7j3p5ze",
  expression: 'payload.plan = "pro"',
  expires_at: "2026-01-31T21:30:00.000Z",
  http_status: 503,
  id: "evt_01kg9d2c00r4n8s6b1h7j3p5ze",
  index: 0,
  key: "msh_…",
  key_id: "key_01kg9d2c00q3w7e1r5t9y2x6cv",
  launch: "msl_…",
  launch_expires_at: "2026-01-31T09:31:00.000Z",
  launch_url: "https://meshes.example/embed?launch=msl_…",
  limit: 50,
  link: "https://meshes.example/oauth/begin?session=…",
  message: "the destination answered 503 Service Unavailable",
  method: "POST",
  name: "support",
  next_attempt_at: "2026-01-31T09:30:20.000Z",
  next_cursor: null,
  on: ["lead.created"],
  outcome: "server_error",
  payload: { email: "ada@example.com", plan: "pro" },
  reason: "maintenance",
  resource: "page",
  resource_id: "marketing-site",
  retried: 8,
  response: '{"error":"try again later"}',
  revision: "3f9c1a7be204",
  rule: "new-lead",
  rules: {
    "new-lead": {
      on: "lead.created",
      when: { expression: 'payload.plan = "pro"' },
      actions: [{ connection: "crm", map: { email: "payload.email" } }],
    },
  },
  source: "website",
  step_seconds: 900,
  tag: "eu",
  tags: ["eu"],
  target: "crm",
  text: "ada@example.com",
  time: now,
  title: "HubSpot",
  token: "mss_…",
  token_expires_at: "2026-01-31T09:45:00.000Z",
  type: "lead.created",
  url: "https://api.example.com/leads",
  user: "user-7",
  what: "payload.viewed",
  workspace: "acme-prod",
  workspaces: 12,
}

/** What `id` is, by the name of the schema that it is in. */
const ids: { readonly [identifier: string]: string } = {
  Workspace: "acme-prod",
  Connection: "crm",
  Rule: "new-lead",
  Integration: "hubspot",
  Delivery: "dlv_01kg9d2c00x7m3q9v2k5t8w1ya",
  DeliveryWhole: "dlv_01kg9d2c00x7m3q9v2k5t8w1ya",
  Key: "key_01kg9d2c00q3w7e1r5t9y2x6cv",
  KeyCreated: "key_01kg9d2c00q3w7e1r5t9y2x6cv",
  Session: "ses_01kg9d2c00h5k8m2n4p7r9t1vw",
  SessionMinted: "ses_01kg9d2c00h5k8m2n4p7r9t1vw",
  SessionToken: "ses_01kg9d2c00h5k8m2n4p7r9t1vw",
}

/** Deeper things are left out. */
const depthMax = 8

const refersTo = (schema: Schema): string | undefined => schema["$ref"]?.replace("#/components/schemas/", "")

const fits = (schema: Schema, value: unknown): boolean => {
  if (schema["enum"] !== undefined) return schema["enum"].includes(value)
  const { type } = schema
  if (type === "array") return Array.isArray(value)
  if (type === "integer") return Number.isInteger(value)
  return type === (value === null ? "null" : typeof value)
}

export const exampleOf = (spec: any, schema: Schema, name = "", within = "", depth = 0): unknown => {
  const reference = refersTo(schema)
  if (reference !== undefined) {
    return exampleOf(spec, spec.components.schemas[reference] ?? {}, name, reference.replace(/_\d+$/, ""), depth)
  }
  const choices: ReadonlyArray<Schema> | undefined = schema["anyOf"] ?? schema["oneOf"]
  const given = name === "id" && ids[within] !== undefined ? ids[within] : values[name]
  if (given !== undefined && [schema, ...(choices ?? [])].some((one) => fits(one, given))) return given
  if (schema["const"] !== undefined) return schema["const"]
  if (schema["enum"] !== undefined) return schema["enum"][0]
  if (choices !== undefined) return exampleOf(spec, choices[0] ?? {}, name, within, depth)
  switch (schema["type"]) {
    case "array":
      return depth > depthMax ? [] : [exampleOf(spec, schema["items"] ?? {}, name, within, depth + 1)]
    case "object":
      return depth > depthMax
        ? {}
        : Object.fromEntries(
            Object.entries<Schema>(schema["properties"] ?? {}).map(([key, inner]) => [
              key,
              exampleOf(spec, inner, key, within, depth + 1),
            ]),
          )
    case "integer":
    case "number":
      return Math.max(0, schema["minimum"] ?? 0)
    case "boolean":
      return true
    case "null":
      return null
    default:
      return schema["format"] === "date-time" ? now : "…"
  }
}

/** Parameters of paths, which say nothing of themselves. */
const pathParameters: { readonly [name: string]: string } = {
  workspace: "The workspace's id, as in the config.",
  connection: "The connection's name, as in the config.",
  connector: "The connector's id.",
  rule: "The rule's name, as in the config.",
  list: "The list's id, as the connector's description has it.",
  name: "Its name.",
}

const describedParameter = ({ in: place, name }: any): string | undefined =>
  place === "path" ? (pathParameters[name] ?? (name === "id" ? "Its id." : `The ${name}'s id.`)) : undefined

/** Adds what every call has: descriptions of its path's parameters, an example of each parameter, body and answer. */
export const withExamples = (spec: any): any => {
  for (const [path, operations] of Object.entries<any>(spec.paths)) {
    for (const operation of Object.values<any>(operations)) {
      for (const parameter of operation.parameters ?? []) {
        parameter.description ??= parameter.schema.description ?? describedParameter(parameter)
        delete parameter.schema.description
        const inPath = path.split("/").at(-2) ?? ""
        const about =
          { deliveries: "Delivery", keys: "Key", sessions: "Session", workspaces: "Workspace" }[inPath] ?? ""
        const example = exampleOf(spec, parameter.schema, parameter.name, about)
        // A filter's example narrows the list down: those that merely might are left out.
        if (example !== "…" && example !== null) parameter.example ??= example
      }
      const bodies = [operation.requestBody, ...Object.values<any>(operation.responses ?? {})]
      for (const [media, content] of bodies.flatMap((one) => Object.entries<any>(one?.content ?? {}))) {
        if (!/json/.test(media) || content.schema === undefined || content.example !== undefined) continue
        content.example =
          media === "application/problem+json" ? problemExample(spec, content.schema) : exampleOf(spec, content.schema)
      }
    }
  }
  return spec
}

const problemExample = (spec: any, schema: Schema): unknown => {
  const reference = refersTo(schema)
  const whole = reference === undefined ? schema : spec.components.schemas[reference]
  const status = Number(/\d{3}/.exec(reference ?? "")?.[0] ?? 400)
  const error = { path: "query.limit", message: 'is "1000": it must be a whole number from 1 to 200' }
  return {
    title: whole.title,
    status,
    message: status === 400 ? `${error.path} ${error.message}` : (whole.description ?? whole.title),
    ...(status === 400 ? { errors: [error] } : {}),
  }
}
