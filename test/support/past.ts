/**
 * A history that never happened, of any length: events of many workspaces, routed, delivered, retried and given up, in messages as the
 * runtime writes them. The same for the same seed.
 */
import { makeDeliveryId } from "../../src/model/ids.ts"
import type { HistoryRecord } from "../../src/model/record.ts"
import { makeRandom } from "./random.ts"

export interface PastOptions {
  readonly seed?: number
  readonly events: number
  /** Sequence of the first event; default 1. */
  readonly first?: number
  readonly workspaces?: number
  /** Deliveries of each event. */
  readonly fanOut?: number
  /** Milliseconds since 1970 of the first and the last event. */
  readonly from: number
  readonly to: number
}

export interface PastMessage {
  readonly seq: number
  readonly time: number
  readonly data: Uint8Array
}

/** Events of one message: what a router decides in one go. */
const eventsPerMessage = 100
const types = ["lead.created", "lead.changed", "invoice.paid", "invoice.failed", "page.viewed", "form.sent"] as const

/** The first workspace has half of all events. */
export function* madePast(options: PastOptions): Generator<PastMessage> {
  const { events, first = 1, workspaces = 100, fanOut = 1, from, to } = options
  const random = makeRandom(options.seed ?? 1)
  const pick = (count: number) => Math.floor(random() * count)
  const base32 = () => Array.from({ length: 16 }, () => "0123456789abcdefghjkmnpqrstvwxyz"[pick(32)]).join("")
  const messageOf = (seq: number, time: number, records: ReadonlyArray<HistoryRecord>): PastMessage => ({
    seq,
    time,
    data: Buffer.from(JSON.stringify(records)),
  })
  let messages = 0
  const end = first + events
  for (let seq = first; seq < end;) {
    const routed: Array<HistoryRecord> = []
    const attempted: Array<HistoryRecord> = []
    let at = from
    for (; seq < end && routed.length < eventsPerMessage; seq++) {
      at = Math.floor(from + ((to - from) * (seq - first + 1)) / events)
      const n = random() < 0.5 ? 0 : pick(workspaces)
      const workspace = `workspace-${n}`
      const type = types[pick(types.length)]!
      const event = `evt_${base32().slice(0, 10)}${base32()}`
      const about =
        random() < 0.3
          ? { resource: "page", resource_id: `page-${pick(1000)}` }
          : seq % 10 === 0
            ? { resource: "audience", resource_id: "all" }
            : {}
      const facts = { at, event, seq, type, workspace, ...about }
      if (random() < 0.02) {
        routed.push({ kind: "event.unmatched", ...facts, revision: "rev1" })
        continue
      }
      const deliveries = Array.from({ length: fanOut }, (_, i) => {
        const rule = `rule-${pick(5)}-${i}`
        return { id: makeDeliveryId(event, seq, at, rule, 0), rule, action: 0, connection: `connection-${pick(4)}` }
      })
      routed.push({ kind: "event.routed", ...facts, revision: "rev1", deliveries })
      for (const { id: delivery, rule, action, connection } of deliveries) {
        const identity = { delivery, event, type, workspace, connection }
        const attempt = (number: number, ended: number, state: "delivered" | "retrying" | "dead") => {
          const good = state === "delivered"
          attempted.push({
            kind: "delivery.attempted",
            ...{ at: ended, ...identity, rule, action, attempt: number },
            outcome: good ? "delivered" : "server_error",
            ...(good ? {} : { message: "the destination answered 503 Service Unavailable" }),
            status: good ? 200 : 503,
            duration_ms: 5 + pick(40),
            state,
            ...(state === "retrying" ? { next: ended + 20_000 } : {}),
            request: { method: "POST", url: `https://${connection}.test/in`, bytes: 345 },
            response: good ? "ok" : '{"error":"unavailable"}',
            revision: "rev1",
          })
        }
        // One connection fails now and then, the others hardly ever.
        const dies = random() < (connection === "connection-0" ? 0.02 : 0.001)
        const tries = dies ? 3 : random() < 0.05 ? 2 : 1
        let ended = at + 5 + pick(50)
        for (let number = 1; number < tries; number++, ended += 20_000) attempt(number, ended, "retrying")
        attempt(tries, ended, dies ? "dead" : "delivered")
        if (!dies || random() < 0.7) continue
        attempted.push({ kind: "delivery.revived", at: ended + 60_000, ...identity, by: "key:support" })
        if (random() < 0.7) attempt(1, ended + 61_000, random() < 0.5 ? "delivered" : "dead")
      }
    }
    yield messageOf(++messages, at, routed)
    for (let i = 0; i < attempted.length; i += eventsPerMessage) {
      yield messageOf(++messages, at, attempted.slice(i, i + eventsPerMessage))
    }
  }
}
