/**
 * What people may be in an account, or in a session of one workspace, and what that lets them do. The one place where it is said.
 */
import type { Scope } from "./key.ts"

export const roles = ["member", "admin", "owner"] as const
export type Role = (typeof roles)[number]

export const scopesOf: { readonly [R in Role]: ReadonlyArray<Scope> } = {
  member: ["read"],
  admin: ["read", "payload:read", "operate"],
  owner: ["admin"],
}
