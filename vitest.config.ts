import { defineConfig } from "vitest/config"
import { SlowFirst } from "./test/support/slow-first.ts"

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts", "connectors/**/*.test.ts"],
    reporters: ["default", "./test/support/summary-reporter.ts"],
    sequence: { shuffle: { files: false, tests: true }, sequencer: SlowFirst },
    testTimeout: 60_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
    globalSetup: ["test/support/global.ts"],
  },
})
