/**
 * Whoever is bound to one resource of a workspace never learns of another: every call of the API's description, made about what is of
 * another resource and about things that are not there, has the same answer, whatever the scopes.
 */
import { afterAll, beforeAll, expect, test } from "vitest"
import { generateSecretKey } from "../../src/secrets/keyring.ts"
import { walk, type Walked } from "../support/api-walk.ts"
import { startDestination, type Destination } from "../support/destination.ts"
import { startNats, type TestNats } from "../support/nats.ts"
import { adminKey, startRuntime, type TestRuntime } from "../support/runtime.ts"

let nats: TestNats
let runtime: TestRuntime
let destination: Destination
let spec: any

/** What the workspace has that is of no resource. */
const common = [
  ["workspaces", "acme"],
  ["connections", "erp"],
  ["rules", "orders"],
  ["lists", "nothing"],
  ["integrations", "http"],
  ["secrets", "TOKEN"],
  ["keys", "key_00000000000000000000000000"],
  ["sessions", "ses_00000000000000000000000000"],
] as const
/** What there is of another resource than the holder's, by its kind as paths and bodies name it; and the same of what nobody has. */
const theirs = new Map<string, string>([...common, ["resources", "formoftheirs"], ["resource_ids", "idoftheirs"]])
const nobodys = new Map<string, string>([...common, ["resources", "formofnobody"], ["resource_ids", "idofnobody"]])
const named = ["resources", "resource_ids", "events", "deliveries", "operations", "replays", "types"]
/** The holder's own. */
const mine = new Map<string, string>([...common, ["resources", "page"], ["resource_ids", "idofmine"]])

const admin = { authorization: `Bearer ${adminKey}` }
type Headers = Readonly<Record<string, string>>

const send = async (holder: Headers, method: string, path: string, body?: unknown, headers: Headers = {}) => {
  const response = await fetch(`${runtime.http()}${path}`, {
    method,
    redirect: "manual",
    headers: { "content-type": "application/json", ...headers, ...holder },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  })
  return { status: response.status, text: await response.text() }
}
const ask = async (holder: Headers, method: string, path: string, body?: unknown) => {
  const { status, text } = await send(holder, method, `/api/v1/workspaces/acme${path}`, body)
  return { status, ...(text === "" ? {} : JSON.parse(text)) }
}
const until = async <A>(what: () => Promise<A | undefined>): Promise<A> => {
  for (;;) {
    const found = await what()
    if (found !== undefined) return found
    await new Promise((next) => setTimeout(next, 50))
  }
}

const roles = ["owner", "admin", "member"] as const
let holders: { readonly [role in (typeof roles)[number]]: Headers }

/** The token of an embedded session that is bound to a resource. */
const bound = async (role: string, about: object): Promise<Headers> => {
  const asked = { workspace: "acme", role, allowed_origins: ["https://app.example.com"], ...about }
  const { launch_url } = JSON.parse((await send(admin, "POST", "/api/v1/sessions", asked)).text)
  const launch = new URL(launch_url).searchParams.get("launch")
  const { token } = JSON.parse((await send({}, "POST", "/api/v1/sessions/launch", { launch })).text)
  return { authorization: `Bearer ${token}` }
}

/** An event, given up at once, with an operation and a replay over what is about the same. */
const happen = async (things: Map<string, string>, type: string) => {
  const about = { resource: things.get("resources")!, resource_id: things.get("resource_ids")! }
  const event = { type, workspace: "acme", ...about, payload: { text: `payload of ${about.resource_id}` } }
  const published = JSON.parse((await send(admin, "POST", "/api/v1/events", event)).text)
  things.set("events", published.event.id)
  things.set("types", type)
  const dead = await until(
    async () => (await ask(admin, "GET", `/dead-letters?event=${published.event.id}`)).records?.[0],
  )
  things.set("deliveries", dead.id)
  const operation = await ask(admin, "POST", "/operations", { action: "cancel", filter: about })
  things.set("operations", operation.id)
  things.set("replays", (await ask(admin, "POST", "/replays", { ...about, status: "none" })).id)
}

beforeAll(async () => {
  nats = await startNats()
  destination = await startDestination(({ path }) => (path === "/many" ? 503 : 400))
  runtime = await startRuntime({
    natsUrl: nats.url,
    env: { MESHES_SECRET_KEYS: generateSecretKey() },
    config: `
import { cloudevents } from "${new URL("../../connectors/index.ts", import.meta.url).href}"
export default defineConfig({ workspaces: { acme: {
      connections: { erp: http({ url: "${destination.url}/in", allowPrivateNetwork: true, circuit: false }),
        many: cloudevents({ url: "${destination.url}/many", allowPrivateNetwork: true, batch: { wait: "1 second" }, circuit: false }) },
      rules: { orders: { on: "order.>", actions: [{ connection: "erp" }] },
        batches: { on: "many.>", actions: [{ connection: "many", action: "batch.send" }] } } } } } as any)`,
  })
  spec = await (await fetch(`${runtime.http()}/openapi.json`)).json()
  await happen(mine, "order.mine")
  await happen(theirs, "order.oftheirs")
  for (const kind of named) {
    const name = theirs.get(kind)!
    const prefix = /^([a-z]+_)[0-9a-z]{26}$/.exec(name)?.[1]
    nobodys.set(kind, prefix === undefined ? name.replace("theirs", "nobody") : `${prefix}${"0".repeat(26)}`)
  }
  const about = { resource: mine.get("resources"), resource_id: mine.get("resource_ids") }
  const made = await Promise.all(roles.map((role) => bound(role, about)))
  holders = Object.fromEntries(roles.map((role, i) => [role, made[i]])) as any
}, 120_000)

afterAll(async () => {
  await runtime[Symbol.asyncDispose]()
  await destination[Symbol.asyncDispose]()
  await nats.stop()
})

/** Lists without any filter too, and without the one that leaves nothing of what no replay made. */
const walked = (things: ReadonlyMap<string, string>): ReadonlyArray<Walked> =>
  walk(spec, things)
    // Whoever signs out is somebody else afterwards.
    .filter(({ operation }) => operation.secured && operation.name !== "DELETE /api/v1/sign-in")
    .map((request) => ({ ...request, path: request.path.replace(/(?<=[?&])replay=[^&]*&?/, "") }))
    .flatMap((request) => {
      const [bare] = request.path.split("?")
      return request.method === "GET" && bare !== request.path ? [request, { ...request, path: bare! }] : [request]
    })

/** An answer without what the request itself named, so that what remains is what was learnt. */
const learnt = async (holder: Headers, { method, path, body, headers }: Walked) => {
  const got = await send(holder, method, path, body, headers)
  const said = `${decodeURIComponent(path)} ${body ?? ""}`
  // The same moment is never asked for twice.
  let text = JSON.stringify(got).replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "<time>")
  for (const things of [theirs, nobodys])
    for (const kind of named)
      if (said.includes(things.get(kind)!)) text = text.replaceAll(things.get(kind)!, `<${kind}>`)
  return text
}

const names = ({ path, body }: Walked, kinds: ReadonlyArray<string>) =>
  kinds.some((kind) => `${path} ${body ?? ""}`.includes(theirs.get(kind)!))

/** Without ids and tokens that were made for this answer alone. */
const unfresh = (text: string): string =>
  text.replaceAll(/_[0-9a-z]{26}\b/g, "_<id>").replaceAll(/token\\":\\"[^"\\]+/g, "<token>")

test("no call tells whoever is bound to a resource of another one", { timeout: 240_000 }, async () => {
  const [about, absent] = [walked(theirs), walked(nobodys)]
  expect(about.map(({ call }) => call)).toEqual(absent.map(({ call }) => call))
  for (const [role, holder] of Object.entries(holders)) {
    for (const [i, request] of about.entries()) {
      const text = await learnt(holder, request)
      const made = `${request.call} by the ${role}`
      expect(text, made).not.toMatch(/theirs/i)
      for (const kind of named) expect(text, made).not.toContain(theirs.get(kind))
      // What names neither is the same request, and what is the holder's own changes meanwhile.
      if (names(request, named)) expect(unfresh(text), made).toBe(unfresh(await learnt(holder, absent[i]!)))
    }
  }
})

test("a key of the workspace is told the difference: the walk does reach what is there", async () => {
  const [about, absent] = [walked(theirs), walked(nobodys)]
  const same: Array<string> = []
  for (const [i, request] of about.entries()) {
    if (!names(request, ["events", "deliveries", "operations", "replays"])) continue
    const text = await learnt(admin, request)
    if (text === (await learnt(admin, absent[i]!))) same.push(`${request.call}: ${text}`)
  }
  expect(same).toEqual([])
})

test("lists, counts, retries and replays are of the own resource alone", async () => {
  const { owner, admin: operator, member } = holders
  const ids = async (path: string) => (await ask(member, "GET", path)).records.map(({ id }: any) => id)
  expect(await ids("/events")).toEqual([mine.get("events")])
  expect(await ids("/deliveries")).toEqual([mine.get("deliveries")])
  // The walk may have sent it again a moment ago.
  expect(await until(async () => (await ids("/dead-letters?connection=erp")).at(0))).toBe(mine.get("deliveries"))
  expect((await ask(member, "GET", "/dead-letters/groups")).records).toMatchObject([
    { connection: "erp", outcome: "rejected", http_status: 400, count: 1, example: mine.get("deliveries") },
  ])
  for (const kind of ["operations", "replays"]) {
    const { records } = await ask(member, "GET", `/${kind}`)
    expect(records.map(({ id }: any) => id)).toContain(mine.get(kind))
    const about = { resource: "page", resource_id: "idofmine" }
    for (const { filter } of records) expect(filter).toMatchObject(about)
  }
  expect((await ask(member, "GET", "/resources")).records).toEqual([{ resource: "page" }])
  expect((await ask(member, "GET", "/event-types")).records).toEqual([])
  expect((await ask(admin, "GET", "/event-types")).records.length).toBeGreaterThan(1)
  const [connection] = (await ask(member, "GET", "/connections?connector=http")).records
  expect(connection).toEqual({ id: "erp", workspace: "acme", connector: "http", state: "closed" })
  expect(await ask(member, "GET", `/events/${mine.get("events")}`)).toMatchObject({
    resource_id: "idofmine",
    payload_missing: "not_allowed",
    deliveries: [{ id: mine.get("deliveries") }],
  })
  expect(await ask(operator, "GET", `/events/${mine.get("events")}`)).toMatchObject({
    payload: { text: "payload of idofmine" },
  })
  expect((await ask(operator, "GET", "/events?text=payload of")).records.length).toBe(1)

  const preview = (filter: object) => ask(operator, "POST", "/operations", { action: "retry", preview: true, filter })
  expect(await preview({})).toMatchObject({ status: 200, count: 1 })
  expect(await preview({ resource: "page" })).toMatchObject({ status: 200, count: 1 })
  expect(await preview({ resource_id: "idoftheirs" })).toMatchObject({ status: 403 })
  const replay = { dry_run: true, requests: 5 }
  expect(await ask(operator, "POST", "/replays", replay)).toMatchObject({ status: 200, events: 1, matched: 1 })
  expect(await ask(operator, "POST", "/operations", { action: "cancel" })).toMatchObject({
    filter: { resource: "page", resource_id: "idofmine" },
  })
  expect(await ask(member, "POST", `/deliveries/${mine.get("deliveries")}/retry`)).toMatchObject({ status: 403 })
  expect(await ask(owner, "POST", `/events/${mine.get("events")}/retry`)).toMatchObject({ status: 200, count: 1 })
  expect(await ask(operator, "POST", `/deliveries/${theirs.get("deliveries")}/retry`)).toMatchObject({ status: 404 })

  for (const [method, path] of [
    ["GET", "/usage"],
    ["GET", "/audit"],
    ["GET", "/activity"],
    ["POST", "/connections/erp/pause"],
    ["PUT", "/secrets/TOKEN"],
  ] as const) {
    const refused = await ask(owner, method, path)
    expect([path, refused.status]).toEqual([path, 403])
    expect(refused.message).toContain("bound to the resource page/idofmine: ")
  }
  const key = { name: "more", scopes: ["read"], workspaces: ["acme"] }
  expect((await send(owner, "POST", "/api/v1/keys", key)).status).toBe(403)
})

test("what one call said of several deliveries is not shown to who may see only one of them", async () => {
  const events = ["one", "two"].map((resource_id) => ({
    ...{
      type: "many.sent",
      workspace: "acme",
      resource: "list",
      resource_id,
      payload: { text: `secret of ${resource_id}` },
    },
  }))
  await send(admin, "POST", "/api/v1/events/bulk", events)
  const holder = await bound("admin", { resource: "list", resource_id: "one" })
  const tried = await until(async () =>
    (await ask(holder, "GET", "/deliveries")).records.find((one: any) => one.status === "retrying"),
  )
  const [whole] = (await ask(admin, "GET", `/deliveries/${tried.id}`)).attempts
  expect(whole).toMatchObject({ outcome: "server_error", message: "HTTP 503" })
  expect(whole.request.body).toContain("secret of two")
  const shown = await ask(holder, "GET", `/deliveries/${tried.id}`)
  expect(shown.attempts[0]).toEqual({ ...whole, message: undefined, request: undefined, response: undefined })
  expect(JSON.stringify(shown)).not.toContain("secret")
  expect(tried.last_attempt).toEqual({ at: whole.at, outcome: "server_error", http_status: 503 })
})
