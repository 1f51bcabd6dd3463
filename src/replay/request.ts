/**
 * What somebody asks to be replayed, checked: all that is wrong with it at once. The command line's flags and the body of the API's call
 * are the same thing.
 */
import * as Result from "effect/Result"
import { Checker, shown, type Path } from "../config/check-shape.ts"
import { limits } from "../config/defaults.ts"
import { durationForm, parseDuration } from "../config/duration.ts"
import type { Plan } from "../config/plan.ts"
import type { Issue } from "../model/errors.ts"
import { resourcePattern } from "../model/ids.ts"
import {
  earlierNamed,
  earlierNames,
  type EarlierState,
  type ReplayFilter,
  type ReplayRequest,
} from "../model/replay.ts"
import { isTypePattern } from "../model/type-pattern.ts"
import { compileExpression } from "../transform/expression.ts"

export interface Asked {
  readonly request: ReplayRequest
  /** Nothing is begun: only shown. */
  readonly dryRun: boolean
  /** How many requests a preview shows. */
  readonly requests: number
}

export const filterFields = [
  "from",
  "to",
  "type",
  "resource",
  "resource_id",
  "expression",
  "rule",
  "connection",
  "status",
]

/**
 * @param plans the configs that rules and connections are looked up in
 * @param workspace `undefined`: all of them
 */
export const checkReplay = (
  value: unknown,
  plans: ReadonlyArray<Plan>,
  workspace: string | undefined,
  now: number,
): Result.Result<Asked, ReadonlyArray<Issue>> => {
  const check = new Checker()
  const given = check.object(value, [], [...filterFields, "rate", "same_ids", "dry_run", "requests"]) ?? {}
  const filter = checkFilter(check, given, plans, workspace, now)
  const rate = given["rate"] ?? limits.replayRate
  const requests = given["requests"] ?? limits.previewRequests
  const asked: Asked = {
    request: {
      filter,
      rate: check.number(rate, ["rate"], { min: 1, max: limits.replayRateMax }) ?? 1,
      sameIds: flag(check, given, "same_ids"),
    },
    dryRun: flag(check, given, "dry_run"),
    requests: check.number(requests, ["requests"], { min: 0, max: limits.previewRequestsMax }) ?? 0,
  }
  return check.issues.length === 0 ? Result.succeed(asked) : Result.fail(check.issues)
}

const flag = (check: Checker, given: { readonly [key: string]: unknown }, name: string): boolean => {
  const value = given[name] ?? false
  if (typeof value !== "boolean") check.note([name], `expected true or false, got ${shown(value)}`)
  return value === true
}

export const checkFilter = (
  check: Checker,
  given: { readonly [key: string]: unknown },
  plans: ReadonlyArray<Plan>,
  workspace: string | undefined,
  now: number,
): ReplayFilter => {
  const among = plans.flatMap(({ workspaces }) =>
    [...workspaces.values()].filter(({ id }) => workspace === undefined || id === workspace),
  )
  const workspaces = plans.flatMap((plan) => [...plan.workspaces.keys()])
  if (workspace !== undefined) check.reference(workspace, ["workspace"], "workspace", workspaces)
  const rules = () => [...new Set(among.flatMap(({ rules }) => rules.map(({ id }) => id)))]
  const connections = () => [...new Set(among.flatMap(({ connections }) => [...connections.keys()]))]
  const optional = <A>(name: string, read: (one: unknown, path: Path) => A | undefined): A | undefined =>
    given[name] === undefined ? undefined : read(given[name], [name])
  const from = optional("from", (one, path) => checkTime(check, one, path, now))
  const to = optional("to", (one, path) => checkTime(check, one, path, now))
  if (from !== undefined && to !== undefined && from >= to) check.note(["to"], "must be later than from")
  const fields = {
    workspace,
    from,
    to,
    types: optional("type", (one, path) => checkTypes(check, one, path)),
    resource: optional("resource", (one, path) => checkResource(check, one, path)),
    resource_id: optional("resource_id", (one, path) => checkResource(check, one, path)),
    expression: optional("expression", (one, path) => checkExpression(check, one, path)),
    rule: optional("rule", (one, path) => check.reference(one, path, "rule", rules())),
    connection: optional("connection", (one, path) => check.reference(one, path, "connection", connections())),
    status: optional("status", (one, path) => checkStatus(check, one, path)),
  }
  return Object.fromEntries(Object.entries(fields).filter(([, one]) => one !== undefined))
}

/** A time, or how long ago. */
export const checkTime = (check: Checker, value: unknown, path: Path, now: number): number | undefined => {
  const back = parseDuration(value)
  const time = back === undefined ? (typeof value === "string" ? timeOf(value) : undefined) : now - back
  if (time !== undefined) return time
  return check.note(
    path,
    `expected a time (RFC 3339, such as "2026-01-31T09:30:00Z") or, for how long ago, ${durationForm}, got ${shown(value)}`,
  )
}

const timePattern = /^\d{4}-\d\d-\d\d(?:[Tt ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:[Zz]|[+-]\d\d:\d\d))?$/

const timeOf = (text: string): number | undefined => {
  const ms = timePattern.test(text) ? Date.parse(text) : Number.NaN
  return Number.isFinite(ms) && ms >= 0 ? ms : undefined
}

/** One, or a list of at least one. */
const listOf = (check: Checker, value: unknown, path: Path): ReadonlyArray<readonly [unknown, Path]> => {
  if (!Array.isArray(value)) return [[value, path]]
  if (value.length === 0) check.note(path, "the list is empty: leave it out for all")
  if (value.length > limits.replayTypes) {
    check.note(path, `${value.length} entries, at most ${limits.replayTypes} are taken`)
  }
  return value.slice(0, limits.replayTypes).map((one, i) => [one, [...path, i]])
}

const checkTypes = (check: Checker, value: unknown, path: Path): ReadonlyArray<string> =>
  listOf(check, value, path).flatMap(([one, place]) => {
    const pattern = check.text(one, place)
    if (pattern === undefined || isTypePattern(pattern)) return pattern ?? []
    check.note(place, `${shown(pattern)} is no pattern of event types: "lead.created", "lead.*", "invoice.>"`)
    return []
  })

const checkStatus = (check: Checker, value: unknown, path: Path): ReadonlyArray<EarlierState> =>
  listOf(check, value, path).flatMap(([one, place]) => earlierNamed(check.oneOf(one, place, earlierNames) ?? "") ?? [])

export const checkResource = (check: Checker, value: unknown, path: Path): string | undefined => {
  const text = check.text(value, path)
  if (text === undefined || resourcePattern.test(text)) return text
  return check.note(path, `${shown(text)} does not fit ${resourcePattern.source}`)
}

const checkExpression = (check: Checker, value: unknown, path: Path): string | undefined => {
  const text = check.text(value, path)
  const compiled = text === undefined ? undefined : compileExpression(text)
  if (compiled !== undefined && Result.isFailure(compiled)) return check.note(path, compiled.failure)
  return text
}
