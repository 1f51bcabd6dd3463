/**
 * Finds a Chromium for the tests, or fetches Debian's: a named binary, the PATH, our cache, and on Debian the package `chromium` with all
 * that it needs and this machine has not, unpacked into the cache without root. Where there is none, it is said why.
 */
import { execFile } from "node:child_process"
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from "node:fs/promises"
import { homedir } from "node:os"
import { delimiter, dirname, join } from "node:path"
import { promisify } from "node:util"
import { reasonOf } from "../../src/log/connection.ts"
import { privateApt, thisSystem } from "../../src/log/private-apt.ts"
import { withLock } from "./lock.ts"

const run = promisify(execFile)

export interface Chromium {
  readonly path: string
  readonly version: string
  /** What it is to be started with, beside the process's own variables. */
  readonly env: { readonly [name: string]: string }
}

/** A browser, or why there is none. */
export type Found = Chromium | string

/** A package list of 10 MB and packages of 120 to 250 MB. */
const fetchMs = 300_000
const versionMs = 30_000

const say = (line: string): void => console.error(line)

export const findChromium = async (env: NodeJS.ProcessEnv = process.env): Promise<Found> => {
  const named = env["MESHES_CHROMIUM"]
  if (named !== undefined) {
    const found = await check(named)
    return typeof found === "string" ? `MESHES_CHROMIUM: ${found}` : found
  }
  for (const folder of (env["PATH"] ?? "").split(delimiter).filter((entry) => entry !== "")) {
    for (const name of ["chromium", "google-chrome"]) {
      const found = await check(join(folder, name))
      if (typeof found !== "string") return found
    }
  }
  return fromPackage(env).catch((cause: unknown) => reasonOf(cause).split("\n")[0]!)
}

/** Starts it, so that a library which is missing is noticed here: `Chromium 150.0.7871.100 built on …`. */
const check = async (path: string, env: Chromium["env"] = {}): Promise<Found> => {
  try {
    const { stdout } = await run(path, ["--version"], { env: { ...process.env, ...env }, timeout: versionMs })
    const version = /\d+\.\d+\.\d+\.\d+/.exec(stdout)?.[0]
    return version === undefined ? `${path} does not say its version` : { path, version, env }
  } catch (cause) {
    return `${path} cannot be run: ${reasonOf(cause).split("\n").at(-1)}`
  }
}

const fromPackage = async (env: NodeJS.ProcessEnv): Promise<Found> => {
  const { id, codename } = await thisSystem()
  if (id !== "debian" || codename === undefined)
    return `there is none on the PATH, and this is not Debian, whose package could be taken (${id ?? "no /etc/os-release"})`
  const cache = join(env["XDG_CACHE_HOME"] ?? join(env["HOME"] ?? homedir(), ".cache"), "meshes", "chromium")
  await mkdir(cache, { recursive: true })
  const folder = join(cache, codename)
  const kept = await unpacked(folder)
  if (typeof kept !== "string") return kept
  return withLock(join(cache, "lock"), async () => {
    const meanwhile = await unpacked(folder)
    if (typeof meanwhile !== "string") return meanwhile
    await fetchInto(folder, codename, env)
    return unpacked(folder)
  })
}

const fetchInto = async (folder: string, suite: string, env: NodeJS.ProcessEnv): Promise<void> => {
  const partial = await mkdtemp(join(dirname(folder), "fetch-"))
  try {
    const apt = await privateApt(partial, { id: "debian", suite, component: "main", env, timeoutMs: fetchMs })
    say(`fetching the package list of debian ${suite} with apt`)
    await apt(["update"])
    say(`fetching the package chromium of debian ${suite} and what it needs with apt`)
    await apt(["install", "--download-only", "--no-install-recommends", "-y", "chromium", "fonts-liberation"])
    const archives = join(partial, "cache", "archives")
    const files = (await readdir(archives)).filter((name) => name.endsWith(".deb"))
    say(`unpacking ${files.length} packages into ${folder}`)
    for (const file of files) await run("dpkg-deb", ["-x", join(archives, file), join(partial, "root")])
    await rm(folder, { recursive: true, force: true })
    await rename(join(partial, "root"), folder)
  } finally {
    await rm(partial, { recursive: true, force: true })
  }
}

/** The browser below `folder`, with the libraries and the fonts that were unpacked beside it. */
const unpacked = async (folder: string): Promise<Found> => {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  if (entries.length === 0) return `there is none in ${folder}`
  const libraries = new Set(entries.filter(({ name }) => /\.so(\.|$)/.test(name)).map(({ parentPath }) => parentPath))
  const fonts = join(folder, "fonts.conf")
  await writeFile(fonts, fontsBelow(folder))
  return check(join(folder, "usr/lib/chromium/chromium"), {
    LD_LIBRARY_PATH: [...libraries].join(":"),
    FONTCONFIG_FILE: fonts,
  })
}

/** The same fonts on every machine, whatever it has itself. */
const fontsBelow = (folder: string): string => {
  const alias = (family: string, font: string) =>
    `<alias binding="same"><family>${family}</family><prefer><family>Liberation ${font}</family></prefer></alias>`
  return [
    '<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>',
    `<dir>${join(folder, "usr/share/fonts")}</dir><dir>/usr/share/fonts</dir>`,
    `<cachedir>${join(folder, "font-cache")}</cachedir>`,
    ...["sans-serif", "Arial", "Helvetica"].map((family) => alias(family, "Sans")),
    ...["serif", "Times New Roman"].map((family) => alias(family, "Serif")),
    ...["monospace", "Courier New"].map((family) => alias(family, "Mono")),
    // What has no name, as `system-ui`.
    '<match><edit name="family" mode="append_last"><string>Liberation Sans</string></edit></match>',
    "</fontconfig>\n",
  ].join("\n")
}
