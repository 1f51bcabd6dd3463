/**
 * The pages are there for everybody: no serious barrier in light or dark, nothing to scroll sideways for on a narrow screen, and the keyboard
 * is enough.
 */
import { afterAll, beforeAll, expect } from "vitest"
import type { Page } from "playwright-core"
import { barriers, sideways } from "../support/accessibility.ts"
import { pagesOf, signIn, visit, type DashboardPage } from "../support/dashboard.ts"
import { keys, startEstate, type Estate } from "../support/estate.ts"
import { test } from "../support/in-browser.ts"
import { isWhole } from "../support/scale.ts"
import { makeToday } from "../support/today.ts"

let estate: Estate
let pages: ReadonlyArray<DashboardPage>

beforeAll(async () => {
  estate = await startEstate()
  pages = pagesOf(await makeToday(estate))
})
afterAll(() => estate[Symbol.asyncDispose]())

/** What nobody who is signed out is told: that they are. */
const notSignedIn = [/status of 401/]

const narrow = { width: 360, height: 740 }
const wide = { width: 1280, height: 800 }

test("no page has a serious barrier, nor must be scrolled sideways", { timeout: 600_000 }, async ({ open }) => {
  const { context, page } = await open(estate.origin)
  await signIn(context)
  const found: Array<string> = []
  for (const [i, one] of pages.entries()) {
    await page.setViewportSize(wide)
    await visit(page, one.path)
    // All four looks of each page when there is time; otherwise one, and another for the next page.
    const looks = [
      { scheme: "light", size: wide },
      { scheme: "dark", size: narrow },
      { scheme: "dark", size: wide },
      { scheme: "light", size: narrow },
    ] as const
    for (const { scheme, size } of isWhole ? looks : [looks[i % looks.length]!]) {
      await page.emulateMedia({ colorScheme: scheme })
      await page.setViewportSize(size)
      const where = `${one.name}, ${scheme}, ${size.width} px`
      found.push(...(await barriers(page)).map((barrier) => `${where}: ${barrier}`))
      const pixels = await sideways(page)
      if (pixels > 0) found.push(`${where}: ${pixels} px out of view`)
    }
  }
  expect(found).toEqual([])
})

test("whoever is not signed in meets no barrier either", async ({ open }) => {
  const { page } = await open(estate.origin, narrow, notSignedIn)
  await page.goto("/workspaces")
  await page.getByRole("heading", { name: "Sign in" }).waitFor()
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme })
    expect([await barriers(page), await sideways(page)]).toEqual([[], 0])
  }
})

/** Presses a key until the link of that name has the focus, and no oftener than the navigation is long. */
const tabTo = async (page: Page, name: string, key: "Tab" | "Shift+Tab"): Promise<void> => {
  const wanted = page.locator("nav a:focus")
  for (let i = 0; i < 30; i++) {
    await page.keyboard.press(key)
    if ((await wanted.count()) > 0 && (await wanted.innerText()) === name) return
  }
  throw new Error(`${key} never came to ${name}`)
}

test("the keyboard is enough to sign in and to get to every page of the navigation", async ({ open }) => {
  const { page } = await open(estate.origin, wide, notSignedIn)
  await page.goto("/")
  await page.getByLabel("Key").waitFor()
  await page.keyboard.type(keys.acme)
  await page.keyboard.press("Enter")
  await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor()
  const names = ["Workspaces", "Events", "Deliveries", "Dead letters", "Connections", "Replays", "Explain"]
  for (const [i, name] of names.entries()) {
    // What is opened has the focus, and the navigation stands before it.
    await tabTo(page, name, i === 0 ? "Tab" : "Shift+Tab")
    await page.keyboard.press("Enter")
    await page.getByRole("heading", { level: 1, name }).waitFor()
    await page.locator("main:focus").waitFor()
  }
})

test("the API's reference has no barriers", async ({ open }) => {
  const { page } = await open(estate.origin, { ...narrow, scheme: "dark" })
  await page.goto("/docs")
  expect(await sideways(page)).toBe(0)
  // It is long: axe-core takes a dozen seconds to go through it.
  if (isWhole) expect(await barriers(page)).toEqual([])
})
