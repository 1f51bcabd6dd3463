/**
 * What keeps people from a page: what axe-core finds serious or critical in it, and whether it must be scrolled sideways.
 */
import axe from "axe-core"
import type { Page } from "playwright-core"

/** A line for each thing that is wrong: the rule, where, and what to do. */
export const barriers = async (page: Page): Promise<ReadonlyArray<string>> => {
  // Run by the browser's own debugger: the page's content policy allows no script of ours in the page.
  await page.evaluate(axe.source)
  const found = await page.evaluate(() => (globalThis as any).axe.run() as Promise<axe.AxeResults>)
  return found.violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, nodes }) =>
      nodes.map(({ target, failureSummary }) => `${id}: ${target.join(" ")}: ${failureSummary ?? ""}`),
    )
}

/** How many pixels of the document are out of view to the right. */
export const sideways = (page: Page): Promise<number> =>
  page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
