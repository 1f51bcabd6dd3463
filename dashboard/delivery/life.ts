/**
 * The life of one delivery as steps through the machine that all deliveries go through.
 */
import { deliveryMachine } from "../../src/deliver/machine.ts"
import type { DeliveryState } from "../../src/model/delivery.ts"
import { stateOfStatus } from "../../src/model/status.ts"
import type { CallOutput } from "../api/contract.ts"

export type DeliveryWhole = CallOutput<"GET /api/v1/workspaces/:workspace/deliveries/:delivery">
export type State = DeliveryState

export interface Transition {
  readonly from: State
  readonly to: State
  /** What leads there, as the machine calls it. */
  readonly event: string
  /** Under which condition alone. */
  readonly guard: string | undefined
}

export const states = Object.keys(deliveryMachine.states) as ReadonlyArray<State>

export const transitions: ReadonlyArray<Transition> = Object.values(deliveryMachine.states).flatMap((node) =>
  [...node.transitions.values()].flat().flatMap(({ eventType, guard, target = [] }) =>
    target.map(({ key }) => ({
      from: node.key as State,
      to: key as State,
      event: eventType,
      guard: typeof guard === "string" ? guard : undefined,
    })),
  ),
)

/** What happened to a delivery, in the order of time. */
export type Moment =
  | { readonly kind: "created"; readonly at: string }
  | { readonly kind: "attempt"; readonly at: string; readonly attempt: DeliveryWhole["attempts"][number] }
  | { readonly kind: "sent_again" | "canceled"; readonly at: string; readonly by: string }

export const momentsOf = (delivery: DeliveryWhole): ReadonlyArray<Moment> =>
  [
    { kind: "created" as const, at: delivery.created_at },
    ...delivery.attempts.map((attempt) => ({ kind: "attempt" as const, at: attempt.at, attempt })),
    ...delivery.sent_again.map((act) => ({ kind: "sent_again" as const, ...act })),
    ...delivery.canceled.map((act) => ({ kind: "canceled" as const, ...act })),
  ].toSorted((a, b) => Date.parse(a.at) - Date.parse(b.at))

/** The states that it went through, the one that it is in last. */
export const pathOf = (delivery: DeliveryWhole): ReadonlyArray<State> => {
  const path: Array<State> = []
  for (const moment of momentsOf(delivery)) {
    if (moment.kind === "attempt") path.push("sending", stateOfStatus[moment.attempt.status])
    else path.push(moment.kind === "canceled" ? "cancelled" : "pending")
  }
  const now = stateOfStatus[delivery.status]
  return path.at(-1) === now ? path : [...path, now]
}
