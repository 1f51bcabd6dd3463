/**
 * One tenant never learns of another: every call of the API's description, made with keys of one workspace about another's things and
 * about things that are not there, has the same answer.
 */
import { afterAll, beforeAll, expect, test } from "vitest"
import { startNats, type TestNats } from "../support/nats.ts"
import { answer, startReceiver, type Receiver } from "../support/receiver.ts"
import { adminKey, startRuntime, type TestRuntime } from "../support/runtime.ts"
import { walk, type Fill, type Walked } from "../support/api-walk.ts"
import { generateSecretKey } from "../../src/secrets/keyring.ts"

let nats: TestNats
let runtime: TestRuntime
let receiver: Receiver
let spec: any
let theirKey: string

/** Names that the other workspace's things have, and no other's; and as many of what is not there. */
const names = ["globex", "erpofglobex", "GLOBEX_TOKEN", "crmofglobex", "eventofglobex", "ruleofglobex"] as const
const absent = ["nowhere", "erpofnobody", "NOBODYS_TOKEN", "crmofnobody", "eventofnobody", "ruleofnobody"] as const

beforeAll(async () => {
  nats = await startNats()
  receiver = await startReceiver(answer(204))
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
  globex: { connections: {
    erpofglobex: http({ url: "${receiver.url}", auth: { type: "bearer", token: secret("GLOBEX_TOKEN") }, allowPrivateNetwork: true }),
    own: crm({}) },
    rules: { ruleofglobex: { on: "order.*", actions: [{ connection: "erpofglobex" }] } } },
} } as any)`,
  })
  spec = await (await fetch(`${runtime.http()}/openapi.json`)).json()
  const put = await send(adminKey, "PUT", "/api/v1/workspaces/globex/secrets/GLOBEX_TOKEN", { value: "a-token" })
  expect(put.status).toBe(204)
  const made = await send(adminKey, "POST", "/api/v1/keys", {
    name: "theirs",
    scopes: ["read"],
    workspaces: ["globex"],
  })
  theirKey = JSON.parse(made.text).id
  await runtime.publish({ type: "order.paid", workspace: "globex", id: "eventofglobex", payload: {} })
  const attempts = () => send(adminKey, "GET", "/api/v1/events/eventofglobex/attempts")
  while ((await attempts()).status !== 200) await new Promise((resolve) => setTimeout(resolve, 50))
})

afterAll(async () => {
  await runtime[Symbol.asyncDispose]()
  await receiver[Symbol.asyncDispose]()
  await nats.stop()
})

const send = async (key: string, method: string, path: string, body?: unknown, headers: object = {}) => {
  const response = await fetch(`${runtime.http()}${path}`, {
    method,
    redirect: "manual",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json", ...headers },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  })
  return { status: response.status, type: response.headers.get("content-type"), text: await response.text() }
}

/** `[workspace, connection, secret, connector, event, rule]`, and a key's id. */
const filledWith = (given: ReadonlyArray<string>, id: string): Fill => {
  const [workspace, connection, secret, connector, event, rule] = given
  const values: { readonly [name: string]: unknown } = {
    workspace,
    workspaces: [workspace],
    connection,
    connector,
    event,
    rule,
    id,
    name: secret,
    list: "lists",
    type: "order.paid",
    scopes: ["read"],
    value: "some-value",
  }
  return (name) => values[name]
}

const nobodysKey = "key_00000000000000000000000000"
const about = (which: "theirs" | "nobodys") =>
  which === "theirs" ? filledWith(names, theirKey) : filledWith(absent, nobodysKey)

/** An answer without what the request itself named, so that what remains is what was learnt. */
const learnt = async (key: string, { method, path, body, headers }: Walked) => {
  const { status, type, text } = await send(key, method, path, body, headers)
  const said = `${decodeURIComponent(path)} ${body ?? ""}`
  let rest = text
  for (const [i, name] of [...names, ...absent, theirKey, nobodysKey].entries()) {
    if (said.includes(name)) rest = rest.replaceAll(name, `<${i % names.length}>`)
  }
  return { status, type, rest }
}

const create = async (terms: object) => {
  const made = await send(adminKey, "POST", "/api/v1/keys", terms)
  expect(made.status, made.text).toBe(201)
  return JSON.parse(made.text).key as string
}

test("no call tells a key of one workspace whether another is there", { timeout: 120_000 }, async () => {
  const keys = {
    admin: await create({ name: "a", scopes: ["admin"], workspaces: ["acme"] }),
    all: await create({ name: "b", scopes: ["publish", "read", "payload:read", "operate"], workspaces: ["acme"] }),
    reader: await create({ name: "c", scopes: ["read"], workspaces: ["acme"] }),
    publishable: await create({ name: "d", publishable: true, workspaces: ["acme"], allowed_origins: ["*"] }),
    unknown: "msh_not-a-key-of-anybody",
  }
  const [theirs, nobodys] = [walk(spec, about("theirs")), walk(spec, about("nobodys"))]
  expect(theirs.map(({ call }) => call)).toEqual(nobodys.map(({ call }) => call))
  const secured = theirs.filter((one) => one.secured)
  expect(secured.length).toBeGreaterThan(15)
  for (const [holder, key] of Object.entries(keys)) {
    for (const [i, request] of theirs.entries()) {
      if (!request.secured) continue
      const [one, other] = [await learnt(key, request), await learnt(key, nobodys[i]!)]
      expect(one, `${request.call} with the ${holder} key`).toEqual(other)
      for (const name of [...names, theirKey]) {
        expect(one.rest, `${request.call} with the ${holder} key`).not.toContain(name)
      }
    }
  }
})

test("the walk does reach what is there: a key for all workspaces is told the difference", async () => {
  const [theirs, nobodys] = [walk(spec, about("theirs")), walk(spec, about("nobodys"))]
  const named = (request: Walked) =>
    [...names, theirKey].some((name) => `${request.path} ${request.body}`.includes(name))
  // What removes comes last.
  const order = [...theirs.keys()].toSorted(
    (a, b) => Number(theirs[a]!.call.startsWith("DELETE")) - Number(theirs[b]!.call.startsWith("DELETE")),
  )
  const same: Array<string> = []
  for (const i of order) {
    if (!theirs[i]!.secured || !named(theirs[i]!)) continue
    const [one, other] = [await learnt(adminKey, theirs[i]!), await learnt(adminKey, nobodys[i]!)]
    if (JSON.stringify(one) === JSON.stringify(other)) same.push(`${theirs[i]!.call}: ${one.status} ${one.rest}`)
  }
  expect(same).toEqual([])
})
