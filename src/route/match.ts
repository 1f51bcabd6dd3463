/**
 * Which rules want an event, and which deliveries that makes. Rules are looked up by workspace and type, so that the cost of an event
 * follows the rules that may match it and not all rules; what a type's rules are is worked out once and remembered.
 */
import { limits } from "../config/defaults.ts"
import type { ActionPlan, Plan, RulePlan, WorkspacePlan } from "../config/plan.ts"
import type { Event } from "../model/event.ts"
import { isAbout } from "../model/connection-state.ts"
import type { EventType, WorkspaceId } from "../model/ids.ts"
import { matchesType } from "../model/type-pattern.ts"
import { orderOf } from "./order.ts"

/** A rule that may match, with its actions in the order that their deliveries are made in. */
export interface Candidate {
  readonly rule: RulePlan
  readonly actions: ReadonlyArray<{
    readonly plan: ActionPlan
    /** Orders all deliveries of an event: `<rule>/<action>`. */
    readonly key: string
  }>
}

/** An action that an event is to be sent by. */
export interface Wanted {
  readonly rule: string
  readonly action: ActionPlan
  /** As `Candidate` has it. */
  readonly key: string
  /** What its delivery keeps its order by (`order.ts`). */
  readonly order?: string
}

/** What could not be evaluated, bounded; the rule then did not match, or the delivery keeps no order. */
export interface Failure {
  readonly rule: string
  readonly reason: string
}

/** What one rule says to one event. */
export type Verdict =
  | { readonly matched: true }
  /** `why` and, in words, `because` tell of the first condition that does not hold. */
  | { readonly matched: false; readonly why: Unmet; readonly because: string }

/** A condition that does not hold; `failed`: the rule's expression gave an error instead of a value. */
export type Unmet = "resource" | "resource_id" | "tags" | "expression" | "failed"

export interface RuleIndex {
  readonly workspace: (id: WorkspaceId) => WorkspacePlan | undefined
  readonly candidates: (workspace: WorkspacePlan, type: EventType) => ReadonlyArray<Candidate>
}

export const makeRuleIndex = (plan: Plan): RuleIndex => {
  const byWorkspace = new Map<WorkspaceId, Map<EventType, ReadonlyArray<Candidate>>>()
  return {
    workspace: (id) => plan.workspaces.get(id),
    candidates: (workspace, type) => {
      let types = byWorkspace.get(workspace.id)
      if (types === undefined) {
        types = new Map()
        byWorkspace.set(workspace.id, types)
      }
      let found = types.get(type)
      if (found === undefined) {
        found = candidatesFor(workspace, type)
        // Types are the publishers' words: forget rather than grow without end.
        if (types.size >= limits.indexedTypes) types.clear()
        types.set(type, found)
      }
      return found
    },
  }
}

/**
 * All that an event is to be sent by, in the order of their keys.
 *
 * @param after those up to this key are left out
 */
export const wantedBy = async (
  index: RuleIndex,
  workspace: WorkspacePlan,
  event: Event,
  after?: string,
): Promise<{ readonly wanted: ReadonlyArray<Wanted>; readonly failures: ReadonlyArray<Failure> }> => {
  const wanted: Array<Wanted> = []
  const failures: Array<Failure> = []
  const fail = (rule: string, reason: string) => {
    if (failures.length < limits.ruleFailuresRecorded) {
      failures.push({ rule, reason: reason.slice(0, limits.messageCharacters) })
    }
  }
  for (const { rule, actions } of index.candidates(workspace, event.type)) {
    const judged = judge(workspace, rule, event)
    const verdict = judged instanceof Promise ? await judged : judged
    if (!verdict.matched) {
      if (verdict.why === "failed") fail(rule.id, verdict.because)
      continue
    }
    for (const { plan, key } of actions) {
      if (after !== undefined && key <= after) continue
      // News of a connection is not sent over it: it would only wait for what it tells of.
      if (isAbout(event.type, event.resource_id, plan.connection)) continue
      const asked = orderOf(workspace, plan.connection, event)
      const { token, failure } = asked instanceof Promise ? await asked : asked
      if (failure !== undefined) fail(rule.id, failure)
      wanted.push({ rule: rule.id, action: plan, key, ...(token === undefined ? {} : { order: token }) })
    }
  }
  return { wanted, failures }
}

const candidatesFor = (workspace: WorkspacePlan, type: EventType): ReadonlyArray<Candidate> =>
  workspace.rules
    .filter((rule) => rule.on.some((pattern) => matchesType(pattern, type)))
    .map((rule) => ({
      rule,
      actions: rule.actions.map((plan) => ({ plan, key: `${rule.id}/${String(plan.index).padStart(3, "0")}` })),
    }))
    .toSorted((a, b) => (`${a.rule.id}/` < `${b.rule.id}/` ? -1 : 1))

const matched: Verdict = { matched: true }
const not = (why: Unmet, because: string): Verdict => ({ matched: false, why, because })

/** Whether a rule whose type fits wants the event. A promise only when its expression gives one. */
export const judge = (workspace: WorkspacePlan, rule: RulePlan, event: Event): Verdict | Promise<Verdict> => {
  const when = rule.when
  if (when === undefined) return matched
  if (when.resource !== undefined && when.resource !== event.resource) {
    return not("resource", `its resource is ${shown(event.resource)}, the rule wants "${when.resource}"`)
  }
  if (when.resource_id !== undefined && when.resource_id !== event.resource_id) {
    return not("resource_id", `its resource_id is ${shown(event.resource_id)}, the rule wants "${when.resource_id}"`)
  }
  const missing = when.tags?.find((tag) => !workspace.tags.includes(tag))
  if (missing !== undefined) return not("tags", `the workspace has no tag "${missing}"`)
  if (when.expression === undefined) return matched
  const { source } = when.expression
  try {
    const value = when.expression.evaluate(event)
    return value instanceof Promise
      ? value.then(
          (settled) => judgeValue(source, settled),
          (cause: unknown) => judgeFailure(source, cause),
        )
      : judgeValue(source, value)
  } catch (cause) {
    return judgeFailure(source, cause)
  }
}

const judgeValue = (source: string, value: unknown): Verdict =>
  isTrue(value) ? matched : not("expression", `the condition \`${source}\` gave ${shown(value)}`)

const judgeFailure = (source: string, cause: unknown): Verdict =>
  not("failed", `the condition \`${source}\` failed: ${cause instanceof Error ? cause.message : String(cause)}`)

const shown = (value: unknown): string =>
  value === undefined ? "absent" : (JSON.stringify(value) ?? "absent").slice(0, 80)

/** Truth as JSONata's `$boolean` has it: empty strings, zero, null, empty arrays and objects, and arrays of only such are false. */
export const isTrue = (value: unknown): boolean => {
  if (Array.isArray(value)) return value.some(isTrue)
  if (typeof value === "object" && value !== null) return Object.keys(value).length > 0
  return Boolean(value)
}
