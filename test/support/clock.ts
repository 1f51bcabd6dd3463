/**
 * A clock that a test sets while a process runs: `Date.now()` and `new Date()` jump, as they do when somebody or NTP sets a machine's
 * clock; `performance.now()` and timers go on, as theirs do on a real system.
 */
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { clockVariable } from "./clock-preload.ts"

export interface TestClock {
  /** For the process that is to live by this clock. */
  readonly env: { readonly [name: string]: string }
  /** Sets it off by so many seconds from the real one; 0: right again. The process follows within `clockReadEveryMs`. */
  readonly set: (seconds: number) => Promise<void>
  readonly [Symbol.asyncDispose]: () => Promise<void>
}

export const makeClock = async (): Promise<TestClock> => {
  const folder = await mkdtemp(join(tmpdir(), "meshes-clock-"))
  const file = join(folder, "offset-ms")
  const set = async (seconds: number) => {
    // Never half-written.
    await writeFile(`${file}.new`, String(Math.round(seconds * 1000)))
    await rename(`${file}.new`, file)
  }
  await set(0)
  const preload = new URL("clock-preload.ts", import.meta.url).href
  return {
    env: {
      [clockVariable]: file,
      NODE_OPTIONS: `${process.env["NODE_OPTIONS"] ?? ""} --import ${preload}`.trim(),
    },
    set,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  }
}
