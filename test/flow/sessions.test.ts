/**
 * Who is asking, over two replicas of one log: signed in by a key or a member's link, or from a page that another page frames; and for how
 * long, from where, and to do what.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { limits } from "../../src/config/defaults.ts"
import { startNats, type TestNats } from "../support/nats.ts"
import { adminKey, startRuntime, type TestRuntime } from "../support/runtime.ts"

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

describe("whoever signs in by a key", () => {
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
    while ((await send(one, "GET", "me", headers)).status !== 401) await pause()
  })
})
