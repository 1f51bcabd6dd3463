/**
 * The pages are there for everybody: no serious barrier in light or dark, nothing to scroll sideways for on a narrow screen.
 */
import { afterAll, beforeAll, expect } from "vitest"
import { barriers, sideways } from "../support/accessibility.ts"
import { test } from "../support/in-browser.ts"
import { isWhole } from "../support/scale.ts"
import { startRuntime, type TestRuntime } from "../support/runtime.ts"

let runtime: TestRuntime

beforeAll(async () => {
  runtime = await startRuntime({ config: "export default defineConfig({ workspaces: {} })" })
})
afterAll(() => runtime[Symbol.asyncDispose]())

test("the API's reference has no barriers", async ({ open }) => {
  const { page } = await open(runtime.http(), { scheme: "dark", width: 360 })
  await page.goto("/docs")
  expect(await sideways(page)).toBe(0)
  // It is long: axe-core takes a dozen seconds to go through it.
  if (isWhole) expect(await barriers(page)).toEqual([])
})
