/**
 * Knows what must become of every event, sees what became of it, and says where the two differ.
 *
 * - Each accepted event is delivered at least once by each rule that wants it, and what was not published is not delivered.
 * - Each is created exactly once: a rule sends an event under one `webhook-id` only, which is the one in the history.
 * - Order, where a connection asks for it: of the events of a key, the first arrivals that were answered with success come in the order
 *   in which the log has the events. A repeat after a crash may begin again further back, so repeats are counted and are no failure.
 * - Nothing that was accepted is missing in the log or its history, or is there twice, and no delivery died.
 *
 * The log's order is read from the log itself; of one account's events it must be the order in which they were published.
 */
import { openStream, type LogStream } from "../support/stream.ts"
import { connectionOf, type Route, type SentBody, type TestEvent } from "./estate.ts"
import { storyOf } from "./story.ts"

/** How long nothing may move before what is missing is taken for lost: longer than any retry, restart or takeover. */
const stillnessMaxMs = 90_000
/** How long one connection may stand still while others move. */
const recoveryMaxMs = 120_000
/** Of many that are missing, some are named. */
const namedMax = 10

export interface Arrival {
  readonly workspace: string
  readonly connection: string
  readonly webhookId: string
  readonly event: string
  readonly body: SentBody
  readonly status: number
}

interface Known {
  readonly event: TestEvent
  /** Counts up as events are published. */
  readonly number: number
  accepted: boolean
}

/** What was seen of an event and a rule. */
interface Seen {
  readonly webhookId: string
  successes: number
}

export interface Tally {
  readonly events: number
  readonly deliveries: number
  /** Deliveries that were answered with success again. */
  readonly repeats: number
  /** Requests that were answered with a failure. */
  readonly failed: number
}

export interface Oracle {
  /** Told before an event is first sent: it may arrive before its publisher hears that it is stored. */
  readonly published: (event: TestEvent) => void
  readonly accepted: (event: TestEvent) => void
  readonly arrived: (arrival: Arrival) => void
  /** Resolves when `enough` says so, looked at after each arrival; throws what was violated meanwhile. */
  readonly until: (enough: () => boolean, what: () => string) => Promise<void>
  /** Waits until events published from now on arrived at every connection. */
  readonly flows: () => Promise<void>
  /** Waits until all that was accepted has arrived and the history knows it. */
  readonly content: () => Promise<void>
  /** Throws when something is not as it must be. */
  readonly check: () => Promise<void>
  readonly tally: () => Tally
}

export const makeOracle = (routes: ReadonlyArray<Route>, natsUrl: string): Oracle => {
  const known = new Map<string, Known>()
  const missing = new Set<string>()
  const seen = new Map<string, Seen>()
  /** First arrivals of each ordered key. */
  const firsts = new Map<string, Array<string>>()
  /** The latest event, by its number, that arrived at each connection. */
  const latest = new Map<string, number>(routes.map((route) => [connectionOf(route), -1]))
  const looks = new Set<() => void>()
  let violation: Error | undefined
  let repeats = 0
  let failed = 0
  let movedAt = performance.now()

  const keyOf = (event: string, rule: string) => `${event} by rule ${rule}`
  const wanting = (event: TestEvent) =>
    routes.filter((route) => route.workspace === event.workspace && route.wants(event))
  const violated = (what: string) => {
    violation ??= new Error(`violated: ${what}`)
  }

  const arrived = (arrival: Arrival) => {
    const { event: id, webhookId, status, body } = arrival
    const about = `event ${id} at ${connectionOf(arrival)}`
    const found = known.get(id)
    const route = found === undefined ? undefined : wanting(found.event).find(({ rule }) => rule === body.rule)
    if (found === undefined || route === undefined || connectionOf(route) !== connectionOf(arrival)) {
      return violated(`${about} was sent by rule ${body.rule}, which has no reason to`)
    }
    if (body.n !== found.event.n || body.account !== found.event.account) {
      return violated(
        `${about} says account ${body.account}, ${body.n}; it is ${found.event.account}, ${found.event.n}`,
      )
    }
    const key = keyOf(id, body.rule)
    const before = seen.get(key)
    const one = before ?? { webhookId, successes: 0 }
    if (before === undefined) seen.set(key, one)
    if (one.webhookId !== webhookId)
      violated(`${about} came by rule ${body.rule} as ${one.webhookId} and as ${webhookId}`)
    if (status >= 300) return void failed++
    if (one.successes++ > 0) return void repeats++
    missing.delete(key)
    movedAt = performance.now()
    latest.set(connectionOf(arrival), Math.max(latest.get(connectionOf(arrival))!, found.number))
    if (route.ordering !== "none") {
      const orderKey = connectionOf(route) + (route.ordering === "account" ? ` account ${found.event.account}` : "")
      const list = firsts.get(orderKey)
      if (list === undefined) firsts.set(orderKey, [id])
      else list.push(id)
    }
  }

  const until = (enough: () => boolean, what: () => string) =>
    new Promise<void>((done, fail) => {
      const begun = performance.now()
      movedAt = begun
      const end = (result: () => void) => {
        clearInterval(timer)
        looks.delete(look)
        result()
      }
      const look = () => {
        const now = performance.now()
        if (violation !== undefined) end(() => fail(violation))
        else if (enough()) end(done)
        else if (now - movedAt > stillnessMaxMs || now - begun > recoveryMaxMs) {
          const named = [...missing].slice(0, namedMax).join("\n  ")
          const told = `${what()}: given up after ${Math.round((now - begun) / 1000)} s; ${missing.size} are missing:\n  ${named}`
          const [event] = (missing.values().next().value ?? "").split(" ")
          end(() => void storyOf(natsUrl, event!).then((story) => fail(new Error(`${told}\n${story}`)), fail))
        }
      }
      const timer = setInterval(look, 1000)
      looks.add(look)
      look()
    })

  const flows = async () => {
    const from = known.size
    const behind = () => [...latest].flatMap(([connection, number]) => (number < from ? [connection] : []))
    await until(
      () => behind().length === 0,
      () => `no event published since the fault was over has arrived at ${behind().join(", ")}`,
    )
  }

  const content = async () => {
    await until(
      () => missing.size === 0,
      () => "not all arrived",
    )
    await using stream = await openStream(natsUrl, "HISTORY")
    const left = new Set([...seen].filter(([, { successes }]) => successes > 0).map(([, { webhookId }]) => webhookId))
    movedAt = performance.now()
    while (left.size > 0) {
      await stream.read((message) => {
        for (const record of message.json<ReadonlyArray<HistoryLine>>()) {
          if (record.kind !== "delivery.attempted" || record.state !== "delivered") continue
          if (left.delete(record.delivery)) movedAt = performance.now()
        }
      })
      if (performance.now() - movedAt > stillnessMaxMs) {
        const named = [...seen].filter(([, { webhookId }]) => left.has(webhookId)).slice(0, namedMax)
        throw new Error(
          `the history does not know that these were delivered (${left.size}):\n  ${named.map(([key, { webhookId }]) => `${key}, ${webhookId}`).join("\n  ")}`,
        )
      }
      await new Promise((next) => setTimeout(next, 200))
    }
  }

  const check = async () => {
    if (violation !== undefined) throw violation
    if (missing.size > 0) throw new Error(`never delivered: ${[...missing].slice(0, namedMax).join(", ")}`)
    await using events = await openStream(natsUrl, "EVENTS")
    await using history = await openStream(natsUrl, "HISTORY")
    const sequences = await sequencesIn(events)
    const accounts = new Map<string, Known>()
    for (const one of known.values()) {
      const { id, workspace, account } = one.event
      const stored = sequences.get(id) ?? []
      if (one.accepted && stored.length !== 1) {
        throw new Error(`event ${id} was accepted and is in the log ${stored.length} times (${stored.join(", ")})`)
      }
      const before = accounts.get(`${workspace}/${account}`)
      if (before !== undefined && sequences.get(before.event.id)![0]! > stored[0]!) {
        throw new Error(`event ${id} was published after ${before.event.id} and is before it in the log`)
      }
      accounts.set(`${workspace}/${account}`, one)
    }
    checkOrder(firsts, (id) => sequences.get(id)![0]!)
    const decided = await decisionsIn(history)
    for (const { event } of known.values()) {
      for (const { rule } of wanting(event)) {
        const key = keyOf(event.id, rule)
        const ids = decided.get(key)
        const { webhookId } = seen.get(key)!
        if (ids === undefined) throw new Error(`the history does not know that ${key} was decided`)
        if (ids.size !== 1 || !ids.has(webhookId)) {
          throw new Error(`${key}: the history says ${[...ids].join(", ")}, the destination saw ${webhookId}`)
        }
        decided.delete(key)
      }
    }
    const [extra] = decided.keys()
    if (extra !== undefined) throw new Error(`the history says that ${extra} was decided; nothing wanted it`)
  }

  return {
    published: (event) => void known.set(event.id, { event, number: known.size, accepted: false }),
    accepted: (event) => {
      known.get(event.id)!.accepted = true
      for (const { rule } of wanting(event)) {
        const key = keyOf(event.id, rule)
        if ((seen.get(key)?.successes ?? 0) === 0) missing.add(key)
      }
    },
    arrived: (arrival) => {
      arrived(arrival)
      for (const look of looks) look()
    },
    until,
    flows,
    content,
    check,
    tally: () => ({ events: known.size, deliveries: seen.size, repeats, failed }),
  }
}

/** A record of the history, as far as it matters here. */
interface HistoryLine {
  readonly kind: string
  readonly delivery: string
  readonly event: string
  readonly state: string
  readonly outcome: string
  readonly message?: string
  readonly deliveries: ReadonlyArray<{ readonly id: string; readonly rule: string }>
}

/** Where the log has each event, by its id. */
const sequencesIn = async (stream: LogStream): Promise<ReadonlyMap<string, ReadonlyArray<number>>> => {
  const found = new Map<string, Array<number>>()
  await stream.read((message) => {
    const { id } = message.json<{ readonly id: string }>()
    const before = found.get(id)
    if (before === undefined) found.set(id, [message.seq])
    else before.push(message.seq)
  })
  return found
}

/** Delivery ids that the history has for each event and rule. A delivery that died is a violation. */
const decisionsIn = async (stream: LogStream): Promise<Map<string, Set<string>>> => {
  const decided = new Map<string, Set<string>>()
  let dead: HistoryLine | undefined
  await stream.read((message) => {
    for (const record of message.json<ReadonlyArray<HistoryLine>>()) {
      if (record.kind === "delivery.attempted" && record.state === "dead") dead = record
      if (record.kind !== "event.routed") continue
      for (const { id, rule } of record.deliveries) {
        const key = `${record.event} by rule ${rule}`
        decided.set(key, (decided.get(key) ?? new Set()).add(id))
      }
    }
  })
  if (dead !== undefined) {
    throw new Error(`delivery ${dead.delivery} of event ${dead.event} died: ${dead.outcome} ${dead.message ?? ""}`)
  }
  return decided
}

const checkOrder = (firsts: ReadonlyMap<string, ReadonlyArray<string>>, sequenceOf: (id: string) => number): void => {
  for (const [key, ids] of firsts) {
    for (let i = 1; i < ids.length; i++) {
      const [one, other] = [ids[i - 1]!, ids[i]!]
      if (sequenceOf(one) < sequenceOf(other)) continue
      throw new Error(
        `${key}: event ${other} (${sequenceOf(other)} in the log) arrived after ${one} (${sequenceOf(one)})`,
      )
    }
  }
}
