/**
 * The end of an attempt: what an outcome makes of a delivery by its machine, and the record of it.
 */
import type { RetryPlan } from "../config/plan.ts"
import { logTime } from "../log/log-time.ts"
import type { Delivery } from "../model/delivery.ts"
import { isPermanent, type Outcome } from "../model/outcome.ts"
import type { DeliveryAttempted } from "../model/record.ts"
import { delayAfter } from "./backoff.ts"
import { step } from "./step.ts"

/** How an attempt was made. */
export interface Made {
  readonly durationMs: number
  /** Of the config that it was sent by; absent: the one that decided on it. */
  readonly revision?: string | undefined
  /** Somebody stopped it while it was being sent: there is no other attempt. */
  readonly cancelled?: boolean
}

/** The delivery as an outcome leaves it, and the record of the attempt. */
export const finish = (
  delivery: Delivery,
  outcome: Outcome,
  retry: RetryPlan,
  { durationMs, revision = delivery.revision, cancelled = false }: Made,
) => {
  // What the connection lacks is nothing that a delivery dies of.
  const attempts = outcome.pause === undefined ? retry.attempts : Number.POSITIVE_INFINITY
  const sending = step({ ...delivery, attempts, last: null }, { type: "SEND" })
  const ended = step(
    sending,
    outcome.kind === "delivered"
      ? { type: "DELIVERED" }
      : { type: "FAILED", kind: outcome.kind, permanent: isPermanent(outcome) },
  )
  const next = cancelled ? step(ended, { type: "CANCEL" }) : ended
  const now = logTime()
  const due =
    next.state === "retrying" ? logTime() + delayAfter(retry, next.attempt, outcome, Math.random()) : undefined
  const { next: _, ...before } = delivery
  const after: Delivery = {
    ...before,
    state: next.state,
    attempt: next.attempt,
    last: {
      kind: outcome.kind,
      message: outcome.message,
      at: now,
      ...(outcome.status === undefined ? {} : { status: outcome.status }),
    },
    ...(due === undefined ? {} : { next: due }),
  }
  return { after, record: recordOf(after, outcome, durationMs, now, revision) }
}

const recordOf = (
  delivery: Delivery,
  outcome: Outcome,
  durationMs: number,
  at: number,
  revision: string,
): DeliveryAttempted => ({
  kind: "delivery.attempted",
  at,
  delivery: delivery.id,
  event: delivery.event,
  type: delivery.type,
  workspace: delivery.workspace,
  rule: delivery.rule,
  action: delivery.action,
  connection: delivery.connection,
  attempt: delivery.attempt,
  outcome: outcome.kind,
  // Of a success, the status says it all.
  ...(outcome.kind === "delivered" ? {} : { message: outcome.message }),
  ...(outcome.status === undefined ? {} : { status: outcome.status }),
  duration_ms: durationMs,
  state: delivery.state,
  ...(delivery.next === undefined ? {} : { next: delivery.next }),
  ...(outcome.request === undefined ? {} : { request: outcome.request }),
  ...(outcome.response === undefined ? {} : { response: outcome.response }),
  ...(outcome.shared === undefined ? {} : { shared: outcome.shared }),
  revision: delivery.revision,
  ...(revision === delivery.revision ? {} : { sent_revision: revision }),
  ...(delivery.replay === undefined ? {} : { replay: delivery.replay }),
})
