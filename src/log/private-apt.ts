/**
 * Packages of Debian and Ubuntu taken with apt into a folder of one's own, without root: with lists, cache and sources below that folder,
 * so that the machine's are neither read nor changed.
 */
import { execFile } from "node:child_process"
import { mkdir, readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { promisify } from "node:util"
import { reasonOf } from "./connection.ts"

const run = promisify(execFile)

export interface PrivateApt {
  /** As in `thisSystem`: `debian`, `ubuntu`. */
  readonly id: string
  /** `sid`, `bookworm`, … */
  readonly suite: string
  readonly component: string
  readonly env: NodeJS.ProcessEnv
  /** For each command. */
  readonly timeoutMs: number
}

/** What `/etc/os-release` says of this machine; nothing where there is none. */
export const thisSystem = async (): Promise<{ readonly id?: string; readonly codename?: string }> => {
  const text = await readFile("/etc/os-release", "utf8").catch(() => "")
  const id = /^ID=["']?(\w+)/m.exec(text)?.[1]
  const codename = /^VERSION_CODENAME=["']?(\w+)/m.exec(text)?.[1]
  return { ...(id === undefined ? {} : { id }), ...(codename === undefined ? {} : { codename }) }
}

/** Runs `apt-get` with these arguments, in `folder`; what went wrong is said as apt says it. */
export const privateApt = async (folder: string, { id, suite, component, env, timeoutMs }: PrivateApt) => {
  const mirror = await mirrorOf(id, env, timeoutMs)
  if (mirror === undefined) throw new Error("apt names no mirror of the distribution (apt-get indextargets)")
  const sources = join(folder, "sources.list")
  await mkdir(join(folder, "state", "lists", "partial"), { recursive: true })
  await mkdir(join(folder, "cache", "archives", "partial"), { recursive: true })
  const keyring = `/usr/share/keyrings/${id}-archive-keyring.gpg`
  await writeFile(sources, `deb [signed-by=${keyring}] ${mirror} ${suite} ${component}\n`)
  const options = [
    `Dir::Etc::sourcelist=${sources}`,
    "Dir::Etc::sourceparts=/dev/null",
    "Dir::Etc::preferences=/dev/null",
    "Dir::Etc::preferencesparts=/dev/null",
    `Dir::State=${join(folder, "state")}`,
    `Dir::Cache=${join(folder, "cache")}`,
    // The lock is the machine's, and only root's; nothing of the machine is changed.
    "Debug::NoLocking=1",
    // As root, apt would hand the download to a user that may not write here.
    "APT::Sandbox::User=",
    "Acquire::Languages=none",
    "Acquire::Retries=2",
  ].flatMap((option) => ["-o", option])
  return async (command: ReadonlyArray<string>) => {
    try {
      await run("apt-get", [...options, "-q", ...command], {
        cwd: folder,
        env: { ...env, LC_ALL: "C" },
        timeout: timeoutMs,
      })
    } catch (cause) {
      const said = (cause as { stderr?: string }).stderr?.split("\n").find((line) => /^[EW]:/.test(line))
      throw new Error(`apt-get ${command[0]} failed: ${said ?? reasonOf(cause)}`, { cause })
    }
  }
}

/** The mirror that this machine takes its packages from, as apt itself is configured. */
const mirrorOf = async (distribution: string, env: NodeJS.ProcessEnv, timeout: number): Promise<string | undefined> => {
  const { stdout } = await run(
    "apt-get",
    ["indextargets", "--format", "$(REPO_URI)|$(SUITE)|$(RELEASE)", "Created-By: Packages"],
    { env, timeout },
  )
  const repositories = stdout.split("\n").map((line) => line.split("|")[0]!.trim())
  // The security archive is another repository (…/debian-security), and so are third parties'.
  return repositories.find((uri) => new RegExp(`/${distribution}/?$`).test(uri))
}
