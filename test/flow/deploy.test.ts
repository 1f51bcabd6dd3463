/**
 * The deployment's files, as far as they can be checked without a container engine: the Dockerfile's own commands run in a clean folder,
 * its health check against a server, NATS' config by NATS, the compose file by what it says.
 */
import { execFile } from "node:child_process"
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import * as Yaml from "effect/encoding/Yaml"
import { afterAll, beforeAll, expect, test } from "vitest"
import { natsServerPath } from "../support/nats.ts"
import { repository } from "../support/runtime.ts"

const run = promisify(execFile)
const deploy = (name: string): Promise<string> => readFile(join(repository, "deploy", name), "utf8")

let folder: string
let dockerfile: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "meshes-deploy-"))
  dockerfile = (await deploy("Dockerfile")).replaceAll(/\\\n\s*/g, "")
})

afterAll(() => rm(folder, { recursive: true, force: true }))

const instructions = (name: string): ReadonlyArray<string> =>
  dockerfile
    .split("\n")
    .filter((line) => line.startsWith(`${name} `))
    .map((line) => line.slice(name.length + 1))

// It installs twice and builds.
test(
  "the image's commands, run in a clean folder, make a runtime that loads a config",
  { timeout: 300_000 },
  async () => {
    const [build, app, out] = ["build", "app", "tmp"].map((name) => join(folder, name)) as [string, string, string]
    for (const path of [build, app, out]) await mkdir(path)
    const { stdout } = await run("git", ["ls-files", "-z"], { cwd: repository })
    for (const file of stdout.split("\0").filter((name) => name !== ""))
      await cp(join(repository, file), join(build, file))
    const commands = instructions("RUN").map((command) => command.replaceAll("/tmp", out))
    expect(commands).toHaveLength(4)
    const env = { ...process.env, npm_config_prefer_offline: "true" }
    await run("sh", ["-euc", commands[0]!], { cwd: build, env })
    await run("sh", ["-euc", commands[1]!], { cwd: build, env })
    await run("sh", ["-euc", commands[2]!], { cwd: app, env })
    await cp(join(repository, "meshes.config.ts"), join(app, "meshes.config.ts"))
    const { stdout: valid } = await run(
      process.execPath,
      [join(app, "node_modules/.bin/meshes"), "validate", "--json"],
      {
        cwd: app,
      },
    )
    expect(JSON.parse(valid)).toMatchObject({ valid: true })
  },
)

test("the last stage runs without root, and its folder for data is its own", () => {
  const last = dockerfile.slice(dockerfile.lastIndexOf("\nFROM "))
  expect(last).toMatch(/\nUSER node\n/)
  expect(last.indexOf("chown node:node /data")).toBeLessThan(last.indexOf("USER node"))
})

test("every file that the image copies is there", async () => {
  for (const line of instructions("COPY").filter((one) => !one.startsWith("--from"))) {
    for (const file of line.split(" ").slice(0, -1))
      await readFile(join(repository, file)).catch((cause: { code: string }) => expect(cause.code).toBe("EISDIR"))
  }
})

test("the health check follows readiness", async () => {
  let status = 200
  const server = createServer(
    (request, response) => void response.writeHead(request.url === "/readyz" ? status : 404).end(),
  )
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening))
  const env = { ...process.env, MESHES_PORT: String((server.address() as AddressInfo).port) }
  const command = JSON.parse(/CMD (\[.*\])/.exec(instructions("HEALTHCHECK")[0]!)![1]!) as [string, ...Array<string>]
  const healthy = () =>
    run(process.execPath, command.slice(1), { env }).then(
      () => true,
      () => false,
    )
  expect(await healthy()).toBe(true)
  status = 503
  expect(await healthy()).toBe(false)
  server.closeAllConnections()
  await new Promise((closed) => server.close(closed))
  expect(await healthy()).toBe(false)
})

test("nats-server takes its config, which fsyncs every write", async () => {
  const config = await deploy("nats.conf")
  expect(config).toMatch(/^\s*sync_interval: always$/m)
  const file = join(folder, "nats.conf")
  await writeFile(file, config.replace("/data/jetstream", join(folder, "jetstream")))
  const { stderr } = await run(await natsServerPath(), ["-t", "-c", file])
  expect(stderr).toContain("is valid")
})

test("the compose file has a NATS that keeps its store, and a runtime that waits for it", async () => {
  const compose = Yaml.parse(await deploy("compose.yaml")) as any
  expect(Object.keys(compose.services)).toEqual(["nats", "meshes"])
  expect(compose.services.nats.volumes).toEqual(["./nats.conf:/etc/nats/nats.conf:ro", "nats:/data"])
  expect(Object.keys(compose.volumes)).toEqual(["nats", "meshes"])
  expect(compose.services.meshes.depends_on.nats.condition).toBe("service_healthy")
  expect(compose.services.meshes.environment.MESHES_NATS_URL).toBe("nats://nats:4222")
  expect(Object.keys(compose.secrets)).toEqual(compose.services.meshes.secrets)
})

test("every setting that is named is one", async () => {
  const settings = await readFile(join(repository, "src/config/settings.ts"), "utf8")
  const named = new Set(
    [
      ...`${dockerfile}${await deploy("compose.yaml")}${await deploy("README.md")}`.matchAll(
        /\b(MESHES_[A-Z_]+?)(?:_FILE)?\b/g,
      ),
    ].map((match) => match[1]!),
  )
  expect([...named].filter((name) => !settings.includes(`"${name}"`))).toEqual([])
})
