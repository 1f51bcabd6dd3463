/**
 * Who is asking, over two replicas of one log: signed in by a key or a member's link, or from a page that another page frames; and for how
 * long, from where, and to do what.
 */
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { hashKey } from "../../src/accounts/keys.ts"
import { limits } from "../../src/config/defaults.ts"
import { historyWith } from "../support/history.ts"
import { startNats, type TestNats } from "../support/nats.ts"
import { filesHolding } from "../support/on-disk.ts"
import { adminKey, configHead, startRuntime, type TestRuntime } from "../support/runtime.ts"

let nats: TestNats
let one: TestRuntime
let two: TestRuntime
/** Every token that was given. */
const given: Array<string> = []

const configOf = (members: string) => `export default defineConfig({
  accounts: { acme: { members: [${members}] }, globex: {} },
  workspaces: {
    acme: { account: "acme", connections: { log: console({}) }, rules: { all: { on: ">", actions: [{ connection: "log" }] } } },
    globex: { account: "globex" } } })`
const members = ["member", "admin", "owner"].map((role) => `{ email: "${role}@acme.test", role: "${role}" }`)

beforeAll(async () => {
  nats = await startNats()
  const options = { natsUrl: nats.url, config: configOf(members.join(", ")), env: { MESHES_LOG_LEVEL: "trace" } }
  one = await startRuntime(options)
  two = await startRuntime(options)
})

afterAll(async () => {
  await one[Symbol.asyncDispose]()
  await two[Symbol.asyncDispose]()
  await nats.stop()
})

type Headers = { readonly [name: string]: string }

const send = async (runtime: TestRuntime, method: string, path: string, headers: Headers = {}, body?: unknown) => {
  const response = await fetch(`${runtime.http()}/api/v1/${path}`, {
    method,
    headers: { "content-type": "application/json", ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  return {
    status: response.status,
    json: text === "" ? undefined : JSON.parse(text),
    cookie: response.headers.getSetCookie()[0] ?? "",
  }
}

const bearer = (key: string) => ({ authorization: `Bearer ${key}` })
const admin = bearer(adminKey)
/** What a browser sends along with a request of one of our own pages. */
const ownPage = { "sec-fetch-site": "same-origin" }

/** As the browser sends it back. */
const signedIn = (cookie: string) => {
  const [pair] = cookie.split(";", 1)
  given.push(pair!.slice(pair!.indexOf("=") + 1))
  return { cookie: pair!, ...ownPage }
}

const createKey = async (terms: object) => {
  const { status, json } = await send(one, "POST", "keys", admin, { name: "k", ...terms })
  expect(status, JSON.stringify(json)).toBe(201)
  return json as { readonly id: string; readonly key: string }
}

const signIn = async (runtime: TestRuntime, credential: object) => {
  const answer = await send(runtime, "POST", "sign-in", ownPage, credential)
  expect(answer.status, JSON.stringify(answer.json)).toBe(200)
  return { ...answer, headers: signedIn(answer.cookie) }
}

const pause = () => new Promise((next) => setTimeout(next, 10))
/** What is ended is heard of within a moment: by asking until it is. */
const untilOver = async (runtime: TestRuntime, headers: Headers) => {
  while ((await send(runtime, "GET", "me", headers)).status !== 401) await pause()
}

/** Both replicas are asked, at the same time and each as often. */
const race = (path: string, body: object) =>
  Promise.all(Array.from({ length: 10 }, (_, i) => send(i % 2 === 0 ? one : two, "POST", path, ownPage, body)))

const linkFor = async (email: string, ...args: ReadonlyArray<string>) => {
  const made = await one.meshes("keys", "link", email, ...args)
  expect(made.status, made.stderr).toBe(0)
  const link = new URL(args.includes("--json") ? JSON.parse(made.stdout).link : made.stdout.trim())
  given.push(link.hash.slice("#link=".length))
  return { made, link, token: given.at(-1)! }
}

// In their order: the last one looks for what all before have made. Commands are processes, slow on a busy machine.
const inOrder = { shuffle: false, timeout: 120_000 }

describe("who is asking", inOrder, () => {
  describe("whoever signs in by a key", inOrder, () => {
    test("is let in by every replica at once, as that key, until signing out", async () => {
      const { key } = await createKey({ name: "support", scopes: ["read"], workspaces: ["acme"] })
      const { json, headers } = await signIn(one, { key })
      expect(json).toMatchObject({ name: "support", kind: "key", scopes: ["read"], workspaces: ["acme"] })
      expect(Date.parse(json.expires_at) - Date.now()).toBeLessThanOrEqual(limits.sessionMs)
      for (const runtime of [two, one]) {
        expect((await send(runtime, "GET", "me", headers)).json).toEqual(json)
        expect((await send(runtime, "GET", "workspaces", headers)).json.count).toBe(1)
      }
      const out = await send(two, "DELETE", "sign-in", headers)
      expect([out.status, out.cookie]).toEqual([204, expect.stringMatching(/^meshes_session=; Path=\/; Max-Age=0;/)])
      expect((await send(two, "GET", "me", headers)).status).toBe(401)
      await untilOver(one, headers)
    })

    test("is out everywhere when the key is revoked, or expires", async () => {
      const revoked = await createKey({ scopes: ["read"] })
      const brief = await createKey({ scopes: ["read"], expires_at: new Date(Date.now() + 5000).toISOString() })
      const sessions = [await signIn(one, { key: revoked.key }), await signIn(two, { key: brief.key })]
      for (const { headers } of sessions) expect((await send(two, "GET", "me", headers)).status).toBe(200)
      expect((await send(two, "DELETE", `keys/${revoked.id}`, admin)).status).toBe(204)
      for (const runtime of [one, two]) for (const { headers } of sessions) await untilOver(runtime, headers)
    })

    test("is let in by a replica that began anew", async () => {
      const { headers } = await signIn(one, { key: adminKey })
      await one.kill("SIGTERM")
      await one.start()
      expect((await send(one, "GET", "me", headers)).json).toMatchObject({ name: "admin", scopes: ["admin"] })
    })
  })

  describe("a member", inOrder, () => {
    test("signs in by a link once and only once, whichever replicas are asked", async () => {
      const { made, link, token } = await linkFor("admin@acme.test", "--json")
      expect(JSON.parse(made.stdout)).toMatchObject({ email: "admin@acme.test", account: "acme", role: "admin" })
      expect(link.href).toMatch(new RegExp(`^${one.http()}/sign-in#link=msl_`))
      const answers = await race("sign-in", { link: token })
      const [letIn, ...more] = answers.filter(({ status }) => status === 200)
      expect([more, letIn!.json]).toMatchObject([[], { name: "admin@acme.test", kind: "member", role: "admin" }])
      for (const { status, cookie } of answers) if (status !== 200) expect([status, cookie]).toEqual([401, ""])
      expect((await race("sign-in", { link: token })).map(({ status }) => status)).toEqual(Array(10).fill(401))
      const headers = signedIn(letIn!.cookie)
      expect((await send(two, "POST", "workspaces/acme/connections/log/pause", headers)).status).toBe(200)
      expect((await send(one, "PUT", "workspaces/acme/secrets/T", headers, { value: "v" })).status).toBe(403)
      expect((await send(one, "GET", "workspaces/globex", headers)).status).toBe(404)
    })

    test("has a link only if the config knows them, and is told of the nearest who is known", async () => {
      const refused = async (text: string, ...args: ReadonlyArray<string>) => {
        const { status, stdout, stderr } = await one.meshes("keys", "link", ...args)
        expect([status, stdout, stderr]).toEqual([2, "", expect.stringContaining(text)])
      }
      await refused('did you mean "owner@acme.test"', "ower@acme.test")
      await refused('did you mean "globex"', "owner@acme.test", "--account", "globx")
      await refused('no member of the account "globex"', "owner@acme.test", "--account", "globex")
      expect((await linkFor("OWNER@acme.test")).link.pathname).toBe("/sign-in")
    })

    test("who is taken out of the config is out, and so is the link that was not used", async () => {
      const { headers } = await signIn(two, { link: (await linkFor("member@acme.test")).token })
      const { token } = await linkFor("member@acme.test")
      expect((await send(two, "GET", "workspaces/acme/events", headers)).status).toBe(200)
      expect((await send(two, "POST", "workspaces/acme/connections/log/pause", headers)).status).toBe(403)
      for (const runtime of [one, two]) {
        await writeFile(
          join(runtime.folder, "meshes.config.ts"),
          `${configHead}${configOf(members.slice(1).join(", "))}\n`,
        )
        process.kill(runtime.pid(), "SIGHUP")
        await untilOver(runtime, headers)
        expect((await send(runtime, "POST", "sign-in", ownPage, { link: token })).status).toBe(401)
      }
    })
  })

  describe("a page of ours that another frames", inOrder, () => {
    const terms = { workspace: "acme", role: "member", allowed_origins: ["https://app.example.com"], user: "user-7" }
    const mint = async (key: string, more: object = {}) => {
      const { status, json } = await send(one, "POST", "sessions", bearer(key), { ...terms, ...more })
      expect(status, JSON.stringify(json)).toBe(201)
      given.push(new URL(json.launch_url).searchParams.get("launch")!)
      return { ...json, launch: given.at(-1)! } as { readonly id: string; readonly launch: string }
    }
    const launch = async (key: string, more: object = {}) => {
      const { status, json } = await send(
        two,
        "POST",
        "sessions/launch",
        {},
        { launch: (await mint(key, more)).launch },
      )
      expect(status, JSON.stringify(json)).toBe(200)
      given.push(json.token)
      return { ...json, headers: bearer(json.token) } as { readonly id: string; readonly headers: Headers }
    }

    test("is launched once and only once, and its token is good everywhere, for its workspace and its role", async () => {
      const { key } = await createKey({ scopes: ["admin"], workspaces: ["acme"] })
      const minted = await mint(key)
      const answers = await race("sessions/launch", { launch: minted.launch })
      const [launched, ...more] = answers.filter(({ status }) => status === 200)
      expect(more).toEqual([])
      for (const { status } of answers.filter((one) => one !== launched)) expect(status).toBe(401)
      const { token, ...record } = launched!.json
      given.push(token)
      expect(record).toMatchObject({ id: minted.id, ...terms })
      for (const runtime of [one, two]) {
        const { json } = await send(runtime, "GET", "me", bearer(token))
        expect(json).toMatchObject({
          name: "user-7",
          kind: "embed",
          scopes: ["read"],
          workspaces: ["acme"],
          role: "member",
        })
        const refreshed = await send(runtime, "POST", "sessions/refresh", bearer(token))
        given.push(refreshed.json.token)
        for (const other of [two, one]) {
          expect((await send(other, "GET", "workspaces", bearer(refreshed.json.token))).json.count).toBe(1)
          expect((await send(other, "POST", "workspaces/acme/connections/log/pause", bearer(token))).status).toBe(403)
          expect((await send(other, "GET", "workspaces/globex", bearer(token))).status).toBe(404)
        }
      }
    })

    test("is out when its session is ended by an admin, or the key that minted it is revoked", async () => {
      const { key, id } = await createKey({ scopes: ["admin"], workspaces: ["acme"] })
      const [ended, orphan] = [await launch(key), await launch(key, { role: "owner" })]
      const unused = await mint(key)
      expect((await send(one, "DELETE", `sessions/${ended.id}`, bearer(key))).status).toBe(204)
      await untilOver(two, ended.headers)
      expect((await send(two, "GET", "me", orphan.headers)).status).toBe(200)
      expect((await send(two, "DELETE", `keys/${id}`, admin)).status).toBe(204)
      for (const runtime of [one, two]) {
        await untilOver(runtime, orphan.headers)
        expect((await send(runtime, "POST", "sessions/refresh", orphan.headers)).status).toBe(401)
        expect((await send(runtime, "POST", "sessions/launch", {}, { launch: unused.launch })).status).toBe(401)
      }
    })

    test("is told of in the audit of its workspace alone, and no token is anywhere but where it was shown", async () => {
      const { id } = await launch(adminKey, { user: "ada" })
      const records = await historyWith(nats.url, ({ what, target }) => what === "session.launched" && target === id)
      const about = records.filter(({ kind, target }) => kind === "audit" && target === id)
      expect(about.map(({ what, by, workspace, from }) => [what, by, workspace, from])).toEqual([
        ["session.created", "key:admin", "acme", "127.0.0.1"],
        ["session.launched", "session:ada", "acme", "127.0.0.1"],
      ])
      const paused = records.filter(({ what }) => what === "connection.paused")
      expect(paused.map(({ by }) => by)).toEqual(["member:admin@acme.test"])
      const links = records.filter(({ what }) => what === "link.created")
      expect(new Set(links.map(({ by, workspace }) => [by.slice(0, 4), workspace].join()))).toEqual(
        new Set(["cli:,acme"]),
      )
      const said = one.stdout() + one.stderr() + two.stdout() + two.stderr() + JSON.stringify(records)
      expect(given.length).toBeGreaterThan(10)
      for (const token of given) expect(said).not.toContain(token)
      for (const folder of [one.folder, two.folder, nats.storeDir]) expect(filesHolding(folder, given)).toEqual([])
      // What is kept of them is found by the same search.
      expect(filesHolding(nats.storeDir, [hashKey(given.at(-1)!)])).not.toEqual([])
    })
  })
})
