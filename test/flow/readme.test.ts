/**
 * The README's code, as it stands there: its commands, its event, its config. What is changed is the port (4400 may be taken here) and
 * `npm ci`, which would take away the packages that this test runs with.
 */
import { spawn } from "node:child_process"
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { afterAll, beforeAll, expect, test } from "vitest"
import { freePort } from "../support/nats.ts"
import { repository, runMeshes } from "../support/runtime.ts"

let fences: ReadonlyArray<{ readonly language: string; readonly code: string }>
let folder: string
let port: number
let env: NodeJS.ProcessEnv
let running: ReturnType<typeof spawn>
let printed = ""

const fence = (language: string, part: string): string => {
  const found = fences.find(({ language: one, code }) => one === language && code.includes(part))
  expect(found, `a ${language} fence with ${part}`).toBeDefined()
  return found!.code
}

const shell = (code: string): Promise<{ readonly status: number; readonly output: string }> =>
  new Promise((done) => {
    const child = spawn("sh", ["-euc", code.replaceAll("4400", String(port))], { cwd: repository, env })
    let output = ""
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (text: string) => void (output += text))
    child.once("close", (status) => done({ status: status ?? -1, output }))
  })

const untilPrinted = async (part: string): Promise<void> => {
  while (!printed.includes(part)) {
    expect(running.exitCode, printed).toBeNull()
    await new Promise((next) => setTimeout(next, 20))
  }
}

beforeAll(async () => {
  const text = await readFile(join(repository, "README.md"), "utf8")
  fences = [...text.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map((match) => ({ language: match[1]!, code: match[2]! }))
  // Inside the repository, so that `import "meshes"` means this one.
  await mkdir(join(repository, ".meshes"), { recursive: true })
  folder = await mkdtemp(join(repository, ".meshes/readme-"))
  port = await freePort()
  env = { ...process.env, MESHES_PORT: String(port), MESHES_DATA_DIR: join(folder, "data") }
  const start = fence("sh", "npm start").replace("npm ci && npm start", "exec npm start")
  running = spawn("sh", ["-euc", start], { cwd: repository, env, detached: true })
  for (const stream of [running.stdout!, running.stderr!])
    stream.setEncoding("utf8").on("data", (text: string) => void (printed += text))
  await untilPrinted("ready:")
})

afterAll(async () => {
  const ended = new Promise((done) => running.once("close", done))
  // The whole group: npm does not pass every signal on.
  process.kill(-running.pid!, "SIGTERM")
  await ended
  await rm(folder, { recursive: true, force: true, maxRetries: 5 })
})

test("the first event by curl is answered with 201's body and printed by the runtime", async () => {
  const { status, output } = await shell(fence("sh", "curl"))
  expect(output).toContain('"type":"lead.created"')
  expect(status).toBe(0)
  await untilPrinted("New lead ada@example.com")
  expect((await shell(fence("sh", "deliveries ls"))).output).toContain("completed")
})

test("an event straight over NATS is delivered too", async () => {
  const nats = /log at (nats:\/\/\S+)/.exec(printed)![1]!
  const file = join(folder, "publish.mjs")
  await writeFile(file, fence("js", "nats.publish").replace("nats://127.0.0.1:4222", nats))
  expect((await shell(`node ${file}`)).status).toBe(0)
  await untilPrinted("New lead grace@example.com")
})

test("the client publishes what its types allow", async () => {
  const file = join(folder, "client.ts")
  const key = /MESHES_ADMIN_KEY=(\S+)/.exec(fence("sh", "npm start"))![1]!
  await writeFile(file, fence("ts", "createClient").replace("4400", String(port)))
  expect((await shell(`MESHES_ADMIN_KEY=${key} node -C meshes-source ${file}`)).output).toBe("")
  await untilPrinted("New lead katherine@example.com")
})

test("the other commands do what they are said to", async () => {
  const { status, output } = await shell(fence("sh", "explain"))
  expect(output).toContain("nothing was sent")
  expect(status).toBe(0)
})

test("the config is valid", async () => {
  const file = join(folder, "shown.config.ts")
  await writeFile(file, fence("ts", "defineConfig"))
  const options = { cwd: repository, env: { ...env, NODE_OPTIONS: "-C meshes-source" } }
  const { status, stdout, stderr } = await runMeshes(["validate", "--json", "--config", file], options)
  expect(stderr).toBe("")
  expect(JSON.parse(stdout)).toMatchObject({ valid: true, connections: 3 })
  expect(status).toBe(0)
})

test("the picture is a flowchart", () => {
  expect(fence("mermaid", "EVENTS")).toMatch(/^flowchart LR\n/)
})

test("no fence is of a kind that nothing here runs", () => {
  expect(new Set(fences.map(({ language }) => language))).toEqual(new Set(["sh", "js", "ts", "mermaid"]))
  expect(fences).toHaveLength(9)
})
