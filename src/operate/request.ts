/**
 * What somebody asks to be retried or cancelled, checked: all that is wrong with it at once. The command line's flags and the body of the
 * API's call are the same thing.
 */
import * as Result from "effect/Result"
import { Checker, shown, type Path } from "../config/check-shape.ts"
import type { Issue } from "../model/errors.ts"
import { namePattern, type WorkspaceId } from "../model/ids.ts"
import { operableStatuses, type OperationFilter, type OperationRequest } from "../model/operation.ts"
import { outcomeKinds } from "../model/outcome.ts"
import { statusNamed, type Status } from "../model/status.ts"
import { isTypePattern } from "../model/type-pattern.ts"
import { checkResource, checkTime } from "../replay/request.ts"

const filterFields = ["connection", "rule", "type", "status", "outcome", "resource", "resource_id", "from", "to"]

export const checkOperation = (
  value: unknown,
  workspace: WorkspaceId,
  now: number,
): Result.Result<OperationRequest, ReadonlyArray<Issue>> => {
  const check = new Checker()
  const given = check.object(value, [], ["action", "filter", "preview"]) ?? {}
  const action = check.oneOf(given["action"], ["action"], ["retry", "cancel"]) ?? "retry"
  const preview = given["preview"] ?? false
  if (typeof preview !== "boolean") check.note(["preview"], `expected true or false, got ${shown(preview)}`)
  const filter = checkFilter(check, given["filter"] ?? {}, workspace, action, now)
  return check.issues.length === 0
    ? Result.succeed({ action, filter, preview: preview === true })
    : Result.fail(check.issues)
}

const checkFilter = (
  check: Checker,
  value: unknown,
  workspace: WorkspaceId,
  action: OperationRequest["action"],
  now: number,
): OperationFilter => {
  const given = check.object(value, ["filter"], filterFields) ?? {}
  const optional = <A>(name: string, read: (one: unknown, path: Path) => A | undefined): A | undefined =>
    given[name] === undefined ? undefined : read(given[name], ["filter", name])
  // Names of connections and rules that the config no longer has: their deliveries are there all the same.
  const name = (one: unknown, path: Path): string | undefined => {
    const text = check.text(one, path)
    return text === undefined || namePattern.test(text) ? text : check.note(path, `${shown(text)} is no name`)
  }
  const type = (one: unknown, path: Path): string | undefined => {
    const text = check.text(one, path)
    return text === undefined || isTypePattern(text)
      ? text
      : check.note(path, `${shown(text)} is no pattern of event types: "lead.created", "lead.*", "invoice.>"`)
  }
  const from = optional("from", (one, path) => checkTime(check, one, path, now))
  const to = optional("to", (one, path) => checkTime(check, one, path, now))
  if (from !== undefined && to !== undefined && from >= to) check.note(["filter", "to"], "must be later than from")
  const fields = {
    connection: optional("connection", name),
    rule: optional("rule", name),
    type: optional("type", type),
    outcome: optional("outcome", (one, path) => check.oneOf(one, path, outcomeKinds)),
    resource: optional("resource", (one, path) => checkResource(check, one, path)),
    resource_id: optional("resource_id", (one, path) => checkResource(check, one, path)),
    from,
    to,
  }
  return {
    workspace,
    status:
      optional("status", (one, path) => checkStatus(check, one, path, action)) ?? operableStatuses[action].default,
    ...Object.fromEntries(Object.entries(fields).filter(([, one]) => one !== undefined)),
  }
}

/** One, or a list of at least one, by any of its names. */
const checkStatus = (
  check: Checker,
  value: unknown,
  path: Path,
  action: OperationRequest["action"],
): ReadonlyArray<Status> => {
  const known: ReadonlyArray<Status> = operableStatuses[action].known
  const list = Array.isArray(value) ? value : [value]
  if (list.length === 0) check.note(path, "the list is empty: leave it out for the default")
  const found = list.slice(0, known.length + 1).flatMap((one: unknown) => {
    const status = typeof one === "string" ? statusNamed(one) : undefined
    if (status !== undefined && known.includes(status)) return status
    check.note(path, `${shown(one)} is not one of ${known.join(", ")}: nothing else can be ${pastOf[action]}`)
    return []
  })
  return [...new Set(found)]
}

const pastOf = { retry: "retried", cancel: "canceled" } as const
