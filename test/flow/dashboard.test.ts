/**
 * What people do with the dashboard, in a real browser, against a runtime with real destinations: by what they see, and nothing else.
 */
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import type { Page, Route } from "playwright-core"
import { afterAll, beforeAll, expect } from "vitest"
import { signIn } from "../support/dashboard.ts"
import { down, fine, keys, member, refused, startEstate, type Estate } from "../support/estate.ts"
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
  expect(asked).toBe(1)
  await page.goto("/workspaces/acme")
  await heading(page, "Sign in")
})

test("whoever is not let in is told so where they are", async ({ open }) => {
  const link = (await estate.runtime.meshes("keys", "link", member)).stdout.trim()
  const first = await open(estate.origin, {}, notSignedIn)
  await first.page.goto(link)
  await first.page.getByRole("button", { name: "Sign in" }).click()
  await heading(first.page, "Overview")

  const { page } = await open(estate.origin, {}, notSignedIn)
  const notKnown = page.getByRole("alert").getByText("A link is good once: ask for another")
  await page.goto(link)
  await page.getByRole("button", { name: "Sign in" }).click()
  await notKnown.waitFor()
  await heading(page, "Sign in by your link")
  await page.getByRole("button", { name: "Use a key instead" }).click()
  await page.getByLabel("Key").fill("msh_nobody_knows_this_0123456789")
  await page.getByRole("button", { name: "Sign in" }).click()
  await notKnown.waitFor()
  expect(await page.getByLabel("Key").inputValue()).toBe("msh_nobody_knows_this_0123456789")
})

test("an address is read as it was written, whatever is in it", async ({ open }) => {
  const id = "order:".padEnd(128, "7")
  await estate.publish([{ type: "order.placed", workspace: "acme", id, payload: { said: "A 41" } }])
  await estate.until(`workspaces/acme/events?id=${id}`, ({ records }) => records.length === 1)
  const { page, context } = await open(estate.origin, {}, [/status of 404/])
  await signIn(context, keys.acme)
  await page.goto(`/workspaces/acme/events?id=${id}`)
  await page.getByRole("link", { name: "order.placed" }).click()
  await heading(page, "order.placed")
  await page.goto("/workspaces/%E0%A4%A/events")
  await heading(page, "Events")

  await page.goto("/workspaces/acme/events")
  const text = page.getByLabel("Text in the payload")
  await text.fill("%41 + 100% & ü#/?")
  await text.press("Enter")
  await page.getByText("No event is so").waitFor()
  await page.reload()
  await heading(page, "Events")
  expect(await text.inputValue()).toBe("%41 + 100% & ü#/?")

  // One of the usual times is where an exact one begins, and it can be emptied to be written anew.
  const time = page.getByLabel("Time", { exact: true })
  await time.selectOption("Yesterday")
  await time.selectOption("Exactly")
  await page.getByLabel("From").fill("")
  expect(await page.getByLabel("Until").inputValue()).toMatch(/T00:00$/)
})

test("what is not answered is told where it was asked for, and is there once it is answered", async ({ open }) => {
  const { page, context } = await open(estate.origin, {}, [/Failed to load resource/, /dynamically imported module/])
  await signIn(context, keys.acme)
  estate.answers("mail", refused)
  await estate.publish([
    { type: "lead.created", workspace: "acme", payload: { email: "ada@acme.example", plan: "pro" } },
  ])
  const { records: dead } = await estate.until(
    "workspaces/acme/dead-letters?connection=mail",
    (all) => all.records.length > 0,
  )
  const away = async (path: string, answer: Parameters<Route["fulfill"]>[0] | undefined) => {
    await page.route(path, (route) => (answer === undefined ? route.abort() : route.fulfill(answer)))
    return () => page.unroute(path)
  }
  const meIsBack = await away("**/api/v1/me", { status: 503, body: "" })
  await page.goto("/")
  const asksAgain = page.getByRole("alert").getByText("This page asks again by itself.")
  await asksAgain.waitFor()
  await meIsBack()
  await heading(page, "Overview")

  // Such as where one signs in to a proxy.
  const listIsBack = await away("**/api/v1/workspaces/acme/events?*", {
    contentType: "text/html",
    body: "<h1>Hello</h1>",
  })
  await page.goto("/workspaces/acme/events?status=completed")
  await page.getByText("What was answered is not the server").waitFor()
  await listIsBack()
  await page.getByRole("table", { name: "Events" }).waitFor()

  const scriptIsBack = await away("**/assets/dead-letters-*.js", undefined)
  await page.getByRole("navigation").getByRole("link", { name: "Dead letters" }).click()
  await heading(page, "This page could not be shown")
  await go(page, "Deliveries")
  await page.goBack()
  await scriptIsBack()
  await page.getByRole("button", { name: "Load it again" }).click()
  await heading(page, "Dead letters")

  const operations = "**/api/v1/workspaces/acme/operations"
  const countIsBack = await away(operations, { status: 403, body: "" })
  await page.getByRole("button", { name: "Retry these…" }).click()
  const dialog = page.getByRole("dialog")
  await dialog.getByRole("alert").waitFor()
  await countIsBack()
  await dialog.getByRole("button", { name: "Count again" }).click()
  await dialog.getByText("would be sent again").waitFor()
  await dialog.getByRole("button", { name: "Do nothing" }).click()

  await page.clock.install()
  await page.goto(`/workspaces/acme/deliveries/${dead[0].id}`)
  const retry = page.getByRole("button", { name: "Retry", exact: true })
  await retry.waitFor()
  const whole = `**/workspaces/acme/deliveries/${dead[0].id}`
  await away("**/retry", undefined)
  const wholeIsBack = await away(whole, { status: 503, body: "" })
  const failed = page.waitForResponse(whole)
  await retry.press("Enter")
  await page.getByRole("alert").getByText("Whether that was done is not known. Look before you try again.").waitFor()
  // Whoever uses the keyboard is where they were.
  expect(await retry.evaluate((button) => button.matches(":focus"))).toBe(true)
  expect(await asksAgain.count()).toBe(0)
  await failed
  for (let again = 0; again < 3; again++) {
    const asked = page.waitForResponse(whole)
    await page.clock.fastForward(10_000)
    await asked
  }
  await asksAgain.waitFor()
  await wholeIsBack()
  await page.clock.fastForward(10_000)
  await asksAgain.waitFor({ state: "hidden" })
})

test("what is chosen of the dead letters is within what their filters leave", async ({ open }) => {
  estate.answers("mail", refused)
  const pro = { email: "ada@acme.example", plan: "pro" }
  await estate.publish([
    { type: "lead.created", workspace: "acme", resource: "lead", resource_id: "only", payload: pro },
  ])
  const about = "workspaces/acme/dead-letters?resource_id=only"
  await estate.until(about, ({ records }) => records.length === 1)
  const { page, context } = await open(estate.origin, { width: 360 })
  await signIn(context, keys.acme)
  await page.goto("/workspaces/acme/dead-letters?resource=lead&resource_id=only&outcome=rejected")
  await page.getByRole("button", { name: "Select all" }).click()
  await page.getByRole("button", { name: "Retry selected (1)…" }).click()
  await page.getByRole("dialog").getByText("1 delivery", { exact: true }).waitFor()
  await page.keyboard.press("Escape")
  // They are not counted by rule.
  await page.getByLabel("Rule", { exact: true }).fill("welcome")
  await page.waitForURL(/rule=welcome/)
  await page.getByRole("table", { name: "Dead letters", exact: true }).waitFor()
  expect(await page.getByRole("button", { name: /^Retry selected/ }).count()).toBe(0)

  // On a phone the menu gives way to whatever is chosen in it: the same page without its filters too.
  await page.getByRole("button", { name: "Menu" }).click()
  await page.getByRole("dialog").getByRole("link", { name: "Dead letters" }).click()
  await page.getByRole("dialog").waitFor({ state: "hidden" })
  expect(new URL(page.url()).search).toBe("")
})

test("a list that moves keeps its latest, however far back one looks", async ({ open }) => {
  const { page, context } = await open(estate.origin)
  await signIn(context, keys.acme)
  const at = new Date().toISOString()
  await page.route("**/api/v1/workspaces/acme/events?cursor=*", (route) => {
    const n = Number(new URL(route.request().url()).searchParams.get("cursor"))
    const record = { id: `evt_${n}`, type: "page.viewed", workspace: "acme", status: "completed", counts: {} }
    const records = [{ ...record, created_at: at }]
    return route.fulfill({ json: { limit: 1, count: 1, as_of: at, next_cursor: String(n + 1), records } })
  })
  await page.route("**/api/v1/workspaces/acme/events", (route) =>
    route.fulfill({ json: { limit: 1, count: 0, as_of: at, next_cursor: "1", records: [] } }),
  )
  await page.goto("/workspaces/acme/events")
  await page.getByRole("button", { name: "Look further back" }).click()
  for (let n = 2; n < 20; n++) {
    await page.getByText(`evt_${n - 1}`, { exact: true }).waitFor()
    await page.getByRole("button", { name: "More" }).click()
  }
  await page.getByText("There are more, further back").waitFor()
  expect(await page.getByText("evt_1", { exact: true }).count()).toBe(1)
  expect(await page.getByRole("button", { name: "More" }).count()).toBe(0)
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

  // It is the server that keeps it to its workspace, whatever is asked by its token.
  const other = new URL((await mint(host.origin)).launch_url).searchParams.get("launch")
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
