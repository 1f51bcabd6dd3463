/**
 * Deliveries as a process holds them, without a log behind them: each notes whether its message was acknowledged or given back.
 */
import type { Item } from "../../../src/deliver/lane.ts"
import type { Pulled } from "../../../src/log/pull.ts"
import { encodeDelivery, type Delivery } from "../../../src/model/delivery.ts"

export interface TestMessage extends Pulled {
  /** `ack`, `nak` and `working`, in the order in which they were said. */
  readonly said: ReadonlyArray<"ack" | "nak" | "working">
}

export const deliveryOf = (number: number, rest: Partial<Delivery> = {}): Delivery => ({
  id: `dlv_${number}`,
  event: `evt_${number}`,
  type: "lead.created",
  workspace: "acme",
  rule: "r",
  action: 0,
  connection: "crm",
  revision: "0",
  created: 0,
  state: "pending",
  attempt: 0,
  ...rest,
})

/** The message of a delivery, with the delivery's number as its sequence. */
export const messageOf = (number: number, rest: Partial<Delivery> = {}, data?: Uint8Array): TestMessage => {
  const said: Array<"ack" | "nak" | "working"> = []
  return {
    subject: "deliver.0.acme.crm",
    data: data ?? encodeDelivery(deliveryOf(number, rest), Buffer.from("{}")),
    header: () => undefined,
    seq: number,
    consumerSeq: number,
    time: 0,
    deliveries: 1,
    said,
    ack: () => void said.push("ack"),
    nak: () => void said.push("nak"),
    working: () => void said.push("working"),
  }
}

export const itemOf = (number: number, release: () => void = () => {}): Item => ({
  message: messageOf(number),
  delivery: deliveryOf(number),
  event: Buffer.from("{}"),
  since: performance.now(),
  told: performance.now(),
  release,
})
