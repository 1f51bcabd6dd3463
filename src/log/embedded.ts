/**
 * The embedded nats-server: a supervised child on loopback with its store below the data folder, every write fsynced. For development and
 * for a single machine; a NATS URL in the environment replaces it.
 *
 * One server for one store: a lock file names the runtime that has it. A runtime that was killed leaves its server behind; the next one
 * ends that server, known by its command line, before it starts its own.
 */
import { spawn, type ChildProcess } from "node:child_process"
import { mkdir, open, readFile, rm, writeFile } from "node:fs/promises"
import { connect, createServer } from "node:net"
import { join, resolve } from "node:path"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { limits } from "../config/defaults.ts"
import { Unusable } from "../model/errors.ts"
import { reasonOf } from "./connection.ts"
import { findNatsServer, type NatsServer } from "./nats-server.ts"

export interface EmbeddedOptions {
  readonly dataDir: string
  /** Default: the port used last time or NATS' own 4222 if it is free, else any free one. */
  readonly port?: number
  /** A binary named by the user. */
  readonly configured?: string
  readonly progress?: (line: string) => void
}

export interface EmbeddedServer {
  readonly url: string
  readonly version: string
}

/** Starts the server and keeps it running until the scope ends. */
export const embeddedServer = (options: EmbeddedOptions): Effect.Effect<EmbeddedServer, Unusable, Scope.Scope> =>
  Effect.gen(function* () {
    const folder = resolve(options.dataDir, "nats")
    const server = yield* findNatsServer({
      dataDir: options.dataDir,
      ...(options.configured === undefined ? {} : { configured: options.configured }),
      ...(options.progress === undefined ? {} : { progress: options.progress }),
    })
    yield* Effect.acquireRelease(
      unusable(`locking ${folder}`, () => lock(folder)),
      () => Effect.promise(() => rm(join(folder, "lock"), { force: true })),
    )
    yield* unusable("ending the server of a runtime that was killed", () => endOrphan(folder))
    const port = yield* unusable("choosing a port", () => choosePort(folder, options.port))
    const config = yield* unusable(`writing ${folder}`, () => writeConfig(folder, port))
    const context = yield* Effect.context<never>()
    const supervised = yield* Effect.acquireRelease(
      Effect.sync(() =>
        superviseChild(server, config, folder, port, (line) => Effect.runForkWith(context)(Effect.logWarning(line))),
      ),
      (child) => Effect.promise(child.stop),
    )
    yield* unusable("starting nats-server", () => supervised.ready)
    return { url: `nats://127.0.0.1:${port}`, version: server.version }
  })

const unusable = <A>(what: string, run: () => Promise<A>): Effect.Effect<A, Unusable> =>
  Effect.tryPromise({
    try: run,
    catch: (cause) =>
      cause instanceof Unusable ? cause : new Unusable({ message: `${what} failed: ${reasonOf(cause)}` }),
  })

/** One runtime a store. The lock of a process that is gone is taken over. */
const lock = async (folder: string): Promise<void> => {
  await mkdir(folder, { recursive: true })
  const path = join(folder, "lock")
  for (let tries = 0; tries < 2; tries++) {
    try {
      const file = await open(path, "wx")
      await file.writeFile(`${process.pid}\n`)
      return await file.close()
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== "EEXIST") throw cause
      const holder = Number(await readFile(path, "utf8").catch(() => ""))
      if (holder > 0 && holder !== process.pid && isAlive(holder)) {
        throw new Unusable({
          message:
            `process ${holder} is using the data folder ${resolve(folder, "..")}. ` +
            "Stop it, or give this one another folder with MESHES_DATA_DIR.",
        })
      }
      await rm(path, { force: true })
    }
  }
  throw new Error("another process took it at the same moment")
}

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code === "EPERM"
  }
}

/** A server that a killed runtime left behind: it is ours if its command line names our config file. */
const endOrphan = async (folder: string): Promise<void> => {
  const pid = Number(await readFile(join(folder, "nats.pid"), "utf8").catch(() => ""))
  if (!(pid > 0) || !isAlive(pid)) return
  const commandLine = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")
  if (!commandLine.includes(join(folder, "nats.conf"))) return
  process.kill(pid, "SIGTERM")
  for (let waited = 0; waited < limits.natsServerStopMs && isAlive(pid); waited += 50) await pause(50)
  if (isAlive(pid)) process.kill(pid, "SIGKILL")
  while (isAlive(pid)) await pause(50)
}

const pause = (ms: number): Promise<void> => new Promise((done) => void setTimeout(done, ms))

const choosePort = async (folder: string, wanted: number | undefined): Promise<number> => {
  if (wanted !== undefined && wanted > 0) return wanted
  const last = Number(await readFile(join(folder, "port"), "utf8").catch(() => ""))
  for (const port of last > 0 ? [last, 4222] : [4222]) if (await isFree(port)) return port
  return freePort()
}

const isFree = (port: number): Promise<boolean> =>
  new Promise((answer) => {
    const probe = createServer()
    probe.once("error", () => answer(false))
    probe.listen(port, "127.0.0.1", () => probe.close(() => answer(true)))
  })

const freePort = (): Promise<number> =>
  new Promise((answer, fail) => {
    const probe = createServer()
    probe.once("error", fail)
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address()
      probe.close(() => answer(typeof address === "object" && address !== null ? address.port : 0))
    })
  })

const writeConfig = async (folder: string, port: number): Promise<string> => {
  const path = join(folder, "nats.conf")
  await writeFile(join(folder, "port"), `${port}\n`)
  await writeFile(
    path,
    [
      "# Written at each start; changes are lost.",
      `listen: "127.0.0.1:${port}"`,
      "server_name: meshes-embedded",
      `max_payload: ${limits.embeddedMaxPayload}`,
      `pid_file: ${JSON.stringify(join(folder, "nats.pid"))}`,
      "jetstream {",
      `  store_dir: ${JSON.stringify(join(folder, "jetstream"))}`,
      "  # What is acknowledged is on disk.",
      "  sync_interval: always",
      "}",
      "",
    ].join("\n"),
  )
  return path
}

interface Supervised {
  /** Resolves when the server answers with JetStream; rejects when it ended before it ever did. */
  readonly ready: Promise<void>
  readonly stop: () => Promise<void>
}

const superviseChild = (
  server: NatsServer,
  config: string,
  folder: string,
  port: number,
  warn: (line: string) => void,
): Supervised => {
  let child: ChildProcess | undefined
  let stopping = false
  let everReady = false
  let delay: number = limits.restartDelayMs
  let ended: Promise<void> = Promise.resolve()
  let settle: { readonly ok: () => void; readonly fail: (cause: Error) => void }
  const ready = new Promise<void>((ok, fail) => {
    settle = { ok, fail }
  })

  const start = () => {
    const said: Array<string> = []
    const began = performance.now()
    // A group of its own, so that Ctrl-C at the terminal reaches us alone and we end it in order.
    const spawned = spawn(server.path, ["-c", config], {
      cwd: folder,
      detached: true,
      stdio: ["ignore", "ignore", "pipe"],
    })
    child = spawned
    spawned.stderr.setEncoding("utf8")
    spawned.stderr.on("data", (text: string) => {
      said.push(...text.split("\n").filter((line) => line !== ""))
      said.splice(0, said.length - limits.natsServerLinesKept)
    })
    ended = new Promise((resolveEnd) => {
      const end = (why: string) => {
        resolveEnd()
        if (stopping || child !== spawned) return
        child = undefined
        const last = said.filter((line) => /\[(?:FTL|ERR)\]|:/.test(line)).at(-1) ?? ""
        if (!everReady) return settle.fail(new Error(`${why}. ${last}`))
        if (performance.now() - began > limits.restartDelayMaxMs) delay = limits.restartDelayMs
        warn(`nats-server ended (${why}) and is started again. ${last}`)
        setTimeout(() => stopping || start(), delay)
        delay = Math.min(delay * 2, limits.restartDelayMaxMs)
      }
      spawned.once("error", (cause) => end(cause.message))
      spawned.once("exit", (code, signal) => end(signal === null ? `exit status ${code}` : `signal ${signal}`))
    })
    void answering(port, () => child === spawned && !stopping).then((answers) => {
      if (!answers) return
      everReady = true
      settle.ok()
    })
  }

  const stop = async () => {
    stopping = true
    const running = child
    if (running === undefined || running.exitCode !== null || running.signalCode !== null) return
    running.kill("SIGTERM")
    const late = setTimeout(() => running.kill("SIGKILL"), limits.natsServerStopMs)
    await ended
    clearTimeout(late)
  }

  start()
  return { ready, stop }
}

/** Waits until the server greets with JetStream on; `false` when it is no longer wanted. */
const answering = async (port: number, wanted: () => boolean): Promise<boolean> => {
  while (wanted()) {
    const info = await greeting(port)
    if (info?.includes('"jetstream":true') === true) return true
    await pause(25)
  }
  return false
}

const greeting = (port: number): Promise<string | undefined> =>
  new Promise((answer) => {
    const socket = connect({ host: "127.0.0.1", port })
    const end = (text: string | undefined) => {
      socket.destroy()
      answer(text)
    }
    socket.setTimeout(1000, () => end(undefined))
    socket.once("error", () => end(undefined))
    socket.once("data", (bytes) => end(bytes.toString()))
  })
