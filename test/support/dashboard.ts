/**
 * The dashboard as a runtime serves it, for a real browser: built if its sources are newer, how one signs in, and all of its pages.
 */
import { mkdir } from "node:fs/promises"
import { join } from "node:path"
import type { BrowserContext } from "playwright-core"
import { buildDashboardIfOlder } from "../../scripts/build-dashboard.ts"
import { keys, type Estate } from "./estate.ts"
import { withLock } from "./lock.ts"
import { repository } from "./runtime.ts"
import type { Today } from "./today.ts"

/** Before a runtime is started: it reads the page's files once. */
export const buildForTests = async (): Promise<void> => {
  await mkdir(join(repository, "dist"), { recursive: true })
  await withLock(join(repository, "dist", ".dashboard-lock"), buildDashboardIfOlder)
}

/** Without the form, for what is about other pages. */
export const signIn = async (context: BrowserContext, key: string = keys.admin): Promise<void> => {
  const answer = await context.request.post("/api/v1/sign-in", { data: { key } })
  if (!answer.ok()) throw new Error(`sign-in: ${answer.status()} ${await answer.text()}`)
}

export interface DashboardPage {
  /** Also the picture's name. */
  readonly name: string
  readonly path: string
  /** Its heading. */
  readonly title: string | RegExp
}

/** Every page, of an estate that had such a day. */
export const pagesOf = ({ event, dead, retrying, replay }: Today): ReadonlyArray<DashboardPage> => {
  const acme = "/workspaces/acme"
  return [
    { name: "overview", path: "/", title: "Overview" },
    { name: "workspaces", path: "/workspaces", title: "Workspaces" },
    { name: "workspace", path: acme, title: "acme" },
    { name: "events", path: `${acme}/events`, title: "Events" },
    { name: "event", path: `${acme}/events/${event}`, title: /lead\.created|Event/ },
    { name: "deliveries", path: `${acme}/deliveries`, title: "Deliveries" },
    { name: "delivery-failed", path: `${acme}/deliveries/${dead}`, title: /Delivery|mail/ },
    { name: "delivery-retrying", path: `${acme}/deliveries/${retrying}`, title: /Delivery|billing/ },
    { name: "dead-letters", path: `${acme}/dead-letters`, title: "Dead letters" },
    { name: "connections", path: `${acme}/connections`, title: "Connections" },
    { name: "connection-open", path: `${acme}/connections/billing`, title: /Connection|billing/ },
    { name: "connection-paused", path: `${acme}/connections/chat`, title: /Connection|chat/ },
    { name: "replays", path: `${acme}/replays`, title: "Replays" },
    { name: "new-replay", path: `${acme}/replays/new`, title: /replay/i },
    { name: "replay", path: `${acme}/replays/${replay}`, title: /Replay/ },
    { name: "explain", path: `${acme}/explain`, title: "Explain" },
    { name: "workspace-audit", path: `${acme}/audit`, title: "Audit" },
    { name: "empty-workspace", path: "/workspaces/acme-staging", title: "acme-staging" },
    { name: "empty-events", path: "/workspaces/acme-staging/events", title: "Events" },
    { name: "keys", path: "/keys", title: "Keys" },
    { name: "audit", path: "/audit", title: "Audit" },
    { name: "nothing-here", path: "/workspaces/acme/nothing", title: "There is nothing here" },
  ]
}

/** An estate's runtime that serves the page. @param start begins it, once the page is built */
export const withDashboard = async (start: () => Promise<Estate>): Promise<Estate> => {
  await buildForTests()
  return start()
}
