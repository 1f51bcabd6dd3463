/**
 * The life of a delivery, as an XState machine: the definition that is drawn, documented and tested.
 *
 * - `pending`: created by a router, or sent again by a person. Its message is ready work in the log. Left by `SEND` when its lane takes
 *   it up, or by `CANCEL`.
 * - `sending`: an attempt is under way. Entered with the attempt counted. Left by what the attempt came to: `DELIVERED`; `FAILED`, to
 *   `retrying` when the failure is transient and attempts are left, to `dead` otherwise. A process that dies here leaves the message
 *   in the log as it was before `SEND`: the attempt is made again under the same number. `CANCEL` waits for the attempt's end, so
 *   it is not taken here.
 * - `retrying`: the message waits in the log under a schedule of the server's, which makes it ready work again at its time. Left by
 *   `SEND` then, or by `CANCEL`.
 * - `delivered`, `cancelled`: the end. Nothing leads on.
 * - `dead`: given up; kept as a dead letter with its last outcome. A person can send it again: `REVIVE` makes it `pending` with all
 *   its attempts before it.
 *
 * The machine is pure: it decides, and whoever runs it (`shard.ts`, under Effect) does the work. On the hot path `step.ts` decides the
 * same without building XState's snapshots; a test holds the two equal over every state and event.
 */
import { assign, setup } from "xstate"
import type { OutcomeKind } from "../model/outcome.ts"

export interface DeliveryContext {
  /** Attempts begun. */
  readonly attempt: number
  /** Attempts allowed. */
  readonly attempts: number
  readonly last: OutcomeKind | null
}

export type DeliveryEvent =
  | { readonly type: "SEND" }
  | { readonly type: "DELIVERED" }
  | { readonly type: "FAILED"; readonly kind: OutcomeKind; readonly permanent: boolean }
  | { readonly type: "CANCEL" }
  | { readonly type: "REVIVE" }

export const deliveryMachine = setup({
  types: {
    context: {} as DeliveryContext,
    input: {} as { readonly attempts: number },
    events: {} as DeliveryEvent,
  },
  guards: {
    mayRetry: ({ context, event }) => event.type === "FAILED" && !event.permanent && context.attempt < context.attempts,
  },
  actions: {
    countAttempt: assign({ attempt: ({ context }) => context.attempt + 1 }),
    keepDelivered: assign({ last: "delivered" as const }),
    keepFailure: assign({ last: ({ context, event }) => (event.type === "FAILED" ? event.kind : context.last) }),
    beginAgain: assign({ attempt: 0 }),
  },
}).createMachine({
  id: "delivery",
  // XState asks for the context of a throw-away actor without input on each pure transition.
  context: ({ input }) => ({ attempt: 0, attempts: input?.attempts ?? 1, last: null }),
  initial: "pending",
  states: {
    pending: { on: { SEND: "sending", CANCEL: "cancelled" } },
    sending: {
      entry: "countAttempt",
      on: {
        DELIVERED: { target: "delivered", actions: "keepDelivered" },
        FAILED: [
          { guard: "mayRetry", target: "retrying", actions: "keepFailure" },
          { target: "dead", actions: "keepFailure" },
        ],
      },
    },
    retrying: { on: { SEND: "sending", CANCEL: "cancelled" } },
    delivered: {},
    dead: { on: { REVIVE: { target: "pending", actions: "beginAgain" } } },
    cancelled: {},
  },
})
