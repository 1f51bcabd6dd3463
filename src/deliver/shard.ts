/**
 * A shard's deliveries in this process: takes ready work from the log, gives each to its connection's lane, runs the attempt, and hands
 * what came of it to the committer. What is held is known by its sequence, so a message that the server sends again while it is held,
 * or shortly after it was finished, is not sent to its destination again. Deliveries that keep an order are read by their lane itself.
 */
import * as Effect from "effect/Effect"
import { limits } from "../config/defaults.ts"
import type { RetryPlan } from "../config/plan.ts"
import type { Instructions, Target } from "../log/instructions.ts"
import type { LaneLogs } from "../log/lane-log.ts"
import type { Pull, Pulled } from "../log/pull.ts"
import type { Carried, Work } from "../log/work.ts"
import { connectionName, isOwnType, type ConnectionRef, type ConnectionState } from "../model/connection-state.ts"
import { decodeDelivery, type Delivery } from "../model/delivery.ts"
import type { DeliveryAttempted } from "../model/record.ts"
import type { MakeAttempt, Sending } from "./attempt.ts"
import type { Attempted } from "./batch.ts"
import type { Committer } from "./commit.ts"
import { finish } from "./finish.ts"
import { Gate, type Change, type GateSettings } from "./gate.ts"
import type { Form } from "./gather.ts"
import { Instructed } from "./instructed.ts"
import { Lane, type Item, type Parking } from "./lane.ts"
import { OrderedLane } from "./ordered-lane.ts"

export interface ShardOptions {
  readonly shard: number
  readonly work: Work["Service"]
  readonly logs: LaneLogs["Service"]
  readonly committer: Committer["Service"]
  readonly instructions: Instructions["Service"]
  readonly settings: (ref: ConnectionRef) => GateSettings
  readonly retry: (delivery: Delivery) => RetryPlan
  /** The lease holds. */
  readonly mayRun: () => boolean
  /** What the log says of a connection's circuit. */
  readonly state: (ref: ConnectionRef) => ConnectionState | undefined
  readonly onChange: (ref: ConnectionRef, change: Change) => void
  /** How a delivery goes together with others; absent: by itself. */
  readonly form: (delivery: Delivery) => Form | undefined
  /** Makes one attempt, of one delivery or of several. Never fails: whatever goes wrong is an outcome. */
  readonly attempt: MakeAttempt
  /** Runs an attempt; ends it with the runtime. */
  readonly run: (effect: Effect.Effect<void>) => void
  /** Tells operators about an outcome. */
  readonly observe: (record: DeliveryAttempted) => void
  readonly log: (message: string) => void
}

/** What there is of a connection in this process. */
interface Connected {
  readonly gate: Gate
  lane?: Lane
  ordered?: OrderedLane
}

export class Shard {
  readonly #options: ShardOptions
  readonly #connections = new Map<string, Connected>()
  /** Those with something that a timer has to look after. */
  readonly #active = new Set<Connected>()
  #lookedAt = 0
  readonly #held = new Map<number, Item>()
  /** Sequences that were finished last, the oldest first. */
  readonly #recent = new Set<number>()
  readonly #instructed: Instructed
  /** How many ended since the owner last asked. */
  finished = 0
  #pull: Pull | undefined
  #feed: Pull | undefined
  #told: Pull | undefined
  #draining = 0
  #sending = 0
  #since = 0
  #running = false

  constructor(options: ShardOptions) {
    this.#options = options
    const { instructions, committer, work, log: warn } = options
    const drop = (target: Target) => this.#drop(target)
    this.#instructed = new Instructed({ instructions, committer, unschedule: work.unschedule, drop, warn })
  }

  get held(): number {
    return this.#held.size
  }

  /** Attempts under way. */
  get sending(): number {
    return this.#sending
  }

  /** Begins to take ready work. What was parked earlier is taken back as well. */
  async start(parked: ReadonlyArray<ConnectionRef>, onGone: (reason: string) => void): Promise<void> {
    this.#running = true
    this.#since = performance.now()
    for (const ref of parked) {
      const connected = this.#connected(ref)
      this.#lane(ref, connected).startParked()
      this.#active.add(connected)
    }
    const { shard, logs, work, instructions } = this.#options
    // Before anything is sent.
    this.#told = await instructions.feed(shard, { onGiven: (given) => this.#instructed.take(given), onGone })
    const onNews = (ref: ConnectionRef, seq: number) => {
      if (!this.#running) return
      this.#ordered(ref).notify(seq)
      this.#active.add(this.#connected(ref))
    }
    this.#feed = await logs.feed(shard, { onNews, onGone })
    this.#pull = work.pull(shard, limits.shardInFlight - this.#held.size, {
      onMessage: (message) => this.#receive(message, () => this.#pull?.done(1)),
      onGone,
    })
  }

  /** Takes nothing more and begins nothing more; what was not begun is given back to the log at once. What is under way goes on. */
  stop(): void {
    this.#running = false
    this.#pull?.close()
    this.#feed?.close()
    this.#told?.close()
    this.#pull = undefined
    this.#feed = undefined
    this.#told = undefined
    for (const { lane, ordered, gate } of this.#connections.values()) {
      gate.stop()
      ordered?.stop()
      for (const item of lane?.stop() ?? []) this.#giveBack(item)
    }
    this.#draining = 0
  }

  /** After `stop`, when nothing is under way and all outcomes are stored: resolves when the ordered lanes' checkpoints say so. */
  async settle(): Promise<void> {
    await Promise.all([...this.#connections.values()].map(({ ordered }) => ordered?.flush()))
    this.#connections.clear()
    this.#active.clear()
  }

  /** The work of a timer: lanes that hold up the others are parked, parked and ordered ones tended, idle ones let go now and then. */
  tend(): void {
    const now = performance.now()
    const crowded = this.#held.size >= limits.shardInFlight * 0.75
    for (const connected of this.#active) {
      const { lane, ordered } = connected
      const warn = (cause: unknown) => this.#options.log(`a lane: ${String(cause)}`)
      if (lane !== undefined) {
        const slow = lane.isSlow(now)
        if (crowded && slow && lane.mode === "direct") lane.park()
        void lane.tend().catch(warn)
      }
      if (ordered !== undefined) void ordered.tend().catch(warn)
      if (lane?.quiet !== false && ordered?.quiet !== false) this.#active.delete(connected)
    }
    if (now - this.#lookedAt < limits.sweepEveryMs) return
    this.#lookedAt = now
    this.#instructed.forget().catch((cause: unknown) => this.#options.log(`forgetting instructions: ${String(cause)}`))
    for (const [name, connected] of this.#connections) this.#letGo(name, connected, now)
  }

  #letGo(name: string, connected: Connected, now: number): void {
    if (connected.lane?.idle(now) === true) delete connected.lane
    if (connected.ordered?.idle(now) === true) delete connected.ordered
    if (connected.lane !== undefined || connected.ordered !== undefined) return
    connected.gate.stop()
    this.#connections.delete(name)
  }

  /** A person changed the state of a connection's circuit. */
  apply(ref: ConnectionRef, state: ConnectionState): void {
    const connected = this.#connections.get(connectionName(ref))
    if (connected === undefined) return
    connected.gate.apply(state)
    wake(connected)
  }

  /** The config is another: what it did not allow before may be allowed now. */
  configChanged(): void {
    for (const connected of this.#connections.values()) wake(connected)
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

  /** It was cancelled while it may have waited in memory. */
  #drop(target: Target): void {
    const { lane, ordered } = this.#connections.get(connectionName(target)) ?? {}
    for (const item of lane?.drop(target.delivery) ?? []) this.#end(item)
    ordered?.cancel(target.delivery)
  }

  #connected({ workspace, connection }: ConnectionRef): Connected {
    const ref = { workspace, connection }
    const name = connectionName(ref)
    let connected = this.#connections.get(name)
    if (connected === undefined) {
      const { settings, mayRun, state, onChange } = this.#options
      const made: Connected = {
        gate: new Gate({
          settings: () => settings(ref),
          mayRun,
          state: state(ref),
          onChange: (change) => onChange(ref, change),
          wake: () => wake(made),
          since: this.#since,
        }),
      }
      this.#connections.set(name, made)
      connected = made
    }
    return connected
  }

  #lane({ workspace, connection }: ConnectionRef, connected: Connected): Lane {
    if (connected.lane === undefined) {
      const ref = { workspace, connection }
      const lane: Lane = new Lane({
        settings: () => this.#options.settings(ref),
        gate: connected.gate,
        send: (items) => this.#send(items, lane),
        parking: this.#parking(ref),
        giveBack: (item) => this.#giveBack(item),
        onParkedMessage: (to, message, release) => this.#receive(message, release, to),
      })
      connected.lane = lane
    }
    return connected.lane
  }

  #ordered(ref: ConnectionRef): OrderedLane {
    const connected = this.#connected(ref)
    connected.ordered ??= new OrderedLane({
      log: this.#options.logs.open(ref),
      gate: connected.gate,
      concurrency: () => this.#options.settings(ref).concurrency,
      form: this.#options.form,
      isCancelled: (delivery) => this.#instructed.isCancelled(delivery),
      isHurried: (delivery) => this.#instructed.isHurried(delivery),
      send: (items, ended, stored) =>
        this.#attempt(items, stored, (after, attempted) => {
          this.finished += items.length
          ended(after, attempted)
        }),
      warn: (message) => this.#options.log(`ordered lane ${connectionName(ref)}: ${message}`),
    })
    return connected.ordered
  }

  #parking({ workspace, connection }: ConnectionRef): Parking {
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

  #giveBack(item: Item): void {
    this.#held.delete(item.message.seq)
    item.message.nak()
  }

  #receive(message: Pulled, release: () => void, parkedLane?: Lane): void {
    if (!this.#running) return message.nak()
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
    if (this.#instructed.isCancelled(decoded.delivery)) {
      message.ack()
      this.finished++
      return release()
    }
    const now = performance.now()
    const form = this.#options.form(decoded.delivery)
    const item: Item = { ...decoded, message, since: now, told: now, release, ...(form === undefined ? {} : { form }) }
    this.#held.set(message.seq, item)
    if (parkedLane !== undefined) return parkedLane.resume(item)
    const connected = this.#connected(decoded.delivery)
    const lane = this.#lane(decoded.delivery, connected)
    lane.offer(item)
    if (!lane.quiet) this.#active.add(connected)
  }

  #send(items: ReadonlyArray<Item>, lane: Lane): void {
    const stored = (after: Delivery, index: number) => {
      const item = items[index]!
      this.#end(item)
      if (item.message.deliveries > 1 && after.state !== "retrying") this.#unschedule(after)
    }
    this.#attempt(items, stored, ([first], { call, calls }) =>
      lane.finished(call, isOwnType(first!.type), items.length, calls),
    )
  }

  /** @param stored called for each when its outcome is in the log; `ended` before that, when all outcomes are known */
  #attempt(
    items: ReadonlyArray<Sending>,
    stored: (after: Delivery, index: number) => void,
    ended: (after: ReadonlyArray<Delivery>, attempted: Attempted) => void,
  ): void {
    const started = performance.now()
    this.#sending += items.length
    for (const { delivery } of items) this.#instructed.begin(delivery.id)
    this.#options.run(
      Effect.map(this.#options.attempt(items), (attempted) => {
        const durationMs = Math.round(performance.now() - started)
        const finished = items.map(({ delivery, event }, index) => {
          const outcome = attempted.outcomes[index]!
          const { revision } = attempted
          const cancelled = this.#instructed.isCancelled(delivery)
          const made = { durationMs, revision, cancelled }
          const { after, record } = finish(delivery, outcome, this.#options.retry(delivery), made)
          const acknowledge = () => {
            stored(after, index)
            this.#instructed.end(after)
          }
          this.#options.committer.add({ carried: carried(after, event), record, acknowledge })
          this.#options.observe(record)
          return after
        })
        this.#sending -= items.length
        ended(finished, attempted)
      }),
    )
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

const wake = ({ lane, ordered }: Connected): void => {
  lane?.pump()
  ordered?.pump()
}

const carried = (delivery: Delivery, event: Uint8Array): Carried => ({
  delivery,
  event: delivery.source === undefined ? event : undefined,
})
