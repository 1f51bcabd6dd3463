/**
 * `meshes explain`: which rules want this event, why the others do not, and exactly what would be sent. Nothing is sent.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Command from "effect/cli/Command"
import { limits } from "../config/defaults.ts"
import type { Plan, RulePlan, WorkspacePlan } from "../config/plan.ts"
import { previewDelivery, type Preview } from "../deliver/preview.ts"
import type { Delivery } from "../model/delivery.ts"
import { parseEvent, type ParsedEvent } from "../model/envelope.ts"
import { formatPath, InvalidInput } from "../model/errors.ts"
import { makeDeliveryId } from "../model/ids.ts"
import { nearest } from "../model/nearest.ts"
import { judge, matchesType } from "../route/match.ts"
import { planOf, settingsOf, shared } from "./context.ts"
import { bad, good, note, paint, print, printJson } from "./output.ts"
import { eventFlags, eventOf } from "./publish.ts"

interface Explained {
  readonly rule: string
  readonly matched: boolean
  readonly because?: string
  readonly actions: ReadonlyArray<Preview>
}

export const explain = Command.make(
  "explain",
  eventFlags,
  Effect.fn(function* (flags) {
    const { config, json } = yield* shared
    const settings = yield* settingsOf({ config })
    const plan = yield* planOf(settings)
    const given = yield* eventOf(flags)
    const only = plan.workspaces.size === 1 ? [...plan.workspaces.keys()][0] : undefined
    const parsed = parseEvent(given, { now: Date.now(), workspace: only }, limits)
    if (Result.isFailure(parsed))
      return yield* new InvalidInput({ subject: "the event", issues: parsed.failure.issues })
    const { event } = parsed.success
    const workspace = plan.workspaces.get(event.workspace)
    if (workspace === undefined) {
      const near = nearest(event.workspace, plan.workspaces.keys())
      const message = `no workspace "${event.workspace}"${near === undefined ? "" : `; did you mean "${near}"?`}`
      return yield* new InvalidInput({ subject: "the event", issues: [{ path: ["workspace"], message }] })
    }
    const type = workspace.eventTypes.get(event.type)
    const problems = (type?.check?.(event.payload) ?? []).map(({ path, message }) => ({
      path: formatPath(["payload", ...path]),
      message,
    }))
    const rules = yield* Effect.promise(() =>
      Promise.all(workspace.rules.map((rule) => explainRule(plan, workspace, rule, parsed.success))),
    )
    if (json) return printJson({ event, accepted: problems.length === 0, errors: problems, rules })
    print(`${event.type} in ${event.workspace}`)
    if (problems.length > 0) {
      bad("it would be refused (422), as its payload does not fit the type's schema:")
      for (const { path, message } of problems) note(`  ${path}: ${message}`)
    }
    for (const rule of rules) show(rule)
    const count = rules.reduce((sum, { actions }) => sum + actions.length, 0)
    if (count === 0) note("no rule wants it: it would be kept and recorded as unmatched")
    else good(`${count} ${count === 1 ? "delivery" : "deliveries"}; nothing was sent`)
  }),
).pipe(
  Command.withDescription("Show which rules match an event and exactly what would be sent; nothing is sent"),
  Command.withExamples([
    {
      command: `meshes explain lead.created -w acme -d '{"id":"1","plan":"pro"}'`,
      description: "What this event would do",
    },
  ]),
)

const explainRule = async (
  plan: Plan,
  workspace: WorkspacePlan,
  rule: RulePlan,
  parsed: ParsedEvent,
): Promise<Explained> => {
  const { event } = parsed
  if (!rule.on.some((pattern) => matchesType(pattern, event.type))) {
    return { rule: rule.id, matched: false, because: `it is on ${rule.on.join(", ")}`, actions: [] }
  }
  const verdict = await judge(workspace, rule, event)
  if (!verdict.matched) return { rule: rule.id, matched: false, because: verdict.because, actions: [] }
  const actions = await Promise.all(rule.actions.map(({ index }) => explainAction(plan, rule, index, parsed)))
  return { rule: rule.id, matched: true, actions }
}

const explainAction = (
  plan: Plan,
  rule: RulePlan,
  index: number,
  { event, envelope }: ParsedEvent,
): Promise<Preview> => {
  const now = Date.now()
  const delivery: Delivery = {
    id: makeDeliveryId(event.id, 0, now, rule.id, index),
    event: event.id,
    type: event.type,
    workspace: event.workspace,
    rule: rule.id,
    action: index,
    connection: rule.actions[index]!.connection,
    revision: plan.revision,
    created: now,
    state: "pending",
    attempt: 0,
  }
  return previewDelivery(plan, process.env, delivery, envelope, now)
}

const show = (rule: Explained): void => {
  if (!rule.matched) return print(`${paint.dim("–")} ${rule.rule}: no, ${rule.because ?? ""}`)
  print(`${paint.green("✓")} ${rule.rule}`)
  rule.actions.forEach(showPreview)
}

export const showPreview = ({ connection, connector, action, error, request }: Preview): void => {
  print(`  → ${connection} (${connector}.${action})`)
  if (error !== undefined) print(`    ${paint.red("would be dead at once")}: ${error}`)
  else if (typeof request === "string") print(`    ${request}`)
  else showRequest(request)
}

const showRequest = (request: unknown): void => {
  const { method, url, shown, headers, body, ...rest } = request as { readonly [key: string]: any }
  if (method !== undefined) print(`    ${method} ${shown ?? url}`)
  for (const [key, value] of Object.entries({ ...rest, ...headers }))
    print(`    ${key}: ${typeof value === "string" ? value : JSON.stringify(value)}`)
  if (body !== undefined) for (const line of JSON.stringify(body, null, 2).split("\n")) print(`    ${line}`)
}
