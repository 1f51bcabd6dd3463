/**
 * A real browser, and pages of it that are watched: what the console says of errors, what the page throws, what its content policy refuses,
 * and what leaves the origin.
 */
import { chromium, type Browser, type BrowserContext, type Page } from "playwright-core"
import { findChromium } from "./chromium.ts"

/** A browser that was started, or why there is none. */
export const startBrowser = async (): Promise<Browser | string> => {
  const found = await findChromium()
  if (typeof found === "string") return found
  const env = Object.fromEntries(
    Object.entries({ ...process.env, ...found.env }).filter(
      (entry): entry is [string, string] => entry[1] !== undefined,
    ),
  )
  return chromium.launch({ executablePath: found.path, env })
}

export interface Look {
  /** Pixels; default 1280. */
  readonly width?: number
  readonly height?: number
  readonly scheme?: "light" | "dark"
  readonly zone?: string
  readonly locale?: string
}

export interface Visit {
  readonly context: BrowserContext
  readonly page: Page
  /** What was wrong so far, a line each. */
  readonly problems: ReadonlyArray<string>
}

/** A person's own window: no cookie of another's, paths below `origin`, nothing of any other origin expected. */
export const openWindow = async (browser: Browser, origin: string, look: Look = {}): Promise<Visit> => {
  const { width = 1280, height = 800, scheme = "light", zone = "UTC", locale = "en-GB" } = look
  const context = await browser.newContext({
    baseURL: origin,
    viewport: { width, height },
    colorScheme: scheme,
    timezoneId: zone,
    locale,
    reducedMotion: "reduce",
  })
  const problems: Array<string> = []
  context.on("console", (message) => {
    // Also how the browser tells of what a content policy refused.
    if (message.type() === "error") problems.push(`console: ${message.text()} (${message.location().url})`)
  })
  context.on("weberror", (thrown) => void problems.push(`thrown: ${thrown.error().stack ?? thrown.error().message}`))
  context.on("request", (request) => {
    const url = new URL(request.url())
    if (url.protocol !== "data:" && url.protocol !== "blob:" && url.origin !== origin)
      problems.push(`request to another origin: ${request.url()}`)
  })
  return { context, page: await context.newPage(), problems }
}
