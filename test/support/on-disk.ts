/**
 * Looks for a text in every file under a folder, as it stands and in the forms in which it would be as good as plain.
 */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"

/** The files that hold one of the texts, as `<file>: <which>`. */
export const filesHolding = (folder: string, texts: ReadonlyArray<string>): ReadonlyArray<string> =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .flatMap((entry) => {
      const file = join(entry.parentPath, entry.name)
      const bytes = readFileSync(file)
      return texts
        .filter((text) => formsOf(text).some((form) => bytes.includes(form)))
        .map((text) => `${file}: ${text}`)
    })

const formsOf = (text: string): ReadonlyArray<string> => [
  text,
  encodeURIComponent(text),
  JSON.stringify(text).slice(1, -1),
  Buffer.from(text).toString("base64").replace(/=+$/, ""),
  Buffer.from(text).toString("hex"),
]
