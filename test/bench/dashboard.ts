/**
 * How quick the dashboard is in a real Chromium over a long history: `npm run bench:dashboard`, or with how many deliveries:
 * `node test/bench/dashboard.ts 1000000`. For each page the time until its first content; then whether events that come in live make it
 * stutter. Also prints what the page weighs.
 */
import type { Page } from "playwright-core"
import { openWindow, startBrowser } from "../support/browser.ts"
import { buildDashboardIfOlder } from "../../scripts/build-dashboard.ts"
import { signIn } from "../support/dashboard.ts"
import { startDestination } from "../support/destination.ts"
import { startNats } from "../support/nats.ts"
import { madePast } from "../support/past.ts"
import { adminKey, startRuntime } from "../support/runtime.ts"
import { writeHistory } from "../support/write-history.ts"

const [deliveries = 1_000_000] = process.argv.slice(2).map(Number)
const visits = 5
const liveSeconds = 30
const eventsPerSecond = 50
const say = (line: string): void => void process.stdout.write(`${line}\n`)

await buildDashboardIfOlder()
const browser = await startBrowser()
if (typeof browser === "string") throw new Error(`no Chromium: ${browser}`)
try {
  await using nats = await startNats({ syncAlways: false })
  await using destination = await startDestination()
  const connections = Array.from({ length: 4 }, (_, i) => `connection-${i}`)
  const rules = Array.from({ length: 5 }, (_, i) => `rule-${i}-0`)
  const workspace = `{
    connections: { ${connections.map((name) => `"${name}": webhook({ url: "${destination.url}", allowPrivateNetwork: true })`).join(", ")} },
    rules: { ${rules.map((rule, i) => `"${rule}": { on: "live.published", actions: [{ connection: "connection-${i % 4}" }] }`).join(", ")} } }`
  await using runtime = await startRuntime({
    natsUrl: nats.url,
    env: { MESHES_LOG_LEVEL: "warn" },
    config: `export default defineConfig({ workspaces: Object.fromEntries(Array.from({ length: 100 }, (_, i) => ["workspace-" + i, ${workspace}])) } as any)`,
  })
  const ask = async (path: string, body?: unknown): Promise<any> => {
    const response = await fetch(`${runtime.http()}/api/v1/${path}`, {
      headers: { authorization: `Bearer ${adminKey}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { method: "POST", body: JSON.stringify(body) }),
    })
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
    return response.json()
  }

  // One in fifty events makes no delivery.
  const now = Date.now()
  const past = madePast({ events: Math.ceil(deliveries / 0.98), from: now - 7 * 86_400_000, to: now })
  await writeHistory(nats.url, past)
  const home = "workspaces/workspace-0"
  // All of it is projected when the last of many records has come: nothing more comes for two seconds.
  for (let last = "", same = 0; same < 4; await new Promise((next) => setTimeout(next, 500))) {
    const { records } = await ask(`${home}/deliveries?limit=1`)
    same = records[0]?.id === last && last !== "" ? same + 1 : 0
    last = records[0]?.id ?? ""
  }
  const failed = (await ask(`${home}/deliveries?status=failed&limit=1`)).records[0]
  say(`${deliveries} deliveries of 7 days are in the history\n`)

  const paths: ReadonlyArray<string> = [
    ...["/", "/workspaces", "/workspaces/workspace-0"],
    ...["events", `events/${failed.event}`, "deliveries", `deliveries/${failed.id}`, "dead-letters", "connections"].map(
      (step) => `/workspaces/workspace-0/${step}`,
    ),
    "/workspaces/workspace-0/connections/connection-0",
    ...["replays", "replays/new", "explain", "audit"].map((step) => `/workspaces/workspace-0/${step}`),
    ...["/keys", "/audit"],
  ]
  const { context, page } = await openWindow(browser, runtime.http())
  await signIn(context)

  say("page | first content, ms: median | slowest")
  for (const path of paths) {
    const times: Array<number> = []
    for (let i = 0; i < visits; i++) times.push(await firstContent(page, path))
    times.sort((a, b) => a - b)
    say(`${path.replace(/(evt|dlv)_\w+/, ":$1")} | ${times[visits >> 1]} | ${times.at(-1)}`)
  }
  const { context: fresh, page: first } = await openWindow(browser, runtime.http())
  await signIn(fresh)
  const cold = await fresh.newCDPSession(first)
  let bytes = 0
  await cold.send("Network.enable")
  cold.on("Network.loadingFinished", ({ encodedDataLength }) => void (bytes += encodedDataLength))
  const coldMs = await firstContent(first, "/")
  say(
    `\nfirst visit, nothing cached: ${coldMs} ms, ${Math.round(bytes / 1024)} KB over the network, API's answers included`,
  )
  await fresh.close()

  say(
    `\n${eventsPerSecond} events/s for ${liveSeconds} s: page | long tasks (> 50 ms) | the longest, ms | frames of 60/s missed`,
  )
  for (const path of ["/", "/workspaces/workspace-0/events", `/workspaces/workspace-0/deliveries/${failed.id}`]) {
    await firstContent(page, path)
    const watched = page.evaluate(watchFrames, liveSeconds * 1000)
    for (let second = 0; second < liveSeconds; second++) {
      const next = new Promise((next) => setTimeout(next, 1000))
      await ask(
        "events/bulk",
        Array.from({ length: eventsPerSecond }, (_, n) => ({
          type: "live.published",
          workspace: "workspace-0",
          payload: { n },
        })),
      )
      await next
    }
    const { tasks, frames, missed } = await watched
    say(
      `${path.replace(/dlv_\w+/, ":dlv")} | ${tasks.length} | ${Math.round(Math.max(0, ...tasks))} | ` +
        `${missed} of ${frames + missed} (${Math.round((100 * missed) / (frames + missed))} %)`,
    )
  }
  await context.close()
} finally {
  await browser.close()
}

/**
 * Milliseconds from the beginning of the navigation, by the page's own clock, until the page's heading stands and nothing in it is loading:
 * rows, figures or an empty state are there. Looked at in each frame.
 */
async function firstContent(page: Page, path: string): Promise<number> {
  await page.goto(path, { waitUntil: "commit" })
  const handle = await page.waitForFunction(
    () => {
      const { document } = globalThis as any
      const ready = document.querySelector("h1") !== null && document.querySelector(".loading") === null
      return ready && document.querySelector("main h1, main .page") !== null ? performance.now() : false
    },
    undefined,
    { polling: "raf" },
  )
  return Math.round((await handle.jsonValue()) as number)
}

/** In the page: tasks of more than 50 ms, and how many frames of a sixtieth of a second were not shown in time. */
function watchFrames(
  ms: number,
): Promise<{ readonly tasks: Array<number>; readonly frames: number; readonly missed: number }> {
  return new Promise((done) => {
    const { PerformanceObserver, requestAnimationFrame } = globalThis as any
    const tasks: Array<number> = []
    new PerformanceObserver((list: any) => tasks.push(...list.getEntries().map((one: any) => one.duration))).observe({
      type: "longtask",
    })
    const began = performance.now()
    let [before, frames, missed] = [began, 0, 0]
    const frame = (now: number) => {
      frames++
      missed += Math.max(0, Math.round((now - before) / (1000 / 60)) - 1)
      before = now
      if (now - began < ms) requestAnimationFrame(frame)
      else done({ tasks, frames, missed })
    }
    requestAnimationFrame(frame)
  })
}
