/**
 * Only what the runtime paused for want of something is resumed, only by who sends to it, and only once it is there.
 */
import { expect, test } from "vitest"
import type { ConnectionPlan, Plan } from "../../../src/config/plan.ts"
import { makeMender } from "../../../src/deliver/mend.ts"
import type { ConnectionState } from "../../../src/model/connection-state.ts"

const connections = ["lacks", "consent", "by-hand", "refused", "open", "not-mine", "still-lacks"]

const world = () => {
  const there = new Set(connections.filter((id) => id !== "still-lacks"))
  const paused = (reason: string, by = "runtime"): ConnectionState => ({ state: "paused", reason, by, at: 0 })
  const states = new Map<string, ConnectionState>([
    ["lacks", paused('secret_missing: secret "A" is not set')],
    ["consent", paused("oauth_reauthorization_required")],
    ["by-hand", paused("secret_missing: so says a person", "key:admin")],
    ["refused", paused("secret_missing_too: another reason")],
    ["open", { state: "open", reason: "secret_missing: no pause", by: "runtime", at: 0 }],
    ["not-mine", paused("secret_missing: another replica's")],
    ["still-lacks", paused("secret_missing: still")],
  ])
  const plans = new Map(connections.map((id) => [id, { id, workspace: "acme" } as ConnectionPlan]))
  const plan = { workspaces: new Map([["acme", { connections: plans }]]) } as unknown as Plan
  const mender = makeMender({
    plan: () => plan,
    states: {
      get: ({ connection }) => states.get(connection),
      change: ({ connection }, decide) => {
        const after = decide(states.get(connection))
        if (after !== undefined) states.set(connection, after)
      },
    },
    missing: ["secret_missing", "oauth_reauthorization_required"].map((code) => ({
      code,
      isThere: ({ id }) => there.has(id),
    })),
    isMine: ({ connection }) => connection !== "not-mine",
  })
  const resumed = () => connections.filter((id) => states.get(id)!.by === "vault")
  return { mender, there, resumed }
}

test("what was missing came: those that lacked it go on, and no others", () => {
  const { mender, there, resumed } = world()
  mender.workspace("globex")
  expect(resumed()).toEqual([])
  mender.workspace("acme")
  expect(resumed()).toEqual(["lacks", "consent"])
  there.add("still-lacks")
  mender.connection({ workspace: "acme", connection: "still-lacks" })
  expect(resumed()).toEqual(["lacks", "consent", "still-lacks"])
})

test("a replica that takes connections over looks at them all", () => {
  const { mender, resumed } = world()
  mender.all()
  expect(resumed()).toEqual(["lacks", "consent"])
})
