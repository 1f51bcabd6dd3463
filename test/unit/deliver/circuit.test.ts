/**
 * The circuit over every state and event, what makes it open, and what a gate lets through. Time is the test's.
 */
import { afterEach, assert, beforeEach, describe, it, vi } from "vitest"
import { connectionDefaults, limits } from "../../../src/config/defaults.ts"
import { circuitAt, circuitMachine, circuitStep, Tally, waitBefore } from "../../../src/deliver/circuit.ts"
import type { CircuitEvent, CircuitStateName } from "../../../src/deliver/circuit.ts"
import { Gate, type Change, type GateSettings } from "../../../src/deliver/gate.ts"
import type { ConnectionState } from "../../../src/model/connection-state.ts"
import type { Outcome, OutcomeKind } from "../../../src/model/outcome.ts"

const plan = connectionDefaults.circuit
const ok: Outcome = { kind: "delivered", message: "HTTP 200", status: 200 }
const refused: Outcome = { kind: "rejected", message: "HTTP 400", status: 400 }
const down: Outcome = { kind: "server_error", message: "HTTP 503", status: 503 }
const unauthorized: Outcome = { kind: "auth_failed", message: "HTTP 401", status: 401 }

describe("the circuit", () => {
  const events: ReadonlyArray<CircuitEvent["type"]> = ["TRIP", "PROBE", "WELL", "UNWELL", "PAUSE", "RESUME"]
  /** Where each event leads from each state; where it says nothing, nothing happens. */
  const leads: { readonly [S in CircuitStateName]: { readonly [E in CircuitEvent["type"]]?: CircuitStateName } } = {
    closed: { TRIP: "open", PAUSE: "paused" },
    open: { PROBE: "halfOpen", PAUSE: "paused", RESUME: "closed" },
    halfOpen: { WELL: "closed", UNWELL: "open", PAUSE: "paused", RESUME: "closed" },
    paused: { RESUME: "closed" },
  }

  it("goes from every state on every event where it is said to, and nowhere else", () => {
    assert.deepStrictEqual(Object.keys(circuitMachine.states).toSorted(), Object.keys(leads).toSorted())
    for (const state of Object.keys(leads) as ReadonlyArray<CircuitStateName>) {
      for (const type of events) {
        assert.strictEqual(
          circuitStep(circuitAt(state), { type }).value,
          leads[state][type] ?? state,
          `${state} ${type}`,
        )
      }
    }
  })

  it("waits twice as long after each probe that finds the destination unwell, up to its longest wait", () => {
    let circuit = circuitStep(circuitAt("closed"), { type: "TRIP" })
    const waits: Array<number> = []
    for (let i = 0; i < 8; i++) {
      waits.push(waitBefore(plan, circuit.context.probes))
      circuit = circuitStep(circuitStep(circuit, { type: "PROBE" }), { type: "UNWELL" })
    }
    assert.deepStrictEqual(waits, [5000, 10_000, 20_000, 40_000, 60_000, 60_000, 60_000, 60_000])
    const closed = circuitStep(circuitStep(circuit, { type: "PROBE" }), { type: "WELL" })
    assert.strictEqual(closed.context.probes, 0)
  })
})

describe("the tally of attempts", () => {
  const noteAll = (tally: Tally, kinds: ReadonlyArray<Outcome["kind"]>) =>
    kinds.map((kind) => tally.note(kind, plan)).findIndex(({ trip }) => trip !== undefined)

  it("trips at so many failures in a row, and a refusal is an answer that begins the row anew", () => {
    const failures = Array.from({ length: plan.failures - 1 }, () => "timeout" as const)
    assert.strictEqual(noteAll(new Tally(), [...failures, "rejected", ...failures]), -1)
    assert.strictEqual(noteAll(new Tally(), [...failures, "network_error"]), plan.failures - 1)
  })

  it("trips at a rate of failures, once it has seen enough", () => {
    const mixed = Array.from({ length: plan.minimum }, (_, i): OutcomeKind =>
      i % 2 === 0 ? "server_error" : "delivered",
    )
    assert.strictEqual(noteAll(new Tally(), mixed.slice(0, -2)), -1)
    assert.isAtLeast(noteAll(new Tally(), [...mixed, "server_error"]), plan.minimum - 1)
  })

  it("forgets what is older than its window", () => {
    const tally = new Tally()
    const few = Array.from({ length: 9 }, () => "server_error" as const)
    assert.strictEqual(noteAll(tally, few), -1)
    const good = Array.from({ length: limits.circuitWindow }, () => "delivered" as const)
    assert.strictEqual(noteAll(tally, [...good, ...few, "delivered", ...few, "delivered", ...few, "delivered"]), -1)
  })

  it("learns nothing of a destination from what never got there", () => {
    const kinds = Array.from(
      { length: 500 },
      () => ["mapping_error", "blocked", "internal_error", "rate_limited"] as const,
    )
    assert.strictEqual(noteAll(new Tally(), kinds.flat()), -1)
  })
})

describe("a gate", () => {
  beforeEach(
    () => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance", "Date", "queueMicrotask"] }),
  )
  afterEach(() => void vi.useRealTimers())

  const makeGate = (
    settings: Partial<GateSettings> = {},
    options: { state?: ConnectionState; since?: number } = {},
  ) => {
    const changes: Array<Change> = []
    const may = { run: true }
    let woken = 0
    const gate = new Gate({
      settings: () => ({ concurrency: 4, ...settings }),
      mayRun: () => may.run,
      onChange: (change) => void changes.push(change),
      wake: () => void woken++,
      ...options,
    })
    /** Attempts that end so, one after the other, as long as one may begin. */
    const attempt = (outcome: Outcome, count = 1): number => {
      for (let i = 0; i < count; i++) {
        if (!gate.begin()) return i
        gate.end(outcome, false)
      }
      return count
    }
    return { gate, changes, may, attempt, woken: () => woken }
  }

  it("shuts when its circuit opens, tries one delivery when the wait is over, and opens when that arrives", () => {
    const { gate, changes, attempt, woken } = makeGate()
    assert.strictEqual(attempt(down, 100), plan.failures)
    assert.isTrue(gate.shut)
    vi.advanceTimersByTime(plan.waitMs - 1)
    assert.isFalse(gate.begin())
    vi.advanceTimersByTime(1)
    assert.strictEqual(gate.state, "halfOpen")
    assert.isAtLeast(woken(), 1)
    assert.isTrue(gate.begin())
    assert.isFalse(gate.begin(), "one at a time")
    gate.end(ok, false)
    assert.strictEqual(gate.state, "closed")
    assert.strictEqual(attempt(ok, 10), 10)
    assert.deepStrictEqual(
      changes.map(({ from, to }) => `${from} ${to}`),
      ["closed open", "open halfOpen", "halfOpen closed"],
    )
  })

  it("pauses at once when the destination is gone, and at repeated refusals of credentials; a person opens it", () => {
    const gone = makeGate()
    gone.attempt({ kind: "rejected", message: "HTTP 410", status: 410, gone: true })
    assert.strictEqual(gone.gate.state, "paused")
    const { gate, attempt, changes } = makeGate()
    assert.strictEqual(attempt(unauthorized, 100), limits.authFailuresToPause)
    assert.include(changes[0]!.reason, "credentials")
    vi.advanceTimersByTime(limits.circuitWaitMaxMs)
    assert.isFalse(gate.begin())
    gate.apply({ state: "closed", reason: "", at: 0, by: "cli:ada" })
    assert.strictEqual(attempt(ok, 3), 3)
  })

  it("begins as its former owner left it: an open circuit is not tried before its time", () => {
    const { gate } = makeGate(
      {},
      { state: { state: "open", reason: "", at: 0, by: "runtime", probe: Date.now() + 700, probes: 2 } },
    )
    assert.isFalse(gate.begin())
    vi.advanceTimersByTime(700)
    assert.isTrue(gate.begin())
  })

  it("never opens by itself where the config says so, and is paused all the same", () => {
    const { gate, attempt } = makeGate({ circuit: false })
    assert.strictEqual(attempt(down, 500), 500)
    attempt({ kind: "rejected", message: "HTTP 410", status: 410, gone: true })
    assert.strictEqual(gate.state, "paused")
  })

  it("lets nothing through without a lease", () => {
    const { gate, may } = makeGate()
    may.run = false
    assert.isFalse(gate.begin())
    may.run = true
    assert.isTrue(gate.begin())
  })

  it("waits for as long as the destination asked, for all that is sent to it", () => {
    const { gate, attempt, woken } = makeGate()
    attempt({ kind: "rate_limited", message: "HTTP 429", status: 429, retryAfterMs: 3000 })
    assert.isFalse(gate.begin())
    vi.advanceTimersByTime(2999)
    assert.isFalse(gate.begin())
    vi.advanceTimersByTime(1)
    assert.isAtLeast(woken(), 1)
    assert.strictEqual(attempt(refused, 2), 2)
  })

  it("has no tokens at a takeover but those of the time since: the owner before may have used the others", () => {
    vi.advanceTimersByTime(10_000)
    const rateLimit = { limit: 10, perMs: 1000 }
    const { attempt } = makeGate({ rateLimit }, { since: performance.now() - 300 })
    assert.strictEqual(attempt(ok, 100), 3)
    vi.advanceTimersByTime(1000)
    assert.strictEqual(attempt(ok, 100), 10)
  })
})
