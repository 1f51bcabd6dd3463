/**
 * Connections that use OAuth, over real runtimes and a real authorization server: a person says yes by a link or by the command line,
 * deliveries carry the token, and what nobody has authorized waits without losing anything.
 */
import { spawn } from "node:child_process"
import { randomBytes } from "node:crypto"
import { readdir, readFile } from "node:fs/promises"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { afterAll, beforeAll, expect, test, vi } from "vitest"
import { historyWith } from "../support/history.ts"
import { freePort, startNats, type TestNats } from "../support/nats.ts"
import { adminKey, repository, startRuntime, type TestRuntime } from "../support/runtime.ts"
import { clientId, clientSecret, openBrowser, startVendor, type Browser, type Vendor } from "../support/vendor.ts"

// Commands are processes, and one of the promises waits for a lock to run out.
vi.setConfig({ testTimeout: 180_000 })

let nats: TestNats
let vendor: Vendor
/** Two replicas. Browsers come to the first; the vendor does not know the second's address. */
let runtime: TestRuntime
let other: TestRuntime
let cliPort: number

const connections = [
  "links",
  "browser",
  "forged",
  "cli",
  "revoked",
  "left",
  "crash",
  "elsewhere",
  "returning",
  "sealed",
  "ended",
]

beforeAll(async () => {
  nats = await startNats()
  const [port, otherPort] = [await freePort(), await freePort()]
  cliPort = await freePort()
  const origins = [`http://127.0.0.1:${port}`, `http://127.0.0.1:${cliPort}`]
  vendor = await startVendor({ redirectUris: origins.map((origin) => `${origin}/oauth/callback`) })
  const config = `
import { defineConnector, OAuthField } from ${JSON.stringify(pathToFileURL(join(repository, "src/index.ts")).href)}
import * as Schema from ${JSON.stringify(import.meta.resolve("effect/Schema"))}
const oauth = (more) => ({ kind: "oauth2", grant: "authorization_code", authorizeUrl: "${vendor.url}/auth",
  tokenUrl: "${vendor.url}/token", revokeUrl: "${vendor.url}/token/revocation",
  scopes: ["openid", "offline_access", "things.write"], authorizeParams: { prompt: "consent" },
  clientId: "THINGS_CLIENT_ID", clientSecret: "THINGS_CLIENT_SECRET", ...more })
const connectorOf = (name, more) => defineConnector({ name, title: name, description: name, baseUrl: "${vendor.url}",
  settings: Schema.Struct({ auth: OAuthField }), auth: [oauth(more)], defaultAction: "post",
  actions: { post: { title: "Post", input: Schema.Struct({ text: Schema.String }), request: { method: "POST", path: "/api" } } } })
const things = connectorOf("things", {})
const machine = connectorOf("machine", { grant: "client_credentials", scopes: ["things.write"] })
const options = { auth: "oauth", allowPrivateNetwork: true, retry: { attempts: 3, initial: "100 milli", factor: 1, jitter: 0 } }
const names = ${JSON.stringify(connections)}
export default defineConfig({
  eventTypes: Object.fromEntries([...names, "robot"].map((name) => ["go." + name, {}])),
  workspaces: { acme: {
    connections: { ...Object.fromEntries(names.map((name) => [name, things(options)])), robot: machine(options),
      lacking: things({ ...options, auth: { clientId: "x", clientSecret: secret("NOT_THERE") } }),
      plain: console({}) },
    rules: Object.fromEntries([...names, "robot"].map((name) =>
      [name, { on: "go." + name, actions: [{ connection: name, map: { text: "payload.text" } }] }])),
  } } } as any)`
  const env = {
    MESHES_SECRET_KEYS: randomBytes(32).toString("base64"),
    THINGS_CLIENT_ID: clientId,
    THINGS_CLIENT_SECRET: clientSecret,
    MESHES_RETURN_TO: "https://app.example.com",
  }
  runtime = await startRuntime({ natsUrl: nats.url, config, env, port })
  other = await startRuntime({ natsUrl: nats.url, config, env, port: otherPort })
})

afterAll(async () => {
  await Promise.all([runtime[Symbol.asyncDispose](), other[Symbol.asyncDispose]()])
  await vendor[Symbol.asyncDispose]()
  await nats.stop()
})

const send = async (connection: string, text: string, by = runtime) => {
  const { status } = await by.publish({ type: `go.${connection}`, workspace: "acme", payload: { text } })
  expect(status).toBe(201)
}

/** What the vendor took. */
const taken = (text: string) =>
  vendor.calls.filter(({ status, body }) => status === 200 && JSON.parse(body).text === text)
const untilTaken = (text: string) => vendor.until(() => taken(text).length > 0)

const ask = (path: string, accept = "application/json", by = runtime, key = adminKey) =>
  fetch(`${by.http()}/api/v1/workspaces/acme/connections/${path}`, {
    headers: { authorization: `Bearer ${key}`, accept },
    redirect: "manual",
  })

const stateOf = async (connection: string) =>
  (await (await ask(connection)).json()) as { readonly state: string; readonly reason?: string }

const untilState = async (connection: string, state: string) => {
  for (;;) {
    const now = await stateOf(connection)
    if (now.state === state) return now
    await new Promise((next) => setTimeout(next, 50))
  }
}

const linkFor = async (connection: string, by = runtime, query = ""): Promise<string> => {
  const answer = await ask(`${connection}/authorize${query}`, "application/json", by)
  expect(answer.status).toBe(200)
  const { url, expires_at } = (await answer.json()) as { readonly url: string; readonly expires_at: string }
  expect(Date.parse(expires_at)).toBeGreaterThan(Date.now())
  return url
}

/** Looks at the link's page and presses its button. */
const pressButton = async (browser: Browser, link: string, stop?: string) => {
  const page = await browser.go(link)
  const session = /name="session" value="([^"]+)"/.exec(page.text)?.[1]
  if (session === undefined) return page
  const { origin, pathname } = new URL(link)
  return browser.go(`${origin}${pathname}`, {
    method: "POST",
    body: new URLSearchParams({ session }).toString(),
    headers: { origin, "content-type": "application/x-www-form-urlencoded" },
    ...(stop === undefined ? {} : { stop }),
  })
}

/** As a person who was sent a link. */
const authorizeByLink = async (connection: string) =>
  expect((await pressButton(openBrowser(), await linkFor(connection))).text).toContain("Connected")

const callbackOf = (by = runtime) => `${by.http()}/oauth/callback`

test("a person who opens a link says yes at the vendor, and what waited for it is delivered with the token", async () => {
  await send("links", "before")
  const paused = await untilState("links", "paused")
  expect(paused.reason).toContain("oauth_reauthorization_required: nobody has authorized it yet")
  const link = await linkFor("links")
  const page = await openBrowser().go(link)
  expect(page.text).toContain("acme/links")
  expect(page.text).toContain("key:admin")
  for (const [header, words] of [
    ["content-security-policy", "default-src 'none'"],
    ["cache-control", "no-store"],
    ["referrer-policy", "same-origin"],
  ] as const) {
    expect(page.headers.get(header)).toContain(words)
  }
  // Looking does not use it up.
  const end = await pressButton(openBrowser(), link)
  expect(end).toMatchObject({ status: 200, text: expect.stringContaining("Connected") })
  await untilTaken("before")
  await send("links", "after")
  await untilTaken("after")
  expect((await stateOf("links")).state).toBe("closed")
})

test("a link is good once, and only its own page's button opens it", async () => {
  const link = await linkFor("links")
  const session = new URL(link).searchParams.get("session")!
  const elsewhere = { origin: "https://evil.example", "content-type": "application/x-www-form-urlencoded" }
  const body = new URLSearchParams({ session }).toString()
  const { origin } = new URL(link)
  for (const headers of [elsewhere, { "content-type": elsewhere["content-type"] }]) {
    const answer = await fetch(`${origin}/oauth/begin`, { method: "POST", headers, body, redirect: "manual" })
    expect(answer.status).toBe(403)
  }
  const both = await Promise.all([
    pressButton(openBrowser(), link, callbackOf()),
    pressButton(openBrowser(), link, callbackOf()),
  ])
  expect(both.map(({ status }) => status).toSorted()).toEqual([303, 410])
  expect((await openBrowser().go(link)).status).toBe(410)
  // A link is no state, and a state is no link.
  expect((await fetch(`${callbackOf()}?state=${session}&code=x`)).status).toBe(400)
})

test("a browser that asks with a key is sent to the vendor at once, with a cookie that scripts do not see", async () => {
  const answer = await ask("browser/authorize", "text/html,application/xhtml+xml;q=0.9")
  expect(answer.status).toBe(303)
  expect(answer.headers.get("set-cookie")).toMatch(/; Path=\/oauth\/callback; Max-Age=600; HttpOnly; SameSite=Lax$/)
  const url = new URL(answer.headers.get("location")!)
  expect(url.origin).toBe(vendor.url)
  expect(url.searchParams.get("redirect_uri")).toBe(callbackOf())
  expect(url.searchParams.get("code_challenge_method")).toBe("S256")
  const back = await openBrowser().go(url.href, { stop: callbackOf() })
  const cookie = answer.headers.get("set-cookie")!.split(";")[0]!
  const end = await fetch(back.url, { headers: { cookie } })
  expect(end.status).toBe(200)
  expect(end.headers.get("set-cookie")).toContain("Max-Age=0")
  await send("browser", "from the browser")
  await untilTaken("from the browser")
})

test("a forged state, another browser, a state that was used, and a vendor's no are refused, with what to do", async () => {
  const forged = `acme.${randomBytes(32).toString("base64url")}`
  for (const state of [forged, "acme", "", "../../x", `acme.${"a".repeat(5000)}`]) {
    const answer = await fetch(`${callbackOf()}?state=${encodeURIComponent(state)}&code=x`)
    expect(answer.status).toBe(400)
    expect(await answer.text()).toContain("Begin again")
  }
  const browser = openBrowser()
  const back = await pressButton(browser, await linkFor("forged"), callbackOf())
  const elsewhere = await openBrowser().go(back.url)
  expect(elsewhere).toMatchObject({ status: 400, text: expect.stringContaining("another browser") })
  // It did not spoil the flow of the browser that began it.
  expect((await browser.go(back.url)).status).toBe(200)
  expect(await browser.go(back.url)).toMatchObject({ status: 400, text: expect.stringContaining("finished already") })
  for (const [error, words] of [
    ["access_denied", "access was refused"],
    ["invalid_scope", "&lt;script&gt;"],
  ] as const) {
    const refusing = openBrowser()
    const no = new URL((await pressButton(refusing, await linkFor("forged"), callbackOf())).url)
    no.searchParams.delete("code")
    no.searchParams.set("error", error)
    no.searchParams.set("error_description", "<script>alert(1)</script>")
    const page = await refusing.go(no.href)
    expect(page).toMatchObject({ status: 400, text: expect.stringContaining(words) })
    expect(page.text).not.toContain("<script")
  }
})

test("a vendor that does not know the redirect URI to the letter sends nobody back", async () => {
  const end = await pressButton(openBrowser(), await linkFor("elsewhere", other))
  expect(new URL(end.url).origin).toBe(vendor.url)
  expect(end).toMatchObject({ status: 400, text: expect.stringContaining("redirect_uri") })
})

test("the browser returns only to origins that are allowed", async () => {
  const allowed = encodeURIComponent("https://app.example.com/done?x=1")
  const end = await pressButton(
    openBrowser(),
    await linkFor("returning", runtime, `?return_to=${allowed}`),
    "https://app.example.com",
  )
  expect(end.url).toBe("https://app.example.com/done?x=1")
  for (const wrong of [
    "https://evil.example/",
    "//evil.example",
    "javascript:alert(1)",
    "https://app.example.com.evil.example/",
  ]) {
    expect((await ask(`links/authorize?return_to=${encodeURIComponent(wrong)}`)).status).toBe(400)
  }
})

test("only a key that may operate the workspace begins anything, and only for a connection that a person can authorize", async () => {
  expect((await ask("links/authorize", "application/json", runtime, "not a key")).status).toBe(401)
  expect((await ask("nothing/authorize")).status).toBe(404)
  // What would fail at the vendor's door fails here.
  const lacking = await ask("lacking/authorize")
  expect(lacking.status).toBe(400)
  expect(((await lacking.json()) as any).message).toContain("NOT_THERE")
  for (const connection of ["plain", "robot"]) {
    const answer = await ask(`${connection}/authorize`)
    expect(answer.status).toBe(400)
    expect(((await answer.json()) as any).message).toContain("nobody has to authorize")
  }
})

/** `meshes connections authorize` with a person at the browser that it does not open. */
const authorizeByCommand = async (connection: string, browse = (url: string) => openBrowser().go(url)) => {
  const args = ["connections", "authorize", "acme", connection, "--no-browser", "--port", String(cliPort), "--json"]
  const child = spawn(process.execPath, [join(repository, "src/cli/bin.ts"), ...args], {
    env: { ...process.env, ...runtime.env },
    stdio: ["ignore", "pipe", "pipe"],
  })
  let [stdout, stderr] = ["", ""]
  child.stdout.setEncoding("utf8").on("data", (text: string) => void (stdout += text))
  const ended = new Promise<number | null>((done) => child.once("close", done))
  const url = await new Promise<string>((found) => {
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text
      const line = /browser: (\S+)/.exec(stderr)
      if (line !== null) found(line[1]!)
    })
  })
  const page = await browse(url)
  return { status: await ended, page, stdout, stderr }
}

test("the command line asks in the browser of this machine, and shows who authorized what, never a token", async () => {
  const { status, page, stdout, stderr } = await authorizeByCommand("cli", async (url) => {
    const wrong = await fetch(`http://127.0.0.1:${cliPort}/oauth/callback?state=wrong&code=x`)
    expect(wrong.status).toBe(400)
    return openBrowser().go(url)
  })
  expect(page).toMatchObject({ status: 200, text: expect.stringContaining("acme/cli") })
  expect(status).toBe(0)
  const shown = JSON.parse(stdout)
  expect(shown).toMatchObject({
    workspace: "acme",
    connection: "cli",
    scopes: ["openid", "offline_access", "things.write"],
  })
  expect(shown.by).toMatch(/^cli:/)
  const show = await runtime.meshes("connections", "show", "acme", "cli")
  expect(show.stdout).toMatch(/authorized +\d{4}-.* by cli:/)
  expect(show.stdout).toContain("then refreshed")
  for (const secret of vendor.given()) expect(stdout + stderr + show.stdout + show.stderr).not.toContain(secret)
  await send("cli", "from the command line")
  await untilTaken("from the command line")
})

test("an app that needs no person delivers without anybody, and the command line shows that it is let in", async () => {
  await send("robot", "by itself")
  await untilTaken("by itself")
  const { status, stdout } = await runtime.meshes("connections", "authorize", "acme", "robot", "--json")
  expect(status).toBe(0)
  expect(JSON.parse(stdout)).toMatchObject({ connection: "robot", scopes: ["things.write"] })
})

test("who authorized a connection is shown over HTTP, a call ends that at the vendor too, and the audit tells of both", async () => {
  const shown = async () => ((await (await ask("ended")).json()) as any).authorization
  const end = async (connection: string, key = adminKey) => {
    const response = await fetch(`${runtime.http()}/api/v1/workspaces/acme/connections/${connection}/authorization`, {
      method: "DELETE",
      headers: { authorization: `Bearer ${key}` },
    })
    return { status: response.status, json: (await response.json()) as any }
  }
  expect(await shown()).toBeNull()
  expect((await end("ended")).status).toBe(404)
  expect((await end("plain")).status).toBe(400)
  expect((await end("ended", "not-a-key")).status).toBe(401)
  await authorizeByLink("ended")
  const authorization = await shown()
  expect(authorization).toEqual({
    authorized_at: expect.any(String),
    by: "key:admin",
    scopes: ["openid", "offline_access", "things.write"],
    token_expires_at: expect.any(String),
  })
  expect(Date.parse(authorization.token_expires_at)).toBeGreaterThan(Date.now())
  expect(await end("ended")).toEqual({ status: 200, json: { confirmed: true } })
  expect(await shown()).toBeNull()
  const records = await historyWith(nats.url, ({ what }) => what === "connection.disconnected")
  const about = records.filter(({ kind, target }) => kind === "audit" && target === "ended")
  expect(about.map(({ what, by, from, workspace }) => [what, by, from, workspace])).toEqual(
    ["connection.authorized", "connection.disconnected"].map((what) => [what, "key:admin", "127.0.0.1", "acme"]),
  )
})

test("a grant that is revoked pauses its connection; deliveries wait, and go out when somebody authorizes it again", async () => {
  await authorizeByLink("revoked")
  await send("revoked", "while it held")
  await untilTaken("while it held")
  await vendor.revoke(taken("while it held")[0]!.token)
  await send("revoked", "waits 1")
  const paused = await untilState("revoked", "paused")
  expect(paused.reason).toMatch(/^oauth_reauthorization_required: .*invalid_grant/)
  const asked = vendor.calls.length
  for (let i = 2; i <= 6; i++) await send("revoked", `waits ${i}`)
  const { stdout } = await runtime.meshes("connections", "show", "acme", "revoked", "--json")
  expect(JSON.parse(stdout).authorization.refused).toContain("invalid_grant")
  expect(vendor.calls.slice(asked).filter(({ body }) => body.includes("waits"))).toEqual([])
  await authorizeByCommand("revoked")
  for (let i = 1; i <= 6; i++) await untilTaken(`waits ${i}`)
  expect((await stateOf("revoked")).state).toBe("closed")
})

test("a token that the vendor no longer takes is replaced, and the delivery goes out at once", async () => {
  await authorizeByLink("left")
  await send("left", "first")
  await untilTaken("first")
  await vendor.forget(taken("first")[0]!.token)
  const before = vendor.grants.length
  await send("left", "second")
  await untilTaken("second")
  expect(vendor.grants.slice(before)).toEqual(["refresh_token"])
  const { status } = await runtime.meshes("connections", "disconnect", "acme", "left")
  expect(status).toBe(0)
  await send("left", "third")
  expect((await untilState("left", "paused")).reason).toContain("nobody has authorized it")
})

test("a replica that is killed while it refreshes is replaced by the other, and the grant is not lost", async () => {
  await other.kill("SIGTERM")
  await authorizeByLink("crash")
  await send("crash", "well")
  await untilTaken("well")
  await vendor.forget(taken("well")[0]!.token)
  const held = vendor.hold()
  await send("crash", "in trouble")
  await vendor.until(() => held.waiting() > 0)
  await other.start()
  await runtime.kill()
  // Let go before its end was seen, its request would be answered, and the token used up.
  await vendor.until(() => held.waiting() === 0)
  held.release()
  await untilTaken("in trouble")
  await runtime.start()
  expect((await stateOf("crash")).state).toBe("closed")
})

test("no code, token or secret is in the log's files, and none in what the processes print", async () => {
  await authorizeByLink("sealed")
  await send("sealed", "sealed")
  await untilTaken("sealed")
  const files = await readdir(nats.storeDir, { recursive: true, withFileTypes: true })
  const contents = await Promise.all(
    files.filter((file) => file.isFile()).map((file) => readFile(join(file.parentPath, file.name))),
  )
  const printed = [runtime, other].map((one) => one.stdout() + one.stderr()).join("")
  expect(vendor.given()).toContain(taken("sealed")[0]!.token)
  for (const secret of [...vendor.given(), clientSecret]) {
    expect(contents.some((content) => content.includes(secret))).toBe(false)
    expect(printed).not.toContain(secret)
  }
})
