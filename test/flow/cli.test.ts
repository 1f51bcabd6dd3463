/**
 * The command line beside a running runtime: publishing, watching, and starting anew when the config changes.
 */
import { spawn, type ChildProcess } from "node:child_process"
import { readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { afterAll, beforeAll, expect, test } from "vitest"
import { startNats, type TestNats } from "../support/nats.ts"
import {
  adminKey,
  configHead,
  publishTo,
  repository,
  runMeshes,
  startRuntime,
  type TestRuntime,
} from "../support/runtime.ts"

const config = (prefix: string): string => `export default defineConfig({
  eventTypes: { "lead.created": { schema: { type: "object", properties: { email: { type: "string" } }, required: ["email"] } } },
  workspaces: { acme: {
    connections: { log: console({ prefix: "${prefix}" }), erp: webhook({ url: "https://erp.example/in", secret: secret("ERP_SECRET"), headers: { "x-token": secret("ERP_TOKEN") } }) },
    rules: {
      one: { on: "lead.*", actions: [{ connection: "log" }] },
      two: { on: "lead.created", when: { expression: "payload.email = 'nobody'" }, actions: [{ connection: "erp" }] },
    } } } })`

let nats: TestNats
let runtime: TestRuntime

beforeAll(async () => {
  nats = await startNats()
  runtime = await startRuntime({ natsUrl: nats.url, config: config("1 ") })
})

afterAll(async () => {
  await runtime[Symbol.asyncDispose]()
  await nats.stop()
})

/** A command that goes on until it is ended. */
const follow = (args: ReadonlyArray<string>, env: NodeJS.ProcessEnv, cwd: string) => {
  const child: ChildProcess = spawn(process.execPath, [join(repository, "src/cli/bin.ts"), ...args], {
    cwd,
    env,
    stdio: ["ignore", "pipe", "pipe"],
  })
  let output = ""
  for (const stream of [child.stdout!, child.stderr!])
    stream.setEncoding("utf8").on("data", (text: string) => void (output += text))
  const ended = new Promise<number | null>((done) => child.once("exit", done))
  return {
    output: () => output,
    until: async (enough: (output: string) => boolean) => {
      while (!enough(output)) {
        if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}: ${output}`)
        await new Promise((next) => setTimeout(next, 20))
      }
    },
    end: () => {
      child.kill("SIGINT")
      return ended
    },
  }
}

const envOf = (more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv => ({
  ...process.env,
  MESHES_CONFIG: join(runtime.folder, "meshes.config.ts"),
  MESHES_DATA_DIR: join(runtime.folder, "data"),
  MESHES_NATS_URL: nats.url,
  MESHES_ADMIN_KEY: adminKey,
  ...more,
})

test("publish finds the runtime, stores an event once, and says what is wrong with another", async () => {
  const first = await runtime.meshes(
    "publish",
    "lead.created",
    "-w",
    "acme",
    "-d",
    '{"email":"ada@example.com"}',
    "--id",
    "cli-1",
    "--json",
  )
  expect(first.status).toBe(0)
  expect(JSON.parse(first.stdout)).toMatchObject({ event: { id: "cli-1", type: "lead.created", workspace: "acme" } })
  const again = await runtime.meshes(
    "publish",
    "lead.created",
    "-w",
    "acme",
    "-d",
    '{"email":"ada@example.com"}',
    "--id",
    "cli-1",
  )
  expect(again.stderr).toContain("there already")
  const wrong = await runtime.meshes("publish", "lead.created", "-w", "acme", "-d", "{}")
  expect(wrong.status).toBe(1)
  expect(wrong.stderr).toContain("payload.email")
  const unreadable = await runtime.meshes("publish", "lead.created", "-w", "acme", "-d", "{no json")
  expect(unreadable.status).toBe(2)
  const piped = await runMeshes(["publish", "lead.created", "-w", "acme", "-d", "-"], {
    cwd: runtime.folder,
    env: envOf(),
    input: '{"email":"x@example.com"}',
  })
  expect(piped.status).toBe(0)
})

test("tail tells of an event and its delivery as they happen, and of those before with --since", async () => {
  const tail = follow(["tail", "--json", "--since", "1 hour"], envOf(), runtime.folder)
  const { body } = await runtime.publish({ type: "lead.seen", workspace: "acme", payload: {} })
  await tail.until((output) => output.includes(`"event.routed"`) && output.split(body.event.id as string).length > 2)
  const records = tail
    .output()
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line))
    .filter(({ event }) => event === body.event.id)
  expect(records.map(({ kind }) => kind).toSorted()).toEqual(["delivery.attempted", "event.routed"])
  expect(await tail.end()).toBe(0)
})

test("explain shows the request as it would be sent, with secrets masked", async () => {
  const secrets = { ERP_SECRET: `whsec_${Buffer.alloc(24, 1).toString("base64")}`, ERP_TOKEN: "very-secret-token" }
  const args = ["explain", "lead.created", "-w", "acme", "-d", '{"email":"nobody"}', "--json"]
  const { stdout } = await runMeshes(args, { cwd: runtime.folder, env: envOf(secrets) })
  const two = JSON.parse(stdout).rules.find(({ rule }: any) => rule === "two")
  expect(two.actions[0].request).toMatchObject({
    method: "POST",
    url: "https://erp.example/in",
    body: { type: "lead.created", payload: { email: "nobody" } },
  })
  expect(two.actions[0].request.headers["webhook-signature"]).toMatch(/^v1,/)
  expect(two.actions[0].request.headers["x-token"]).toBe('***secret("ERP_TOKEN")***')
  expect(stdout).not.toContain("very-secret-token")
  const other = await runMeshes(["explain", "lead.created", "-w", "acme", "-d", '{"email":"ada"}', "--json"], {
    cwd: runtime.folder,
    env: envOf(secrets),
  })
  const no = JSON.parse(other.stdout).rules.find(({ rule }: any) => rule === "two")
  expect(no).toMatchObject({ matched: false, because: expect.stringContaining("gave false") })
})

test("validate --secrets names each secret that is not set", async () => {
  const { status, stdout } = await runtime.meshes("validate", "--secrets", "--json")
  expect(status).toBe(1)
  expect(JSON.parse(stdout).errors.map(({ path }: any) => path)).toEqual([
    "workspaces.acme.connections.erp",
    "workspaces.acme.connections.erp",
  ])
})

test("dev takes up a changed config without starting anew, and goes on with the old one when the new one is wrong", async () => {
  // A server of its own: two runtimes over one log would take each other's work.
  await using itsNats = await startNats()
  await using other = await startRuntime({ natsUrl: itsNats.url, config: config("old ") })
  await other.kill("SIGTERM")
  const file = join(other.folder, "meshes.config.ts")
  const env = envOf({ MESHES_CONFIG: file, MESHES_DATA_DIR: join(other.folder, "data"), MESHES_NATS_URL: itsNats.url })
  const dev = follow(["dev", "--port", "0", "--json"], env, other.folder)
  const readies = (output: string): ReadonlyArray<string> =>
    output.split("\n").filter((line) => line.includes('"event":"ready"'))
  const printed = async (prefix: string): Promise<void> => {
    const { http } = JSON.parse(readies(dev.output()).at(-1)!) as { readonly http: string }
    await publishTo(http, { type: "lead.seen", workspace: "acme", payload: {} })
    await dev.until((output) => output.includes(`"line":"${prefix}`))
  }
  await dev.until((output) => readies(output).length === 1)

  await writeFile(file, (await readFile(file, "utf8")).replace('on: "lead.*"', 'on: "led.created"'))
  await dev.until((output) => output.includes("goes on with the config before"))
  expect(dev.output()).toContain("did you mean")

  await writeFile(file, `${configHead}${config("new ")}\n`)
  await dev.until((output) => output.includes('"event":"reloaded"'))
  await printed("new ")
  expect(readies(dev.output()).length).toBe(1)
  expect(await dev.end()).toBe(0)
})
