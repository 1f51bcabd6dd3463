/**
 * What people do with the dashboard, in a real browser, against a runtime with real destinations: by what they see, and nothing else.
 */
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import type { Page } from "playwright-core"
import { afterAll, beforeAll, expect } from "vitest"
import { signIn } from "../support/dashboard.ts"
import { down, fine, keys, member, startEstate, type Estate } from "../support/estate.ts"
import { test } from "../support/in-browser.ts"
import { reason, writeYesterday, type Yesterday } from "../support/yesterday.ts"

let estate: Estate
let yesterday: Yesterday

beforeAll(async () => {
  estate = await startEstate()
  yesterday = await writeYesterday(estate.nats.url)
  await estate.until("workspaces/acme/dead-letters", ({ records }) => records.length === yesterday.dead.length)
})
afterAll(() => estate[Symbol.asyncDispose]())

const heading = (page: Page, name: string) => page.getByRole("heading", { level: 1, name }).waitFor()
const go = async (page: Page, name: string) => {
  await page.getByRole("navigation").getByRole("link", { name, exact: true }).click()
  await heading(page, name)
}
/** Before somebody signs in the page asks who they are. */
const notSignedIn = [/status of 401/]

test("a person finds yesterday's failure, reads why, and when the destination is mended sends all of it again", async ({
  open,
}) => {
  // Yesterday was written in UTC.
  const { page } = await open(estate.origin, { zone: "UTC" }, notSignedIn)
  await page.goto("/")
  await page.getByLabel("Key").fill(keys.acme)
  await page.getByRole("button", { name: "Sign in" }).click()
  await heading(page, "Overview")

  await go(page, "Dead letters")
  await page.getByLabel("Time").selectOption("Yesterday")
  const reasons = page.getByRole("table", { name: "Dead letters by connection and reason" })
  const erp = reasons.getByRole("row").filter({ hasText: "erp" })
  await erp.getByText(reason).waitFor()
  expect(await erp.innerText()).toContain(String(yesterday.dead.length))

  await erp.getByRole("link", { name: "Latest" }).click()
  await heading(page, "invoice.paid to erp")
  await page.getByText("Given up after 3 attempts").waitFor()
  await page.getByText("Request and response").first().click()
  expect(await page.getByLabel("Response").first().innerText()).toContain(reason)

  // It is not mended yet: who tries is told so.
  estate.answers("erp", down)
  await page.getByRole("button", { name: "Retry" }).click()
  await page.getByText("Sent again").first().waitFor()
  await page.getByText("Given up after 2 attempts").waitFor()

  estate.answers("erp", fine)
  await page.goBack()
  await page.getByRole("checkbox", { name: "Select erp, server error" }).check()
  await page.getByRole("button", { name: /^Retry selected/ }).click()
  const preview = page.getByRole("dialog")
  await preview.getByText(`${yesterday.dead.length} deliveries`).first().waitFor()
  await preview.getByRole("button", { name: `Retry ${yesterday.dead.length} deliveries` }).click()
  await page
    .getByRole("table", { name: "Done in bulk before" })
    .getByText(`${yesterday.dead.length} sent again`)
    .waitFor()
  await page.getByText("None is so").first().waitFor()

  await page.goto(`/workspaces/acme/deliveries/${yesterday.dead[0]}`)
  await page.getByText("Delivered.", { exact: true }).waitFor()
  const arrived = estate.receiver.requests.filter(({ path }) => path === "/erp").map(({ headers }) => headers)
  expect(arrived.map((headers) => headers["idempotency-key"])).toEqual(expect.arrayContaining([...yesterday.dead]))
})

test("a person pauses a connection, and what waited is sent when they resume it", async ({ open }) => {
  const { page, context } = await open(estate.origin)
  await signIn(context, keys.acme)
  await page.goto("/workspaces/acme/connections")
  await page.getByRole("link", { name: "archive" }).click()
  await heading(page, "archive")
  await page.getByRole("button", { name: "Pause" }).click()
  const dialog = page.getByRole("dialog")
  await dialog.getByLabel("Reason").fill("The archive moves")
  await dialog.getByRole("button", { name: "Pause" }).click()
  await page.getByText("paused", { exact: true }).first().waitFor()
  await page.getByText("The archive moves").first().waitFor()

  const views = [1, 2, 3].map((n) => ({
    ...{ type: "page.viewed", workspace: "acme", resource: "page", resource_id: `view-${n}` },
    payload: { path: "/pricing" },
  }))
  await estate.publish(views)
  await page.getByText("3 wait or are under way").first().waitFor()
  const arrived = () => estate.receiver.requests.filter(({ path }) => path === "/archive")
  expect(arrived()).toEqual([])

  await page.getByRole("button", { name: "Resume" }).click()
  await page.getByRole("alertdialog").getByRole("button", { name: "Resume" }).click()
  await page.getByText("nothing waits").first().waitFor()
  await estate.receiver.until(() => arrived().length === 3)
  const state = await estate.ask("GET", "workspaces/acme/connections/archive")
  expect([state.state, state.by]).toEqual(["closed", "key:acme"])
})

test("a person tries other rules on the past, and sees what they would have changed", async ({ open }) => {
  const amounts = [200, 500, 2_000]
  const invoices = amounts.map((amount) => ({ type: "invoice.paid", workspace: "acme", payload: { amount } }))
  await estate.publish(invoices)
  await estate.until("workspaces/acme/events?type=invoice.paid&status=completed", ({ records }) => {
    const stored = records.filter(({ created_at }: any) => Date.parse(created_at) > Date.now() - 3_600_000)
    return stored.length === amounts.length
  })
  const { page, context } = await open(estate.origin)
  await signIn(context, keys.acme)
  await page.goto("/workspaces/acme/replays")
  await page.getByRole("link", { name: "Backtest rules" }).click()
  await heading(page, "Backtest")
  await page.getByLabel("Rules to try").selectOption("others, written here")
  const editor = page.getByLabel("All rules of the workspace, by their ids, as in the config")
  await editor.fill((await editor.inputValue()).replace("payload.amount > 1000", "payload.amount > 300"))
  await page.getByRole("button", { name: "Run the backtest" }).click()
  const added = page.locator("section").filter({ has: page.getByRole("heading", { name: "Newly matched" }) })
  await added.getByText("large-invoice → billing").waitFor()
  expect(await added.innerText()).toContain("1 would be delivered")
  const changed = page.getByText("What is asked has changed since")
  expect(await changed.count()).toBe(0)
  await editor.fill("{")
  await changed.waitFor()
  await page.getByRole("button", { name: "Run the backtest" }).click()
  await page.getByText("This is no JSON").waitFor()
  expect(await changed.count()).toBe(1)
  await page.getByRole("button", { name: "Back to those in force" }).click()
  await page.getByText("This is no JSON").waitFor({ state: "detached" })
  expect(await editor.inputValue()).toContain("payload.amount > 1000")
})

test("a key of one workspace reaches no other by any address", async ({ open }) => {
  await estate.publish([{ type: "order.placed", workspace: "globex", payload: { number: "secret-order" } }])
  const { records } = await estate.until("workspaces/globex/deliveries", (body) => body.records.length > 0)
  const [{ id, event }] = records
  const notThere = [/status of 40[345]/]
  const { page, context } = await open(estate.origin, {}, notThere)
  await signIn(context, keys.acme)
  await page.goto("/workspaces")
  await page.getByRole("link", { name: "acme", exact: true }).first().waitFor()
  expect(await page.getByText("globex").count()).toBe(0)
  const paths = ["", "/events", `/events/${event}`, "/deliveries", `/deliveries/${id}`, "/dead-letters", "/connections"]
  const more = ["/connections/warehouse", "/replays", "/replays/new", "/explain", "/audit"]
  for (const path of [...paths, ...more].map((step) => `/workspaces/globex${step}`)) {
    await page.goto(path)
    await heading(page, "")
    await page.locator(".loading").first().waitFor({ state: "hidden" })
    const shown = await page.locator("main").innerText()
    // The page says what its own address says.
    const theirs = ["warehouse", "order.placed", "secret-order", "orders"].filter((word) => !path.includes(word))
    expect([path, theirs.filter((word) => shown.includes(word))]).toEqual([path, []])
    const asked = path.replace("/workspaces", "/api/v1/workspaces").replace("/new", "")
    const answers = await page.evaluate(
      async (paths) => Promise.all(paths.map(async (path) => (await fetch(path)).status)),
      [asked, asked.replace("globex", "nobody")],
    )
    // What is another's is no more there than what nobody has.
    expect([path, answers[0]]).toEqual([path, answers[1]])
    expect(answers[0]).toBeGreaterThanOrEqual(400)
  }
  for (const path of ["/keys", "/audit"]) {
    await page.goto(path)
    await page.getByRole("alert").first().waitFor()
  }
})

test("a member signs in by a link, and out again in every tab", async ({ open }) => {
  const made = await estate.runtime.meshes("keys", "link", member)
  const link = made.stdout.trim()
  const { page, context } = await open(estate.origin, {}, notSignedIn)
  await page.goto(link)
  await heading(page, "Sign in by your link")
  // Whoever looks over their shoulder, or at the browser's history, does not find it.
  expect(page.url()).not.toContain("msl_")
  await page.getByRole("button", { name: "Sign in" }).click()
  await heading(page, "Overview")
  await page.getByText(member).first().waitFor()
  await page.goto("/workspaces")
  await page.getByRole("link", { name: "acme", exact: true }).first().waitFor()
  expect(await page.getByText("globex").count()).toBe(0)
  const tab = await context.newPage()
  await tab.goto("/workspaces/acme/events")
  await heading(tab, "Events")
  let asked = 0
  tab.on("request", (request) => void (asked += request.url().endsWith("/me") ? 1 : 0))
  await page.getByRole("button", { name: "Sign out" }).click()
  await heading(page, "Sign in")
  await heading(tab, "Sign in")
  // Not again and again.
  expect(asked).toBeLessThan(5)
  await page.goto("/workspaces/acme")
  await heading(page, "Sign in")
})

test("a key that only reads is shown nothing that it may not do", async ({ open }) => {
  const { page, context } = await open(estate.origin)
  await signIn(context, keys.looker)
  await page.goto("/workspaces/acme/connections/erp")
  await page.getByText("Last success").first().waitFor()
  for (const name of ["Pause", "Resume", "Test"]) expect(await page.getByRole("button", { name }).count()).toBe(0)
  await page.goto("/workspaces/acme/dead-letters")
  await heading(page, "Dead letters")
  expect(await page.getByRole("button", { name: /^Retry/ }).count()).toBe(0)
})

/** A page of another origin that frames what it is told to, notes what the frame says, and answers as the documentation has it. */
const startHost = async () => {
  const server = createServer((request, response) => {
    const src = new URL(request.url!, "http://host").searchParams.get("src")!
    response.setHeader("content-type", "text/html")
    response.end(`<!doctype html><title>Host</title><link rel="icon" href="data:,"><iframe width="1000" height="800" src="${src}"></iframe>
      <script>
        heard = []
        addEventListener("message", ({ source, origin, data }) => {
          heard.push([origin, data.type])
          if (data.type === "meshes:ready") source.postMessage({ type: "meshes:hello", theme: "dark" }, origin)
        })
      </script>`)
  })
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    origin,
    framing: (src: string) => `${origin}/?src=${encodeURIComponent(src)}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((closed) => server.close(closed))
    },
  }
}

test("a customer sees their workspace, and nothing else, in a page of another origin", async ({ open }) => {
  await using host = await startHost()
  const mint = (allowed: string) =>
    estate.ask("POST", "sessions", {
      ...{ workspace: "acme", role: "member", user: "ada@acme.example", allowed_origins: [allowed] },
    })
  const { page } = await open(host.origin, {}, [
    new RegExp(`^request to another origin: ${estate.origin}/`),
    /frame-ancestors/,
    /status of (401|503).*\/sessions\/launch/,
  ])
  const { launch_url } = await mint(host.origin)
  await page.goto(host.framing(launch_url))
  const frame = page.frameLocator("iframe")
  await frame.getByRole("heading", { level: 1, name: "acme" }).waitFor()
  await frame.locator("html[data-theme=dark]").waitFor()
  expect(await page.evaluate("heard")).toEqual([[estate.origin, "meshes:ready"]])
  await frame.getByRole("link", { name: "Connections", exact: true }).first().click()
  await frame.getByRole("link", { name: "erp" }).click()
  await frame.getByText("Last success").first().waitFor()
  for (const role of ["link", "button"] as const) {
    for (const name of ["Overview", "Keys", "Sign out", "Pause"])
      expect([name, await frame.getByRole(role, { name, exact: true }).count()]).toEqual([name, 0])
  }

  const launchOf = (url: string) => new URL(url).searchParams.get("launch")
  // What is sent twice is refused once, and ends nothing.
  const twice = { type: "meshes:launch", launch: launchOf((await mint(host.origin)).launch_url) }
  const answered = [200, 401].map((status) =>
    page.waitForResponse((one) => one.url().endsWith("/sessions/launch") && one.status() === status),
  )
  const sent = `frames[0].postMessage(${JSON.stringify(twice)}, "${estate.origin}")`
  await page.evaluate(`${sent}; ${sent}`)
  await Promise.all(answered)
  await frame.getByRole("heading", { level: 1, name: "acme" }).waitFor()
  await frame.getByRole("link", { name: "Events", exact: true }).first().click()
  await frame.getByRole("heading", { level: 1, name: "Events" }).waitFor()
  expect(await page.evaluate("heard.map(([, type]) => type)")).toEqual(["meshes:ready", "meshes:ready"])

  // A server in trouble is asked again.
  await page.clock.install()
  await page.route("**/sessions/launch", (route) => route.fulfill({ status: 503, body: "" }), { times: 1 })
  await page.goto(host.framing((await mint(host.origin)).launch_url))
  await frame.getByText("This page asks again by itself.").waitFor()
  await page.clock.fastForward(5_000)
  await frame.getByRole("heading", { level: 1, name: "acme" }).waitFor()

  // It is the server that keeps it to its workspace, whatever is asked by its token.
  const other = launchOf((await mint(host.origin)).launch_url)
  const { token } = await estate.ask("POST", "sessions/launch", { launch: other })
  const statusOf = async (path: string, method = "GET") =>
    (await fetch(`${estate.origin}/api/v1/${path}`, { method, headers: { authorization: `Bearer ${token}` } })).status
  expect(await statusOf("workspaces/acme/connections")).toBe(200)
  expect(await statusOf("workspaces/globex/connections")).toBe(await statusOf("workspaces/nobody/connections"))
  expect(await statusOf("workspaces/globex/connections")).toBe(404)
  expect([await statusOf("workspaces/acme/connections/erp/pause", "POST"), await statusOf("keys")]).toEqual([403, 403])

  const { launch_url: elsewhere } = await mint("https://elsewhere.example")
  const refused = page.waitForEvent("console", (message) => message.text().includes("frame-ancestors"))
  await page.goto(host.framing(elsewhere))
  await refused
  expect(await page.evaluate("heard")).toEqual([])
})
