/**
 * Requests that nobody sends in good faith, made of the API's own description: right in most parts, so that they get far, and wrong or
 * hostile in some. As they are on the wire: nothing is mended by a client on the way.
 */
import * as fc from "fast-check"
import { parameterPattern, resolve, type Operation, type Schema } from "./api-spec.ts"
import { thingOf, type Things } from "./api-walk.ts"

export interface Shot {
  readonly method: string
  /** As it stands in the request line. */
  readonly path: string
  readonly headers: { readonly [name: string]: string }
  readonly body?: Buffer
}

/** @param keys what is sent as `authorization` */
export const shotsAt = (
  spec: any,
  operation: Operation,
  things: Things,
  keys: ReadonlyArray<string>,
): fc.Arbitrary<Shot> => {
  const { template, parameters, bodies } = operation
  const steps = template.split("/")
  const path = fc
    .tuple(
      ...steps.map((step, i) =>
        parameterPattern.test(step)
          ? mostly(fc.constant(stepFor(steps[i - 1]!, things)), hostileStep)
          : fc.constant(step),
      ),
    )
    .map((all) => all.join("/"))
  const query = fc
    .tuple(
      ...parameters
        .filter((one) => one.in === "query")
        .map(({ name, schema }) =>
          fc
            .option(mostly(fitting({ spec, things }, schema, 1, name).map(asText), hostileText))
            .map((value) => [name, value] as const),
        ),
      fc.option(fc.tuple(hostileText, hostileText), { freq: 10 }).map((pair) => pair ?? (["", null] as const)),
    )
    .map((pairs) =>
      pairs
        .filter((pair) => pair[1] !== null)
        .map(([name, value]) => `${escaped(name)}=${escaped(value!)}`)
        .join("&"),
    )
  const wantedTypes = bodies.map(([type]) => type)
  const body = bodies.length === 0 ? mostly(fc.constant(undefined), bytes) : bodyFor(spec, bodies, things)
  return fc
    .record({
      method: mostly(
        fc.constant(operation.method),
        fc.constantFrom("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"),
      ),
      path: mostly(path, hostilePath),
      query: mostly(query, rawQuery),
      key: fc.constantFrom(...keys),
      type: mostly(fc.constantFrom(...wantedTypes, "application/json"), hostileHeader),
      more: fc.dictionary(headerName, hostileHeader, { maxKeys: 3 }),
      body,
    })
    .map(({ method, path, query, key, type, more, body }) => ({
      method,
      path: query === "" ? path : `${path}?${query}`,
      headers: { "content-type": type, ...more, authorization: key },
      ...(body === undefined ? {} : { body }),
    }))
}

/** The call's path about these things, as it is meant to be sent. */
export const meantPath = ({ template }: Operation, things: Things): string => {
  const steps = template.split("/")
  return steps.map((step, i) => (parameterPattern.test(step) ? stepFor(steps[i - 1]!, things) : step)).join("/")
}

const stepFor = (kind: string, things: Things): string => encodeURIComponent(things.get(kind) ?? "x")

/** Not `String`: an object may have a `toString` that is none. */
const asText = (value: unknown): string => (typeof value === "string" ? value : (JSON.stringify(value) ?? ""))

/** All but once in twenty times. */
const mostly = <A, B>(usual: fc.Arbitrary<A>, odd: fc.Arbitrary<B>) =>
  fc.oneof({ arbitrary: usual, weight: 19 }, { arbitrary: odd, weight: 1 })

/** What the path of a request cannot have as it is. */
const escaped = (text: string): string =>
  [...Buffer.from(text, "utf8")]
    .map((byte) => (/[\w.~!*'(),;:@/-]/.test(String.fromCharCode(byte)) ? String.fromCharCode(byte) : hex(byte)))
    .join("")
const hex = (byte: number): string => `%${byte.toString(16).padStart(2, "0")}`

const hostileStep = fc.oneof(
  fc.constantFrom("..", ".", "%2e%2e%2f", "%00", "%ff%fe", "%", "%zz", "%C0%AF", "*", ">", "a.b", "__proto__", "-1"),
  fc.constantFrom("x".repeat(300), "x".repeat(8000), "%F0%9F%92%A9".repeat(50), "$KV", "constructor", "", "%0d%0a"),
  fc.string({ unit: "binary" }).map(escaped),
  fc.stringMatching(/^(evt|dlv|key|rpl)_[0-9a-z]{26}$/),
)

const hostilePath = fc.oneof(
  fc.constantFrom("/", "//", "/api/v1", "/api/v1/", "/api//v1/events", "/..%2f..", "/%", "/api/v1/events%00", "*"),
  fc.array(hostileStep, { maxLength: 6 }).map((steps) => `/${steps.join("/")}`),
)

const rawQuery = fc.oneof(
  fc.constantFrom("%", "=", "&&&", "a=%ff", "limit=1&limit=2", "__proto__=1", "?", "cursor=%00", "limit=1e400"),
  fc.string({ unit: "binary", maxLength: 200 }).map(escaped),
)

const hostileText = fc.oneof(
  fc.constantFrom("", "\0", "-1", "0", "1e400", "NaN", "999999999999999999999", "null", "[]", "' OR 1=1 --", "*", ">"),
  fc.constantFrom(
    "9999-99-99T99:99:99Z",
    "0000-01-01T00:00:00Z",
    "1 fortnight",
    "\u202e",
    "x".repeat(5000),
    "$eval(1)",
  ),
  fc.string({ unit: "grapheme", maxLength: 60 }),
  fc.string({ unit: "binary", maxLength: 60 }),
)

/** Text that a header may have on the wire. */
const hostileHeader = fc.oneof(
  fc.constantFrom(
    "",
    " ",
    "text/html",
    "application/json; charset=utf-16",
    "application/json;;;=",
    "multipart/form-data",
    "*/*",
  ),
  fc.constantFrom("x".repeat(4000), "\u00ff\u00fe", "{}", "0", "-1", "Bearer", "Basic Og==", "gzip", "1e3"),
  fc.stringMatching(/^[\x21-\x7e\u00a0-\u00ff]{1,40}$/),
)

const headerName = fc.constantFrom(
  ...[
    "accept",
    "cookie",
    "content-encoding",
    "idempotency-key",
    "origin",
    "traceparent",
    "user-agent",
    "ce-id",
    "ce-type",
  ],
  ...[
    "ce-specversion",
    "ce-source",
    "ce-workspace",
    "ce-time",
    "x-meshes-publishable-key",
    "access-control-request-method",
  ],
  ...["x-forwarded-for", "if-none-match", "range", "x-http-method-override", "sec-fetch-site"],
)

const numbers = fc.constantFrom("1e400", "-1e400", "-0", "1e-400", "123456789012345678901234567890", "0.1", "-1", "1.5")

/** Texts that are, or seem to be, JSON: with numbers that no number is, depths, keys that mean something to the language. */
const hostileJson = fc.oneof(
  fc.constantFrom("[".repeat(100_000), `${"[".repeat(20_000)}${"]".repeat(20_000)}`, `${'{"a":'.repeat(20_000)}1`),
  fc.constantFrom(
    '{"__proto__":{"x":1}}',
    '{"constructor":{"prototype":1}}',
    '{"a":1,"a":2}',
    '"\\ud800"',
    "\ufeff{}",
    "\0",
  ),
  fc.constantFrom("", " ", "null", "[]", "[null]", "{}", "nul", "{]", "'", '{"type":"x",', "1 2", "NaN", "\n\n\n"),
  numbers,
  numbers.map((number) => `{"limit":${number},"rate":${number},"payload":{"n":${number}}}`),
  fc.json({ maxDepth: 5 }),
)

const bytes = fc.oneof(
  hostileJson.map((text) => Buffer.from(text)),
  fc.uint8Array({ maxLength: 300 }).map((all) => Buffer.from(all)),
)

/** By its schema; by it in part; cut short; or nothing of the kind. */
const bodyFor = (spec: any, bodies: Operation["bodies"], things: Things): fc.Arbitrary<Buffer | undefined> => {
  const right = fc
    .oneof(...bodies.map(([, schema]) => fitting({ spec, things }, schema, 6)))
    .map((value) => JSON.stringify(value))
  return fc.oneof(
    { arbitrary: right.map((text) => Buffer.from(text)), weight: 6 },
    {
      arbitrary: fc
        .tuple(right, fc.double({ min: 0, max: 1, noNaN: true }))
        .map(([text, part]) => Buffer.from(text.slice(0, Math.floor(text.length * part)))),
      weight: 1,
    },
    {
      arbitrary: fc.tuple(right, numbers).map(([text, n]) => Buffer.from(text.replace(/"[^"]*"(?=[,}\]])/, n))),
      weight: 1,
    },
    { arbitrary: bytes, weight: 2 },
    { arbitrary: fc.constant(undefined), weight: 1 },
  )
}

interface World {
  readonly spec: any
  readonly things: Things
}

/** Mostly what fits the schema; now and then anything in its place. */
const fitting = (world: World, given: Schema, depth: number, name = ""): fc.Arbitrary<unknown> => {
  const schema = resolve(world.spec, given)
  const odd = fc.oneof(hostileText, fc.jsonValue({ maxDepth: 3 }))
  if (depth === 0) return odd
  const thing = thingOf(world.things, name)
  const right = fits(world, schema, depth, name)
  const named = thing !== undefined && !["array", "object"].includes(schema["type"])
  return mostly(named ? mostly(fc.constant(thing), right) : right, odd)
}

const fits = (world: World, schema: Schema, depth: number, name: string): fc.Arbitrary<unknown> => {
  if (schema["const"] !== undefined) return fc.constant(schema["const"])
  if (schema["enum"] !== undefined) return fc.constantFrom(...schema["enum"])
  const choices: ReadonlyArray<Schema> | undefined = schema["anyOf"] ?? schema["oneOf"]
  if (choices !== undefined) return fc.oneof(...choices.map((one) => fitting(world, one, depth - 1, name)))
  switch (schema["type"]) {
    case "object": {
      const fields = Object.entries<Schema>(schema["properties"] ?? {})
      const known = Object.fromEntries(fields.map(([name, inner]) => [name, fitting(world, inner, depth - 1, name)]))
      const requiredKeys: ReadonlyArray<string> = schema["required"] ?? []
      return fields.length === 0
        ? fc.dictionary(fc.string({ maxLength: 8 }), valuesOf(world, schema, depth), { maxKeys: 4 })
        : fc.record(known, { requiredKeys: fields.map(([name]) => name).filter((name) => requiredKeys.includes(name)) })
    }
    case "array":
      return fc.array(fitting(world, schema["items"] ?? {}, depth - 1, name), { maxLength: 4 })
    case "integer":
    case "number":
      return fc.oneof(fc.integer({ min: -2, max: 200 }), fc.double(), fc.maxSafeInteger())
    case "boolean":
      return fc.boolean()
    case "null":
      return fc.constant(null)
    case "string":
      return schema["pattern"] === undefined
        ? fc.oneof(
            fc.stringMatching(/^[a-z][a-z0-9-]{0,20}$/),
            fc.constantFrom("acme", "erp", "order.paid", "*", "1 day"),
          )
        : fc.oneof(fc.stringMatching(new RegExp(schema["pattern"])), fc.constantFrom("acme", "order.paid"))
    default:
      return fc.jsonValue({ maxDepth: 2 })
  }
}

/** What an object has whose keys are anybody's. */
const valuesOf = (world: World, { additionalProperties: schema }: Schema, depth: number): fc.Arbitrary<unknown> =>
  typeof schema === "object" && Object.keys(schema).length > 0
    ? fitting(world, schema, depth - 1)
    : fc.jsonValue({ maxDepth: 2 })
