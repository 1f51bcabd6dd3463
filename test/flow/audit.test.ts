/**
 * The audit, over a real runtime and real commands: whatever a person does is told once, with who, when, from where, and which workspace;
 * what changed nothing is not told of as a change.
 */
import { hostname } from "node:os"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { generateSecretKey } from "../../src/secrets/keyring.ts"
import { historyWith } from "../support/history.ts"
import { startNats, type TestNats } from "../support/nats.ts"
import { answer, startReceiver, type Receiver } from "../support/receiver.ts"
import { adminKey, startRuntime, type TestRuntime } from "../support/runtime.ts"

let nats: TestNats
let runtime: TestRuntime
let receiver: Receiver

beforeAll(async () => {
  nats = await startNats()
  receiver = await startReceiver(answer(400))
  runtime = await startRuntime({
    natsUrl: nats.url,
    env: { MESHES_SECRET_KEYS: generateSecretKey() },
    config: `export default defineConfig({ workspaces: {
      acme: {
        connections: { erp: http({ url: "${receiver.url}", allowPrivateNetwork: true }) },
        rules: { all: { on: "order.paid", actions: [{ connection: "erp" }] } },
      },
      globex: {} } })`,
  })
})

afterAll(async () => {
  await runtime[Symbol.asyncDispose]()
  await receiver[Symbol.asyncDispose]()
  await nats.stop()
})

const ask = async (method: string, path: string, body?: unknown, key = adminKey) => {
  const response = await fetch(`${runtime.http()}/api/v1/${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json", "user-agent": "a-tool/1.0" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  return { status: response.status, json: text === "" ? undefined : JSON.parse(text) }
}

const meshes = async (...args: ReadonlyArray<string>) => {
  const finished = await runtime.meshes(...args)
  expect(finished.stderr).not.toContain("Error")
  return finished
}

/** All that the audit was told so far, once it was told that; without the times, which are looked at here. */
const told = async (what: string, count = 1) => {
  const begun = Date.now()
  const records = await historyWith(nats.url, () => true)
  const audit = records.filter(({ kind }) => kind === "audit")
  for (const { at } of audit) expect(Math.abs(begun - at)).toBeLessThan(600_000)
  const found = audit.filter((record) => record.what === what)
  expect(found).toHaveLength(count)
  return found.map((record) => ({ ...record, kind: undefined, at: undefined }))
}

const overHttp = { by: "key:admin", from: "127.0.0.1", agent: "a-tool/1.0", workspace: "acme" }
const byCommand = {
  by: expect.stringMatching(/^cli:/),
  from: hostname(),
  agent: expect.stringMatching(/^Meshes\//),
  workspace: "acme",
}

// In their order: the last sets another secret. Commands are processes, slow on a busy machine.
describe("the audit tells of", { shuffle: false, timeout: 120_000 }, () => {
  test("secrets that are set and removed, by call and by command, and never of their values", async () => {
    const path = "workspaces/acme/secrets"
    expect((await ask("PUT", `${path}/BY_CALL`, { value: "a-value-of-a-secret" })).status).toBe(204)
    expect((await ask("DELETE", `${path}/BY_CALL`)).status).toBe(204)
    // Nothing was there, and nothing was changed.
    expect((await ask("DELETE", `${path}/BY_CALL`)).status).toBe(404)
    await runtime.pipe("another-value-of-one", "secrets", "set", "acme", "BY_COMMAND")
    await meshes("secrets", "rm", "acme", "BY_COMMAND")
    for (const what of ["secret.set", "secret.removed"]) {
      expect(await told(what, 2)).toEqual([
        { what, target: "BY_CALL", ...overHttp },
        { what, target: "BY_COMMAND", ...byCommand },
      ])
    }
    expect(JSON.stringify(await historyWith(nats.url, () => true))).not.toMatch(/value-of/)
  })

  test("connections that are paused and resumed, once each, with the reason", async () => {
    const path = "workspaces/acme/connections/erp"
    for (let i = 0; i < 2; i++) await ask("POST", `${path}/pause`, { reason: "moving" })
    for (let i = 0; i < 2; i++) await ask("POST", `${path}/resume`)
    await meshes("connections", "pause", "acme", "erp")
    await meshes("connections", "resume", "acme", "erp", "--reason", "moved")
    expect(await told("connection.paused", 2)).toEqual([
      { what: "connection.paused", target: "erp", detail: "moving", ...overHttp },
      { what: "connection.paused", target: "erp", ...byCommand },
    ])
    expect(await told("connection.resumed", 2)).toEqual([
      { what: "connection.resumed", target: "erp", ...overHttp },
      { what: "connection.resumed", target: "erp", detail: "moved", ...byCommand },
    ])
  })

  test("connections that are tested", async () => {
    expect((await ask("POST", "workspaces/acme/connections/erp/test")).status).toBe(200)
    await meshes("connections", "test", "acme", "erp")
    expect(await told("connection.tested", 2)).toEqual([
      { what: "connection.tested", target: "erp", ...overHttp },
      { what: "connection.tested", target: "erp", ...byCommand },
    ])
  })

  test("dead letters that are sent again: each by its id, or all of a workspace at once", async () => {
    for (let i = 0; i < 3; i++) await runtime.publish({ type: "order.paid", workspace: "acme", payload: {} })
    const dead = async () => JSON.parse((await meshes("dead", "ls", "--json")).stdout).records as ReadonlyArray<any>
    while ((await dead()).length < 3);
    const [{ id }] = (await dead()) as [any]
    await meshes("dead", "retry", id)
    const one = { what: "deliveries.retried", target: id, ...byCommand }
    expect(await told("deliveries.retried", 1)).toEqual([one])
    await meshes("dead", "retry", "--all", "--connection", "erp")
    expect(await told("deliveries.retried", 2)).toEqual([
      one,
      { ...one, target: "erp", detail: "all dead letters of the connection" },
    ])
  })

  test("a key that is used though it has expired, once for all its uses, in each of its workspaces", async () => {
    const made = await ask("POST", "keys", {
      name: "forgotten",
      scopes: ["read"],
      workspaces: ["acme", "globex"],
      expires_at: new Date(Date.now() + 1500).toISOString(),
    })
    const { key, id } = made.json
    while ((await ask("GET", "workspaces/acme/connections", undefined, key)).status !== 401);
    for (let i = 0; i < 5; i++) expect((await ask("GET", "integrations", undefined, key)).status).toBe(401)
    const refused = {
      what: "key.refused",
      target: id,
      key: id,
      detail: "forgotten has expired",
      ...overHttp,
      by: "key:forgotten",
    }
    expect(await told("key.refused", 2)).toEqual([refused, { ...refused, workspace: "globex" }])
  })

  test("a program that gives itself an endless name, with the beginning of it", async () => {
    const response = await fetch(`${runtime.http()}/api/v1/workspaces/globex/secrets/NAMED`, {
      method: "PUT",
      headers: { authorization: `Bearer ${adminKey}`, "user-agent": "x".repeat(5000) },
      body: JSON.stringify({ value: "v" }),
    })
    expect(response.status).toBe(204)
    const records = await historyWith(nats.url, ({ target }) => target === "NAMED")
    expect(records.find(({ target }) => target === "NAMED").agent).toBe("x".repeat(200))
  })
})
