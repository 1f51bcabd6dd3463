/**
 * The plan: a config after it was loaded and checked, in the form that the stages work with. Frozen; a reload makes another one.
 */
import type * as Result from "effect/Result"
import type { Connection, SecretRef } from "../model/connector.ts"
import type { EventType, WorkspaceId } from "../model/ids.ts"
import type { Issue } from "../model/errors.ts"
import type { KeyTerms } from "../model/key.ts"
import type { Role } from "../model/role.ts"

/** A path of field names that an expression reads from the event: `["payload", "email"]`. */
export interface ReadPath {
  readonly path: ReadonlyArray<string>
  /** Where in the source, from 0. */
  readonly position: number
}

/** A compiled expression. It sees the event's fields (`id, type, workspace, resource, resource_id, time, payload`). */
export interface Expression {
  readonly source: string
  /** The paths that can be known without running it. */
  readonly paths: ReadonlyArray<ReadPath>
  /** Gives the value or a promise of it; throws or rejects with an `Error` whose message is for the user. */
  readonly evaluate: (scope: unknown) => unknown
}

/** A compiled mapping: makes an action's input from an event. Gives the value or a promise of it, as `Expression` does. */
export interface Mapping {
  /** As the config has it: JSONata, or a structure of it and constants. */
  readonly source: unknown
  readonly evaluate: (scope: unknown) => unknown
  readonly expressions: ReadonlyArray<Expression>
  /** Where each of the expressions stands in the mapping. */
  readonly paths: ReadonlyArray<ReadonlyArray<string | number>>
}

/** Turns what a config says into what runs. Lives in `transform/`; the same source gives the same object. */
export interface Compiler {
  readonly expression: (source: string) => Result.Result<Expression, string>
  readonly mapping: (map: unknown) => Result.Result<Mapping, ReadonlyArray<Issue>>
}

export interface RetryPlan {
  readonly attempts: number
  readonly initialMs: number
  readonly factor: number
  readonly maxMs: number
  readonly jitter: number
}

/** When a circuit opens and how long it waits; see `connectionDefaults.circuit`. */
export interface CircuitPlan {
  readonly failures: number
  readonly rate: number
  readonly minimum: number
  readonly waitMs: number
  readonly maxWaitMs: number
}

export interface ConnectionPlan {
  readonly id: string
  readonly workspace: WorkspaceId
  readonly connection: Connection
  /** Decoded by the connector's schema; secrets are still references. */
  readonly settings: unknown
  readonly concurrency: number
  readonly timeoutMs: number
  readonly retry: RetryPlan
  readonly rateLimit?: { readonly limit: number; readonly perMs: number }
  /** Which deliveries keep their order: all of the connection, or those of which the expression gives the same. */
  readonly ordering: "none" | "connection" | { readonly key: Expression }
  /** `false`: the circuit never opens by itself. */
  readonly circuit: CircuitPlan | false
  readonly allowPrivateNetwork: boolean
  /** Instead of the connector's. */
  readonly baseUrl?: string
  /** How deliveries of an action with a batch form go together; `false`: each by itself. */
  readonly batch: BatchPlan | false
}

export interface BatchPlan {
  /** At the most; the action's own bound holds as well. */
  readonly size?: number
  readonly waitMs: number
}

export interface ActionPlan {
  /** Position in the rule. */
  readonly index: number
  readonly connection: string
  readonly action: string
  readonly map?: Mapping
  /** The rule's own schedule, where it differs from the connection's. */
  readonly retry?: RetryPlan
}

export interface RulePlan {
  readonly id: string
  /** Patterns: tokens, `*` for one token, `>` for the rest. */
  readonly on: ReadonlyArray<string>
  readonly when?: {
    readonly resource?: string
    readonly resource_id?: string
    /** Tags of the workspace that must all be there. */
    readonly tags?: ReadonlyArray<string>
    readonly expression?: Expression
  }
  readonly actions: ReadonlyArray<ActionPlan>
}

export interface EventTypePlan {
  readonly type: EventType
  readonly description?: string
  /** What is wrong with a payload; paths start at the payload. Absent when the type has no schema. */
  readonly check?: (payload: unknown) => ReadonlyArray<Issue>
}

export interface WorkspacePlan {
  readonly id: WorkspaceId
  readonly account?: string
  readonly tags: ReadonlyArray<string>
  /** Types declared for all workspaces and for this one. */
  readonly eventTypes: ReadonlyMap<EventType, EventTypePlan>
  readonly connections: ReadonlyMap<string, ConnectionPlan>
  readonly rules: ReadonlyArray<RulePlan>
}

/** What an account may have and use. Absent: without limit. See `PlanInput`. */
export interface PlanLimits {
  readonly eventsPerMonth?: number
  readonly workspaces?: number
  readonly connections?: number
  readonly rulesPerWorkspace?: number
  readonly rulesPerEventType?: number
  readonly auditRetentionDays?: number
  readonly members?: number
  readonly overage: "reject" | "allow"
  readonly usage: "account" | "workspace"
}

export interface Member {
  readonly email: string
  readonly role: Role
}

export interface AccountPlan {
  readonly id: string
  /** The plan's name, and what it allows. Absent: anything. */
  readonly plan?: string
  readonly limits?: PlanLimits
  /** Who may sign in by a link. */
  readonly members: ReadonlyArray<Member>
  /** In alphabetical order. */
  readonly workspaces: ReadonlyArray<WorkspaceId>
}

export interface KeyPlan extends KeyTerms {
  readonly name: string
  /** SHA-256 of the key, in hex: the key itself is not kept. */
  readonly hash: string
}

/** A key as the config declares it: its secret is looked up and hashed when the runtime starts. */
export interface KeyDeclaration extends Omit<KeyPlan, "hash"> {
  readonly secret: SecretRef
}

export interface Plan {
  /** First 12 hex digits of the SHA-256 of the config's content. */
  readonly revision: string
  readonly workspaces: ReadonlyMap<WorkspaceId, WorkspacePlan>
  /** By id. Absent: none. */
  readonly accounts?: ReadonlyMap<string, AccountPlan>
  readonly keys: ReadonlyArray<KeyPlan>
  /** Keys of the config whose secrets are not looked up yet. */
  readonly declaredKeys?: ReadonlyArray<KeyDeclaration>
  /** Of what each workspace is written as, by the same measure as `revision`. */
  readonly digests?: ReadonlyMap<WorkspaceId, string>
}
