/**
 * What an event would do by a config: which rules want it, why the others do not, and exactly what would be sent. Nothing is sent.
 * `meshes explain` and the API show it, `meshes test` and `meshes/testing` hold it against what was expected.
 */
import * as Result from "effect/Result"
import { limits } from "../config/defaults.ts"
import { type Pace, unpaced } from "../config/in-turns.ts"
import type { Plan, RulePlan, WorkspacePlan } from "../config/plan.ts"
import { previewDelivery, type Preview, type Surroundings } from "../deliver/preview.ts"
import { isAbout } from "../model/connection-state.ts"
import { parseEvent, type EventDefaults, type ParsedEvent } from "../model/envelope.ts"
import { InvalidInput, type Issue } from "../model/errors.ts"
import type { Event } from "../model/event.ts"
import { makeDeliveryId, type WorkspaceId } from "../model/ids.ts"
import { nearest } from "../model/nearest.ts"
import { matchesType } from "../model/type-pattern.ts"
import { judge, type Unmet } from "../route/match.ts"
import { orderOf } from "../route/order.ts"

/** What one rule says to the event. */
export interface Explained {
  readonly rule: string
  readonly matched: boolean
  /** What does not fit, and the same in words. */
  readonly why?: Unmet | "type"
  readonly because?: string
  readonly actions: ReadonlyArray<ExplainedAction>
}

export interface ExplainedAction extends Preview {
  /** Position in the rule. */
  readonly index: number
  /** What the delivery keeps its order with; absent: nothing. */
  readonly order?: { readonly of: "connection" | "key"; readonly key?: string; readonly error?: string }
}

export interface Explanation {
  readonly event: Event
  readonly workspace: WorkspacePlan
  /** What is wrong with the payload: with anything here the event would be refused. Paths start at the event. */
  readonly problems: ReadonlyArray<Issue>
  readonly rules: ReadonlyArray<Explained>
  /** `false`: it was enough before all rules were looked at. */
  readonly complete: boolean
}

export interface ExplainOptions extends Surroundings, Pick<EventDefaults, "id"> {
  /** Of an event that names none. Default: the config's only one. */
  readonly workspace?: WorkspaceId
  /** Asked after each rule. Default: never. */
  readonly enough?: (last: Explained) => boolean
  readonly pace?: Pace
}

/** Fails when the event can be none, or its workspace is not there. @param given as a publisher would send it */
export const explainEvent = async (
  plan: Plan,
  given: unknown,
  options: ExplainOptions,
): Promise<Result.Result<Explanation, InvalidInput>> => {
  const wrong = (issues: ReadonlyArray<Issue>) => Result.fail(new InvalidInput({ subject: "the event", issues }))
  const only = plan.workspaces.size === 1 ? [...plan.workspaces.keys()][0] : undefined
  const { now, id, workspace: named = only, enough, pace = unpaced } = options
  const parsed = parseEvent(given, { now, workspace: named, id }, limits)
  if (Result.isFailure(parsed)) return wrong(parsed.failure.issues)
  const { event } = parsed.success
  const workspace = plan.workspaces.get(event.workspace)
  if (workspace === undefined) {
    const near = nearest(event.workspace, plan.workspaces.keys())
    const message = `no workspace "${event.workspace}"${near === undefined ? "" : `; did you mean "${near}"?`}`
    return wrong([{ path: ["workspace"], message }])
  }
  const check = workspace.eventTypes.get(event.type)?.check
  const problems = (check?.(event.payload) ?? []).map(({ path, message }) => ({ path: ["payload", ...path], message }))
  const rules: Array<Explained> = []
  for (const rule of workspace.rules) {
    const explained = await pace(() => explainRule(plan, workspace, rule, parsed.success, options))
    rules.push(explained)
    if (enough?.(explained) === true) break
  }
  const complete = rules.length === workspace.rules.length
  return Result.succeed({ event, workspace, problems, rules, complete })
}

const explainRule = async (
  plan: Plan,
  workspace: WorkspacePlan,
  rule: RulePlan,
  parsed: ParsedEvent,
  around: Surroundings,
): Promise<Explained> => {
  const { event } = parsed
  if (!rule.on.some((pattern) => matchesType(pattern, event.type))) {
    return { rule: rule.id, matched: false, why: "type", because: `it is on ${rule.on.join(", ")}`, actions: [] }
  }
  const verdict = await judge(workspace, rule, event)
  if (!verdict.matched) return { rule: rule.id, ...verdict, actions: [] }
  const actions: Array<ExplainedAction> = []
  for (const { index, connection } of rule.actions) {
    if (isAbout(event.type, event.resource_id, connection)) continue
    const preview = await explainAction(plan, rule, index, parsed, around)
    actions.push({ index, ...preview, ...(await explainOrder(workspace, connection, event)) })
  }
  return { rule: rule.id, matched: true, actions }
}

const explainOrder = async (
  workspace: WorkspacePlan,
  connection: string,
  event: Event,
): Promise<Pick<ExplainedAction, "order">> => {
  const { token, key, failure } = await orderOf(workspace, connection, event)
  if (failure !== undefined) return { order: { of: "key", error: failure } }
  if (token === undefined) return {}
  return { order: key === undefined ? { of: "connection" } : { of: "key", key } }
}

const explainAction = (
  plan: Plan,
  rule: RulePlan,
  index: number,
  { event, envelope }: ParsedEvent,
  around: Surroundings,
): Promise<Preview> =>
  previewDelivery(
    plan,
    {
      id: makeDeliveryId(event.id, 0, around.now, rule.id, index),
      event: event.id,
      type: event.type,
      workspace: event.workspace,
      rule: rule.id,
      action: index,
      connection: rule.actions[index]!.connection,
      revision: plan.revision,
      created: around.now,
      state: "pending",
      attempt: 0,
    },
    envelope,
    around,
  )
