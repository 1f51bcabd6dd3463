/**
 * "Does this connection work, and what can I choose there?", asked over HTTP and on the command line.
 */
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { startNats, type TestNats } from "../support/nats.ts"
import { adminKey, startRuntime, type TestRuntime } from "../support/runtime.ts"

let nats: TestNats
let runtime: TestRuntime
let vendor: Server

const token = "token-that-is-known"

const startVendor = async (): Promise<Server> => {
  const server = createServer((request, response) => {
    const known = request.headers.authorization === `Bearer ${token}`
    const answers: { readonly [path: string]: object } = {
      "/auth.test": { ok: true, team: "Acme", user: "meshes" },
      "/conversations.list": { ok: true, channels: [{ id: "C1", name: "sales" }] },
    }
    const answer = known ? answers[request.url!.split("?")[0]!] : { ok: false, error: "invalid_auth" }
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(answer))
  })
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening))
  return server
}

beforeAll(async () => {
  nats = await startNats()
  vendor = await startVendor()
  const at = `http://127.0.0.1:${(vendor.address() as AddressInfo).port}`
  runtime = await startRuntime({
    natsUrl: nats.url,
    config: `
const chat = (name) => slack({ token: secret(name), channel: "C1", baseUrl: "${at}", allowPrivateNetwork: true })
export default defineConfig({
  keys: { reader: { key: secret("READER"), scopes: ["read"], workspaces: ["acme"] } },
  workspaces: {
    acme: { connections: { chat: chat("GOOD"), wrong: chat("WRONG"), log: console({}),
      hidden: slack({ token: secret("GOOD"), channel: "C1", baseUrl: "${at}" }) } },
    other: { connections: { chat: chat("GOOD") } },
  } } as any)`,
    env: { MESHES_LOG_LEVEL: "error", GOOD: token, WRONG: "token-that-is-wrong", READER: "reader-key-0123456789" },
  })
})

afterAll(async () => {
  await runtime[Symbol.asyncDispose]()
  vendor.closeAllConnections()
  vendor.close()
  await nats.stop()
})

const ask = async (method: string, path: string, key = adminKey) => {
  const response = await fetch(`${runtime.http()}/api/v1/${path}`, {
    method,
    headers: { authorization: `Bearer ${key}` },
  })
  return { status: response.status, json: (await response.json()) as any }
}

const connection = "workspaces/acme/connections"

describe("over HTTP", () => {
  test("a test says whose account it is, or who is to do what", async () => {
    expect(await ask("POST", `${connection}/chat/test`)).toEqual({
      status: 200,
      json: {
        workspace: "acme",
        connection: "chat",
        connector: "slack",
        works: true,
        says: "meshes of Acme",
        outcome: "delivered",
        status: 200,
      },
    })
    const wrong = await ask("POST", `${connection}/wrong/test`)
    expect(wrong.json).toMatchObject({ works: false, outcome: "auth_failed" })
    expect(wrong.json.says).toMatch(/refuses the credentials; set new ones: HTTP 200: invalid_auth/)
    expect((await ask("POST", `${connection}/log/test`)).json).toMatchObject({ works: false })
    // The guard of addresses holds here too.
    expect((await ask("POST", `${connection}/hidden/test`)).json).toMatchObject({ works: false, outcome: "blocked" })
  })

  test("lists are what the vendor has, or why it cannot be had", async () => {
    expect((await ask("GET", `${connection}/chat/lists/channels`)).json).toEqual({
      count: 1,
      records: [{ id: "C1", name: "#sales" }],
    })
    expect(await ask("GET", `${connection}/chat/lists/tags`)).toMatchObject({
      status: 404,
      json: { message: 'slack has no list "tags"; it has channels' },
    })
    expect(await ask("GET", `${connection}/wrong/lists/channels`)).toMatchObject({
      status: 502,
      json: { message: "HTTP 200: invalid_auth" },
    })
  })

  test("a key that may only read asks no vendor, and one of a workspace nothing of another", async () => {
    const reader = "reader-key-0123456789"
    expect((await ask("POST", `${connection}/chat/test`, reader)).status).toBe(403)
    expect((await ask("GET", `${connection}/chat/lists/channels`, reader)).status).toBe(403)
    expect((await ask("POST", "workspaces/other/connections/chat/test", reader)).status).toBe(403)
  })

  test("the connectors are described, to whoever may read", async () => {
    const { json } = await ask("GET", "integrations", "reader-key-0123456789")
    expect(json.records.map(({ id }: any) => id)).toEqual(
      expect.arrayContaining(["console", "hubspot", "slack", "webhook"]),
    )
    const { json: slack } = await ask("GET", "integrations/slack")
    expect(slack.settings.properties.token).toMatchObject({ format: "secret" })
    expect(slack.actions[0]).toMatchObject({ id: "message.post", map: "required", repeat: "again" })
    expect((await ask("GET", "integrations/slak")).status).toBe(404)
    expect((await ask("GET", "integrations", "nobody's")).status).toBe(401)
  })
})

describe("on the command line", () => {
  test("a test's exit status is its answer", async () => {
    const good = await runtime.meshes("connections", "test", "acme", "chat", "--json")
    expect([good.status, JSON.parse(good.stdout).says]).toEqual([0, "meshes of Acme"])
    const wrong = await runtime.meshes("connections", "test", "acme", "wrong")
    expect([wrong.status, wrong.stdout + wrong.stderr]).toEqual([1, expect.stringMatching(/invalid_auth/)])
    expect(wrong.stdout + wrong.stderr).not.toContain("token-that")
  })

  test("choices are listed", async () => {
    expect((await runtime.meshes("connections", "lists", "acme", "chat")).stdout).toMatch(/channels\s+Channels/)
    expect((await runtime.meshes("connections", "lists", "acme", "chat", "channels")).stdout).toMatch(/C1\s+#sales/)
    const none = await runtime.meshes("connections", "lists", "acme", "chat", "tags")
    expect([none.status, none.stderr]).toEqual([1, expect.stringMatching(/no list "tags"; there are channels/)])
  })
})
