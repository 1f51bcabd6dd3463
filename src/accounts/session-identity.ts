/**
 * What a session allows at this moment: what its parent allows, and no more. Nothing of it is remembered, so that a key that is revoked, a
 * member who is taken out of the config and a role that is changed count with the next request.
 */
import type { Plan } from "../config/plan.ts"
import { logTime } from "../log/log-time.ts"
import { scopesOf } from "../model/role.ts"
import type { EmbedTerms, Parent, Session } from "../model/session.ts"
import { allows, type Identity } from "./identity.ts"

/** Where parents are looked up. */
export interface Parents {
  readonly plan: Plan
  /** The holder of the key of that hash, unless it has expired. */
  readonly holderOf: (hash: string) => Identity | undefined
}

/** @param hash of the token that was sent; `undefined`: the session is over, for that token or for all */
export const identityOfSession = (session: Session, hash: string, parents: Parents): Identity | undefined => {
  const token = session.tokens.find((one) => one.hash === hash)
  return token === undefined || token.ends <= logTime() ? undefined : identityWithin(session, parents)
}

/** Whoever has the session, whatever the token. */
export const identityWithin = (session: Session, parents: Parents): Identity | undefined => {
  if (session.ends <= logTime()) return undefined
  const parent = identityOfParent(session.parent, parents)
  if (parent === undefined) return undefined
  const identity = session.embed === undefined ? parent : narrowed(parent, session.id, session.embed)
  return maySignIn(identity)
    ? { ...identity, session: session.id, expires: Math.min(session.ends, parent.expires ?? session.ends) }
    : undefined
}

/** Sessions are for looking, at the least; and a key that anybody can see lets nobody in. */
export const maySignIn = (identity: Identity): boolean => identity.origins === undefined && allows(identity, "read")

const identityOfParent = (parent: Parent, { plan, holderOf }: Parents): Identity | undefined => {
  if ("key" in parent) return holderOf(parent.key)
  const account = plan.accounts?.get(parent.account)
  const member = account?.members.find(({ email }) => email === parent.email)
  if (account === undefined || member === undefined) return undefined
  return {
    kind: "member",
    name: member.email,
    parent,
    scopes: new Set(scopesOf[member.role]),
    ...within(account.workspaces),
    account: account.id,
    role: member.role,
  }
}

const narrowed = (parent: Identity, id: string, embed: EmbedTerms): Identity => ({
  kind: "embed",
  name: embed.user ?? id,
  parent: parent.parent,
  ...(parent.id === undefined ? {} : { id: parent.id }),
  ...(parent.eventTypes === undefined ? {} : { eventTypes: parent.eventTypes }),
  scopes: new Set(scopesOf[embed.role].filter((scope) => allows(parent, scope, embed.workspace))),
  ...within([embed.workspace]),
  role: embed.role,
  ...(embed.resource === undefined ? {} : { resource: embed.resource }),
  ...(embed.resource_id === undefined ? {} : { resource_id: embed.resource_id }),
})

const within = (workspaces: ReadonlyArray<string>): Pick<Identity, "workspaces" | "onlyWorkspace"> => ({
  workspaces: new Set(workspaces),
  ...(workspaces.length === 1 ? { onlyWorkspace: workspaces[0]! } : {}),
})
