/**
 * One tenant never learns of another: every call of the API's description, made with keys of one workspace about another's things and
 * about things that are not there, has the same answer.
 */
import { afterAll, beforeAll, expect, test } from "vitest"
import { generateSecretKey } from "../../src/secrets/keyring.ts"
import { listsOf, unknownKinds, walk, type Walked } from "../support/api-walk.ts"
import { startNats, type TestNats } from "../support/nats.ts"
import { answer, startReceiver, type Receiver } from "../support/receiver.ts"
import { adminKey, startRuntime, type TestRuntime } from "../support/runtime.ts"

let nats: TestNats
let runtime: TestRuntime
let receiver: Receiver
let spec: any

/** What the other workspace has, by its kind as paths name it; what was not named here is looked up. */
const theirs = new Map([
  ["workspaces", "globex"],
  ["connections", "erpofglobex"],
  ["secrets", "GLOBEX_TOKEN"],
  ["integrations", "crmofglobex"],
  ["lists", "listofglobex"],
  ["rules", "ruleofglobex"],
  ["event-types", "order.ofglobex"],
  ["types", "order.ofglobex"],
  ["resources", "pageofglobex"],
])
/** The same of what nobody has. */
const nobodys = new Map<string, string>()

beforeAll(async () => {
  nats = await startNats()
  receiver = await startReceiver(answer(400))
  runtime = await startRuntime({
    natsUrl: nats.url,
    env: { MESHES_SECRET_KEYS: generateSecretKey() },
    config: `
import { defineConnector } from "${new URL("../../src/index.ts", import.meta.url).href}"
import * as Schema from "${import.meta.resolve("effect/Schema")}"
const crm = defineConnector({ name: "crmofglobex", title: "CRM", description: "Globex' own.", settings: Schema.Struct({}),
  actions: { put: { title: "Put", map: "optional", input: Schema.Unknown, request: () => ({ method: "POST", url: "${receiver.url}", headers: {} }) } } })
export default defineConfig({ workspaces: {
  acme: { connections: { mine: http({ url: "${receiver.url}", allowPrivateNetwork: true }) } },
  globex: {
    connections: {
      erpofglobex: http({ url: "${receiver.url}", auth: { type: "bearer", token: secret("GLOBEX_TOKEN") }, allowPrivateNetwork: true }),
      own: crm({}) },
    rules: { ruleofglobex: { on: "order.ofglobex", actions: [{ connection: "erpofglobex" }] } } },
} } as any)`,
  })
  spec = await (await fetch(`${runtime.http()}/openapi.json`)).json()
  await succeed("PUT", "/api/v1/workspaces/globex/secrets/GLOBEX_TOKEN", { value: "a-token" })
  await succeed("POST", "/api/v1/keys", { name: "keyofglobex", scopes: ["read"], workspaces: ["globex"] })
  const published = await succeed("POST", "/api/v1/events", {
    type: "order.ofglobex",
    workspace: "globex",
    resource: "pageofglobex",
    resource_id: "idofglobex",
    payload: { text: "payload of globex" },
  })
  theirs.set("events", published.event.id)
  // It is given up at once: then there is a dead letter too.
  await receiver.until(({ requests }) => requests.length > 0)
  theirs.set("deliveries", String(receiver.requests[0]!.headers["idempotency-key"]))
  for (const kind of unknownKinds(spec, theirs)) theirs.set(kind, await oneOf(kind))
  for (const [kind, name] of theirs) nobodys.set(kind, absentAs(name))
}, 120_000)

afterAll(async () => {
  await runtime[Symbol.asyncDispose]()
  await receiver[Symbol.asyncDispose]()
  await nats.stop()
})

type Headers = { readonly [name: string]: string }

const send = async (holder: Headers, method: string, path: string, body?: string, headers: Headers = {}) => {
  const response = await fetch(`${runtime.http()}${path}`, {
    method,
    redirect: "manual",
    headers: { "content-type": "application/json", ...headers, ...holder },
    ...(body === undefined ? {} : { body }),
  })
  const { date: _, "content-length": __, ...rest } = Object.fromEntries(response.headers)
  return { status: response.status, headers: rest, text: await response.text() }
}

const admin = { authorization: `Bearer ${adminKey}` }

const succeed = async (method: string, path: string, body: unknown) => {
  const made = await send(admin, method, path, JSON.stringify(body))
  expect(made.status, made.text).toBeLessThan(300)
  return made.text === "" ? undefined : JSON.parse(made.text)
}

/** A thing of that kind: from a list of the API's own; one is made where the list takes one. */
const oneOf = async (kind: string): Promise<string> => {
  const lists = listsOf(spec, kind, theirs)
  if (lists.length === 0) throw new Error(`no list of ${kind} is known to the walk: name one in this test`)
  for (const { operation, method, path, body, headers } of walk(onlyLists(kind), theirs)) {
    if (method === "POST" && operation.template.endsWith(`/${kind}`)) await send(admin, method, path, body, headers)
  }
  for (const until = Date.now() + 30_000; Date.now() < until; await new Promise((next) => setTimeout(next, 100))) {
    for (const path of lists) {
      const { records = [] } = JSON.parse((await send(admin, "GET", path)).text)
      const found = records.find((one: any) => one.workspace === undefined || JSON.stringify(one).includes("globex"))
      if (found !== undefined) return found.id ?? found.name
    }
  }
  throw new Error(`${lists.join(", ")} of globex is empty: make one of ${kind} in this test`)
}

/** The description of these lists alone. */
const onlyLists = (kind: string) => ({
  ...spec,
  paths: Object.fromEntries(
    Object.entries(spec.paths).filter(
      ([template]) => template.endsWith(`/${kind}`) && unknownKinds({ paths: { [template]: {} } }, theirs).size === 0,
    ),
  ),
})

/** A name of the same form. */
const absentAs = (name: string): string => {
  const id = /^([a-z]+_)[0-9a-z]{26}$/.exec(name)
  const other = id === null ? name.replace("globex", "nobody").replace("GLOBEX", "NOBODY") : `${id[1]}${"0".repeat(26)}`
  expect(other).not.toBe(name)
  return other
}

/** An answer without what the request itself named, so that what remains is what was learnt. */
const learnt = async (holder: Headers, { method, path, body, headers }: Walked) => {
  const got = await send(holder, method, path, body, headers)
  const said = `${decodeURIComponent(path)} ${body ?? ""}`
  // The same moment is never asked for twice.
  let text = JSON.stringify(got).replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "<time>")
  for (const [kind, name] of [...theirs, ...nobodys]) if (said.includes(name)) text = text.replaceAll(name, `<${kind}>`)
  // Of many in one request, all are.
  const refused = got.status === 207 ? !got.text.includes('"event":') : got.status >= 400
  return { refused, text }
}

const names = (request: Walked) =>
  [...theirs.values()].some((name) => `${request.path.split("?")[0]} ${request.body ?? ""}`.includes(name))

const create = async (terms: object): Promise<string> => (await succeed("POST", "/api/v1/keys", terms)).key
const bearer = (key: string) => ({ authorization: `Bearer ${key}` })

/** As a browser that has signed in by that key sends it. */
const signedIn = async (key: string): Promise<Headers> => {
  const ownPage = { "sec-fetch-site": "same-origin" }
  const { status, headers, text } = await send(ownPage, "POST", "/api/v1/sign-in", JSON.stringify({ key }))
  expect(status, text).toBe(200)
  return { ...ownPage, cookie: headers["set-cookie"]!.split(";", 1)[0]! }
}

/** As a page of the workspace that another page frames. */
const embedded = async (workspace: string): Promise<Headers> => {
  const terms = { workspace, role: "owner", allowed_origins: ["https://page.example"] }
  const { launch_url } = await succeed("POST", "/api/v1/sessions", terms)
  const launch = new URL(launch_url).searchParams.get("launch")
  return bearer((await succeed("POST", "/api/v1/sessions/launch", { launch })).token)
}

test("no call tells a key of one workspace whether another is there", { timeout: 240_000 }, async () => {
  const all = ["publish", "read", "payload:read", "operate"]
  const publishable = await create({ name: "d", publishable: true, workspaces: ["acme"], allowed_origins: ["*"] })
  const holders = {
    nobody: {},
    stranger: bearer("msh_not-a-key-of-anybody"),
    admin: bearer(await create({ name: "a", scopes: ["admin"], workspaces: ["acme"] })),
    operator: bearer(await create({ name: "b", scopes: all, workspaces: ["acme"] })),
    reader: bearer(await create({ name: "c", scopes: ["read"], workspaces: ["acme"] })),
    page: { "x-meshes-publishable-key": publishable },
    "page's key as another": bearer(publishable),
  }
  const sessions = {
    "admin's browser": await signedIn(await create({ name: "e", scopes: ["admin"], workspaces: ["acme"] })),
    "embedded page": await embedded("acme"),
  }
  const [about, absent] = [walk(spec, theirs), walk(spec, nobodys)]
  expect(about.map(({ call }) => call)).toEqual(absent.map(({ call }) => call))
  expect(about.length).toBeGreaterThan(25)
  for (const { operation } of about) {
    if (operation.template.startsWith("/api/")) expect(operation.secured, `${operation.name} asks for a key`).toBe(true)
  }
  for (const [holder, key] of Object.entries({ ...holders, ...sessions })) {
    for (const [i, request] of about.entries()) {
      // Metrics and health are for whoever runs the process, and change by themselves; a consent's pages ask for what only links know.
      if (!request.operation.secured) continue
      // The walk would sign them out on its way.
      if (holder in sessions && !names(request)) continue
      const one = await learnt(key, request)
      const made = `${request.call} by the ${holder}`
      expect(one, made).toEqual(await learnt(key, absent[i]!))
      if (names(request)) expect(one.refused, made).toBe(true)
      expect(one.text, made).not.toMatch(/globex/i)
      for (const name of theirs.values()) expect(one.text, made).not.toContain(name)
    }
  }
})

test(
  "the walk does reach what is there: a key for all workspaces is told the difference",
  { timeout: 240_000 },
  async () => {
    const [about, absent] = [walk(spec, theirs), walk(spec, nobodys)]
    // What removes comes last.
    const order = [...about.keys()].toSorted(
      (a, b) => Number(about[a]!.method === "DELETE") - Number(about[b]!.method === "DELETE"),
    )
    const same: Array<string> = []
    for (const i of order) {
      if (!about[i]!.operation.secured || !names(about[i]!)) continue
      const tell = async () => {
        const [one, other] = [await learnt(admin, about[i]!), await learnt(admin, absent[i]!)]
        return one.text === other.text ? one.text : undefined
      }
      let told = await tell()
      // What has just happened is known to all calls in a moment.
      for (const until = Date.now() + 10_000; told !== undefined && Date.now() < until;) told = await tell()
      if (told !== undefined) same.push(`${about[i]!.call}: ${told}`)
    }
    expect(same).toEqual([])
  },
)
