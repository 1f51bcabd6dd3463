/**
 * Tests of a config: what would an event do? `import { defineTests, deliveriesOf } from "meshes/testing"`. Nothing is sent, no runtime is
 * needed, and secrets need no values.
 */
import * as Result from "effect/Result"
import { checkConfig } from "../config/check.ts"
import { hint } from "../config/check-shape.ts"
import type { DeclaringEvents, EventTypeOf, OpenPayload, PayloadOf, WorkspaceOf } from "../config/declared-events.ts"
import type { Plan } from "../config/plan.ts"
import { isOwnType, type ConnectionChange, type ConnectionChanged } from "../model/connection-state.ts"
import type { UsageWarning, usageWarningType } from "../model/usage.ts"
import { formatPath, InvalidInput, type Issue } from "../model/errors.ts"
import { compiler } from "../transform/compiler.ts"
import {
  compareDeliveries,
  deliveriesIn,
  type Difference,
  type ExpectedDelivery,
  type MadeDelivery,
} from "./expectation.ts"
import { explainEvent, type Explanation } from "./explain.ts"

export type { Difference, ExpectedDelivery, MadeDelivery } from "./expectation.ts"

/** An event that names neither is told of as if it were this one, so that what is sent is the same each time. */
const standIn = { id: "evt_test", time: "2026-01-01T00:00:00.000Z" }

interface AboutEvent<W extends string> {
  /** May be left out when the config has only one. */
  readonly workspace?: W
  /** Default: `evt_test`, at the beginning of 2026. */
  readonly id?: string
  readonly time?: string
  readonly resource?: string
  readonly resource_id?: string
  readonly source?: string
}

/** An event as a publisher would send it, or one of the runtime's own. */
export type TestEvent<C extends DeclaringEvents = DeclaringEvents> =
  | {
      readonly [T in EventTypeOf<C, WorkspaceOf<C>>]: AboutEvent<WorkspaceOf<C>> & {
        readonly type: T
        readonly payload: PayloadOf<C, WorkspaceOf<C>, T>
      }
    }[EventTypeOf<C, WorkspaceOf<C>>]
  | (AboutEvent<WorkspaceOf<C>> & {
      readonly type: `meshes.connection.${ConnectionChange}`
      readonly payload: ConnectionChanged
    })
  | (AboutEvent<WorkspaceOf<C>> & { readonly type: typeof usageWarningType; readonly payload: UsageWarning })

export type ConfigTest<C extends DeclaringEvents = DeclaringEvents> =
  | {
      readonly name: string
      readonly event: TestEvent<C>
      /** All deliveries that the event is expected to make, in any order; `[]`: no rule wants it. */
      readonly deliveries: ReadonlyArray<ExpectedDelivery>
    }
  | {
      readonly name: string
      readonly event: AboutEvent<WorkspaceOf<C>> & {
        readonly type: EventTypeOf<C, WorkspaceOf<C>>
        readonly payload: OpenPayload
      }
      /** Its payload does not fit its type, for a reason that holds this text (`payload.email`); or for any. */
      readonly refused: string | true
    }

/** What `defineTests` gives. */
export interface ConfigTests {
  readonly config: unknown
  readonly tests: ReadonlyArray<ConfigTest>
}

/** Tests of a config for `meshes test`: default-export what it gives from `meshes.tests.ts`. */
export const defineTests = <C extends DeclaringEvents>(
  config: C,
  tests: ReadonlyArray<ConfigTest<C>>,
): ConfigTests => ({ config, tests: tests as ReadonlyArray<unknown> as ReadonlyArray<ConfigTest> })

/**
 * The deliveries that an event would make, with their input and request, in the order of the config: for the test runner of your choice.
 * Rejects when the config is wrong, or when the event would be refused.
 *
 * @example
 * expect(await deliveriesOf(config, { type: "lead.created", payload })).toMatchObject([{ connection: "crm", input: { email } }])
 */
export const deliveriesOf = async <C extends DeclaringEvents>(
  config: C,
  event: TestEvent<C>,
): Promise<ReadonlyArray<MadeDelivery>> => {
  const { problems, rules } = await explain(planOf(config), event)
  if (problems.length > 0) throw new InvalidInput({ subject: "the event", issues: problems })
  return deliveriesIn(rules)
}

const plans = new WeakMap<object, Plan>()

/** Throws `InvalidInput` when the config is wrong. */
export const planOf = (config: unknown): Plan => {
  const known = plans.get(config as object)
  if (known !== undefined) return known
  const checked = checkConfig(config, compiler)
  if (Result.isFailure(checked)) throw new InvalidInput({ subject: "the config", issues: checked.failure })
  plans.set(config as object, checked.success)
  return checked.success
}

/** What is not as the test expects; throws `InvalidInput` when its event can be none. */
export const runTest = async (plan: Plan, test: ConfigTest): Promise<ReadonlyArray<Difference>> => {
  const { event, workspace, problems, rules } = await explain(plan, test.event)
  const said = problems.map(({ path, message }) => `${formatPath(path)}: ${message}`)
  if ("refused" in test) {
    if (said.some((one) => test.refused === true || one.includes(test.refused))) return []
    const instead = said.length === 0 ? "its payload fits its type" : `it would be for ${said.join("; ")}`
    const wanted = test.refused === true ? "" : ` for "${test.refused}"`
    return [{ at: `the event was expected to be refused (422)${wanted}, but ${instead}` }]
  }
  if (said.length > 0) return [{ at: `the event would be refused (422): ${said.join("; ")}` }]
  const reasons = (connection: string): ReadonlyArray<string> => {
    const names = [...workspace.connections.keys()]
    if (!names.includes(connection))
      return [`no connection "${connection}" in ${event.workspace}${hint(connection, names)}`]
    return rules
      .filter(({ matched }) => !matched)
      .filter(({ rule }) =>
        workspace.rules.some(({ id, actions }) => id === rule && actions.some((one) => one.connection === connection)),
      )
      .map(({ rule, because }) => `rule ${rule}: no, ${because}`)
  }
  return compareDeliveries(test.deliveries, deliveriesIn(rules), reasons)
}

const explain = async (plan: Plan, given: object): Promise<Explanation> => {
  const explained = Result.getOrThrowWith(
    await explainEvent(plan, { ...standIn, ...given }, { now: Date.parse(standIn.time), env: {} }),
    (error) => error,
  )
  const { event, workspace } = explained
  const types = [...workspace.eventTypes.keys()]
  // A runtime takes what nobody declared; in a test it is a slip, which "no rule wants it" would hide.
  if (types.length > 0 && !types.includes(event.type) && !isOwnType(event.type)) {
    throw wrongEvent({ path: ["type"], message: `no event type "${event.type}"${hint(event.type, types)}` })
  }
  return explained
}

const wrongEvent = (issue: Issue): InvalidInput => new InvalidInput({ subject: "the event", issues: [issue] })
