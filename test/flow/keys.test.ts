/**
 * Keys from being made to being refused, over two replicas of one log: what one of them or a command makes, all take; what is revoked or
 * over, none takes; and the key itself is nowhere but where it was shown.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { hashKey } from "../../src/accounts/keys.ts"
import { limits } from "../../src/config/defaults.ts"
import { historyWith } from "../support/history.ts"
import { startNats, type TestNats } from "../support/nats.ts"
import { filesHolding } from "../support/on-disk.ts"
import { adminKey, startRuntime, type TestRuntime } from "../support/runtime.ts"

let nats: TestNats
let one: TestRuntime
let two: TestRuntime
/** Every key that was shown. */
const shown: Array<string> = []
/** All that was said or answered, but where a key was shown. */
let said = ""

const config = `export default defineConfig({
  keys: { declared: { key: secret("DECLARED_KEY"), scopes: ["publish"], workspaces: ["acme"], eventTypes: ["page.*"] } },
  workspaces: { acme: { connections: { log: console({}) } }, globex: {} } })`

beforeAll(async () => {
  nats = await startNats()
  const options = {
    natsUrl: nats.url,
    config,
    env: { MESHES_LOG_LEVEL: "trace", DECLARED_KEY: "key-that-the-config-declares" },
  }
  one = await startRuntime(options)
  two = await startRuntime(options)
})

afterAll(async () => {
  await one[Symbol.asyncDispose]()
  await two[Symbol.asyncDispose]()
  await nats.stop()
})

const ask = async (runtime: TestRuntime, key: string, method: string, path: string, body?: unknown) => {
  const response = await fetch(`${runtime.http()}/api/v1/${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  const json = text === "" ? undefined : JSON.parse(text)
  if (typeof json?.key !== "string") said += text
  return { status: response.status, json }
}

const create = async (runtime: TestRuntime, terms: object) => {
  const { status, json } = await ask(runtime, adminKey, "POST", "keys", { scopes: ["publish"], ...terms })
  expect(status, JSON.stringify(json)).toBe(201)
  shown.push(json.key)
  return json as { readonly id: string; readonly key: string }
}

const publish = async (runtime: TestRuntime, key: string, type = "page.viewed") =>
  (await ask(runtime, key, "POST", "events", { type, workspace: "acme", payload: {} })).status

/** A change is heard of within a moment: by asking until it is. */
const until = async (runtime: TestRuntime, key: string, status: number) => {
  while ((await publish(runtime, key)) !== status) await new Promise((next) => setTimeout(next, 10))
}

const meshes = async (...args: ReadonlyArray<string>) => {
  const finished = await one.meshes("keys", ...args)
  if (args[0] === "create" && finished.status === 0) {
    shown.push(args.includes("--json") ? JSON.parse(finished.stdout).key : finished.stdout.trim())
    said += finished.stderr
  } else said += finished.stdout + finished.stderr
  return finished
}

// In their order: the last ones look for what all before have made. Commands are processes, slow on a busy machine.
describe("a key", { shuffle: false, timeout: 120_000 }, () => {
  test("made on one replica is taken there at once and by the other, and refused by both when the other revokes it", async () => {
    const { key, id } = await create(one, { name: "site", workspaces: ["acme"] })
    expect(await publish(one, key)).toBe(201)
    await until(two, key, 201)
    expect((await ask(two, adminKey, "DELETE", `keys/${id}`)).status).toBe(204)
    expect(await publish(two, key)).toBe(401)
    await until(one, key, 401)
    expect((await ask(one, adminKey, "GET", "keys")).json.records).toEqual([])
  })

  test("that has expired is refused by every replica, by the log's clock", async () => {
    const expires = Date.now() + 5000
    const { key } = await create(one, { name: "brief", expires_at: new Date(expires).toISOString() })
    await until(two, key, 201)
    for (const runtime of [one, two]) {
      await until(runtime, key, 401)
      expect(Date.now()).toBeGreaterThan(expires - limits.logTimeRoundMs)
      const { json } = await ask(runtime, key, "POST", "events", {})
      expect(json.message).toContain("expired")
    }
  })

  test("is made by a command, listed without itself, and revoked by its id", async () => {
    const made = await meshes("create", "cli", "--scope", "publish", "-w", "acme", "--expires", "1 day")
    expect(made.status, made.stderr).toBe(0)
    const key = made.stdout.trim()
    expect(key).toMatch(/^msh_[\w-]{43}$/)
    await Promise.all([until(one, key, 201), until(two, key, 201)])
    const { records } = JSON.parse((await meshes("ls", "--workspace", "acme", "--json")).stdout)
    const record = records.find(({ name }: any) => name === "cli")
    expect(record).toMatchObject({ scopes: ["publish"], workspaces: ["acme"], prefix: key.slice(0, 10) })
    expect((await meshes("ls")).stdout).toMatch(/key_\w{26} +cli +msh_.{6}… +publish, in acme, until [-\d]+ [:\d]+/)
    const wrong = await meshes("revoke", "cli")
    expect([wrong.status, wrong.stderr]).toEqual([1, expect.stringContaining(record.id)])
    expect((await meshes("revoke", record.id)).status).toBe(0)
    await Promise.all([until(one, key, 401), until(two, key, 401)])
  })

  test("that is asked for wrongly by a command is not made", async () => {
    const refused = async (text: string, ...args: ReadonlyArray<string>) => {
      const { status, stderr, stdout } = await meshes("create", ...args)
      expect([status, stdout, stderr]).toEqual([2, "", expect.stringContaining(text)])
    }
    await refused('did you mean "acme"', "a", "--scope", "read", "-w", "acma")
    await refused('"raed" is not one of', "a", "--scope", "raed")
    await refused("expected an RFC 3339 time", "a", "--scope", "read", "--expires", "soon")
    await refused("its only scope", "a", "--publishable", "--scope", "admin")
  })

  test("of the config has the same bounds", async () => {
    expect(await publish(one, "key-that-the-config-declares")).toBe(201)
    expect(await publish(one, "key-that-the-config-declares", "order.paid")).toBe(403)
  })

  test("is there again after its replica begins anew, and so is when it was used", async () => {
    const { key, id } = await create(two, { name: "lasting" })
    await until(one, key, 201)
    await one.kill("SIGTERM")
    await one.start()
    expect(await publish(one, key)).toBe(201)
    const used = async () =>
      (await ask(two, adminKey, "GET", "keys")).json.records.find((record: any) => record.id === id).last_used_at
    while ((await used()) === undefined) await new Promise((next) => setTimeout(next, 20))
  })

  test("that was revoked while a replica could not hear of it is refused when the replica is back", async () => {
    const { key, id } = await create(one, { name: "cut-off" })
    await until(two, key, 201)
    await two.kill("SIGKILL")
    expect((await ask(one, adminKey, "DELETE", `keys/${id}`)).status).toBe(204)
    await two.start()
    expect(await publish(two, key)).toBe(401)
  })

  test("is told of in the audit: who made and revoked it, from where, a record for each of its workspaces", async () => {
    const { id } = await create(one, { name: "both", workspaces: ["acme", "globex"] })
    expect((await ask(one, adminKey, "DELETE", `keys/${id}`)).status).toBe(204)
    const records = await historyWith(nats.url, (record) => record.what === "key.revoked" && record.target === id)
    const about = records.filter((record) => record.kind === "audit" && record.target === id)
    expect(about.map(({ what, workspace, by, from }) => [what, workspace, by, from])).toEqual(
      ["key.created", "key.revoked"].flatMap((what) =>
        ["acme", "globex"].map((workspace) => [what, workspace, "key:admin", "127.0.0.1"]),
      ),
    )
    expect(about[0].detail).toMatch(/^both \(msh_.{6}…\), publish$/)
    expect(JSON.stringify(about.filter(({ workspace }) => workspace === "acme"))).not.toContain("globex")
    const byCommand = records.filter((record) => record.kind === "audit" && record.by.startsWith("cli:"))
    expect(byCommand.map(({ what }) => what)).toEqual(["key.created", "key.revoked"])
    expect(byCommand[0].from).toBeTruthy()
  })

  test("is nowhere to be seen: in what was said and answered, in the processes' folders, or in the log's files", async () => {
    await create(one, { name: "still-there" })
    said += one.stdout() + one.stderr() + two.stdout() + two.stderr()
    said += JSON.stringify(await historyWith(nats.url, () => true))
    expect(shown.length).toBeGreaterThan(5)
    for (const key of shown) expect(said).not.toContain(key)
    for (const folder of [one.folder, two.folder, nats.storeDir]) expect(filesHolding(folder, shown)).toEqual([])
    // What is kept of them is found by the same search.
    expect(filesHolding(nats.storeDir, [hashKey(shown.at(-1)!)])).not.toEqual([])
  })
})
