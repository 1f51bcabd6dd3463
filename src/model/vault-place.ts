/**
 * Where a record of the vault is kept, and how such a place is told to people.
 */
import type { WorkspaceId } from "./ids.ts"

/**
 * What a record is: its kind, whose it is, its name. It is bound to what is sealed there: a record that is moved to another place does
 * not open. `secret`: set by a person. The others belong to OAuth: a connection's tokens, a consent that is under way, and who refreshes.
 */
export interface Place {
  readonly kind: "secret" | "token" | "authorization" | "refreshing"
  readonly workspace: WorkspaceId
  readonly name: string
}

/** `secret "CRM_KEY" of workspace "acme"`: never what is in it. */
export const placeName = ({ kind, workspace, name }: Place): string => `${kind} "${name}" of workspace "${workspace}"`
