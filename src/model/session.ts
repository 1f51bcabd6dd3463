/**
 * A session: somebody who is let in for some hours without sending a key each time. It has a parent, a key or a member of an account, and
 * never says itself what it allows: that is the parent's, looked up at each request.
 */
import type { WorkspaceId } from "./ids.ts"
import type { Role } from "./role.ts"

/** What browsers keep a session's token in. */
export const sessionCookie = "meshes_session"

/** `ses_…`; it says nothing of the session's tokens. */
export type SessionId = string

/** Whose rights a session has: of the key whose SHA-256 this is, or of a member as the config has it. */
export type Parent = { readonly key: string } | { readonly account: string; readonly email: string }

/** What narrows a session that was minted for a page of somebody else's. */
export interface EmbedTerms {
  readonly workspace: WorkspaceId
  readonly role: Role
  /** Origins whose pages may frame it. */
  readonly origins: ReadonlyArray<string>
  /** Who it is for, in the words of whoever minted it. */
  readonly user?: string
  /** The only resource that it is shown anything of; and which one of them. */
  readonly resource?: string
  readonly resource_id?: string
}

/** A random text that lets its holder in, as it is kept: its SHA-256 in hex, and from when on it is no longer good. */
export interface KeptToken {
  readonly hash: string
  /** In milliseconds since 1970. */
  readonly ends: number
}

/** As the log keeps it. */
export interface Session {
  readonly id: SessionId
  readonly parent: Parent
  /** When it was made, in milliseconds since 1970, and by whom. */
  readonly created: number
  readonly by: string
  /** From when on it is over, whatever is refreshed. */
  readonly ends: number
  /** What begins it, once. Absent: it was begun when it was made. */
  readonly launch?: KeptToken & { readonly used: boolean }
  /** The latest tokens, the newest last. */
  readonly tokens: ReadonlyArray<KeptToken>
  /** Absent: somebody signed in. */
  readonly embed?: EmbedTerms
}

/** From when on nothing can be done with it: no token is good any more, and none can be had. */
export const overAt = ({ ends, launch, tokens }: Session): number =>
  Math.min(ends, Math.max(launch?.used === false ? launch.ends : 0, ...tokens.map((token) => token.ends)))

const timeText = (ms: number): string => new Date(ms).toISOString()

/** A minted session as programs are shown it: without any token. */
export const shownSession = (session: Session & { readonly embed: EmbedTerms }) => ({
  id: session.id,
  workspace: session.embed.workspace,
  role: session.embed.role,
  allowed_origins: session.embed.origins,
  ...(session.embed.user === undefined ? {} : { user: session.embed.user }),
  ...(session.embed.resource === undefined ? {} : { resource: session.embed.resource }),
  ...(session.embed.resource_id === undefined ? {} : { resource_id: session.embed.resource_id }),
  created_at: timeText(session.created),
  created_by: session.by,
  expires_at: timeText(session.ends),
})
