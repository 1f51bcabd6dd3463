/**
 * The runtime that is running over the data folder: it leaves a note of where it listens (readable by its owner alone, as it holds the
 * admin key that was made when none was configured), so that `publish`, `tail`, `deliveries`, `dead` and `doctor` find it.
 */
import { chmod, mkdir, readFile, rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import type { Settings } from "../config/settings.ts"
import { Unusable } from "../model/errors.ts"

export interface Running {
  readonly pid: number
  readonly http: string
  readonly nats: string
  readonly adminKey?: string
}

const fileOf = (dataDir: string): string => join(dataDir, "runtime.json")

export const leaveNote = async (dataDir: string, running: Running): Promise<void> => {
  await mkdir(dataDir, { recursive: true })
  await writeFile(fileOf(dataDir), `${JSON.stringify(running)}\n`, { mode: 0o600 })
  // The mode above counts only for a new file.
  await chmod(fileOf(dataDir), 0o600)
}

/** Only this process's own: another runtime may have the folder. */
export const removeNote = async (dataDir: string): Promise<void> => {
  if ((await findRunning(dataDir))?.pid === process.pid) await rm(fileOf(dataDir), { force: true })
}

/** `undefined` when none is running here. */
export const findRunning = async (dataDir: string): Promise<Running | undefined> => {
  try {
    const running = JSON.parse(await readFile(fileOf(dataDir), "utf8")) as Running
    process.kill(running.pid, 0)
    return running
  } catch {
    return undefined
  }
}

/** The NATS to read from: the configured one, or the running runtime's own. */
export const natsUrlOf = async (settings: Settings): Promise<string> => {
  if (settings.natsUrl !== undefined) return settings.natsUrl
  const running = await findRunning(settings.dataDir)
  if (running !== undefined) return running.nats
  throw new Unusable({
    message:
      `no runtime is running over ${settings.dataDir}, so its log cannot be read. Start it (meshes start), ` +
      "or name its server with MESHES_NATS_URL, or its data folder with MESHES_DATA_DIR.",
  })
}
