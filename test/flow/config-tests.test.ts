/**
 * `meshes test` as a user runs it.
 */
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { afterAll, beforeAll, expect, test } from "vitest"
import { repository, runMeshes } from "../support/runtime.ts"

let folder: string

// Inside the repository, so that `import "meshes"` means this one.
beforeAll(async () => {
  await mkdir(join(repository, ".meshes"), { recursive: true })
  folder = await mkdtemp(join(repository, ".meshes/tests-"))
  expect((await meshes("init")).status).toBe(0)
})

afterAll(() => rm(folder, { recursive: true, force: true }))

const meshes = (...args: ReadonlyArray<string>) =>
  runMeshes(args, { cwd: folder, env: { ...process.env, NODE_OPTIONS: "-C meshes-source" } })

test("the first tests pass against the first config, and fail with what differs when it is changed", async () => {
  const passed = await meshes("test")
  expect(passed.stderr).toContain("3 tests passed; nothing was sent")
  expect(passed.status).toBe(0)
  const first = await readFile(join(folder, "meshes.config.ts"), "utf8")
  await writeFile(join(folder, "changed.config.ts"), first.replace("New lead", "New customer"))
  const tests = await readFile(join(folder, "meshes.tests.ts"), "utf8")
  await writeFile(join(folder, "changed.tests.ts"), tests.replace("./meshes.config", "./changed.config"))
  const failed = await meshes("test", "--config", "changed.config.ts")
  expect(failed.status).toBe(1)
  expect(failed.stdout).toContain('- "New lead ada@example.com"')
  expect(failed.stdout).toContain('+ "New customer ada@example.com"')
  expect(failed.stderr).toContain("1 of 3 tests failed")
})

test("tests may be JSON, for the config in force; with --json a program reads what became of each", async () => {
  const event = { type: "lead.created", payload: { id: "1", email: "ada@example.com", plan: "pro" } }
  const tests = [
    { name: "told", event, deliveries: [{ connection: "log", action: "print" }] },
    { name: "not told", event, deliveries: [] },
  ]
  await writeFile(join(folder, "more.json"), JSON.stringify(tests))
  const { status, stdout } = await meshes("test", "more.json", "meshes.tests.ts", "--json")
  expect(status).toBe(1)
  expect(JSON.parse(stdout)).toMatchObject({
    passed: 4,
    failed: 1,
    tests: [
      { file: "more.json", name: "told", passed: true, differences: [] },
      { name: "not told", passed: false, differences: [{ at: "log: print (rule new-lead): not expected" }] },
      { file: "meshes.tests.ts" },
      {},
      {},
    ],
  })
})

test("tests that are not there, or are none, are told apart from tests that fail", async () => {
  const none = await meshes("test", "--config", "other.config.ts")
  expect([none.status, none.stderr]).toEqual([1, expect.stringContaining("other.tests.ts")])
  await writeFile(join(folder, "wrong.json"), JSON.stringify([{ nam: "one", event: 3, deliveries: [{}] }]))
  const wrong = await meshes("test", "wrong.json")
  expect(wrong.status).toBe(1)
  expect(wrong.stderr).toContain('did you mean "name"?')
  expect(wrong.stderr).toContain("[0].deliveries[0].connection")
})
