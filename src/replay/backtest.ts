/**
 * A backtest: a config decides over stored events, and what it would make of them is held against what was really made. Nothing is sent.
 * What a request was is nowhere kept, so bodies are held against those that another config makes: the one that was in force.
 */
import * as Effect from "effect/Effect"
import type { Plan } from "../config/plan.ts"
import { findRule } from "../config/find-rule.ts"
import { limits } from "../config/defaults.ts"
import { type Pace, unpaced } from "../config/in-turns.ts"
import { previewDelivery, type Preview } from "../deliver/preview.ts"
import type { FoundWhole } from "../log/direct.ts"
import { Past } from "../log/past.ts"
import type { ReplayFilter } from "../model/replay.ts"
import type { StoredEvent } from "../model/stored-event.ts"
import { matchesType } from "../model/type-pattern.ts"
import { deliveryOf } from "../route/decision.ts"
import { judge, makeRuleIndex, wantedBy, type Wanted } from "../route/match.ts"
import { compiledOf, decode } from "./choose.ts"
import { nameOf, readDelivered, type Done } from "./delivered.ts"
import { differencesOf, type Difference } from "./difference.ts"
import { forEachEvent, leaves } from "./events.ts"

/** Deliveries that differ in one way, by one action. */
export interface Deviation {
  readonly workspace: string
  readonly rule: string
  readonly action: number
  readonly connection: string
  readonly deliveries: number
  readonly examples: ReadonlyArray<Example>
}

export interface Example {
  readonly event: string
  /** Why it is no longer matched. */
  readonly because?: string
  /** What is different in what is sent. */
  readonly differences?: ReadonlyArray<Difference>
}

export interface Deviations {
  readonly deliveries: number
  /** The most frequent first, at most `limits.backtestActions`. */
  readonly actions: ReadonlyArray<Deviation>
}

export interface Backtest {
  /** Events compared. */
  readonly events: number
  /** Events that the history does not know: not routed yet, or older than it. */
  readonly unknown: number
  /** Events for which the filter's expression failed. */
  readonly failed: number
  /** Deliveries that are the same. */
  readonly same: number
  /** Newly matched. */
  readonly added: Deviations
  /** No longer matched. */
  readonly removed: Deviations
  /** Matched as before, with another request. */
  readonly changed: Deviations
  /** Whether requests were compared at all. */
  readonly requests: boolean
  /** Deliveries that were decided by a config of another revision than the one that requests were compared with. */
  readonly otherRevision: number
  /** Rules of which a condition or an ordering key failed: for how many events, and why for the first; at most `limits.backtestActions`. */
  readonly failures: ReadonlyArray<{ readonly rule: string; readonly events: number; readonly reason: string }>
  /** `false`: it was cut off; `until` is when the last event was stored that was looked at, in milliseconds. */
  readonly complete: boolean
  readonly until?: number
}

export interface BacktestOptions {
  readonly plan: Plan
  /** The config that was in force; absent: requests are not compared. */
  readonly against: Plan | undefined
  readonly env: NodeJS.ProcessEnv
  /** Examples of each action. */
  readonly examples: number
  /** When it is cut off, of a filter that names its workspace. Absent: more than `limits.backtestEvents` events are an error. */
  readonly bounds?: {
    readonly events: number
    readonly ms: number
    /** Examples of each kind of difference together. */
    readonly examples: number
  }
  readonly pace?: Pace
  /** Told often of how many events were looked at, of how many; while the history is read, of none. */
  readonly progress?: (events: number, of: number) => void
}

/** Fails with `Unusable` when there is too much to compare. */
export const backtest = Effect.fnUntraced(function* (filter: ReplayFilter, options: BacktestOptions) {
  const { plan, against, examples, bounds, pace = unpaced, progress } = options
  const past = yield* Past
  const range = yield* past.range(filter.from)
  const delivered = yield* readDelivered(past, filter, {
    most: bounds?.events,
    pace,
    progress: (events) => progress?.(0, events),
  })
  const { bySeq, until: known = Number.POSITIVE_INFINITY } = delivered
  const expression = yield* compiledOf(filter)
  const index = makeRuleIndex(plan)
  const tally = () => new Tally(examples, bounds?.examples)
  const [added, removed, changed] = [tally(), tally(), tally()]
  const failures = new Map<string, { events: number; readonly reason: string }>()
  const counts = { events: 0, unknown: 0, failed: 0, same: 0, otherRevision: 0 }
  const chosen = ({ rule, connection }: Pick<Done, "rule" | "connection">) =>
    (filter.rule === undefined || rule === filter.rule) &&
    (filter.connection === undefined || connection === filter.connection)

  const compare = async (message: FoundWhole): Promise<void> => {
    const stored = decode(message)
    if (stored === undefined) return
    const left = await leaves(filter, expression, stored.event).catch(() => "failed" as const)
    if (left === "failed") counts.failed++
    if (left !== true) return
    const before = bySeq.get(message.seq)
    if (before === undefined) {
      counts.unknown++
      return
    }
    counts.events++
    const { event } = stored
    const workspace = plan.workspaces.get(event.workspace)
    const decided = workspace === undefined ? undefined : await wantedBy(index, workspace, event)
    const wanted = decided?.wanted ?? []
    for (const { rule, reason } of decided?.failures ?? []) {
      const failure = failures.get(rule) ?? { events: 0, reason }
      failure.events++
      failures.set(rule, failure)
    }
    const now = new Map(wanted.map((one) => [nameOf(doneOf(one)), one]))
    for (const [name, one] of now) {
      const done = doneOf(one)
      if (!chosen(done)) continue
      const was = before.get(name)
      if (was === undefined) {
        await added.add(event.workspace, done, async () => ({ event: event.id }))
        continue
      }
      if (against !== undefined && was.revision !== against.revision) counts.otherRevision++
      const differences = await requestDifferences(message, stored, one, options)
      if (differences.length === 0) counts.same++
      else await changed.add(event.workspace, done, async () => ({ event: event.id, differences }))
    }
    for (const [name, was] of before) {
      if (now.has(name) || !chosen(was)) continue
      await removed.add(event.workspace, was, async () => ({
        event: event.id,
        because: await becauseOf(plan, stored, was),
      }))
    }
  }

  const late = performance.now() + (bounds?.ms ?? Number.POSITIVE_INFINITY)
  let looked = 0
  let cut: number | undefined
  let last = filter.from ?? 0
  yield* forEachEvent(
    past,
    filter,
    range,
    Effect.fnUntraced(function* (message) {
      if (message.seq > known || performance.now() > late) {
        cut = last
        return "enough"
      }
      yield* Effect.promise(() => pace(() => compare(message)))
      last = message.time
      if (bySeq.has(message.seq)) looked++
      progress?.(looked, bySeq.size)
      return undefined
    }),
  )
  const seldom = [...failures].map(([rule, failure]) => ({ rule, ...failure }))
  return {
    ...counts,
    added: added.result(),
    removed: removed.result(),
    changed: changed.result(),
    requests: against !== undefined,
    failures: seldom.toSorted((a, b) => b.events - a.events).slice(0, limits.backtestActions),
    complete: cut === undefined,
    ...(cut === undefined ? {} : { until: cut }),
  } satisfies Backtest
})

const doneOf = ({ rule, action }: Wanted): Omit<Done, "revision"> => ({
  rule,
  action: action.index,
  connection: action.connection,
})

/** Where what would be sent differs from what the other config sends. */
const requestDifferences = async (
  message: FoundWhole,
  stored: StoredEvent,
  wanted: Wanted,
  { plan, against, env }: BacktestOptions,
): Promise<ReadonlyArray<Difference>> => {
  if (against === undefined) return []
  // Of the same delivery at the same time: what differs comes from the configs.
  const delivery = deliveryOf(message, stored, plan.revision, wanted)
  const made = (by: Plan): Promise<Preview> =>
    previewDelivery(by, delivery, stored.envelope, { now: message.time, env })
  const [before, after] = [await made(against), await made(plan)]
  // Where both send something, that alone counts: a mapping that is written in another way may make the same.
  const sent = before.error === undefined && after.error === undefined
  const found = sent
    ? differencesOf({ request: before.request }, { request: after.request })
    : differencesOf(before, after)
  // A signature differs with what it signs.
  const others = found.filter(({ path }) => !path.includes("signature"))
  return others.length === 0 ? found : others
}

/** Why a rule does not want an event any more. */
const becauseOf = async (
  plan: Plan,
  { event }: StoredEvent,
  { rule: id, action, connection }: Done,
): Promise<string> => {
  const workspace = plan.workspaces.get(event.workspace)
  const rule = workspace === undefined ? undefined : findRule(workspace, id)
  if (workspace === undefined) return "the workspace is no longer in the config"
  if (rule === undefined) return "the rule is no longer in the config"
  if (!rule.on.some((pattern) => matchesType(pattern, event.type))) return `it is on ${rule.on.join(", ")}`
  const verdict = await judge(workspace, rule, event)
  if (!verdict.matched) return verdict.because
  return `action ${action} of the rule is no longer on "${connection}"`
}

/** Counts differences of one kind, and keeps a few examples. */
class Tally {
  readonly #examples: number
  /** How many more there may be, of all actions. */
  #left: number
  readonly #actions = new Map<string, { -readonly [K in keyof Deviation]: Deviation[K] }>()

  constructor(examples: number, inAll = Number.POSITIVE_INFINITY) {
    this.#examples = examples
    this.#left = inAll
  }

  /** @param example made only where it is shown */
  async add(workspace: string, done: Omit<Done, "revision">, example: () => Promise<Example>): Promise<void> {
    const key = `${workspace}/${nameOf(done)}`
    let action = this.#actions.get(key)
    if (action === undefined) {
      const { rule, action: position, connection } = done
      action = { workspace, rule, action: position, connection, deliveries: 0, examples: [] }
      this.#actions.set(key, action)
    }
    action.deliveries++
    if (action.examples.length >= this.#examples || this.#left === 0) return
    this.#left--
    action.examples = [...action.examples, await example()]
  }

  result(): Deviations {
    const all = [...this.#actions.values()].toSorted((a, b) => b.deliveries - a.deliveries)
    return {
      deliveries: all.reduce((sum, { deliveries }) => sum + deliveries, 0),
      actions: all.slice(0, limits.backtestActions),
    }
  }
}
