/**
 * A shard's deliveries in this process: takes ready work from the log, gives each to its lane, runs the attempt, and hands what came of
 * it to the committer. What is held is known by its sequence, so a message that the server sends again while it is held, or shortly
 * after it was finished, is not sent to its destination again.
 */
import * as Effect from "effect/Effect"
import { limits } from "../config/defaults.ts"
import type { RetryPlan } from "../config/plan.ts"
import type { Pull, Pulled } from "../log/pull.ts"
import type { Work } from "../log/work.ts"
import { decodeDelivery, type Delivery } from "../model/delivery.ts"
import { isPermanent, type Outcome } from "../model/outcome.ts"
import type { DeliveryAttempted } from "../model/record.ts"
import { delayAfter } from "./backoff.ts"
import type { Committer } from "./commit.ts"
import { Lane, type Item, type LaneSettings, type Parking } from "./lane.ts"
import { step } from "./step.ts"

export interface ShardOptions {
  readonly shard: number
  readonly work: Work["Service"]
  readonly committer: Committer["Service"]
  readonly settings: (workspace: string, connection: string) => LaneSettings
  readonly retry: (delivery: Delivery) => RetryPlan
  /** Makes one attempt. Never fails: whatever goes wrong is an outcome. */
  readonly attempt: (delivery: Delivery, event: Uint8Array) => Effect.Effect<Outcome>
  /** Runs an attempt; ends it with the runtime. */
  readonly run: (effect: Effect.Effect<void>) => void
  /** Tells operators about an outcome. */
  readonly observe: (record: DeliveryAttempted) => void
  readonly log: (message: string) => void
}

export class Shard {
  readonly #options: ShardOptions
  readonly #lanes = new Map<string, Lane>()
  readonly #held = new Map<number, Item>()
  /** Sequences that were finished last, the oldest first. */
  readonly #recent = new Set<number>()
  /** How many ended since the owner last asked. */
  finished = 0
  #pull: Pull | undefined
  #draining = 0
  #stopped = false

  constructor(options: ShardOptions) {
    this.#options = options
  }

  get held(): number {
    return this.#held.size
  }

  /** When the server was last heard of; `undefined` while nothing is being read. */
  get heardAt(): number | undefined {
    return this.#pull?.heardAt()
  }

  /** Begins to take ready work. What was parked earlier is taken back as well. */
  start(
    parked: ReadonlyArray<{ readonly workspace: string; readonly connection: string }>,
    onGone: (reason: string) => void,
  ) {
    for (const { workspace, connection } of parked) {
      const lane = this.#lane(workspace, connection)
      if (lane.mode === "direct" && lane.waiting + lane.sending === 0) lane.startParked()
    }
    const pull: Pull = this.#options.work.pull(this.#options.shard, limits.shardInFlight - this.#held.size, {
      onMessage: (message) => this.#receive(message, () => this.#pull?.done(1)),
      onGone,
    })
    this.#pull = pull
    return pull
  }

  /** Stops taking work. */
  pause(): void {
    this.#pull?.close()
    this.#pull = undefined
  }

  /** Stops for good: what was not begun is given back to the log at once. */
  stop(): void {
    this.#stopped = true
    this.pause()
    for (const lane of this.#lanes.values()) {
      for (const item of lane.stop()) {
        this.#held.delete(item.message.seq)
        item.message.nak()
      }
    }
  }

  /** The work of a timer: lanes that hold up the others are parked, parked ones tended, idle ones let go. */
  tend(): void {
    const now = performance.now()
    const crowded = this.#held.size >= limits.shardInFlight * 0.75
    for (const [key, lane] of this.#lanes) {
      const slow = lane.isSlow(now)
      if (crowded && slow && lane.mode === "direct") lane.park()
      void lane.tend().catch((cause: unknown) => this.#options.log(`lane ${key}: ${String(cause)}`))
      if (lane.idle(now)) this.#lanes.delete(key)
    }
  }

  /** Tells the server that what is held is being worked on. */
  reassure(): void {
    const now = performance.now()
    for (const item of this.#held.values()) {
      if (now - item.told < limits.workingEveryMs) continue
      item.told = now
      item.message.working()
    }
  }

  #lane(workspace: string, connection: string): Lane {
    const key = `${workspace}/${connection}`
    let lane = this.#lanes.get(key)
    if (lane === undefined) {
      lane = new Lane({
        workspace,
        connection,
        settings: () => this.#options.settings(workspace, connection),
        send: (item) => this.#send(item),
        parking: this.#parking(workspace, connection),
        onParkedMessage: (to, message, release) => this.#receive(message, release, to),
      })
      this.#lanes.set(key, lane)
    }
    return lane
  }

  #parking(workspace: string, connection: string): Parking {
    const { shard, work } = this.#options
    return {
      store: async (items) => {
        await work.park(
          shard,
          workspace,
          connection,
          items.map((item) => ({ seq: item.message.seq, body: item.message.data })),
        )
        for (const item of items) this.#end(item)
      },
      open: (window, onMessage, onGone) => work.pullParked(shard, workspace, connection, window, { onMessage, onGone }),
      left: () => work.sweepParked(shard, workspace, connection),
      end: () => work.endParked(shard, workspace, connection),
      enter: () => {
        if (this.#draining >= limits.drainingLanes) return false
        this.#draining++
        return true
      },
      leave: () => void this.#draining--,
    }
  }

  #receive(message: Pulled, release: () => void, parkedLane?: Lane): void {
    if (this.#stopped) return message.nak()
    const held = this.#held.get(message.seq)
    if (held !== undefined) {
      // The server lost patience, or its connection: the copy that is being worked on answers for both.
      held.message = message
      return release()
    }
    if (this.#recent.has(message.seq)) {
      message.ack()
      return release()
    }
    const decoded = decodeDelivery(message.data)
    if (decoded === undefined) {
      this.#options.log(`message ${message.seq} on ${message.subject} is no delivery; it was dropped`)
      message.ack()
      return release()
    }
    const now = performance.now()
    const item: Item = { ...decoded, message, since: now, told: now, release }
    this.#held.set(message.seq, item)
    if (parkedLane !== undefined) parkedLane.resume(item)
    else this.#lane(decoded.delivery.workspace, decoded.delivery.connection).offer(item)
  }

  #send(item: Item): void {
    const started = performance.now()
    this.#options.run(
      Effect.map(this.#options.attempt(item.delivery, item.event), (outcome) => {
        this.#finish(item, outcome, Math.round(performance.now() - started))
      }),
    )
  }

  #finish(item: Item, outcome: Outcome, durationMs: number): void {
    const { delivery } = item
    const retry = this.#options.retry(delivery)
    const sending = step({ ...delivery, attempts: retry.attempts, last: null }, { type: "SEND" })
    const next = step(
      sending,
      outcome.kind === "delivered"
        ? { type: "DELIVERED" }
        : { type: "FAILED", kind: outcome.kind, permanent: isPermanent(outcome) },
    )
    const now = Date.now()
    const due = next.state === "retrying" ? now + delayAfter(retry, next.attempt, outcome, Math.random()) : undefined
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
    const record = recordOf(after, outcome, durationMs, now)
    this.#options.committer.add({
      carried: { delivery: after, event: delivery.source === undefined ? item.event : undefined },
      record,
      acknowledge: () => {
        this.#end(item)
        if (item.message.deliveries > 1 && next.state !== "retrying") this.#unschedule(after)
      },
    })
    this.#options.observe(record)
    this.#lanes.get(`${delivery.workspace}/${delivery.connection}`)?.finished()
  }

  /** An earlier holder may have scheduled a retry and died before it acknowledged: that retry is no longer wanted. */
  #unschedule(delivery: Delivery): void {
    void this.#options.work.unschedule(delivery).catch(() => {})
  }

  /** Stored and accounted for: the message leaves the log. */
  #end(item: Item): void {
    item.message.ack()
    this.finished++
    this.#held.delete(item.message.seq)
    this.#recent.add(item.message.seq)
    if (this.#recent.size > limits.recentDeliveries) {
      for (const oldest of this.#recent) {
        this.#recent.delete(oldest)
        break
      }
    }
    item.release()
  }
}

const recordOf = (delivery: Delivery, outcome: Outcome, durationMs: number, at: number): DeliveryAttempted => ({
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
  revision: delivery.revision,
})
