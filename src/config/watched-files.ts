/**
 * Whether the files of a config are others than when they were read. It looks at them now and then: a file that is mounted, from another
 * machine, by a link that is turned, or alone into a container, is often changed without a word to whoever listens for changes.
 */
import { stat } from "node:fs/promises"

export class WatchedFiles {
  /** By file, what it was when it was read. */
  #read = new Map<string, string>()
  #looked = ""

  /** A load begins: it reads what is there now, or what comes while it reads. */
  async begin(): Promise<void> {
    this.#read = await printsOf(this.#read.keys())
  }

  /** A load ended. @param whole it is known that there are no others */
  async end(files: ReadonlySet<string>, whole: boolean): Promise<void> {
    if (whole) for (const file of this.#read.keys()) if (!files.has(file)) this.#read.delete(file)
    const found = await printsOf([...files].filter((file) => !this.#read.has(file)))
    for (const [file, print] of found) this.#read.set(file, print)
  }

  /** `true` when something changed and has been so since the last look: files are written in several steps. */
  async changed(): Promise<boolean> {
    const now = textOf(await printsOf(this.#read.keys()))
    const settled = now === this.#looked
    this.#looked = now
    return settled && now !== textOf(this.#read)
  }
}

const printsOf = async (files: Iterable<string>): Promise<Map<string, string>> =>
  new Map(
    await Promise.all(
      [...files].map(async (file): Promise<[string, string]> => {
        try {
          const { ino, size, mtimeMs } = await stat(file)
          return [file, `${ino} ${size} ${mtimeMs}`]
        } catch (cause) {
          return [file, (cause as NodeJS.ErrnoException).code ?? ""]
        }
      }),
    ),
  )

const textOf = (prints: ReadonlyMap<string, string>): string => JSON.stringify([...prints])
