/**
 * A config as it is kept to be compared with another: every part by its name, with what stands in each of its fields: of most a short
 * hash. So it can be told what changed and where, and nothing is kept that was meant for this machine's eyes alone; of secrets the names.
 */
import { hash } from "node:crypto"
import * as Result from "effect/Result"
import type { Connection } from "../model/connector.ts"
import type { WorkspaceId } from "../model/ids.ts"
import type { Config } from "./define.ts"
import { compileSchema } from "./event-types.ts"
import { isSecretRef } from "./secrets.ts"

export const partKinds = ["plans", "accounts", "keys", "eventTypes", "workspaces", "connections", "rules"] as const
export type PartKind = (typeof partKinds)[number]

/**
 * What stands in a field: a number, `true` or `false` as it is, `$NAME` for a secret, `'` and the text where it cannot be one, otherwise
 * `#` and a hash of it.
 */
export type Mark = number | boolean | string
export type Fields = { readonly [field: string]: Mark }
export type Parts = { readonly [K in PartKind]?: { readonly [name: string]: Fields } }

/** A workspace with all that is in it; or, without an id, what all of them share. */
export interface Section {
  readonly workspace?: WorkspaceId
  readonly parts: Parts
}

/** The sections of a config that was found right, what is shared first. */
export function* sectionsOf({ workspaces, plans, accounts, keys, eventTypes }: Config): Generator<Section> {
  yield {
    parts: {
      plans: named(plans, fieldsOf),
      accounts: named(accounts, fieldsOf),
      keys: named(keys, fieldsOf),
      eventTypes: named(eventTypes, typeFields),
    },
  }
  for (const [id, { connections, rules, eventTypes: own, ...rest }] of Object.entries(workspaces)) {
    yield {
      workspace: id,
      parts: {
        workspaces: { [id]: fieldsOf(rest) },
        eventTypes: named(own, typeFields),
        connections: named(connections, connectionFields),
        rules: named(rules, fieldsOf),
      },
    }
  }
}

const named = <A>(
  things: { readonly [name: string]: A } | undefined,
  fields: (thing: A) => Fields,
): { readonly [name: string]: Fields } =>
  Object.fromEntries(Object.entries(things ?? {}).map(([name, thing]) => [name, fields(thing)]))

const typeFields = ({ schema, ...rest }: { readonly schema?: unknown }): Fields => {
  if (schema === undefined) return fieldsOf(rest)
  const compiled = compileSchema(schema)
  return fieldsOf({ ...rest, schema: Result.isSuccess(compiled) ? (compiled.success.fields ?? "opaque") : "none" })
}

const connectionFields = ({ connector, settings, options }: Connection): Fields => ({
  ...Object.fromEntries(leavesOf(settings, [], new Set())),
  ...fieldsOf(options),
  connector: `'${connector.name}`,
})

/** Texts under these names are words of the config's own, and durations: no secret, and nobody's address. */
const open: ReadonlySet<string> = new Set([
  ...[
    "account",
    "action",
    "connection",
    "eventTypes",
    "on",
    "ordering",
    "overage",
    "plan",
    "scopes",
    "tags",
    "workspaces",
  ],
  ...["initial", "max", "maxWait", "per", "timeout", "wait"],
])

const fieldsOf = (thing: object): Fields => Object.fromEntries(leavesOf(thing, [], open))

/** Names in a field's path, and parts of one thing that are told apart: enough for `actions.0.map` and `headers.x-token`. */
const depthMax = 3
const breadthMax = 16

function* leavesOf(value: unknown, path: ReadonlyArray<string>, shown: ReadonlySet<string>): Generator<[string, Mark]> {
  if (value === undefined) return
  if (!hasParts(value) || path.length === depthMax) {
    return yield [path.join("."), markOf(value, shown.has(path.at(-1) ?? ""))]
  }
  for (const [key, part] of Object.entries(value)) yield* leavesOf(part, [...path, key], shown)
}

const hasParts = (value: unknown): value is object => {
  if (typeof value !== "object" || value === null || isSecretRef(value)) return false
  const parts: ReadonlyArray<unknown> = Object.values(value)
  if (parts.length === 0 || parts.length > breadthMax) return false
  return !Array.isArray(value) || parts.every((part) => typeof part === "object" && part !== null)
}

/** Characters of a hash: enough that no change is missed. */
const hashCharacters = 8

const markOf = (value: unknown, shown: boolean): Mark => {
  if (typeof value === "number" || typeof value === "boolean") return value
  if (isSecretRef(value)) return `$${value.name}`
  if (shown && typeof value === "string") return `'${value}`
  if (shown && Array.isArray(value)) return `'${value.join(", ")}`
  return `#${hash("sha256", JSON.stringify(value) ?? "", "base64url").slice(0, hashCharacters)}`
}
