/**
 * `defineConfig`: the identity function with types. What is declared in one part of a config is known in the others: a rule's `on`
 * completes the event types, `connection` the workspace's connections, `action` that connector's actions, and a mapping's fields are
 * the action's input. The same is checked again at load (`check.ts`), for configs that no compiler has seen.
 */
import type * as Schema from "effect/Schema"
import type { StandardSchemaV1 } from "effect/StandardSchema"
import type { ConnectionChange } from "../model/connection-state.ts"
import type { usageWarningType } from "../model/usage.ts"
import type { Connection, ConnectionTypes, RetryOptions, SecretRef } from "../model/connector.ts"
import type { Scope } from "../model/key.ts"
import type { Role } from "../model/role.ts"

/** An event type. */
export interface EventTypeInput {
  /** For people and the reference pages. */
  readonly description?: string
  /**
   * What a payload must be: an Effect Schema, any Standard Schema (zod, valibot, arktype), or a JSON Schema. Events that do not fit are
   * answered with 422. Default: any JSON object.
   */
  readonly schema?: Schema.Codec<any, any> | StandardSchemaV1<any, any> | { readonly [keyword: string]: unknown }
}

/** A condition beside the event's type. All that is given must hold. */
export interface WhenInput {
  /** The event's `resource`, exactly. */
  readonly resource?: string
  /** The event's `resource_id`, exactly. */
  readonly resource_id?: string
  /** Tags that the workspace must all have. */
  readonly tags?: ReadonlyArray<string>
  /** JSONata over the event; the rule matches when its value is true as by `$boolean`. @example `payload.amount > 100` */
  readonly expression?: string
}

/** A JSONata expression, a constant that is no string, or a structure of these. */
export type MapValue = string | number | boolean | null | ReadonlyArray<MapValue> | { readonly [key: string]: MapValue }

type IsAny<T> = 0 extends 1 & T ? true : false
type Anything<T> = IsAny<T> extends true ? true : unknown extends T ? true : false

/** Keys such as `properties.plan`, where the field may have keys of its own. */
type Dotted<In> = {
  readonly [K in keyof In & string as NonNullable<In[K]> extends object ? `${K}.${string}` : never]?: MapValue
}

/** A mapping: JSONata that makes the whole input, or an expression for each field of it. */
export type MapInput<In> =
  | string
  | (Anything<In> extends true
      ? { readonly [field: string]: MapValue }
      : { readonly [K in keyof In]: MapValue } & Dotted<In>)

type WithMap<In, Rule> = Rule extends "optional" ? { readonly map?: MapInput<In> } : { readonly map: MapInput<In> }

type WithAction<Name, Default> = [Name] extends [Default] ? { readonly action?: Name } : { readonly action: Name }

type ActionOf<Name, C> =
  C extends Connection<infer T extends ConnectionTypes>
    ? {
        readonly [A in keyof T["inputs"]]: {
          /** One of the workspace's connections. */
          readonly connection: Name
          /** Overrides the connection's schedule for this action. */
          readonly retry?: RetryOptions
        } & WithAction<A, T["defaultAction"]> &
          WithMap<T["inputs"][A], A extends keyof T["maps"] ? T["maps"][A] : "required">
      }[keyof T["inputs"]]
    : never

/** What a rule does: each action is a delivery of its own. */
export type ActionInput<Connections> = { [K in keyof Connections]: ActionOf<K, Connections[K]> }[keyof Connections]

/**
 * A declared type, one of the runtime's own, or a pattern: `*` is one token, `>` all that follow. Without declared types, any. The
 * runtime's own are meant only by patterns that begin with `meshes.`.
 */
export type OnInput<Types> = [Types] extends [never]
  ? string
  : Types | `meshes.connection.${ConnectionChange}` | typeof usageWarningType | `${string}*${string}` | `${string}>`

/** A rule: which events, under which conditions, to which connections. */
export interface RuleInput<Types, Connections> {
  /** Event types or patterns. @example "lead.created", "invoice.>", ["lead.*", "invoice.paid"] */
  readonly on: OnInput<Types> | ReadonlyArray<OnInput<Types>>
  /** Default: every event of those types. */
  readonly when?: WhenInput
  readonly actions: ReadonlyArray<ActionInput<Connections>>
}

interface WorkspaceBase {
  /** The account that it belongs to. Default: none, so no plan's limits. */
  readonly account?: string
  /** For conditions on workspaces. Default: none. */
  readonly tags?: ReadonlyArray<string>
}

type KnownTypes<Shared, Own> = (keyof Shared & string) | (unknown extends Own ? never : keyof Own & string)

/** What an account may have and use. What is left out is without limit. */
export interface PlanInput {
  /** Events that the log stores in a calendar month (UTC), over HTTP and NATS. Repeats of an id do not count. */
  readonly eventsPerMonth?: number
  /** Of the account. */
  readonly workspaces?: number
  /** Of all its workspaces together. */
  readonly connections?: number
  readonly rulesPerWorkspace?: number
  /** Rules of one workspace that mean the same event type. */
  readonly rulesPerEventType?: number
  readonly auditRetentionDays?: number
  /** Of the account. */
  readonly members?: number
  /** What happens at `eventsPerMonth`: further events are refused (429), or counted on. Default: `reject`. */
  readonly overage?: "reject" | "allow"
  /** What `eventsPerMonth` is for: all workspaces of the account together, or each by itself. Default: `account`. */
  readonly usage?: "account" | "workspace"
}

export interface AccountInput<Plans> {
  readonly plan?: Plans
  /** Who may sign in, by links that `meshes keys link` makes: a `member` looks, an `admin` operates too, an `owner` may do all. */
  readonly members?: ReadonlyArray<{ readonly email: string; readonly role: Role }>
}

/** An API key. More can come from the environment (`MESHES_ADMIN_KEY`, `MESHES_KEYS`), and be made while the runtime runs. */
export interface KeyInput {
  readonly key: SecretRef
  /** `admin` includes every other. */
  readonly scopes: ReadonlyArray<Scope>
  /** Default: every workspace. */
  readonly workspaces?: ReadonlyArray<string>
  /** May be shown to browsers; can only publish. Default: false. */
  readonly publishable?: boolean
  /** From when on it is refused, in RFC 3339. Default: never. @example "2027-01-31T09:30:00Z" */
  readonly expiresAt?: string
  /** Origins whose pages may publish with a publishable key, or `*`. Default: none. @example ["https://www.acme.example"] */
  readonly allowedOrigins?: ReadonlyArray<string>
  /** Types that it may publish, as patterns. Default: all. @example ["page.*"] */
  readonly eventTypes?: ReadonlyArray<string>
}

type Connections = { readonly [name: string]: Connection }
type Types = { readonly [type: string]: EventTypeInput }

export interface WorkspaceInput<Shared, Own, C> extends WorkspaceBase {
  /** Event types of this workspace alone, beside the shared ones. */
  readonly eventTypes?: Own
  /** Where events can go, by name. */
  readonly connections?: C
  /** By name. */
  readonly rules?: { readonly [rule: string]: RuleInput<KnownTypes<Shared, Own>, C> }
}

/** A workspace as `defineWorkspace` gives it, or as written by hand: checked at load. */
export interface AnyWorkspace<Own = Types> extends WorkspaceBase {
  readonly eventTypes?: Own
  readonly connections?: Connections
  readonly rules?: { readonly [rule: string]: RuleInput<any, any> }
}

export interface ConfigInput<Plans, Accounts, Shared, C, Own> {
  /** Limits that accounts are held to, by name. */
  readonly plans?: { readonly [P in keyof Plans]: PlanInput }
  /** Customers, by name. */
  readonly accounts?: { readonly [A in keyof Accounts]: AccountInput<keyof Plans> }
  /** API keys, by name. */
  readonly keys?: { readonly [key: string]: KeyInput }
  /** Event types of every workspace, by type. */
  readonly eventTypes?: Shared
  /** Tenants, by name: `^[a-z0-9][a-z0-9_-]{0,62}$`. */
  readonly workspaces: {
    readonly [W in keyof C]: {
      readonly account?: keyof Accounts & string
      readonly tags?: ReadonlyArray<string>
      readonly connections?: C[W] & Connections
      readonly rules?: {
        readonly [rule: string]: RuleInput<KnownTypes<Shared, W extends keyof Own ? Own[W] : unknown>, C[W]>
      }
    }
  } & { readonly [W in keyof Own]: { readonly eventTypes?: Own[W] } }
}

/** What `defineConfig` gives: a value of this shape, and in its type what the config says of events. */
export interface Config<Shared = any, Own = any> {
  readonly plans?: { readonly [plan: string]: PlanInput }
  readonly accounts?: { readonly [account: string]: AccountInput<any> }
  readonly keys?: { readonly [key: string]: KeyInput }
  readonly eventTypes?: Types
  readonly workspaces: { readonly [workspace: string]: AnyWorkspace }
  /** Never there: types alone, which `meshes/client` reads. `own`: by workspace. */
  readonly "~events"?: { readonly shared: Shared; readonly own: Own }
}

/** Declares a team's integrations. Default-export what it gives from `meshes.config.ts`. */
export const defineConfig = <
  const Plans extends { readonly [plan: string]: unknown },
  const Accounts extends { readonly [account: string]: unknown },
  const Shared extends Types,
  const C extends { readonly [workspace: string]: Connections | unknown },
  const Own extends { readonly [workspace: string]: Types | unknown },
>(
  config: ConfigInput<Plans, Accounts, Shared, C, Own>,
): Config<Shared, Own> => config as unknown as Config<Shared, Own>

/**
 * Declares one workspace, for configs that make many: in a loop, from a list of customers.
 *
 * @example
 * workspaces: Object.fromEntries(customers.map((id) => [id, defineWorkspace({ connections: {…}, rules: {…} })]))
 */
// `NoInfer`: what surrounds the call (`Object.fromEntries`) must not be taken for the types that the workspace declares.
export const defineWorkspace = <const Own extends Types = {}, const C extends Connections = {}>(
  workspace: WorkspaceInput<never, Own, C>,
): AnyWorkspace<NoInfer<Own>> => workspace as unknown as AnyWorkspace<Own>
