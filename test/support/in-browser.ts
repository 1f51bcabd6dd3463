/**
 * Tests in a real browser, one for all tests of a file. Where none can be had they are skipped, and it is said why.
 */
import type { Browser } from "playwright-core"
import { afterAll, expect, test as plain, vi } from "vitest"
import { openWindow, startBrowser, type Look, type Visit } from "./browser.ts"

// A browser beside other tests on two cores is slow at times.
vi.setConfig({ testTimeout: 180_000 })

let started: Promise<Browser | string> | undefined

afterAll(async () => {
  const browser = await started
  if (typeof browser === "object") await browser.close()
})

/** Opens a window that is closed when the test ends, and in which nothing may have gone wrong but what is `expected`. */
export type Open = (origin: string, look?: Look, expected?: ReadonlyArray<RegExp>) => Promise<Visit>

export const test = plain.extend<{ readonly open: Open }>({
  open: async ({ skip }, use) => {
    const browser = await (started ??= startBrowser())
    if (typeof browser === "string") return skip(`no Chromium: ${browser}`)
    const visits: Array<{ readonly visit: Visit; readonly expected: ReadonlyArray<RegExp> }> = []
    await use(async (origin, look, expected = []) => {
      const visit = await openWindow(browser, origin, look)
      visits.push({ visit, expected })
      return visit
    })
    for (const { visit } of visits) await visit.context.close()
    for (const { visit, expected } of visits)
      expect(visit.problems.filter((problem) => !expected.some((pattern) => pattern.test(problem)))).toEqual([])
  },
})
