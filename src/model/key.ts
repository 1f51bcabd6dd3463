/**
 * An API key: what it lets its holder do, where, for how long, and, for one that browsers may see, from which pages. Never the key itself.
 */
import type { EventType, KeyId, WorkspaceId } from "./ids.ts"

/** `admin` includes every other. `payload:read`: what events hold, where `read` shows what became of them. */
export const scopes = ["publish", "read", "payload:read", "operate", "admin"] as const
export type Scope = (typeof scopes)[number]

export interface KeyTerms {
  readonly scopes: ReadonlyArray<Scope>
  /** Absent: all workspaces. */
  readonly workspaces?: ReadonlyArray<WorkspaceId>
  /** May be seen by anybody, so it may only publish. */
  readonly publishable: boolean
  /** From when on it is refused, in milliseconds since 1970. Absent: it is good until it is revoked. */
  readonly expires?: number
  /** Of a publishable key: origins whose pages may publish with it, or `*`. Absent: no page may. */
  readonly allowedOrigins?: ReadonlyArray<string>
  /** Types that it may publish, as patterns. Absent: all. */
  readonly eventTypes?: ReadonlyArray<EventType>
}

/** A key that was made while the runtime ran, as the log keeps it. */
export interface IssuedKey extends KeyTerms {
  readonly id: KeyId
  readonly name: string
  /** SHA-256 of the key, in hex. */
  readonly hash: string
  /** Its first characters, to know it again by. */
  readonly prefix: string
  /** When it was made, in milliseconds since 1970, and by whom. */
  readonly created: number
  readonly by: string
}

/** A key that is there, and when it was used last, as far as that is known. */
export interface ListedKey {
  readonly key: IssuedKey
  /** In milliseconds since 1970. */
  readonly used?: number
}

/** A key as programs are shown it: without its hash. */
export const shownKey = ({ key, used }: ListedKey) => ({
  id: key.id,
  name: key.name,
  prefix: key.prefix,
  scopes: key.scopes,
  publishable: key.publishable,
  ...(key.workspaces === undefined ? {} : { workspaces: key.workspaces }),
  ...(key.allowedOrigins === undefined ? {} : { allowed_origins: key.allowedOrigins }),
  ...(key.eventTypes === undefined ? {} : { event_types: key.eventTypes }),
  ...(key.expires === undefined ? {} : { expires_at: new Date(key.expires).toISOString() }),
  created_at: new Date(key.created).toISOString(),
  created_by: key.by,
  ...(used === undefined ? {} : { last_used_at: new Date(used).toISOString() }),
})
