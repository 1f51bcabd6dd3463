/**
 * The last line of a test run, for machines: `N passed, N failed` (and how many were skipped).
 */
import type { Reporter, TestModule } from "vitest/node"

export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: ReadonlyArray<TestModule>, errors: ReadonlyArray<unknown>): void {
    let passed = 0
    let failed = errors.length
    let skipped = 0
    for (const module of modules) {
      if (module.errors().length > 0) failed++
      for (const test of module.children.allTests()) {
        const { state } = test.result()
        if (state === "passed") passed++
        else if (state === "failed") failed++
        else skipped++
      }
    }
    // After the other reporters' own summaries.
    process.once("exit", () => {
      process.stdout.write(`${skipped === 0 ? "" : `${skipped} skipped\n`}${passed} passed, ${failed} failed\n`)
    })
  }
}
