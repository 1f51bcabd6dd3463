/**
 * The last line of a test run, for machines: `N passed, N failed` (and how many were skipped, and why).
 */
import type { Reporter, TestModule } from "vitest/node"

export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: ReadonlyArray<TestModule>, errors: ReadonlyArray<unknown>): void {
    let passed = 0
    let failed = errors.length
    let skipped = 0
    const reasons = new Map<string, number>()
    for (const module of modules) {
      if (module.errors().length > 0) failed++
      for (const test of module.children.allTests()) {
        const result = test.result()
        if (result.state === "passed") passed++
        else if (result.state === "failed") failed++
        else skipped++
        if (result.state !== "skipped" || result.note === undefined) continue
        reasons.set(result.note, (reasons.get(result.note) ?? 0) + 1)
      }
    }
    // After the other reporters' own summaries.
    process.once("exit", () => {
      for (const [reason, count] of reasons) process.stdout.write(`skipped ${count}: ${reason}\n`)
      process.stdout.write(`${skipped === 0 ? "" : `${skipped} skipped\n`}${passed} passed, ${failed} failed\n`)
    })
  }
}
