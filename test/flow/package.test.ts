/**
 * The package as a user gets it: packed, installed in another folder, its config typed, its command run.
 */
import { execFile } from "node:child_process"
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { afterAll, beforeAll, expect, test } from "vitest"
import { firstConfig } from "../../src/cli/init.ts"
import { repository } from "../support/runtime.ts"

const run = promisify(execFile)
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "meshes-package-"))
  await run("npm", ["pack", "--pack-destination", folder], { cwd: repository })
  const tarball = (await readdir(folder)).find((name) => name.endsWith(".tgz"))!
  await writeFile(join(folder, "package.json"), JSON.stringify({ name: "user", private: true, type: "module" }))
  await run("npm", ["install", "--no-audit", "--no-fund", "--prefer-offline", `./${tarball}`], { cwd: folder })
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
  expect((await meshes("init")).status).toBe(0)
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

test("the installed types know the config: what is right compiles, what is wrong is an error", async () => {
  const compile = async (config: string) => {
    await writeFile(join(folder, "checked.config.ts"), config)
    const options = [
      "--noEmit",
      "--strict",
      "--skipLibCheck",
      "--target",
      "es2024",
      "--module",
      "nodenext",
      "--types",
      "",
      "checked.config.ts",
    ]
    return run(process.execPath, [join(repository, "node_modules/typescript/bin/tsc"), ...options], {
      cwd: folder,
    }).then(
      () => "",
      (cause: { stdout: string }) => cause.stdout,
    )
  }
  expect(await compile(firstConfig)).toBe("")
  const wrong = await compile(firstConfig.replace('connection: "log"', 'connection: "lgo"'))
  expect(wrong).toContain('"lgo"')
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
