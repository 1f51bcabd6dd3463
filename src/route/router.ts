/**
 * The second stage: decides what becomes of each event. One loop a partition reads events in order, asks the rules, and commits the
 * deliveries together with how far it has come. A decision is a function of the event and the config alone, so an event that is
 * decided again after a crash gives the same deliveries under the same ids.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import { UsageWatch } from "../accounts/usage-watch.ts"
import { CurrentPlan } from "../config/current-plan.ts"
import { limits } from "../config/defaults.ts"
import type { Plan } from "../config/plan.ts"
import type { Message } from "../log/batch.ts"
import { Leases, units } from "../log/leases.ts"
import { Partitions, type Position } from "../log/partition.ts"
import type { Pulled } from "../log/pull.ts"
import { createdHeader } from "../log/stored.ts"
import { parseEventSubject } from "../log/topology.ts"
import { readyMessage } from "../log/work.ts"
import type { Delivery } from "../model/delivery.ts"
import { LogUnavailable } from "../model/errors.ts"
import type { EventRefused, HistoryRecord, RuleFailed } from "../model/record.ts"
import { decodeStored } from "../model/stored-event.ts"
import { counts } from "../model/usage.ts"
import { Health } from "../observe/health.ts"
import { eventsRouted } from "../observe/metrics.ts"
import * as Metric from "effect/Metric"
import { deliveryOf, factsOf, summaryOf } from "./decision.ts"
import { makeRuleIndex, wantedBy, type RuleIndex } from "./match.ts"

/** What one commit stores. */
interface Draft {
  readonly position: Position
  readonly deliveries: Array<Message>
  readonly records: Array<HistoryRecord>
}

/** Runs the routers of the partitions that are this replica's. */
export const routerLayer = Layer.effectDiscard(
  Effect.gen(function* () {
    const leases = yield* Leases
    const loops = Array.from({ length: limits.partitions }, (_, partition) => {
      const name = units.route(partition)
      return leases.whileHeld(name, routePartition(partition, name))
    })
    yield* Effect.forkScoped(Effect.all(loops, { concurrency: "unbounded", discard: true }))
  }),
)

const routePartition = (partition: number, name: string) =>
  Effect.scoped(
    Effect.gen(function* () {
      const health = yield* Health
      const partitions = yield* Partitions
      const current = yield* CurrentPlan
      const usage = yield* UsageWatch
      const log = yield* partitions.open(partition)
      health.beat(name)
      let position = log.position
      let index: RuleIndex | undefined
      let plan: Plan | undefined
      let overdue = false
      let committing: Fiber.Fiber<void, LogUnavailable> | undefined
      const settle = Effect.suspend(() => (committing === undefined ? Effect.void : Fiber.join(committing)))

      for (;;) {
        const messages = yield* log.take(limits.routerBatchEvents, limits.idleCheckMs)
        if (messages.length === 0) {
          yield* settle
          committing = undefined
          // Idle is only idle when the log agrees; twice, since an event may be on its way to us.
          const idle = yield* log.nothingAfter(position.seq)
          if (!idle && overdue) return yield* new LogUnavailable(stuck(partition))
          overdue = !idle
          health.beat(name)
          continue
        }
        overdue = false
        const now = current.get()
        if (index === undefined || now !== plan) {
          plan = now
          index = makeRuleIndex(now)
        }
        const drafts = yield* Effect.promise(() => decide(index!, plan!.revision, messages, position, usage))
        for (const draft of drafts) {
          yield* settle
          committing = yield* Effect.forkChild(log.commit(draft.position, draft.deliveries, draft.records), {
            startImmediately: true,
          })
          position = draft.position
        }
        yield* Metric.update(eventsRouted, messages.length)
        health.beat(name)
      }
    }),
  )

const stuck = (partition: number) => ({
  operation: `reading partition ${partition}`,
  reason: "events are waiting in the log and none arrives",
  stored: "no" as const,
})

/**
 * Decides a run of events: what to store, cut into commits that fit one batch each. A pure function of its arguments, but for the time
 * that expressions take.
 */
export const decide = async (
  index: RuleIndex,
  revision: string,
  messages: ReadonlyArray<Pulled>,
  from: Position,
  usage: UsageWatch["Service"],
): Promise<ReadonlyArray<Draft>> => {
  const drafts: Array<Draft> = []
  let draft = emptyDraft()
  let weight = 0
  const close = (position: Position) => {
    drafts.push({ ...draft, position })
    draft = emptyDraft()
    weight = 0
  }
  let { seq, after } = from
  for (const message of messages) {
    const decision = await decideEvent(index, revision, message, after, usage)
    after = undefined
    let rest = decision.planned
    for (;;) {
      const room = roomFor(rest, draft.deliveries.length, weight)
      const part = rest.slice(0, room)
      for (const { message } of part) {
        draft.deliveries.push(message)
        weight += message.body.length
      }
      const record = decision.record(part)
      if (record !== undefined) draft.records.push(record)
      rest = rest.slice(room)
      if (rest.length === 0) break
      const last = part.at(-1)
      close(last === undefined ? { seq, ...(after === undefined ? {} : { after }) } : { seq, after: last.key })
      after = last?.key ?? after
    }
    after = undefined
    draft.records.push(...decision.failures)
    weight += recordWeight * (1 + decision.failures.length)
    seq = message.seq
    if (weight >= limits.batchBytes) close({ seq })
  }
  if (drafts.at(-1)?.position.seq !== seq || draft.deliveries.length + draft.records.length > 0) close({ seq })
  return drafts
}

const emptyDraft = (): Draft => ({ position: { seq: 0 }, deliveries: [], records: [] })

/** Records count against a batch as more than they are, so that a checkpoint's own body stays far below `max_payload`. */
const recordWeight = 8192

/** How many of an event's deliveries still fit. All of one event weigh about the same. */
const roomFor = (planned: ReadonlyArray<Planned>, taken: number, weight: number): number => {
  const each = planned[0]?.message.body.length ?? 0
  const byBytes = each === 0 ? planned.length : Math.floor((limits.batchBytes - weight) / each)
  return Math.max(taken === 0 ? 1 : 0, Math.min(limits.batchMessages - 1 - taken, byBytes))
}

/** A delivery that is to be created. */
interface Planned {
  readonly key: string
  readonly delivery: Delivery
  readonly message: Message
}

interface Decision {
  readonly planned: ReadonlyArray<Planned>
  /** The record of the event with some of its deliveries; `undefined` where there is nothing to say. */
  readonly record: (part: ReadonlyArray<Planned>) => HistoryRecord | undefined
  readonly failures: ReadonlyArray<RuleFailed>
}

const decideEvent = async (
  index: RuleIndex,
  revision: string,
  message: Pulled,
  after: string | undefined,
  usage: UsageWatch["Service"],
): Promise<Decision> => {
  const { workspace: id, type } = parseEventSubject(message.subject)
  const refuse = (reason: string): Decision => ({
    planned: [],
    record: () => refused(message, id, type, reason),
    failures: [],
  })
  const workspace = index.workspace(id)
  if (workspace === undefined) return refuse(`there is no workspace "${id}"`)
  const decoded = decodeStored({ subjectWorkspace: id, subjectType: type, headers: message.header, ...message }, limits)
  if (Result.isFailure(decoded)) return refuse(decoded.failure)
  usage.routed(id)
  // Of an event whose fan-out has begun, all is delivered; what came in over HTTP was admitted before it was stored.
  const beyond = after === undefined && counts(type) ? usage.refusal(id, message.seq) : undefined
  if (beyond !== undefined && message.header(createdHeader) === undefined) return refuse(beyond)
  const stored = decoded.success
  const facts = factsOf(message, stored.event)
  const { wanted, failures } = await wantedBy(index, workspace, stored.event, after)
  const planned = wanted.map((one): Planned => {
    const delivery = deliveryOf(message, stored, revision, one)
    return { key: one.key, delivery, message: readyMessage(delivery, stored.envelope) }
  })
  return {
    planned,
    failures: failures.map((failure) => ({ kind: "rule.failed", ...facts, ...failure })),
    record: (part) => {
      if (part.length > 0)
        return { kind: "event.routed", ...facts, revision, deliveries: part.map(({ delivery }) => summaryOf(delivery)) }
      return planned.length === 0 && after === undefined ? { kind: "event.unmatched", ...facts, revision } : undefined
    },
  }
}

const refused = (message: Pulled, workspace: string, type: string, reason: string): EventRefused => ({
  kind: "event.refused",
  at: message.time,
  seq: message.seq,
  subject: message.subject,
  workspace,
  type,
  reason: reason.slice(0, limits.messageCharacters),
})
