/**
 * What goes wrong for people at the dashboard, in a real browser: servers and proxies that do not answer as they should, addresses of all
 * kinds, haste. Each is told where they look, and nothing of theirs is lost.
 */
import type { Page, Route } from "playwright-core"
import { afterAll, beforeAll, expect } from "vitest"
import { signIn } from "../support/dashboard.ts"
import { keys, member, refused, startEstate, type Estate } from "../support/estate.ts"
import { test } from "../support/in-browser.ts"

let estate: Estate

beforeAll(async () => {
  estate = await startEstate()
})
afterAll(() => estate[Symbol.asyncDispose]())

const heading = (page: Page, name: string) => page.getByRole("heading", { level: 1, name }).waitFor()
/** Before somebody signs in the page asks who they are. */
const notSignedIn = [/status of 401/]

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

test("a member's link is good where somebody else is signed in too, and each tab knows who it is then", async ({
  open,
}) => {
  const link = (await estate.runtime.meshes("keys", "link", member)).stdout.trim()
  const { page, context } = await open(estate.origin, {}, [/status of 404/])
  await signIn(context, keys.globex)
  await page.goto("/workspaces/globex")
  await heading(page, "globex")
  const tab = await context.newPage()
  await tab.goto(link)
  await tab.getByRole("button", { name: "Stay signed in as globex" }).click()
  await heading(tab, "Overview")
  await tab.goto("/sign-in#link=another")
  await heading(tab, "Sign in by your link")
  // In the page that is open already.
  await tab.goto(link)
  await tab.getByRole("button", { name: "Sign in", exact: true }).click()
  await heading(tab, "Overview")
  await tab.getByText(`Member ${member}`).waitFor()

  await page.evaluate('document.dispatchEvent(new Event("visibilitychange", { bubbles: true }))')
  await page.getByText(`Member ${member}`).waitFor()
  await heading(page, "There is nothing here")
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
    { type: "lead.created", workspace: "acme", payload: { email: "bob@acme.example", plan: "free" } },
  ])
  await estate.until("workspaces/acme/events?status=completed", ({ records }) => records.length > 0)
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
  await page.getByRole("navigation").getByRole("link", { name: "Deliveries", exact: true }).click()
  await heading(page, "Deliveries")
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

test("a connection is authorized from under a name that the server does not know itself by", async ({ open }) => {
  const elsewhere = estate.origin.replace("127.0.0.1", "localhost")
  const { page, context } = await open(elsewhere, {}, [/status of 400/])
  await signIn(context)
  await page.route("**/api/v1/workspaces/acme/connections/erp", async (route) => {
    const answer = await route.fetch()
    await route.fulfill({ json: { ...(await answer.json()), authorization: null } })
  })
  const asked: Array<string | null> = []
  await page.route("**/connections/erp/authorize*", (route) => {
    const returnTo = new URL(route.request().url()).searchParams.get("return_to")
    asked.push(returnTo)
    return returnTo === null
      ? route.fulfill({ json: { url: `${elsewhere}/docs` } })
      : route.fulfill({ status: 400, json: { title: "Wrong input", message: "return_to" } })
  })
  await page.goto("/workspaces/acme/connections/erp")
  await page.getByRole("button", { name: "Authorize" }).click()
  await page.waitForURL(`${elsewhere}/docs`)
  expect(asked).toEqual([`${elsewhere}/workspaces/acme/connections/erp`, null])
  const real = await fetch(
    `${estate.origin}/api/v1/workspaces/acme/connections/erp/authorize?return_to=${encodeURIComponent(elsewhere)}`,
    { headers: { authorization: `Bearer ${keys.admin}` } },
  )
  expect(real.status).toBe(400)
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

test("what a hurried person asked for is not lost, and what went wrong is told where they look", async ({ open }) => {
  const { page, context } = await open(estate.origin)
  await signIn(context)

  // An answer that is not the server's is told of, and what was written stays.
  await page.goto("/keys")
  const answering = Promise.withResolvers<void>()
  let asks = 0
  await page.route("**/api/v1/keys", async (route) => {
    if (route.request().method() !== "POST") return route.continue()
    asks += 1
    if (asks === 1) return route.fulfill({ contentType: "text/html", body: "<p>A proxy's page</p>" })
    await answering.promise
    return route.continue()
  })
  await page.getByRole("button", { name: "Create a key" }).click()
  await page.getByLabel("Name").fill("hurried")
  await page.getByRole("button", { name: "Create the key" }).click()
  await page.getByRole("alert").getByText("No whole answer").waitFor()
  await page.getByText("Try again.").waitFor()
  // A secret that is shown once is: though its form was closed before the answer, and until the person says that they have it.
  const asked = page.waitForRequest((request) => request.method() === "POST")
  await page.getByRole("button", { name: "Create the key" }).click()
  await asked
  await page.keyboard.press("Escape")
  await page.getByRole("dialog").waitFor({ state: "detached" })
  answering.resolve()
  await page.getByRole("heading", { name: "The key is made" }).waitFor()
  await page.keyboard.press("Escape")
  await page.mouse.click(5, 5)
  await page.getByRole("button", { name: "I have it" }).click()
  await page.getByRole("dialog").waitFor({ state: "detached" })

  // What was just written in a filter is what the button beside it acts on.
  await page.goto("/workspaces/acme/replays/new")
  const dry = page.waitForRequest((request) => request.method() === "POST")
  await page.getByLabel("Event type").fill("invoice.failed")
  await page.getByRole("button", { name: "Dry run" }).click()
  expect((await dry).postDataJSON()).toEqual({ type: "invoice.failed", dry_run: true })
  await page.getByRole("heading", { name: "What would be delivered" }).waitFor()
})
