/**
 * A short run of the fault scenario; `npm run test:faults` makes long ones.
 */
import { expect, test } from "vitest"
import { seedOf } from "../support/random.ts"
import { runFaults, summaryLine } from "./run.ts"

test("nothing is lost, created twice or out of order, whatever fails", { timeout: 400_000 }, async () => {
  const seed = seedOf("seeded faults")
  const summary = await runFaults({
    seed,
    enough: (faults) => faults >= 4,
    longestMs: 4000,
    workspaces: 2,
    say: (line) => console.info(line),
  })
  console.info(summaryLine(summary))
  expect(summary.events).toBeGreaterThan(0)
})
