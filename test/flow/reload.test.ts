/**
 * A runtime takes up a changed config while it runs: what asks for it, what a wrong one does, and what `meshes plan` says before.
 */
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, test, vi } from "vitest"
import { startDestination, type Destination } from "../support/destination.ts"
import { historyOnce, historyWith } from "../support/history.ts"
import { startNats, type TestNats } from "../support/nats.ts"
import { configHead, startRuntime, type TestRuntime } from "../support/runtime.ts"

vi.setConfig({ testTimeout: 180_000 })

/** @param path what it is sent to: under `/down` nothing arrives */
const config = (destination: Destination, path: string, rest = ""): string =>
  `export default defineConfig({ workspaces: { acme: {
  connections: { erp: webhook({ url: "${destination.url}${path}", allowPrivateNetwork: true, circuit: false, retry: { attempts: 50, initial: "1 second", factor: 1, jitter: 0 } })${rest} },
  rules: { all: { on: "order.*", actions: [{ connection: "erp" }] } } } } })`

const open = () => startDestination(({ path }) => (path.startsWith("/down") ? 503 : 200))

const start = (nats: TestNats, text: string, env: { readonly [name: string]: string } = {}) =>
  startRuntime({ natsUrl: nats.url, config: text, env: { MESHES_LOG_LEVEL: "warn", ...env } })

const write = (runtime: TestRuntime, text: string) =>
  writeFile(join(runtime.folder, "meshes.config.ts"), `${configHead}${text}\n`)

const until = async (holds: () => boolean | Promise<boolean>): Promise<void> => {
  while (!(await holds())) await new Promise((next) => void setTimeout(next, 20))
}

const reloaded = (runtime: TestRuntime): ReadonlyArray<{ readonly revision: string; readonly before: string }> =>
  runtime
    .stdout()
    .split("\n")
    .filter((line) => line.includes('"event":"reloaded"'))
    .map((line) => JSON.parse(line))

const refusals = (runtime: TestRuntime): number => runtime.stderr().split("the config was refused").length - 1

/** Asks for a reload, and waits for what comes of it. */
const reload = async (runtime: TestRuntime): Promise<"applied" | "refused"> => {
  const [applied, refused] = [reloaded(runtime).length, refusals(runtime)]
  process.kill(runtime.pid(), "SIGHUP")
  await until(() => reloaded(runtime).length > applied || refusals(runtime) > refused)
  return reloaded(runtime).length > applied ? "applied" : "refused"
}

const configOf = async (
  runtime: TestRuntime,
): Promise<{ readonly revisions: ReadonlyArray<string>; refused: boolean }> =>
  ((await (await fetch(`${runtime.http()}/readyz`)).json()) as any).config

const metric = async (runtime: TestRuntime, name: string): Promise<number> => {
  const text = await (await fetch(`${runtime.http()}/metrics`)).text()
  const line = text.split("\n").find((one) => one.startsWith(`${name} `))
  return Number(line?.split(" ")[1] ?? 0)
}

const publish = async (runtime: TestRuntime, id: string): Promise<void> => {
  const { status } = await runtime.publish({ id, type: "order.placed", workspace: "acme", payload: {} })
  expect(status).toBe(201)
}

const arrived = (destination: Destination, path: string) =>
  destination.until((all) => all.some((one) => one.path === path))

const audits = async (nats: TestNats, wanted: (record: any) => boolean): Promise<ReadonlyArray<any>> =>
  (await historyWith(nats.url, (one) => one.kind === "audit" && wanted(one))).filter(({ kind }) => kind === "audit")

test("SIGHUP brings a changed config into force; a wrong one is refused with its errors, shown, and the one before goes on", async () => {
  await using destination = await open()
  await using nats = await startNats()
  await using runtime = await start(nats, config(destination, "/one"))
  const { revisions } = await configOf(runtime)
  await publish(runtime, "first")
  await arrived(destination, "/one")

  await write(runtime, config(destination, "/two").replace('"erp" }]', '"epr" }]'))
  expect(await reload(runtime)).toBe("refused")
  expect(runtime.stderr()).toContain("workspaces.acme.rules.all.actions[0].connection")
  expect(runtime.stderr()).toContain(`goes on with the config before, revision ${revisions[0]}`)
  expect(await configOf(runtime)).toEqual({ revisions, refused: true })
  expect(await metric(runtime, "meshes_config_refused")).toBe(1)
  await publish(runtime, "second")
  await destination.until((all) => all.length === 2)
  expect(destination.received.map(({ path }) => path)).toEqual(["/one", "/one"])

  await write(runtime, config(destination, "/three"))
  expect(await reload(runtime)).toBe("applied")
  await publish(runtime, "third")
  await arrived(destination, "/three")
  const now = await configOf(runtime)
  expect(now.refused).toBe(false)
  expect(now.revisions).not.toEqual(revisions)
  expect(await metric(runtime, "meshes_config_refused")).toBe(0)

  const told = await audits(nats, ({ target }) => target === now.revisions[0])
  expect(told.map(({ what, target }) => [what, target])).toEqual([
    ["config.applied", revisions[0]],
    ["config.refused", revisions[0]],
    ["config.applied", now.revisions[0]],
  ])
  expect(told[1].detail).toMatch(/^SIGHUP on .*: 1 wrong: workspaces\.acme\.rules\.all\.actions\[0\]\.connection/)
  expect(told[2]).toMatchObject({ by: "runtime", from: expect.any(String) })
  expect(told[2].detail).toMatch(new RegExp(`^SIGHUP on .*; was ${revisions[0]}$`))
})

test("a delivery that waits for a retry goes on by the new config, and each of its attempts says by which it went", async () => {
  await using destination = await open()
  await using nats = await startNats()
  await using runtime = await start(nats, config(destination, "/down"))
  const [before] = (await configOf(runtime)).revisions
  await publish(runtime, "kept")
  await arrived(destination, "/down")
  await write(runtime, config(destination, "/up"))
  expect(await reload(runtime)).toBe("applied")
  const [after] = (await configOf(runtime)).revisions
  await arrived(destination, "/up")
  const records = await historyWith(nats.url, ({ state }) => state === "delivered")
  const { id } = records.find(({ kind }) => kind === "event.routed").deliveries[0]
  const show = async () => JSON.parse((await runtime.meshes("deliveries", "show", id, "--json")).stdout || "{}")
  while ((await show()).status !== "completed") await new Promise((next) => setTimeout(next, 50))
  const { attempts } = await show()
  expect(attempts[0].revision).toBe(before)
  expect(attempts.at(-1)).toMatchObject({ revision: after, status: "completed" })
  expect((await runtime.meshes("deliveries", "show", id)).stdout).toContain(`by config ${after}`)
})

test("plan tells what would change, and how many deliveries wait for a connection that goes; those then die for that", async () => {
  await using destination = await open()
  await using nats = await startNats()
  const down = config(destination, "/down").replace("1 second", "20 seconds")
  await using runtime = await start(nats, down)
  expect((await runtime.meshes("plan", "--exit-code")).status).toBe(0)
  for (const id of ["a", "b", "c"]) await publish(runtime, id)
  await destination.until((all) => all.length >= 3)

  const crm = down.replaceAll("erp", "crm")
  const file = join(runtime.folder, "next.config.ts")
  await writeFile(file, `${configHead}${crm}\n`)
  // What ended a moment ago is still counted.
  let document: any
  await until(async () => {
    document = JSON.parse((await runtime.meshes("plan", "--config", file, "--json")).stdout)
    return document.waiting[0].deliveries === 3
  })
  expect(document.waiting).toEqual([{ workspace: "acme", connection: "erp", deliveries: 3 }])
  expect(document.in_force).toMatchObject({ revision: (await configOf(runtime)).revisions[0] })
  const shown = await runtime.meshes("plan", "--config", file, "--exit-code")
  expect(shown.status).toBe(1)
  expect(shown.stdout.trim().split("\n")).toEqual([
    "+ connection acme/crm",
    "- connection acme/erp",
    "~ rule acme/all",
    '    actions.0.connection: "erp" → "crm"',
  ])
  expect(shown.stderr).toMatch(/about \d+ deliveries wait for acme\/erp, which is removed/)
  // What keeps it from being told is another status than that there is something to do.
  await writeFile(file, `${configHead}export default 3\n`)
  expect((await runtime.meshes("plan", "--config", file, "--exit-code")).status).toBe(2)

  await write(runtime, crm)
  expect(await reload(runtime)).toBe("applied")
  const isDead = ({ state }: any) => state === "dead"
  const records = await historyOnce(nats.url, (all) => all.filter(isDead).length === 3)
  expect(new Set(records.filter(isDead).map(({ message }) => message))).toEqual(
    new Set(['connection "erp" is no longer in the config; put it back and retry, or let it rest']),
  )
})

test("a secret that comes from a file is read anew, though the config says the same", async () => {
  await using destination = await open()
  await using nats = await startNats()
  const folder = await mkdtemp(join(tmpdir(), "meshes-secret-"))
  try {
    const text = config(destination, "/in").replace(
      "allowPrivate",
      'headers: { "x-token": secret("ERP_TOKEN") }, allowPrivate',
    )
    await writeFile(join(folder, "token"), "first-token-0123456789")
    await using runtime = await start(nats, text, { ERP_TOKEN_FILE: join(folder, "token") })
    await publish(runtime, "one")
    await destination.until((all) => all.length === 1)
    await writeFile(join(folder, "token"), "second-token-0123456789")
    expect(await reload(runtime)).toBe("applied")
    expect(reloaded(runtime).at(-1)).toMatchObject({ revision: reloaded(runtime).at(-1)?.before })
    await publish(runtime, "two")
    await destination.until((all) => all.length === 2)
    expect(destination.received.map(({ headers }) => headers["x-token"])).toEqual([
      "first-token-0123456789",
      "second-token-0123456789",
    ])
  } finally {
    await rm(folder, { recursive: true })
  }
})

/** A folder as Kubernetes mounts a ConfigMap: files are links by way of `..data`, which is turned to a whole new folder. */
const mount = async () => {
  const folder = await mkdtemp(join(tmpdir(), "meshes-mount-"))
  let version = 0
  const turn = async (target: string): Promise<void> => {
    await symlink(target, join(folder, "..next"))
    await rename(join(folder, "..next"), join(folder, "..data"))
  }
  const put = async (files: { readonly [name: string]: string }): Promise<void> => {
    const last = `..v${version}`
    const next = `..v${++version}`
    await mkdir(join(folder, next))
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, next, name), text)
    await turn(next)
    await rm(join(folder, last), { recursive: true, force: true })
  }
  const link = async (...names: ReadonlyArray<string>): Promise<void> => {
    for (const name of names) await symlink(join("..data", name), join(folder, name))
  }
  return { folder, put, turn, link, [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) }
}

test("a mounted config is taken up when its link is turned, with what it imports; a link to nowhere is refused, and mended by the next", async () => {
  await using destination = await open()
  await using nats = await startNats()
  await using mounted = await mount()
  const files = (path: string) => ({
    "meshes.config.mts": `${configHead}import { path } from "./path.mts"\n${config(destination, '" + path + "')}\n`,
    "path.mts": `import names from "./names.cjs"\nimport more from "./more.json" with { type: "json" }\nexport const path = names.path + more.path\n`,
    "names.cjs": `module.exports = { path: "/${path}" }\n`,
    "more.json": JSON.stringify({ path: `/${path}` }),
  })
  await mounted.put(files("one"))
  await mounted.link(...Object.keys(files("")))
  await using runtime = await start(nats, "", {
    MESHES_CONFIG: join(mounted.folder, "meshes.config.mts"),
    MESHES_WATCH: "true",
  })
  await publish(runtime, "first")
  await arrived(destination, "/one/one")

  await mounted.put(files("two"))
  await until(() => reloaded(runtime).length === 1)
  await publish(runtime, "second")
  await arrived(destination, "/two/two")

  await mounted.turn("..nowhere")
  await until(() => refusals(runtime) === 1)
  expect((await configOf(runtime)).refused).toBe(true)
  await publish(runtime, "third")
  await destination.until((all) => all.filter(({ path }) => path === "/two/two").length === 2)

  await mounted.put(files("three"))
  await until(() => reloaded(runtime).length === 2)
  await publish(runtime, "fourth")
  await arrived(destination, "/three/three")
  expect((await configOf(runtime)).refused).toBe(false)
})

test("a file that the config imports is watched too, also while the config is wrong", async () => {
  await using destination = await open()
  await using nats = await startNats()
  await using mounted = await mount()
  const part = join(mounted.folder, "part.mts")
  const text = `${configHead}import { path } from ${JSON.stringify(part)}\n${config(destination, '" + path + "')}\n`
  await writeFile(part, 'export const path = "/one"\n')
  await writeFile(join(mounted.folder, "meshes.config.mts"), text)
  await using runtime = await start(nats, "", {
    MESHES_CONFIG: join(mounted.folder, "meshes.config.mts"),
    MESHES_WATCH: "true",
  })
  await writeFile(part, 'export const path = "/two\n')
  await until(() => refusals(runtime) === 1)
  await writeFile(part, 'export const path = "/three"\n')
  await until(() => reloaded(runtime).length === 1)
  await publish(runtime, "first")
  await arrived(destination, "/three")
})

test("all workers take up a config, or none does", async () => {
  await using destination = await open()
  await using nats = await startNats()
  await using runtime = await start(nats, config(destination, "/one"), { MESHES_WORKERS: "2" })
  const first = (await configOf(runtime)).revisions
  await write(runtime, config(destination, "/wrong").replace('"erp" }]', '"epr" }]'))
  expect(await reload(runtime)).toBe("refused")
  await until(async () => (await configOf(runtime)).refused)
  expect((await configOf(runtime)).revisions).toEqual(first)
  expect(await metric(runtime, "meshes_config_refused")).toBe(2)

  await write(runtime, config(destination, "/two"))
  expect(await reload(runtime)).toBe("applied")
  await until(async () => (await configOf(runtime)).revisions[0] !== first[0])
  const second = await configOf(runtime)
  expect(second.revisions.length).toBe(1)
  expect(second.refused).toBe(false)
  for (let i = 0; i < 20; i++) await publish(runtime, `event-${i}`)
  await destination.until((all) => all.length === 20)
  expect(new Set(destination.received.map(({ path }) => path))).toEqual(new Set(["/two"]))
  const told = await audits(nats, ({ target }) => target === second.revisions[0])
  expect(told.map(({ what }) => what)).toEqual(["config.applied", "config.refused", "config.applied"])
})
