/**
 * Yesterday in UTC, as the estate's customers remember it: what was delivered all day long, and an hour from noon on in which the ERP was down. Put into the log as the runtime would have left it there, dead letters too.
 */
import { jetstream } from "@nats-io/jetstream"
import { connect } from "@nats-io/transport-node"
import { subjects } from "../../src/log/topology.ts"
import { encodeDelivery, type Delivery } from "../../src/model/delivery.ts"
import { makeDeliveryId, makeEventId } from "../../src/model/ids.ts"
import type { DeliveryAttempted, HistoryRecord } from "../../src/model/record.ts"
import { makeRandom } from "./random.ts"
import { writeHistory } from "./write-history.ts"

const minute = 60_000
const day = 24 * 60 * minute

/** Beyond those that the log gives out in a test. */
const firstSeq = 1_000_000

export const reason = "The ERP is being upgraded until 13:00 UTC"

interface Flow {
  readonly type: string
  readonly rule: string
  readonly connection: string
  readonly payload: (n: number) => object
}

const flows: ReadonlyArray<Flow> = [
  {
    type: "invoice.paid",
    rule: "invoices",
    connection: "erp",
    payload: (n) => ({ number: `2026-${1000 + n}`, amount: 90 + n }),
  },
  {
    type: "lead.created",
    rule: "new-lead",
    connection: "crm",
    payload: (n) => ({ name: `Lead ${n}`, email: `lead-${n}@example.com`, plan: "free" }),
  },
]

export interface Yesterday {
  /** Deliveries that died, oldest first. */
  readonly dead: ReadonlyArray<string>
}

/** @param every milliseconds between two events of each kind */
export const writeYesterday = async (url: string, every = 10 * minute): Promise<Yesterday> => {
  const random = makeRandom(1)
  const begin = Date.now() - (Date.now() % day) - day
  const [downFrom, downUntil] = [begin + 12 * 60 * minute, begin + 13 * 60 * minute]
  const records: Array<HistoryRecord> = []
  const letters: Array<{ readonly letter: Delivery; readonly envelope: object }> = []
  let seq = firstSeq
  for (let at = begin, n = 0; at < begin + day; at += every, n++) {
    for (const { type, rule, connection, payload } of flows) {
      seq++
      const [event, workspace] = [makeEventId(at), "acme"]
      const delivery = makeDeliveryId(event, seq, at, rule, 0)
      const about = { resource: type.split(".")[0]!, resource_id: `${1000 + n}` }
      const facts = { at, event, seq, type, workspace, ...about }
      records.push({
        ...{ kind: "event.routed", ...facts, revision: "rev1" },
        deliveries: [{ id: delivery, rule, action: 0, connection }],
      })
      const isDown = connection === "erp" && at >= downFrom && at < downUntil
      const attempts = isDown ? 3 : random() < 0.05 ? 2 : 1
      let last: DeliveryAttempted | undefined
      for (let attempt = 1; attempt <= attempts; attempt++) {
        const good = attempt === attempts && !isDown
        const ended = at + attempt * 20_000
        last = {
          ...{ kind: "delivery.attempted", at: ended, delivery, event, type, workspace, rule, action: 0, connection },
          ...{ attempt, outcome: good ? "delivered" : "server_error", status: good ? 200 : 503 },
          ...(good ? {} : { message: `HTTP 503: {"error":"unavailable","message":"${reason}"}` }),
          duration_ms: 20 + Math.floor(random() * 200),
          state: good ? "delivered" : attempt === attempts ? "dead" : "retrying",
          ...(good || attempt === attempts ? {} : { next: ended + 20_000 }),
          request: {
            method: "POST",
            url: `https://${connection}.example/in`,
            bytes: 196,
            body: JSON.stringify(payload(n)),
          },
          response: good ? '{"ok":true}' : `{"error":"unavailable","message":"${reason}"}`,
          revision: "rev1",
        }
        records.push(last)
      }
      if (!isDown) continue
      letters.push({
        letter: {
          ...{ id: delivery, event, type, workspace, rule, action: 0, connection, revision: "rev1" },
          ...{ created: at, state: "dead", attempt: attempts },
          last: { kind: "server_error", message: last!.message!, at: last!.at, status: 503 },
        },
        envelope: { id: event, type, workspace, ...about, time: new Date(at).toISOString(), payload: payload(n) },
      })
    }
  }
  const nc = await connect({ servers: url })
  for (const { letter, envelope } of letters) {
    const data = encodeDelivery(letter, Buffer.from(JSON.stringify(envelope)))
    await jetstream(nc).publish(subjects.dead(letter.workspace, letter.connection, letter.id), data)
  }
  await nc.close()
  const messages = Array.from({ length: Math.ceil(records.length / 100) }, (_, i) => ({
    data: Buffer.from(JSON.stringify(records.slice(i * 100, (i + 1) * 100))),
  }))
  await writeHistory(url, messages)
  return { dead: letters.map(({ letter }) => letter.id) }
}
