/**
 * The life of a delivery: what `machine.ts` promises in words, held against the machine and against the plain code of the hot path, over
 * every state and every event.
 */
import { assert, describe, it } from "vitest"
import { initialTransition, transition } from "xstate"
import { deliveryMachine, type DeliveryContext, type DeliveryEvent } from "../../../src/deliver/machine.ts"
import { step, type Step } from "../../../src/deliver/step.ts"
import type { DeliveryState } from "../../../src/model/delivery.ts"
import { outcomeKinds, type OutcomeKind } from "../../../src/model/outcome.ts"

const states: ReadonlyArray<DeliveryState> = ["pending", "sending", "retrying", "delivered", "dead", "cancelled"]

const failures: ReadonlyArray<DeliveryEvent> = outcomeKinds.flatMap((kind) =>
  [true, false].map((permanent): DeliveryEvent => ({ type: "FAILED", kind, permanent })),
)

const events: ReadonlyArray<DeliveryEvent> = [
  { type: "SEND" },
  { type: "DELIVERED" },
  { type: "CANCEL" },
  { type: "REVIVE" },
  ...failures,
]

/** What XState decides, in the form of a step. */
const byMachine = ({ state, ...context }: Step, event: DeliveryEvent): Step => {
  const [next] = transition(deliveryMachine, deliveryMachine.resolveState({ value: state, context }), event)
  return { state: next.value, ...next.context }
}

const shown = (from: Step, event: DeliveryEvent) => `${JSON.stringify(from)} on ${JSON.stringify(event)}`

const contexts: ReadonlyArray<DeliveryContext> = [null, ...outcomeKinds].flatMap((last) =>
  [1, 2, 8].flatMap((attempts) =>
    // The last one is beyond what is allowed: the config may have been changed to fewer attempts meanwhile.
    [...new Set([0, 1, attempts - 1, attempts, attempts + 1])].map((attempt) => ({ attempt, attempts, last })),
  ),
)

const everyStep: ReadonlyArray<Step> = states.flatMap((state) => contexts.map((context) => ({ state, ...context })))

/** Everything that can follow, the start included. */
const reachable = (from: ReadonlyArray<Step>, allowed: ReadonlyArray<DeliveryEvent>): ReadonlyArray<Step> => {
  const known = new Map(from.map((one) => [JSON.stringify(one), one]))
  for (const one of known.values()) {
    for (const event of allowed) {
      const { state, attempt, attempts, last } = byMachine(one, event)
      const next = { state, attempt, attempts, last }
      known.set(JSON.stringify(next), known.get(JSON.stringify(next)) ?? next)
    }
  }
  return [...known.values()]
}

const stateNames = (steps: ReadonlyArray<Step>) => [...new Set(steps.map(({ state }) => state))].toSorted()

const at = (state: DeliveryState, attempt = 1, attempts = 3, last: OutcomeKind | null = null): Step => ({
  state,
  attempt,
  attempts,
  last,
})

describe("the delivery machine", () => {
  it("begins with a delivery that is pending, not attempted, with the attempts that it is given", () => {
    const [first] = initialTransition(deliveryMachine, { attempts: 5 })
    assert.deepStrictEqual(
      { state: first.value, ...first.context },
      { state: "pending", attempt: 0, attempts: 5, last: null },
    )
  })

  it("knows the states of the model and no others", () => {
    assert.deepStrictEqual(Object.keys(deliveryMachine.states).toSorted(), states.toSorted())
  })

  it("leaves each state by the events that its description names, for where it says", () => {
    const described: { readonly [S in DeliveryState]: Partial<Record<DeliveryEvent["type"], ReadonlyArray<string>>> } =
      {
        pending: { SEND: ["sending"], CANCEL: ["cancelled"] },
        sending: { DELIVERED: ["delivered"], FAILED: ["dead", "retrying"] },
        retrying: { SEND: ["sending"], CANCEL: ["cancelled"] },
        delivered: {},
        dead: { REVIVE: ["pending"] },
        cancelled: {},
      }
    for (const state of states) {
      const found: Record<string, ReadonlyArray<string>> = {}
      for (const from of everyStep.filter((one) => one.state === state)) {
        for (const event of events) {
          const to = byMachine(from, event).state
          if (to !== state) found[event.type] = [...new Set([...(found[event.type] ?? []), to])].toSorted()
        }
      }
      assert.deepStrictEqual(found, described[state], state)
    }
  })

  it("counts an attempt when it begins, and only then", () => {
    for (const state of ["pending", "retrying"] as const) {
      assert.deepStrictEqual(byMachine(at(state, 1, 3, "timeout"), { type: "SEND" }), at("sending", 2, 3, "timeout"))
    }
    for (const from of everyStep) {
      for (const event of events) {
        const next = byMachine(from, event)
        const began = from.state !== "sending" && next.state === "sending"
        if (next.state === "pending" && from.state === "dead") assert.strictEqual(next.attempt, 0)
        else assert.strictEqual(next.attempt, from.attempt + (began ? 1 : 0), shown(from, event))
        assert.strictEqual(next.attempts, from.attempts)
      }
    }
  })

  it("retries a transient failure while attempts are left, and gives up on every other", () => {
    for (const { kind, permanent } of failures.filter((event) => event.type === "FAILED")) {
      for (const [attempt, attempts] of [
        [1, 1],
        [1, 2],
        [2, 2],
        [7, 8],
        [8, 8],
        [9, 8],
      ] as const) {
        const next = byMachine(at("sending", attempt, attempts), { type: "FAILED", kind, permanent })
        const wanted = !permanent && attempt < attempts ? "retrying" : "dead"
        assert.deepStrictEqual(next, at(wanted, attempt, attempts, kind))
      }
    }
  })

  it("makes exactly the attempts allowed when all of them fail", () => {
    for (const attempts of [1, 2, 8]) {
      let now: Step = { state: "pending", attempt: 0, attempts, last: null }
      let begun = 0
      while (now.state !== "dead") {
        if (now.state === "sending") now = byMachine(now, { type: "FAILED", kind: "server_error", permanent: false })
        else {
          begun++
          now = byMachine(now, { type: "SEND" })
        }
      }
      assert.strictEqual(begun, attempts)
    }
  })

  it("remembers the last outcome, through a retry, a revival and a cancellation", () => {
    assert.strictEqual(byMachine(at("sending", 2, 3, "timeout"), { type: "DELIVERED" }).last, "delivered")
    assert.strictEqual(byMachine(at("dead", 3, 3, "blocked"), { type: "REVIVE" }).last, "blocked")
    assert.strictEqual(byMachine(at("retrying", 1, 3, "timeout"), { type: "CANCEL" }).last, "timeout")
  })

  it("waits for an attempt's end before it can be cancelled", () => {
    assert.deepStrictEqual(byMachine(at("sending"), { type: "CANCEL" }), at("sending"))
  })

  it("reaches from each state what its description allows, and from an end nothing", () => {
    const all = states.toSorted()
    const fromHere = (state: DeliveryState) => stateNames(reachable([at(state, 0)], events))
    assert.deepStrictEqual(fromHere("pending"), all)
    assert.deepStrictEqual(fromHere("sending"), all)
    assert.deepStrictEqual(fromHere("retrying"), all)
    assert.deepStrictEqual(fromHere("dead"), all)
    assert.deepStrictEqual(fromHere("delivered"), ["delivered"])
    assert.deepStrictEqual(fromHere("cancelled"), ["cancelled"])
  })

  it("stays dead until a person revives it", () => {
    const unaided = events.filter(({ type }) => type !== "REVIVE")
    assert.deepStrictEqual(stateNames(reachable([at("dead", 3)], unaided)), ["dead"])
  })

  it("never begins more attempts than allowed by itself, and never waits when none is left", () => {
    const steps = reachable([{ state: "pending", attempt: 0, attempts: 3, last: null }], events)
    for (const one of steps) {
      assert.isAtMost(one.attempt, one.attempts, JSON.stringify(one))
      if (one.state === "retrying") assert.isBelow(one.attempt, one.attempts)
      if (one.state === "delivered") assert.strictEqual(one.last, "delivered")
      if (one.state === "dead") assert.isNotNull(one.last)
    }
  })
})

describe("the plain code of the hot path", () => {
  it("decides what the machine decides, in every state, on every event", () => {
    for (const from of everyStep) {
      for (const event of events) {
        assert.deepStrictEqual(step(from, event), byMachine(from, event), shown(from, event))
      }
    }
  })

  it("gives back the very step that it was given when the event means nothing there", () => {
    for (const from of everyStep) {
      for (const event of events) {
        const next = step(from, event)
        if (next.state === from.state) assert.strictEqual(next, from, shown(from, event))
      }
    }
  })

  it("changes nothing in the step that it is given", () => {
    for (const from of everyStep) {
      for (const event of events) step(Object.freeze({ ...from }), event)
    }
  })
})
