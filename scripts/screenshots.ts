/**
 * Pictures of every page of the dashboard, narrow and wide, light and dark, of a runtime that has something to tell: `npm run screenshots`,
 * or with where to put them: `npm run screenshots -- <folder>`. Default: `.meshes/screenshots/`.
 */
import { mkdir } from "node:fs/promises"
import { join, resolve } from "node:path"
import { openWindow, startBrowser } from "../test/support/browser.ts"
import { buildDashboardIfOlder } from "./build-dashboard.ts"
import { pagesOf, signIn, visit } from "../test/support/dashboard.ts"
import { startEstate } from "../test/support/estate.ts"
import { makeToday } from "../test/support/today.ts"
import { writeYesterday } from "../test/support/yesterday.ts"

const folder = resolve(process.argv[2] ?? ".meshes/screenshots")
const only = process.argv.slice(3)
const widths = [360, 1280] as const
const schemes = ["light", "dark"] as const

const browser = await startBrowser()
if (typeof browser === "string") throw new Error(`no Chromium: ${browser}`)
try {
  await buildDashboardIfOlder()
  await mkdir(folder, { recursive: true })
  await using estate = await startEstate()
  await writeYesterday(estate.nats.url)
  const pages = pagesOf(await makeToday(estate))
  for (const width of widths) {
    for (const scheme of schemes) {
      const { context, page, problems } = await openWindow(browser, estate.origin, { width, scheme, height: 800 })
      const shoot = async (name: string) => {
        const path = join(folder, `${name}-${width}-${scheme}.png`)
        await page.screenshot({ path, fullPage: true })
        process.stdout.write(`${path}\n`)
      }
      await page.goto("/sign-in")
      await page.getByRole("button", { name: "Sign in" }).waitFor()
      await shoot("sign-in")
      await signIn(context)
      for (const one of pages) {
        if (only.length > 0 && !only.includes(one.name)) continue
        await visit(page, one.path)
        await shoot(one.name)
      }
      for (const problem of problems) process.stdout.write(`${problem}\n`)
      await context.close()
    }
  }
} finally {
  await browser.close()
}
