/**
 * Who is asking, however they are known, and what they may do.
 */
import type { EventType, KeyId, WorkspaceId } from "../model/ids.ts"
import type { Scope } from "../model/key.ts"
import type { Role } from "../model/role.ts"
import type { Parent, SessionId } from "../model/session.ts"
import { matchesType } from "../model/type-pattern.ts"

export interface Identity {
  /** By a key, sent or signed in with; as a member of an account; or from a page of ours that another's page frames. */
  readonly kind: "key" | "member" | "embed"
  /** The key's name, the member's address or the session's user, for the audit and for messages; never the key. */
  readonly name: string
  /** Whose rights these are: what a session begun or minted by them has as its parent. */
  readonly parent: Parent
  /** Of a key that was made while the runtime ran: their own, or the one that minted their session. */
  readonly id?: KeyId
  /** `admin` includes every other. */
  readonly scopes: ReadonlySet<Scope>
  /** Absent: every workspace. */
  readonly workspaces?: ReadonlySet<WorkspaceId>
  /** The workspace of the key that is bound to exactly one: for events that name none. */
  readonly onlyWorkspace?: WorkspaceId
  /** Of a publishable key: origins whose pages may use it, or `*`. Absent: the key is none for browsers. */
  readonly origins?: ReadonlySet<string>
  /** Patterns of what it may publish. Absent: all. */
  readonly eventTypes?: ReadonlyArray<EventType>
  /** From when on they are unknown, in milliseconds since 1970. Absent: never. */
  readonly expires?: number
  /** The session that they ask by. Absent: by the key itself. */
  readonly session?: SessionId
  /** Of a member. */
  readonly account?: string
  /** Of a member, or of an embedded session. */
  readonly role?: Role
  /** Of a session that is bound to one: it is shown and does only what is about events of this resource. */
  readonly resource?: string
  /** And of this one of them. Absent: any. */
  readonly resource_id?: string
}

/** As the audit names whoever it is: `key:support`, `member:ada@acme.test`, `session:user-7`. */
export const byOf = ({ kind, name }: Identity): string => `${kind === "embed" ? "session" : kind}:${name}`

/** As messages name them. */
export const called = ({ kind, name }: Identity): string => `the ${kind === "embed" ? "session of" : kind} ${name}`

/** Whether the key lets its holder do that, in that workspace if one is given. */
export const allows = (identity: Identity, scope: Scope, workspace?: WorkspaceId): boolean =>
  (identity.scopes.has(scope) || identity.scopes.has("admin")) &&
  (workspace === undefined || identity.workspaces === undefined || identity.workspaces.has(workspace))

/** Whether the key lets its holder publish events of the type. */
export const allowsType = ({ eventTypes }: Identity, type: EventType): boolean =>
  eventTypes === undefined || eventTypes.some((pattern) => matchesType(pattern, type))

/** Whether pages of the origin may publish with the key. */
export const allowsOrigin = ({ origins }: Identity, origin: string): boolean =>
  origins !== undefined && (origins.has("*") || origins.has(origin))
