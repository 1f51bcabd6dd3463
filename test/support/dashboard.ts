/**
 * The dashboard as a runtime serves it, for a real browser: how one signs in, and all of its pages.
 */
import type { BrowserContext, Page } from "playwright-core"
import { keys } from "./estate.ts"
import type { Today } from "./today.ts"

/** Without the form, for what is about other pages. */
export const signIn = async (context: BrowserContext, key: string = keys.admin): Promise<void> => {
  const answer = await context.request.post("/api/v1/sign-in", { data: { key } })
  if (!answer.ok()) throw new Error(`sign-in: ${answer.status()} ${await answer.text()}`)
}

/** Goes to a page of the dashboard and waits for what it is about: its heading, and nothing of it that is still loading. */
export const visit = async (page: Page, path: string): Promise<void> => {
  await page.goto(path)
  await page.getByRole("heading", { level: 1 }).waitFor()
  await page.locator(".loading").first().waitFor({ state: "hidden" })
}

export interface DashboardPage {
  /** Also the picture's name. */
  readonly name: string
  readonly path: string
}

/** Every page, of an estate that had such a day. */
export const pagesOf = ({ event, dead, retrying, replay }: Today): ReadonlyArray<DashboardPage> => {
  const acme = "/workspaces/acme"
  return [
    { name: "overview", path: "/" },
    { name: "workspaces", path: "/workspaces" },
    { name: "workspace", path: acme },
    { name: "events", path: `${acme}/events` },
    { name: "event", path: `${acme}/events/${event}` },
    { name: "deliveries", path: `${acme}/deliveries` },
    { name: "delivery-failed", path: `${acme}/deliveries/${dead}` },
    { name: "delivery-retrying", path: `${acme}/deliveries/${retrying}` },
    { name: "dead-letters", path: `${acme}/dead-letters` },
    { name: "connections", path: `${acme}/connections` },
    { name: "connection-open", path: `${acme}/connections/billing` },
    { name: "connection-paused", path: `${acme}/connections/chat` },
    { name: "replays", path: `${acme}/replays` },
    { name: "new-replay", path: `${acme}/replays/new` },
    { name: "replay", path: `${acme}/replays/${replay}` },
    { name: "explain", path: `${acme}/explain` },
    { name: "workspace-audit", path: `${acme}/audit` },
    { name: "empty-workspace", path: "/workspaces/acme-staging" },
    { name: "empty-events", path: "/workspaces/acme-staging/events" },
    { name: "keys", path: "/keys" },
    { name: "audit", path: "/audit" },
    { name: "nothing-here", path: "/workspaces/acme/nothing" },
  ]
}
