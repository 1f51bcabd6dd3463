import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts", "connectors/**/*.test.ts"],
    reporters: ["default", "./test/support/summary-reporter.ts"],
    sequence: { shuffle: true },
    testTimeout: 60_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
    globalSetup: ["test/support/global.ts"],
  },
})
