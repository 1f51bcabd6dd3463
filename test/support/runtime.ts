/**
 * The runtime as a process of its own, as a user starts it: waited for by its `ready` line, killed and started again at will.
 */
import { spawn, type ChildProcess } from "node:child_process"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import { expectNothingLeaked, mayNotBeStored } from "./on-disk.ts"

export const repository = fileURLToPath(new URL("../..", import.meta.url))
const bin = join(repository, "src/cli/bin.ts")

export const adminKey = "msh_test_admin_key_0123456789"

/** What a config file outside the repository begins with. */
export const configHead = [
  `import { defineConfig, secret } from ${JSON.stringify(pathToFileURL(join(repository, "src/index.ts")).href)}`,
  `import { console, http, hubspot, nats, slack, webhook } from ${JSON.stringify(pathToFileURL(join(repository, "connectors/index.ts")).href)}`,
  "void [secret, console, http, hubspot, nats, slack, webhook]",
  "",
].join("\n")

/** Of the runtime's own variables, those that are secrets. */
const secretVariables = /^MESHES_(?:ADMIN_KEY|SECRET_KEYS|KEYS)$/

export interface Finished {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

export interface TestRuntime {
  /** Holds the config and the data folder. */
  readonly folder: string
  /** What it and commands beside it are started with. */
  readonly env: NodeJS.ProcessEnv
  readonly http: () => string
  readonly pid: () => number
  /** Standard output and standard error so far. */
  readonly stdout: () => string
  readonly stderr: () => string
  readonly kill: (signal?: NodeJS.Signals) => Promise<number | null>
  /** Starts it (again) and waits until it is ready. */
  readonly start: () => Promise<void>
  /** Runs another `meshes` command over the same folder. */
  readonly meshes: (...args: ReadonlyArray<string>) => Promise<Finished>
  /** The same, with this on its standard input. */
  readonly pipe: (input: string, ...args: ReadonlyArray<string>) => Promise<Finished>
  /** Publishes over HTTP. */
  readonly publish: (event: unknown) => Promise<{ readonly status: number; readonly body: any }>
  readonly [Symbol.asyncDispose]: () => Promise<void>
}

export interface RuntimeOptions {
  /** The config's text after its imports: `export default defineConfig({ … })`. */
  readonly config: string
  readonly env?: { readonly [name: string]: string }
  /** Absent: the embedded server. */
  readonly natsUrl?: string
  /** Default: any free one. */
  readonly port?: number
}

export const startRuntime = async (options: RuntimeOptions): Promise<TestRuntime> => {
  const folder = await mkdtemp(join(tmpdir(), "meshes-runtime-"))
  await writeFile(join(folder, "meshes.config.ts"), `${configHead}${options.config}\n`)
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    MESHES_DATA_DIR: join(folder, "data"),
    MESHES_CONFIG: join(folder, "meshes.config.ts"),
    MESHES_ADMIN_KEY: adminKey,
    ...(options.natsUrl === undefined ? {} : { MESHES_NATS_URL: options.natsUrl }),
    ...options.env,
  }
  const secrets = Object.entries({ MESHES_ADMIN_KEY: adminKey, ...options.env }).flatMap(([name, value]) =>
    !name.startsWith("MESHES_") || secretVariables.test(name) ? [value] : [],
  )
  if (options.natsUrl !== undefined) mayNotBeStored(options.natsUrl, secrets)
  let child: ChildProcess | undefined
  let stdout = ""
  let stderr = ""
  let http = ""

  const start = async () => {
    const spawned = spawn(process.execPath, [bin, "start", "--port", String(options.port ?? 0), "--json"], {
      cwd: folder,
      env,
      stdio: ["ignore", "pipe", "pipe"],
    })
    child = spawned
    spawned.stdout.setEncoding("utf8").on("data", (text: string) => void (stdout += text))
    spawned.stderr.setEncoding("utf8").on("data", (text: string) => void (stderr += text))
    const seen = stdout.length
    http = await new Promise<string>((ready, fail) => {
      const look = () => {
        const line = stdout
          .slice(seen)
          .split("\n")
          .find((one) => one.includes('"event":"ready"'))
        if (line !== undefined) ready((JSON.parse(line) as { readonly http: string }).http)
      }
      spawned.stdout.on("data", look)
      spawned.once("exit", (status) => fail(new Error(`the runtime ended with ${status}:\n${stderr.slice(-4000)}`)))
    })
  }
  const kill = (signal: NodeJS.Signals = "SIGKILL") =>
    new Promise<number | null>((ended) => {
      if (child === undefined || child.exitCode !== null || child.signalCode !== null)
        return ended(child?.exitCode ?? null)
      child.once("exit", (status) => ended(status))
      child.kill(signal)
    })
  await start()
  return {
    folder,
    env,
    http: () => http,
    pid: () => child?.pid ?? 0,
    stdout: () => stdout,
    stderr: () => stderr,
    kill,
    start,
    meshes: (...args) => runMeshes(args, { cwd: folder, env }),
    pipe: (input, ...args) => runMeshes(args, { cwd: folder, env, input }),
    publish: (event) => publishTo(http, event),
    [Symbol.asyncDispose]: async () => {
      // In order, so that an embedded server ends with it.
      await kill("SIGTERM")
      // In every test that runs a process: what it was given in confidence is neither said nor written.
      expectNothingLeaked(folder, secrets)
      for (const secret of secrets.filter(({ length }) => length >= 10))
        if (`${stdout}${stderr}`.includes(secret)) throw new Error("a secret was said by the process")
      await rm(folder, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

export const publishTo = async (
  http: string,
  event: unknown,
): Promise<{ readonly status: number; readonly body: any }> => {
  const response = await fetch(`${http}/api/v1/events`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${adminKey}` },
    body: JSON.stringify(event),
  })
  return { status: response.status, body: await response.json() }
}

/** Runs a `meshes` command to its end. */
export const runMeshes = (
  args: ReadonlyArray<string>,
  options: { readonly cwd: string; readonly env: NodeJS.ProcessEnv; readonly input?: string },
): Promise<Finished> =>
  new Promise((done, fail) => {
    const child = spawn(process.execPath, [bin, ...args], { cwd: options.cwd, env: options.env, stdio: "pipe" })
    let stdout = ""
    let stderr = ""
    child.stdout.setEncoding("utf8").on("data", (text: string) => void (stdout += text))
    child.stderr.setEncoding("utf8").on("data", (text: string) => void (stderr += text))
    child.once("error", fail)
    child.once("close", (status) => done({ status: status ?? -1, stdout, stderr }))
    child.stdin.end(options.input ?? "")
  })
