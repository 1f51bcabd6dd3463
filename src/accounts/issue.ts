/**
 * Making and revoking keys while the runtime runs: what is asked for is checked in one way for commands and for calls, and whose keys are
 * whose.
 */
import * as Result from "effect/Result"
import { checkTerms, termFields, type TermNames } from "../config/check-key.ts"
import { Checker, shown } from "../config/check-shape.ts"
import { limits } from "../config/defaults.ts"
import { logTime } from "../log/log-time.ts"
import { isWorkspace } from "../model/envelope.ts"
import type { Issue } from "../model/errors.ts"
import { makeKeyId, namePattern, type WorkspaceId } from "../model/ids.ts"
import type { IssuedKey, KeyTerms, ListedKey } from "../model/key.ts"
import { generateKey, hashKey, type Identity } from "./keys.ts"

/** A key's random part as text, and how much of it people see to know the key again: too little to guess the rest. */
const randomCharacters = 43
const shownCharacters = 6

/** The name of the key that the environment gives. */
const adminName = "admin"

export interface NewKey extends KeyTerms {
  readonly name: string
}

/** What is asked for, or all that is wrong with it. Whether there are such workspaces is not looked at. */
export const checkNewKey = (value: unknown, names: TermNames): Result.Result<NewKey, ReadonlyArray<Issue>> => {
  const check = new Checker()
  const given = check.object(value, [], ["name", ...termFields(names)])
  if (given === undefined) return Result.fail(check.issues)
  const name = check.text(given["name"], ["name"]) ?? ""
  if (name !== "" && !namePattern.test(name)) {
    check.note(
      ["name"],
      `${shown(name)} cannot name a key: letters, digits, - and _, at most 63, a letter or digit first`,
    )
  }
  if (name === adminName)
    check.note(["name"], `"${adminName}" is the environment's key (MESHES_ADMIN_KEY): choose another`)
  const terms = checkTerms(check, given, [], names, (id, path) =>
    isWorkspace(id) ? id : check.note(path, `${shown(id)} is no workspace`),
  )
  if ((terms.workspaces?.length ?? 0) > limits.keyWorkspaces) {
    check.note(["workspaces"], `${terms.workspaces!.length} are given, at most ${limits.keyWorkspaces} are allowed`)
  }
  if (terms.expires !== undefined && terms.expires <= logTime()) check.note([names.expires], "has passed already")
  return check.issues.length > 0 ? Result.fail(check.issues) : Result.succeed({ name, ...terms })
}

/** Why there is no room for another key, if there is none. */
export const noRoom = (keys: ReadonlyArray<ListedKey>, workspaces: ReadonlyArray<WorkspaceId>): string | undefined => {
  if (keys.length >= limits.keys) return `no more than ${limits.keys} keys are kept: revoke some that nobody uses`
  const full = workspaces.find(
    (id) => keys.filter(({ key }) => key.workspaces?.includes(id) === true).length >= limits.keysPerWorkspace,
  )
  return full === undefined
    ? undefined
    : `no more than ${limits.keysPerWorkspace} keys of the workspace "${full}" are kept: revoke some that nobody uses`
}

/** Whether an admin's key may see and revoke another: it must be one for the admin's own workspaces alone. */
export const manages = ({ workspaces }: Identity, key: KeyTerms): boolean =>
  workspaces === undefined || (key.workspaces?.every((id) => workspaces.has(id)) ?? false)

/** A new key, to be shown once, and the record of it, which is all that is kept. */
export const issueKey = (
  { name, ...terms }: NewKey,
  by: string,
): { readonly key: string; readonly record: IssuedKey } => {
  const key = generateKey(terms.publishable)
  const prefix = key.slice(0, key.length - randomCharacters + shownCharacters)
  const created = logTime()
  return { key, record: { id: makeKeyId(created), name, hash: hashKey(key), prefix, ...terms, created, by } }
}
