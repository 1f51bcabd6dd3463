/**
 * Events, deliveries and attempts as programs are shown them.
 */
import type { DeadGroup } from "../history/dead-groups.ts"
import type { ContactView, EventAttemptView } from "../history/overview.ts"
import type { Exchange } from "../history/history.ts"
import type { ActView, AttemptView, DeliveryView, DeliveryWhole, EventView } from "../history/views.ts"
import type { Event } from "../model/event.ts"
import type { AuditRecord } from "../model/record.ts"

export const timeText = (ms: number): string => new Date(ms).toISOString()

/** With `undefined` for what is not there: it is left out of the JSON. */
export const eventRecord = ({ id, type, workspace, resource, resource_id, at, ...view }: EventView) => ({
  ...{ id, type, workspace, resource, resource_id },
  status: view.status,
  created_at: timeText(at),
  counts: view.deliveries,
  reason: view.reason,
  revision: view.revision,
})

/** Why an event is shown without its payload. */
export type PayloadMissing = "not_allowed" | "gone"

export const payloadRecord = (event: Event | PayloadMissing) =>
  typeof event === "string"
    ? { payload_missing: event }
    : { time: event.time, source: event.source, payload: event.payload }

/** @param bound whoever is shown it may see what is about its own events alone: nothing that may be of other deliveries too */
export const deliveryRecord = ({ last, next, created, attempts, ...view }: DeliveryView, bound = false) => ({
  id: view.id,
  event: view.event,
  type: view.type,
  workspace: view.workspace,
  rule: view.rule,
  action: view.action,
  connection: view.connection,
  replay: view.replay,
  status: view.status,
  created_at: timeText(created),
  attempt_count: attempts,
  last_attempt:
    last === undefined
      ? undefined
      : { at: timeText(last.at), outcome: last.outcome, http_status: last.status, message: messageOf(last, bound) },
  next_attempt_at: next === undefined ? undefined : timeText(next),
})

const messageOf = (view: Pick<AttemptView, "message" | "shared">, bound: boolean): string | undefined =>
  bound && view.shared === true ? undefined : view.message

const attemptRecord = (view: AttemptView, bound: boolean) => ({
  attempt: view.attempt,
  at: timeText(view.at),
  duration_ms: view.duration_ms,
  outcome: view.outcome,
  status: view.status,
  http_status: view.http_status,
  message: messageOf(view, bound),
  next_attempt_at: view.next === undefined ? undefined : timeText(view.next),
  revision: view.revision,
})

/** @param bound see `deliveryRecord` */
export const eventAttemptRecord = (view: EventAttemptView, bound: boolean) => ({
  delivery: view.delivery,
  rule: view.rule,
  action: view.action,
  connection: view.connection,
  ...attemptRecord(view, bound),
})

/**
 * One delivery with each attempt.
 *
 * @param exchanges what was sent and what came back in each attempt, as far as the log has it
 * @param bodies whether what was sent is shown: it is made of the event's payload
 * @param bound see `deliveryRecord`
 */
export const wholeDeliveryRecord = (
  { delivery, attempts, revivals, cancellations }: DeliveryWhole,
  exchanges: ReadonlyArray<Exchange | undefined>,
  bodies: boolean,
  bound: boolean,
) => ({
  ...deliveryRecord(delivery, bound),
  attempts: attempts.map((view, i) => {
    const { shared, ...exchange } = exchanges[i] ?? {}
    const { request, response }: Exchange = bound && shared === true ? {} : exchange
    return {
      ...attemptRecord(view, bound),
      request: request === undefined ? undefined : { ...request, body: bodies ? request.body : undefined },
      response,
    }
  }),
  sent_again: revivals.map(actRecord),
  canceled: cancellations.map(actRecord),
})

const actRecord = ({ at, by }: ActView) => ({ at: timeText(at), by })

/** @param bound see `deliveryRecord` */
export const deadGroupRecord = ({ first, last, ...group }: DeadGroup, bound: boolean) => ({
  connection: group.connection,
  outcome: group.outcome,
  http_status: group.http_status,
  count: group.count,
  first_at: timeText(first),
  last_at: timeText(last),
  message: messageOf(group, bound),
  example: group.example,
})

export const auditRecord = ({ at, what, target, by, key, from, agent, detail }: AuditRecord) => ({
  ...{ at: timeText(at), what, target, by },
  key_id: key,
  ...{ from, agent, detail },
})

export const contactRecord = ({ backlog, success, failure }: ContactView) => ({
  backlog,
  last_success_at: success === undefined ? undefined : timeText(success),
  last_failure: failure === undefined ? undefined : { ...failure, at: timeText(failure.at) },
})
