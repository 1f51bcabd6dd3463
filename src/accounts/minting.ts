/**
 * What is asked for when a session is minted, checked with all that is wrong told at once.
 */
import * as Result from "effect/Result"
import { originAt } from "../config/check-key.ts"
import { Checker, shown, type Path } from "../config/check-shape.ts"
import { limits } from "../config/defaults.ts"
import { isWorkspace } from "../model/envelope.ts"
import type { Issue } from "../model/errors.ts"
import { resourcePattern } from "../model/ids.ts"
import { roles } from "../model/role.ts"
import type { EmbedTerms } from "../model/session.ts"

/** Names stand in the audit, in messages and in lists of people's. */
const userPattern = /^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+$/u

/** A URL's host may have signs that end a part of the policy which the page is answered with. */
const plainPattern = /^https?:\/\/[\w.:[\]-]+$/

/** Whether there is such a workspace is not looked at. */
export const checkMinting = (value: unknown): Result.Result<EmbedTerms, ReadonlyArray<Issue>> => {
  const check = new Checker()
  const given = check.object(value, [], ["workspace", "role", "allowed_origins", "user", "resource", "resource_id"])
  if (given === undefined) return Result.fail(check.issues)
  const workspace = isWorkspace(given["workspace"])
    ? given["workspace"]
    : check.note(["workspace"], `${shown(given["workspace"])} is no workspace`)
  const role = check.oneOf(given["role"], ["role"], roles)
  const origins = originsIn(check, given["allowed_origins"], ["allowed_origins"])
  const user = check.optionalText(given["user"], ["user"])
  if (user !== undefined && (user.length > limits.sessionUserCharacters || !userPattern.test(user)))
    check.note(["user"], `expected at most ${limits.sessionUserCharacters} characters that can be seen`)
  const resource = nameAt(check, given["resource"], ["resource"])
  const resource_id = nameAt(check, given["resource_id"], ["resource_id"])
  if (resource_id !== undefined && given["resource"] === undefined)
    check.note(["resource_id"], "says which one of the resource: give resource too")
  return check.issues.length > 0
    ? Result.fail(check.issues)
    : Result.succeed({
        workspace: workspace!,
        role: role!,
        origins,
        ...(user === undefined ? {} : { user }),
        ...(resource === undefined ? {} : { resource }),
        ...(resource_id === undefined ? {} : { resource_id }),
      })
}

/** Any page may be named, but not all: who frames a page can have it clicked on unseen. */
const originsIn = (check: Checker, value: unknown, path: Path): ReadonlyArray<string> => {
  const list = check.list(value, path) ?? []
  if (Array.isArray(value) && list.length === 0) check.note(path, "is empty: name whose pages may frame it")
  if (list.length > limits.sessionOrigins)
    check.note(path, `${list.length} are given, at most ${limits.sessionOrigins} are allowed`)
  return list.slice(0, limits.sessionOrigins).flatMap((one, i) => {
    if (one === "*") return check.note([...path, i], '"*" is not taken here: name each origin') ?? []
    const origin = originAt(check, one, [...path, i])
    if (origin === undefined || plainPattern.test(origin)) return origin ?? []
    return check.note([...path, i], `${shown(origin)} is no origin that a header can name`) ?? []
  })
}

const nameAt = (check: Checker, value: unknown, path: Path): string | undefined =>
  value === undefined || (typeof value === "string" && resourcePattern.test(value))
    ? value
    : check.note(path, `${shown(value)} is not a name of 1 to 64 letters, digits, . _ : and -`)
