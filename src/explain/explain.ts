/**
 * What an event would do by a config: which rules want it, why the others do not, and exactly what would be sent. Nothing is sent.
 * `meshes explain` shows it, `meshes test` and `meshes/testing` hold it against what was expected.
 */
import * as Result from "effect/Result"
import { limits } from "../config/defaults.ts"
import type { Plan, RulePlan, WorkspacePlan } from "../config/plan.ts"
import { previewDelivery, type Preview, type Surroundings } from "../deliver/preview.ts"
import { isAbout } from "../model/connection-state.ts"
import { parseEvent, type EventDefaults, type ParsedEvent } from "../model/envelope.ts"
import { InvalidInput, type Issue } from "../model/errors.ts"
import type { Event } from "../model/event.ts"
import { makeDeliveryId } from "../model/ids.ts"
import { nearest } from "../model/nearest.ts"
import { matchesType } from "../model/type-pattern.ts"
import { judge } from "../route/match.ts"

/** What one rule says to the event. */
export interface Explained {
  readonly rule: string
  readonly matched: boolean
  readonly because?: string
  readonly actions: ReadonlyArray<Preview>
}

export interface Explanation {
  readonly event: Event
  readonly workspace: WorkspacePlan
  /** What is wrong with the payload: with anything here the event would be refused. Paths start at the event. */
  readonly problems: ReadonlyArray<Issue>
  readonly rules: ReadonlyArray<Explained>
}

/** Fails when the event can be none, or its workspace is not there. @param given as a publisher would send it */
export const explainEvent = async (
  plan: Plan,
  given: unknown,
  around: Surroundings & Pick<EventDefaults, "id">,
): Promise<Result.Result<Explanation, InvalidInput>> => {
  const wrong = (issues: ReadonlyArray<Issue>) => Result.fail(new InvalidInput({ subject: "the event", issues }))
  const only = plan.workspaces.size === 1 ? [...plan.workspaces.keys()][0] : undefined
  const parsed = parseEvent(given, { now: around.now, workspace: only, id: around.id }, limits)
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
  const rules = await Promise.all(
    workspace.rules.map((rule) => explainRule(plan, workspace, rule, parsed.success, around)),
  )
  return Result.succeed({ event, workspace, problems, rules })
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
    return { rule: rule.id, matched: false, because: `it is on ${rule.on.join(", ")}`, actions: [] }
  }
  const verdict = await judge(workspace, rule, event)
  if (!verdict.matched) return { rule: rule.id, matched: false, because: verdict.because, actions: [] }
  const actions = await Promise.all(
    rule.actions
      .filter(({ connection }) => !isAbout(event.type, event.resource_id, connection))
      .map(({ index }) => explainAction(plan, rule, index, parsed, around)),
  )
  return { rule: rule.id, matched: true, actions }
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
