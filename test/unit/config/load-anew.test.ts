/**
 * Loading a config again and again in one process. In processes of their own: it is Node's module cache that is looked at.
 */
import { spawn } from "node:child_process"
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { expect, test } from "vitest"
import { configHead, repository } from "../../support/runtime.ts"

const source = (path: string): string => JSON.stringify(pathToFileURL(join(repository, path)).href)

/** Runs a module in a folder of its own, which has a `package.json` and these files; gives what it prints as JSON. */
const run = async (files: { readonly [name: string]: string }, body: string): Promise<any> => {
  const folder = await mkdtemp(join(tmpdir(), "meshes-load-"))
  try {
    await mkdir(join(folder, "node_modules/shared"), { recursive: true })
    await writeFile(join(folder, "package.json"), '{ "type": "module" }')
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
    await writeFile(
      join(folder, "main.ts"),
      [
        `import { writeFileSync } from "node:fs"`,
        `import * as Effect from ${JSON.stringify(pathToFileURL(join(repository, "node_modules/effect/dist/Effect.js")).href)}`,
        `import { letGoOf, loadAnew } from ${source("src/config/load.ts")}`,
        `import { compiler } from ${source("src/transform/compiler.ts")}`,
        `const load = () => Effect.runPromise(Effect.result(loadAnew(${JSON.stringify(join(folder, "meshes.config.ts"))}, compiler, new Set())))`,
        body,
      ].join("\n"),
    )
    const child = spawn(process.execPath, ["--expose-gc", join(folder, "main.ts")], { cwd: folder })
    let [output, errors] = ["", ""]
    child.stdout.setEncoding("utf8").on("data", (text: string) => void (output += text))
    child.stderr.setEncoding("utf8").on("data", (text: string) => void (errors += text))
    await new Promise((ended) => child.once("close", ended))
    if (output === "") throw new Error(errors)
    return JSON.parse(output)
  } finally {
    await rm(folder, { recursive: true })
  }
}

const workspaces = (count: number): string =>
  `Object.fromEntries(Array.from({ length: ${count} }, (_, n) => ["w" + n, {
  connections: Object.fromEntries(Array.from({ length: 10 }, (_, c) => ["c" + c, console({ prefix: "w" + n + "c" + c })])),
  rules: Object.fromEntries(Array.from({ length: 10 }, (_, r) => ["r" + r, { on: "a.b", actions: [{ connection: "c" + r }] }])) }]))`

test("a config that is done with leaves next to nothing behind, however large it is", async () => {
  const count = 200
  const bytes = await run(
    { "meshes.config.ts": `${configHead}export default defineConfig({ workspaces: ${workspaces(count)} as any })` },
    `const used = async (times: number) => {
       for (let i = 0; i < times; i++) letGoOf((await load()).success.config)
       globalThis.gc()
       return process.memoryUsage().heapUsed
     }
     await used(3)
     const before = await used(2)
     const after = await used(20)
     process.stdout.write(JSON.stringify((after - before) / 20))`,
  )
  // Kept whole it is a megabyte.
  expect(bytes).toBeLessThan(150_000)
}, 120_000)

test("a config whose parts throw when they are looked at is wrong, and nothing more", async () => {
  const found = await run(
    {
      "meshes.config.ts": `${configHead}export default defineConfig({ workspaces: { acme: { connections: {
        log: webhook({ url: "https://erp.example/in", headers: { a: 1n as any } }) }, rules: {} } } })`,
    },
    `process.stdout.write(JSON.stringify((await load()).failure.message))`,
  )
  expect(found).toMatch(/workspaces.acme.connections.log|checking it failed/)
  const getter = await run(
    { "meshes.config.ts": 'export default { get workspaces() { throw new Error("not now") } }' },
    `process.stdout.write(JSON.stringify((await load()).failure.message))`,
  )
  expect(getter).toContain("checking it failed: not now")
}, 60_000)

test("what a package gives to each load is left as it is", async () => {
  const found = await run(
    {
      "node_modules/shared/package.json": '{ "name": "shared", "type": "module", "exports": "./index.js" }',
      "node_modules/shared/index.js": "export const workspaces = { acme: { connections: {}, rules: {} } }",
      "meshes.config.ts": `${configHead}import { workspaces } from "shared"\nexport default defineConfig({ workspaces })`,
    },
    `const found = []
     for (let i = 0; i < 4; i++) {
       const { config, plan } = (await load()).success
       found.push([...plan.workspaces.keys()].join())
       letGoOf(config)
     }
     process.stdout.write(JSON.stringify(found))`,
  )
  expect(found).toEqual(["acme", "acme", "acme", "acme"])
}, 60_000)

test("a package's workspaces that were let go of are not taken for a config without any", async () => {
  const own = `${configHead}export default defineConfig({ workspaces: {} })`
  const shared = `${configHead}import { workspaces } from "shared"\nexport default defineConfig({ workspaces })`
  const found = await run(
    {
      "node_modules/shared/package.json": '{ "name": "shared", "type": "module", "exports": "./index.js" }',
      "node_modules/shared/index.js": "export const workspaces = { acme: { connections: {}, rules: {} } }",
      "meshes.config.ts": shared,
    },
    `letGoOf((await load()).success.config)
     writeFileSync("meshes.config.ts", ${JSON.stringify(own)})
     letGoOf((await load()).success.config)
     writeFileSync("meshes.config.ts", ${JSON.stringify(shared)})
     process.stdout.write(JSON.stringify((await load()).failure.message))`,
  )
  expect(found).toContain("restart, or copy it where the config is made")
}, 60_000)
