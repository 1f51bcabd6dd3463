/**
 * The terms of a key as somebody gives them: in a config, in the environment, on the command line or over HTTP. One check for all.
 */
import { isTime } from "../model/envelope.ts"
import { scopes, type KeyTerms } from "../model/key.ts"
import { isTypePattern } from "../model/type-pattern.ts"
import { shown, type Checker, type Path } from "./check-shape.ts"
import { limits } from "./defaults.ts"

/** What the fields are called where they are given. */
export interface TermNames {
  readonly expires: string
  readonly origins: string
  readonly types: string
}

export const configTermNames = { expires: "expiresAt", origins: "allowedOrigins", types: "eventTypes" } as const
export const apiTermNames = { expires: "expires_at", origins: "allowed_origins", types: "event_types" } as const

export const termFields = (names: TermNames): ReadonlyArray<string> => [
  "scopes",
  "workspaces",
  "publishable",
  ...Object.values(names),
]

/**
 * @param given notes all that is wrong with it, and gives what is right
 * @param workspaceAt a workspace, if it is one that may stand there
 */
export const checkTerms = (
  check: Checker,
  given: { readonly [field: string]: unknown },
  path: Path,
  names: TermNames,
  workspaceAt: (value: unknown, path: Path) => string | undefined,
): KeyTerms => {
  const listOf = <A>(field: string, most: number, one: (value: unknown, path: Path) => A | undefined) => {
    if (given[field] === undefined) return undefined
    const place = [...path, field]
    const list = check.list(given[field], place) ?? []
    if (Array.isArray(given[field]) && list.length === 0) check.note(place, "is empty: leave it out, or name one")
    if (list.length > most) check.note(place, `${list.length} are given, at most ${most} are allowed`)
    return list.slice(0, most).flatMap((value, i) => one(value, [...place, i]) ?? [])
  }
  const publishable = given["publishable"] ?? false
  if (typeof publishable !== "boolean")
    check.note([...path, "publishable"], `expected true or false, got ${shown(publishable)}`)
  const allowed =
    listOf("scopes", scopes.length, (scope, place) => check.oneOf(scope, place, scopes)) ??
    (publishable === true ? ["publish" as const] : check.note([...path, "scopes"], `is missing: ${scopes.join(", ")}`))
  if (publishable === true && allowed?.some((scope) => scope !== "publish")) {
    check.note([...path, "scopes"], 'a publishable key can be seen by anybody: its only scope is "publish"')
  }
  const workspaces = listOf("workspaces", limits.workspaces, workspaceAt)
  const expires =
    given[names.expires] === undefined ? undefined : timeAt(check, given[names.expires], [...path, names.expires])
  const allowedOrigins = listOf(names.origins, limits.keyOrigins, (one, place) => originAt(check, one, place))
  if (allowedOrigins !== undefined && publishable !== true) {
    check.note([...path, names.origins], "are for publishable keys: no other is to be seen by browsers")
  }
  const eventTypes = listOf(names.types, limits.keyEventTypes, (one, place) => patternAt(check, one, place))
  return {
    scopes: allowed ?? [],
    publishable: publishable === true,
    ...(workspaces === undefined ? {} : { workspaces }),
    ...(expires === undefined ? {} : { expires }),
    ...(allowedOrigins === undefined ? {} : { allowedOrigins }),
    ...(eventTypes === undefined ? {} : { eventTypes }),
  }
}

const timeAt = (check: Checker, value: unknown, path: Path): number | undefined =>
  isTime(value)
    ? Date.parse(value)
    : check.note(path, `expected an RFC 3339 time such as "2027-01-31T09:30:00Z", got ${shown(value)}`)

/** As browsers send it, so that texts can be compared. */
export const originAt = (check: Checker, value: unknown, path: Path): string | undefined => {
  const text = check.text(value, path)
  if (text === undefined || text === "*") return text
  if (text.includes("*"))
    return check.note(path, `${shown(text)}: "*" stands alone, for any origin; name each otherwise`)
  const origin = /^https?:/i.test(text) && URL.canParse(text) ? new URL(text).origin : undefined
  if (origin === text) return text
  const meant = origin === undefined ? 'such as "https://app.example.com", or "*"' : `as browsers send it: "${origin}"`
  return check.note(path, `${shown(text)} is not an origin ${meant}`)
}

const patternAt = (check: Checker, value: unknown, path: Path): string | undefined => {
  const text = check.text(value, path)
  return text === undefined || isTypePattern(text)
    ? text
    : check.note(path, `${shown(text)} is not an event type or a pattern such as "order.*" or "order.>"`)
}
