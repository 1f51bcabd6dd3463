/**
 * The package as a user gets it: packed, installed in another folder, its config typed, its command run.
 */
import { execFile, spawn } from "node:child_process"
import { mkdtemp, readdir, readFile, stat, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join, resolve } from "node:path"
import { promisify } from "node:util"
import { gzipSync } from "node:zlib"
import { afterAll, beforeAll, expect, test } from "vitest"
import { firstConfig } from "../../src/cli/init.ts"
import { adminKey, repository } from "../support/runtime.ts"

const run = promisify(execFile)
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "meshes-package-"))
  await run("npm", ["pack", "--pack-destination", folder], { cwd: repository })
  const tarball = (await readdir(folder)).find((name) => name.endsWith(".tgz"))!
  await writeFile(join(folder, "package.json"), JSON.stringify({ name: "user", private: true, type: "module" }))
  await run("npm", ["install", "--no-audit", "--no-fund", "--prefer-offline", `./${tarball}`], { cwd: folder })
  expect(await meshes("init")).toMatchObject({ status: 0 })
})

afterAll(() => rm(folder, { recursive: true, force: true }))

const meshes = (...args: ReadonlyArray<string>) =>
  run(process.execPath, [join(folder, "node_modules/meshes/dist/src/cli/bin.js"), ...args], {
    cwd: folder,
    env: { ...process.env, MESHES_DATA_DIR: join(folder, "data") },
  }).then(
    ({ stdout, stderr }) => ({ status: 0, stdout, stderr }),
    (cause: { code: number; stdout: string; stderr: string }) => ({
      status: cause.code,
      stdout: cause.stdout,
      stderr: cause.stderr,
    }),
  )

test("the installed command writes a config, finds it valid and explains an event by it", async () => {
  expect((await meshes("init")).status).toBe(1)
  expect(JSON.parse((await meshes("validate", "--json")).stdout)).toMatchObject({
    valid: true,
    workspaces: 1,
    rules: 1,
  })
  const explained = await meshes(
    "explain",
    "lead.created",
    "-w",
    "demo",
    "-d",
    '{"id":"1","email":"ada@example.com","plan":"pro"}',
    "--json",
  )
  expect(JSON.parse(explained.stdout).rules[0]).toMatchObject({
    rule: "new-lead",
    matched: true,
    actions: [{ connection: "log" }],
  })
})

/** What the compiler says of a file of the user's. */
const compile = (file: string, ...more: ReadonlyArray<string>): Promise<string> =>
  run(
    process.execPath,
    [
      join(repository, "node_modules/typescript/bin/tsc"),
      ...["--noEmit", "--strict", "--skipLibCheck", "--allowImportingTsExtensions", "--target", "es2024"],
      ...["--module", "nodenext", "--types", "", ...more, file],
    ],
    { cwd: folder },
  ).then(
    () => "",
    (cause: { stdout: string }) => cause.stdout,
  )

const compileText = async (file: string, text: string): Promise<string> => {
  await writeFile(join(folder, file), text)
  return compile(file)
}

test("the installed types know the config: what is right compiles, what is wrong is an error", async () => {
  expect(await compileText("checked.config.ts", firstConfig)).toBe("")
  const wrong = await compileText("checked.config.ts", firstConfig.replace('connection: "log"', 'connection: "lgo"'))
  expect(wrong).toContain('"lgo"')
})

test("the config's tests compile and pass, with the command and with a test runner", async () => {
  expect(await compile("meshes.tests.ts")).toBe("")
  expect(await meshes("test")).toMatchObject({ status: 0, stderr: expect.stringContaining("3 tests passed") })
  await writeFile(
    join(folder, "config.test.mjs"),
    `import assert from "node:assert"
    import { test } from "node:test"
    import { deliveriesOf } from "meshes/testing"
    import config from "./meshes.config.ts"
    test("a lead is told of", async () => {
      const payload = { id: "1", email: "ada@example.com", plan: "pro" }
      const [delivery] = await deliveriesOf(config, { type: "lead.created", payload })
      assert.deepStrictEqual(delivery.input, { text: "New lead ada@example.com" })
    })`,
  )
  await run(process.execPath, ["--test", "config.test.mjs"], { cwd: folder })
})

const program = `import { createClient } from "meshes/client"
import type config from "./meshes.config.ts"

export const publish = async (url: string, key: string) => {
  const client = createClient<typeof config>({ url, key, workspace: "demo" })
  const stored = await client.publish("lead.created", { id: "1", email: "ada@example.com", plan: "pro" })
  client.emit("lead.created", { id: "2", email: "grace@example.com", plan: "pro" })
  return stored
}
`

test("the client knows the config's events, and a browser's program compiles with it", async () => {
  const browser = ["--lib", "es2022,dom"]
  await writeFile(join(folder, "app.ts"), program)
  expect(await compile("app.ts", ...browser)).toBe("")
  await writeFile(join(folder, "wrong.ts"), program.replace("ada@example.com", "x").replace('email: "x"', 'emial: "x"'))
  expect(await compile("wrong.ts", ...browser)).toContain("'emial' does not exist")
})

test("the client publishes to the installed runtime, and what was emitted last is sent before the process ends", async () => {
  await writeFile(join(folder, "app.ts"), program)
  const env = { ...process.env, MESHES_DATA_DIR: join(folder, "data"), MESHES_ADMIN_KEY: adminKey }
  const bin = join(folder, "node_modules/meshes/dist/src/cli/bin.js")
  const runtime = spawn(process.execPath, [bin, "start", "--port", "0", "--json"], { cwd: folder, env })
  const ended = new Promise((done) => runtime.once("exit", done))
  let said = ""
  const until = (part: string | RegExp) =>
    new Promise<string>((found, fail) => {
      const look = () => {
        const match = said.match(part)
        if (match !== null) found(match[1] ?? "")
      }
      runtime.stdout.on("data", look)
      runtime.once("exit", (status) => fail(new Error(`the runtime ended with ${status}: ${said}`)))
      look()
    })
  for (const stream of [runtime.stdout, runtime.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => void (said += text))
  try {
    const url = await until(/"event":"ready","http":"([^"]+)"/)
    const call = `import { publish } from "./app.ts"; console.log(JSON.stringify(await publish(${JSON.stringify(url)}, ${JSON.stringify(adminKey)})))`
    const { stdout } = await run(process.execPath, ["--input-type=module", "-e", call], { cwd: folder })
    expect(JSON.parse(stdout)).toMatchObject({ type: "lead.created", workspace: "demo", duplicate: false })
    await until("New lead ada@example.com")
    await until("New lead grace@example.com")
  } finally {
    runtime.kill("SIGTERM")
    await ended
  }
})

test("the built client imports nothing but its own files, and is small", async () => {
  const reached = new Map<string, string>()
  const reach = async (file: string): Promise<void> => {
    if (reached.has(file)) return
    // A comment shows how it is used.
    const text = (await readFile(file, "utf8")).replaceAll(/\/\*[\s\S]*?\*\//g, "")
    reached.set(file, text)
    const names = [...text.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*["']([^"']+)["']/g)].map((match) => match[1]!)
    expect(names.filter((name) => !name.startsWith("."))).toEqual([])
    for (const name of names) await reach(resolve(dirname(file), name))
  }
  await reach(join(folder, "node_modules/meshes/dist/client/index.js"))
  expect(reached.size).toBeGreaterThan(5)
  // As it is sent; a bundler makes less of it.
  expect(gzipSync([...reached.values()].join("")).length).toBeLessThan(8 * 1024)
})

test("the dashboard is in the package, and what is loaded before its first page is under 150 KB", async () => {
  const dashboard = join(folder, "node_modules/meshes/dist/dashboard")
  const index = await readFile(join(dashboard, "index.html"), "utf8")
  const loaded = new Set([...index.matchAll(/(?:src|href)="\/(assets\/[^"]+)"/g)].map((match) => match[1]!))
  expect(loaded.size).toBeGreaterThan(2)
  // The page that is shown first, with its style and all that it imports.
  for (const name of await readdir(join(dashboard, "assets")))
    if (/^overview-.*\.(?:js|css)$/.test(name)) loaded.add(`assets/${name}`)
  for (const name of loaded) {
    if (!name.endsWith(".js")) continue
    const text = await readFile(join(dashboard, name), "utf8")
    for (const [, imported] of text.matchAll(/(?:from|import)\s*"\.\/([^"]+\.js)"/g)) loaded.add(`assets/${imported}`)
  }
  const sizes = await Promise.all(
    [...loaded].map(async (name) => {
      const compressed = await stat(join(dashboard, `${name}.br`)).catch(() => stat(join(dashboard, name)))
      return compressed.size
    }),
  )
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(150 * 1024)
})

test("the package holds what runs, and neither sources nor tests", async () => {
  const files = await readdir(join(folder, "node_modules/meshes"))
  expect(files.toSorted()).toEqual(["CHANGELOG.md", "LICENSE", "README.md", "dist", "package.json"])
})

test("wrong use ends with status 2, a config that is not there with 1", async () => {
  expect((await meshes("strat")).status).toBe(2)
  const absent = await meshes("validate", "--config", "nowhere.config.ts")
  expect(absent.status).toBe(1)
  expect(absent.stderr).toContain("meshes init")
})
