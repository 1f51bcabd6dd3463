/**
 * Secrets of workspaces, from being set to being used: they take effect at once, are one workspace's alone, wait for each other when they
 * are missing, and are never to be seen again, wherever one looks.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { generateSecretKey } from "../../src/secrets/keyring.ts"
import { historyWith } from "../support/history.ts"
import { startNats, type TestNats } from "../support/nats.ts"
import { filesHolding } from "../support/on-disk.ts"
import { startReceiver, type Receiver } from "../support/receiver.ts"
import { adminKey, startRuntime, type TestRuntime } from "../support/runtime.ts"
import { openStream } from "../support/stream.ts"

let nats: TestNats
let runtime: TestRuntime
let receiver: Receiver
let folder: string
const ring = generateSecretKey()
/** Everything that the runtime and its commands ever said, and all that the API answered. */
let said = ""

beforeAll(async () => {
  nats = await startNats()
  folder = await mkdtemp(join(tmpdir(), "meshes-secrets-"))
  await writeFile(join(folder, "ring"), `${ring}\n`)
  // Repeats all that it is sent, in its headers' own words and as JSON, and refuses what goes to /refuse.
  receiver = await startReceiver({
    choose:
      ({ path, headers, body }) =>
      ({ response }) => {
        response.writeHead(path === "/refuse" ? 400 : 200, { "content-type": "application/json" })
        response.end(
          `${"x".repeat(150)} ${headers.authorization} ${JSON.stringify({ path, headers, body: body.toString() })}`,
        )
      },
  })
  runtime = await startRuntime({
    natsUrl: nats.url,
    env: {
      MESHES_LOG_LEVEL: "trace",
      MESHES_SECRET_KEYS_FILE: join(folder, "ring"),
      FROM_ENVIRONMENT: "of-the-environment",
    },
    config: `
const to = (path, auth, rest = {}) => http({ url: "${receiver.url}/" + path, auth, allowPrivateNetwork: true,
  retry: { attempts: 20, initial: "100 milli", factor: 1, jitter: 0 }, ...rest })
const bearer = (name) => ({ type: "bearer", token: secret(name) })
const rules = (names) => Object.fromEntries(names.map((name) => [name, { on: "order." + name, actions: [{ connection: name, map: "payload" }] }]))
const types = ["same", "late", "other", "shared", "held", "refuse", "basic"]
export default defineConfig({
  eventTypes: Object.fromEntries(types.map((name) => ["order." + name, {}])),
  workspaces: {
    acme: { connections: {
      same: to("acme-same", bearer("TOKEN")), late: to("late", bearer("LATE"), { headers: { "x-more": secret("LATE_TOO") }, retry: { attempts: 1, initial: "100 milli", jitter: 0 } }),
      other: to("other", bearer("TOKEN")), shared: to("shared", bearer("FROM_ENVIRONMENT")), held: to("held", bearer("HELD")),
      refuse: to("refuse", bearer("REFUSED")), basic: to("refuse", { type: "basic", username: "me", password: secret("REFUSED") }),
    }, rules: rules(types) },
    globex: { connections: { same: to("globex-same", bearer("TOKEN")) }, rules: rules(["same"]) },
  } } as any)`,
  })
})

afterAll(async () => {
  await runtime[Symbol.asyncDispose]()
  await receiver[Symbol.asyncDispose]()
  await nats.stop()
  await rm(folder, { recursive: true, force: true })
})

const ask = async (method: string, path: string, body?: unknown) => {
  const response = await fetch(`${runtime.http()}/api/v1/workspaces/${path}`, {
    method,
    headers: { authorization: `Bearer ${adminKey}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  said += text
  return { status: response.status, json: text === "" ? undefined : JSON.parse(text) }
}

const meshes = async (...args: ReadonlyArray<string>) => noted(await runtime.meshes(...args))
const setByHand = async (workspace: string, name: string, value: string) => {
  const { status, stderr } = noted(await runtime.pipe(`${value}\n`, "secrets", "set", workspace, name))
  expect(status, stderr).toBe(0)
}
const noted = <A extends { readonly stdout: string; readonly stderr: string }>(finished: A): A => {
  said += finished.stdout + finished.stderr
  return finished
}

const publish = async (what: string, workspace = "acme") => {
  const { status, body } = await runtime.publish({ type: `order.${what}`, workspace, payload: { what } })
  expect(status).toBe(201)
  return body.event.id as string
}
const tokens = (path: string) =>
  receiver.requests.filter((one) => one.path === `/${path}`).map(({ headers }) => headers.authorization)

/** Waits until a connection's circuit is so, by the events that everybody can see: the API. */
const untilState = async (connection: string, state: string) => {
  for (;;) {
    const { json } = await ask("GET", `acme/connections/${connection}`)
    if (json.state === state) return json as { readonly reason: string; readonly by: string }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

// In their order: the last one looks for what all before it have set. Commands are processes, slow on a busy machine.
describe("secrets", { shuffle: false, timeout: 180_000 }, () => {
  test("the same name has another value in each workspace, and a new value counts without a restart", async () => {
    await setByHand("acme", "TOKEN", "token-of-acme-1")
    expect((await ask("PUT", "globex/secrets/TOKEN", { value: "token-of-globex-1" })).status).toBe(204)
    for (const workspace of ["acme", "globex"]) await publish("same", workspace)
    await receiver.until(() => tokens("acme-same").length === 1 && tokens("globex-same").length === 1)
    expect((await ask("PUT", "acme/secrets/TOKEN", { value: "token-of-acme-2" })).status).toBe(204)
    for (const workspace of ["acme", "globex"]) await publish("same", workspace)
    await receiver.until(() => tokens("acme-same").length === 2 && tokens("globex-same").length === 2)
    expect(tokens("acme-same")).toEqual(["Bearer token-of-acme-1", "Bearer token-of-acme-2"])
    expect(tokens("globex-same")).toEqual(["Bearer token-of-globex-1", "Bearer token-of-globex-1"])
  })

  test("a delivery whose secret is missing waits, others go on, and it goes out when all of them are set", async () => {
    const event = await publish("late")
    const { reason } = await untilState("late", "paused")
    expect(reason).toMatch(/^secret_missing: secret "LATE" is not set/)
    await publish("late")
    await publish("shared")
    await receiver.until(() => tokens("shared").length === 1)
    await setByHand("acme", "LATE", "late-but-there")
    // The other one is still missing.
    expect((await ask("GET", "acme/connections/late")).json.state).toBe("paused")
    expect((await ask("PUT", "acme/secrets/LATE_TOO", { value: "the-last-of-them" })).status).toBe(204)
    await receiver.until(() => tokens("late").length === 2)
    expect(tokens("late")).toEqual(["Bearer late-but-there", "Bearer late-but-there"])
    expect(await untilState("late", "closed")).toMatchObject({ by: "vault", reason: "what was missing is there" })
    const records = await historyWith(nats.url, (one) => one.kind === "delivery.attempted" && one.state === "delivered")
    const attempts = records.filter((one) => one.event === event && one.kind === "delivery.attempted")
    expect(attempts[0]).toMatchObject({ outcome: "auth_failed", state: "retrying" })
  })

  test("the vault comes before the environment, which is there again when the vault's is removed", async () => {
    const before = tokens("shared").length
    const last = async (count: number) => {
      await publish("shared")
      await receiver.until(() => tokens("shared").length === before + count)
      return tokens("shared").at(-1)
    }
    expect(await last(1)).toBe("Bearer of-the-environment")
    await setByHand("acme", "FROM_ENVIRONMENT", "of-the-vault")
    expect(await last(2)).toBe("Bearer of-the-vault")
    const removed = await meshes("secrets", "rm", "acme", "FROM_ENVIRONMENT")
    expect([removed.status, removed.stderr]).toEqual([0, expect.stringContaining("shared uses it")])
    expect(await last(3)).toBe("Bearer of-the-environment")
  })

  test("what a person paused stays so, whatever is set", async () => {
    expect((await ask("POST", "acme/connections/held/pause", { reason: "secret_missing: by hand" })).status).toBe(200)
    await publish("held")
    await setByHand("acme", "HELD", "held-by-a-person")
    // Decided after it, and seen by everyone: the runtime has looked at all that waits for a secret.
    await setByHand("acme", "OTHER", "of-no-connection")
    await publish("other")
    await receiver.until(() => tokens("other").length === 1)
    expect((await ask("GET", "acme/connections/held")).json).toMatchObject({ state: "paused", by: "key:admin" })
    expect((await ask("POST", "acme/connections/held/resume")).json.state).toBe("closed")
    await receiver.until(() => tokens("held").length === 1)
  })

  test("commands list, remove and refuse by name, and never repeat a value", async () => {
    await setByHand("acme", "LISTED", "value-to-be-listed")
    const { stdout } = await meshes("secrets", "ls", "--workspace", "acme", "--json")
    const { records } = JSON.parse(stdout) as { readonly records: ReadonlyArray<{ readonly name: string }> }
    expect(records.find(({ name }) => name === "LISTED")).toMatchObject({ workspace: "acme", used_by: [] })
    expect((await meshes("secrets", "ls")).stdout).toMatch(
      /acme +LISTED +set [-\d]+ [:\d]+ +key [0-9a-f]{8} +used by no/,
    )
    expect((await ask("GET", "acme/secrets")).json.records.map((one: any) => one.name)).toContain("LISTED")
    const refused = async (status: number, text: string, ...args: ReadonlyArray<string>) => {
      const finished = noted(await runtime.pipe("value-refused", "secrets", ...args))
      expect([finished.status, finished.stderr]).toEqual([status, expect.stringContaining(text)])
      expect(finished.stdout + finished.stderr).not.toContain("value-refused")
    }
    await refused(2, 'did you mean "acme"', "set", "acma", "LISTED")
    await refused(2, "is no name of a secret", "set", "acme", "LIS-TED")
    await refused(2, "on the command line", "set", "acme", "LISTED", "value-refused")
    await refused(2, "nowhere cannot be read (ENOENT)", "set", "acme", "LISTED", "--from-file", "nowhere")
    await refused(1, 'did you mean "LISTED"', "rm", "acme", "LISTET")
    expect((await meshes("secrets", "rm", "acme", "LISTED", "--json")).stdout).toContain('"removed":true')
    expect((await ask("DELETE", "acme/secrets/LISTED")).status).toBe(404)
  })

  test("no value is ever to be seen: in the log's streams, what was said, or on the disk, though destinations repeat it", async () => {
    await setByHand("acme", "REFUSED", 'refused-"with-quotes" and ünïcode')
    await publish("refuse")
    await publish("basic")
    const dead = (record: any) => record.kind === "delivery.attempted" && record.state === "dead"
    await historyWith(nats.url, (record) => dead(record) && record.connection === "basic")
    const records = await historyWith(nats.url, (record) => dead(record) && record.connection === "refuse")
    const responses = records.filter(dead).map((record) => record.response as string)
    expect(responses.length).toBe(2)
    // They say what was answered, without it.
    for (const response of responses) expect(response).toMatch(/x{150} (Bearer|Basic) \S*\*\*\*/)
    for (const command of [
      ["deliveries", "ls"],
      ["dead", "ls"],
      ["connections", "ls"],
      ["secrets", "ls"],
      ["doctor"],
    ]) {
      await meshes(...command)
    }
    for (const { delivery } of records.filter(dead)) await meshes("deliveries", "show", delivery)
    await meshes("explain", "order.refuse", "-w", "acme")
    said += runtime.stdout() + runtime.stderr()
    const values = [
      ...[
        "token-of-acme-1",
        "token-of-acme-2",
        "token-of-globex-1",
        "late-but-there",
        "the-last-of-them",
        "of-the-vault",
      ],
      ...["held-by-a-person", "value-to-be-listed", 'refused-"with-quotes" and ünïcode', ring],
    ]
    for (const value of values) expect(said).not.toContain(value)
    for (const stream of ["EVENTS", "DELIVERIES", "DEAD", "HISTORY", "KV_MESHES_VAULT", "KV_MESHES_CONNECTIONS"]) {
      await using log = await openStream(nats.url, stream)
      await log.read((message) => {
        const text = message.text()
        for (const value of values) expect(text).not.toContain(value)
      })
    }
    // The values that destinations had are among what they answered: the test would see them.
    expect(tokens("refuse")[0]).toContain("refused-")
    expect(filesHolding(nats.storeDir, ["order.refuse"]).length).toBeGreaterThan(0)
    expect(filesHolding(nats.storeDir, values)).toEqual([])
    expect(filesHolding(runtime.folder, values)).toEqual([])
  })
})
