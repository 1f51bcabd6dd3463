import { configDefaults, defineConfig } from "vitest/config"
import { isWhole } from "./test/support/scale.ts"
import { SlowFirst } from "./test/support/slow-first.ts"

/** Half of the time that all tests take together; each promise has a quicker test too, or concerns what seldom changes. */
const inWholeRunsAlone = [
  "test/conformance/specs.test.ts",
  "test/fault/{dead-beside-healthy,graceful,two-runtimes}.test.ts",
  "test/flow/{dashboard-accessibility,dashboard-mishaps,deploy,embedded,oauth,package,reload-load,replicas,rotation,workers}.test.ts",
]

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts", "connectors/**/*.test.ts"],
    exclude: [...configDefaults.exclude, ...(isWhole ? [] : inWholeRunsAlone)],
    reporters: ["default", "./test/support/summary-reporter.ts"],
    sequence: { shuffle: { files: false, tests: true }, sequencer: SlowFirst },
    testTimeout: 60_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
    globalSetup: ["test/support/global.ts"],
  },
})
