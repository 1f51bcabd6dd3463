/**
 * A real nats-server for a test file: on a free port, with a store of its own, to be killed and started again at will.
 */
import { spawn, type ChildProcess } from "node:child_process"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { connect, createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { expectNothingStored } from "./on-disk.ts"
import { findNatsServer } from "../../src/log/nats-server.ts"

export interface TestNats {
  readonly url: string
  readonly port: number
  readonly storeDir: string
  readonly pid: () => number
  /** Ends it and waits for its end. */
  readonly kill: (signal?: NodeJS.Signals) => Promise<void>
  /** Starts it again on the same port with the same store. */
  readonly restart: () => Promise<void>
  /** Ends it and removes its store. */
  readonly stop: () => Promise<void>
  readonly [Symbol.asyncDispose]: () => Promise<void>
}

export const natsServerPath = async (): Promise<string> =>
  (
    await Effect.runPromise(
      findNatsServer({
        dataDir: join(tmpdir(), "meshes-test"),
        progress: (line) => console.error(line),
        ...(process.env["MESHES_NATS_SERVER"] === undefined ? {} : { configured: process.env["MESHES_NATS_SERVER"] }),
      }),
    )
  ).path

export const freePort = (): Promise<number> =>
  new Promise((answer, fail) => {
    const probe = createServer()
    probe.once("error", fail)
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address() as { port: number }
      probe.close(() => answer(port))
    })
  })

export const startNats = async (
  options: { readonly port?: number; readonly syncAlways?: boolean; readonly extra?: string } = {},
): Promise<TestNats> => {
  const binary = await natsServerPath()
  const port = options.port ?? (await freePort())
  const storeDir = await mkdtemp(join(tmpdir(), "meshes-nats-"))
  const config = join(storeDir, "nats.conf")
  await writeFile(
    config,
    `listen: "127.0.0.1:${port}"\nmax_payload: 2097152\n${options.extra ?? ""}\n` +
      `jetstream { store_dir: "${join(storeDir, "js")}"${options.syncAlways === false ? "" : ", sync_interval: always"} }\n`,
  )
  let child: ChildProcess | undefined
  let ended: Promise<unknown> = Promise.resolve()

  const start = async () => {
    const spawned = spawn(binary, ["-c", config], { stdio: "ignore" })
    child = spawned
    ended = new Promise((done) => spawned.once("exit", done))
    while (!(await greets(port))) {
      if (spawned.exitCode !== null) throw new Error(`nats-server ended with status ${spawned.exitCode}`)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
  const kill = async (signal: NodeJS.Signals = "SIGKILL") => {
    child?.kill(signal)
    await ended
    child = undefined
  }
  const stop = async () => {
    await kill()
    expectNothingStored(`nats://127.0.0.1:${port}`, storeDir)
    await rm(storeDir, { recursive: true, force: true, maxRetries: 5 })
  }
  await start()
  return {
    url: `nats://127.0.0.1:${port}`,
    port,
    storeDir,
    pid: () => child?.pid ?? 0,
    kill,
    restart: start,
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

const greets = (port: number): Promise<boolean> =>
  new Promise((answer) => {
    const socket = connect({ host: "127.0.0.1", port })
    const end = (yes: boolean) => {
      socket.destroy()
      answer(yes)
    }
    socket.once("error", () => end(false))
    socket.once("data", (bytes) => end(bytes.toString().includes('"jetstream":true')))
  })
