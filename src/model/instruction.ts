/**
 * What a person wants of a delivery that waits somewhere in the log: an instruction to its lane, kept beside it until nothing that waits
 * can be meant by it. Whoever runs the lane carries it out and says what came of it; whoever takes the lane over finds it there.
 */
import type { Delivery, DeliveryState } from "./delivery.ts"
import type { DeliveryId, EventId } from "./ids.ts"

export interface Instruction {
  /** `cancel`: never to be sent again. `retry`: the next attempt is to be made now. */
  readonly kind: "cancel" | "retry"
  /** The delivery's. */
  readonly event: EventId
  /** `key:<name>`, `cli:<user>` */
  readonly by: string
  /** Milliseconds since 1970, by the log's clock. */
  readonly at: number
  /** How the delivery was when its lane had carried it out; absent: it has not yet. */
  readonly result?: DeliveryState
}

/** The delivery is not to be sent. One that a replay made later under the same id is. */
export const isCancelledBy = ({ created }: Delivery, { kind, at, result = "cancelled" }: Instruction): boolean =>
  kind === "cancel" && result === "cancelled" && created <= at

/** Its next attempt is to be made now: none was made since that was asked for. */
export const isHurriedBy = ({ last }: Delivery, { kind, at }: Instruction): boolean =>
  kind === "retry" && (last?.at ?? 0) <= at

/** What became of what somebody wanted of a delivery. */
export interface Answer {
  readonly delivery: DeliveryId
  /** How it is now. */
  readonly state: DeliveryState
  /**
   * - `done`: it is as was wanted.
   * - `asked`: it will be; its lane has not said so yet.
   * - `nothing`: it was so before.
   * - `refused`: it cannot be, and the message says what can be done instead.
   */
  readonly result: "done" | "asked" | "nothing" | "refused"
  /** For people. */
  readonly message: string
}
