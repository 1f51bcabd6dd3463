/**
 * Finds a nats-server to run, or fetches one: a named binary, the PATH, our cache, the official release (pinned and checked), and on
 * Debian and Ubuntu a package of a recent suite, taken with apt into a private folder without root. Each place that was tried is
 * named when none has one.
 */
import { execFile } from "node:child_process"
import { createHash } from "node:crypto"
import { createWriteStream } from "node:fs"
import { access, chmod, constants, cp, mkdir, mkdtemp, readdir, readFile, rename, rm } from "node:fs/promises"
import { homedir } from "node:os"
import { delimiter, join } from "node:path"
import { Readable } from "node:stream"
import { pipeline } from "node:stream/promises"
import { promisify } from "node:util"
import * as Effect from "effect/Effect"
import { limits, natsServerMinimum } from "../config/defaults.ts"
import { Unusable } from "../model/errors.ts"
import { olderThan, reasonOf } from "./connection.ts"
import { privateApt, thisSystem } from "./private-apt.ts"

const run = promisify(execFile)

export interface NatsServer {
  readonly path: string
  readonly version: string
  /** Where it was found: `MESHES_NATS_SERVER`, `PATH`, `cache`, `release`, `package`. */
  readonly source: string
}

export interface FindOptions {
  /** A binary named by the user. It alone is looked at. */
  readonly configured?: string
  /** Environment: `PATH`, `HOME`, `XDG_CACHE_HOME`. Default: the process's. */
  readonly env?: NodeJS.ProcessEnv
  /** Where to keep what is fetched, if the home folder cannot be written. */
  readonly dataDir: string
  /** Told in a line what is being fetched. */
  readonly progress?: (line: string) => void
}

/**
 * The release that is fetched when there is none, with the SHA-256 of its archives for Linux. The figures are those that the official
 * container image is built with.
 */
const release = {
  version: "2.14.5",
  url: (version: string, arch: string) =>
    `https://github.com/nats-io/nats-server/releases/download/v${version}/nats-server-v${version}-linux-${arch}.tar.gz`,
  archives: {
    x64: { arch: "amd64", sha256: "5e3b603d47c447bda1f77f9ac16dbf91c90aac4ff3681f8fbbc7201e4ed99355" },
    arm64: { arch: "arm64", sha256: "673a98d3faa79dde3f9ebf16d6dfac36a5f694e7ad2015e4954dd7939c85cd4c" },
    arm: { arch: "arm7", sha256: "c8796b63a8603fdebabd63146ac3d3997c29a2829fdd2af6db320f4a287f2e71" },
    s390x: { arch: "s390x", sha256: "829193e8c592e0df5f15402c27417df18d26503d22b77dfc9491982fe0b51a67" },
    ppc64: { arch: "ppc64le", sha256: "5d8f1a264a3bc4b30899814ae8e898b1268e817074635adddd24b32f388e4cc4" },
  } as { readonly [arch: string]: { readonly arch: string; readonly sha256: string } | undefined },
} as const

/** What a place came to: a server, or why not. */
type Tried = NatsServer | string

export const findNatsServer = (options: FindOptions): Effect.Effect<NatsServer, Unusable> =>
  Effect.gen(function* () {
    const env = options.env ?? process.env
    const say = options.progress ?? (() => {})
    if (options.configured !== undefined) {
      const found = yield* attempt(() => check(options.configured!, "MESHES_NATS_SERVER"))
      if (typeof found !== "string") return found
      return yield* new Unusable({ message: `MESHES_NATS_SERVER: ${found}` })
    }
    const places: ReadonlyArray<readonly [string, () => Promise<Tried>]> = [
      ["PATH", () => onPath(env)],
      ["cache", () => inCache(env, options.dataDir)],
      ["official release", () => fromRelease(env, options.dataDir, say)],
      ["distribution's package", () => fromPackage(env, options.dataDir, say)],
    ]
    const tried: Array<string> = []
    for (const [name, look] of places) {
      const found = yield* attempt(look)
      if (typeof found !== "string") return found
      tried.push(`  ${name}: ${found}`)
    }
    return yield* new Unusable({
      message:
        `no nats-server ${natsServerMinimum} or newer was found or could be fetched:\n${tried.join("\n")}\n` +
        "What you can do: install nats-server and put it on the PATH; or name its binary in MESHES_NATS_SERVER; " +
        "or run a NATS server with JetStream yourself and name it in MESHES_NATS_URL.",
    })
  })

const attempt = (look: () => Promise<Tried>): Effect.Effect<Tried> =>
  Effect.promise(() => look().catch((cause: unknown) => reasonOf(cause).split("\n")[0]!))

/** Asks a binary for its version: `nats-server: v2.15.1`. */
const check = async (path: string, source: string): Promise<Tried> => {
  try {
    await access(path, constants.X_OK)
  } catch {
    return `${path} is not there or cannot be executed`
  }
  const { stdout } = await run(path, ["-v"], { timeout: limits.natsServerVersionMs })
  const version = /v(\d+\.\d+\.\d+\S*)/.exec(stdout)?.[1]
  if (version === undefined) return `${path} does not say its version; is it nats-server?`
  if (olderThan(version, natsServerMinimum)) {
    return `${path} is version ${version}; Meshes needs ${natsServerMinimum} or newer (atomic batches and message schedules)`
  }
  return { path, version, source }
}

const onPath = async (env: NodeJS.ProcessEnv): Promise<Tried> => {
  const old: Array<string> = []
  for (const folder of (env["PATH"] ?? "").split(delimiter).filter((entry) => entry !== "")) {
    const found = await check(join(folder, "nats-server"), "PATH")
    if (typeof found !== "string") return found
    if (!found.endsWith("cannot be executed")) old.push(found)
  }
  return old.length > 0 ? old.join("; ") : "there is none"
}

const cacheFolder = async (env: NodeJS.ProcessEnv, dataDir: string): Promise<string> => {
  const home = env["XDG_CACHE_HOME"] ?? join(env["HOME"] ?? homedir(), ".cache")
  const folder = join(home, "meshes", "nats-server")
  try {
    await mkdir(folder, { recursive: true })
    await access(folder, constants.W_OK)
    return folder
  } catch {
    const own = join(dataDir, "cache", "nats-server")
    await mkdir(own, { recursive: true })
    return own
  }
}

const inCache = async (env: NodeJS.ProcessEnv, dataDir: string): Promise<Tried> => {
  const folder = await cacheFolder(env, dataDir)
  const versions = (await readdir(folder)).filter((name) => /^\d+\.\d+\.\d+/.test(name))
  for (const version of versions.toSorted((a, b) => (olderThan(a, b) ? 1 : -1))) {
    const found = await check(join(folder, version, "nats-server"), "cache")
    if (typeof found !== "string") return found
  }
  return `there is none in ${folder}`
}

/** Moves a fetched binary into the cache under its version, in one step: another process may be doing the same. */
const keep = async (binary: string, source: string, env: NodeJS.ProcessEnv, dataDir: string): Promise<Tried> => {
  await chmod(binary, 0o755)
  const fetched = await check(binary, source)
  if (typeof fetched === "string") return fetched
  const folder = join(await cacheFolder(env, dataDir), fetched.version)
  await mkdir(folder, { recursive: true })
  const partial = join(folder, `nats-server.${process.pid}.${Date.now()}`)
  await cp(binary, partial)
  await chmod(partial, 0o755)
  await rename(partial, join(folder, "nats-server"))
  return { ...fetched, path: join(folder, "nats-server") }
}

const inTemporaryFolder = async <A>(
  env: NodeJS.ProcessEnv,
  dataDir: string,
  work: (folder: string) => Promise<A>,
): Promise<A> => {
  const folder = await mkdtemp(join(await cacheFolder(env, dataDir), "fetch-"))
  try {
    return await work(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const fromRelease = async (env: NodeJS.ProcessEnv, dataDir: string, say: (line: string) => void): Promise<Tried> => {
  const archive = process.platform === "linux" ? release.archives[process.arch] : undefined
  if (archive === undefined) return `there is no pinned archive for ${process.platform} on ${process.arch}`
  say(`fetching nats-server ${release.version} from the official release`)
  return inTemporaryFolder(env, dataDir, async (folder) => {
    const file = join(folder, "nats-server.tar.gz")
    const response = await fetch(release.url(release.version, archive.arch), {
      signal: AbortSignal.timeout(limits.natsServerFetchMs),
    })
    if (!response.ok || response.body === null) return `the download was answered with status ${response.status}`
    await pipeline(Readable.fromWeb(response.body), createWriteStream(file))
    const sha256 = createHash("sha256")
      .update(await readFile(file))
      .digest("hex")
    if (sha256 !== archive.sha256)
      return `what was downloaded has SHA-256 ${sha256}, not the pinned one; it was thrown away`
    await run("tar", ["-xzf", file, "-C", folder, "--strip-components=1"])
    return keep(join(folder, "nats-server"), "release", env, dataDir)
  })
}

/** A distribution whose packages can be taken, and the suite of it that has a new enough nats-server. */
const distributions = {
  debian: { suite: "sid", component: "main" },
  ubuntu: { suite: "devel", component: "universe" },
} as const

const fromPackage = async (env: NodeJS.ProcessEnv, dataDir: string, say: (line: string) => void): Promise<Tried> => {
  const { id } = await thisSystem()
  const distribution = id === "debian" || id === "ubuntu" ? distributions[id] : undefined
  if (distribution === undefined) return `this is not Debian or Ubuntu (${id ?? "no /etc/os-release"})`
  return inTemporaryFolder(env, dataDir, async (folder) => {
    const apt = await privateApt(folder, { id: id!, ...distribution, env, timeoutMs: limits.natsServerFetchMs })
    say(`fetching the package list of ${id} ${distribution.suite} with apt`)
    await apt(["update"])
    say(`fetching the package nats-server of ${id} ${distribution.suite} with apt`)
    await apt(["download", "nats-server"])
    const file = (await readdir(folder)).find((name) => name.endsWith(".deb"))
    if (file === undefined) return "apt downloaded nothing"
    await run("dpkg-deb", ["-x", join(folder, file), join(folder, "package")], { env })
    return keep(join(folder, "package", "usr", "sbin", "nats-server"), "package", env, dataDir)
  })
}
