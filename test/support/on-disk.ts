/**
 * Looks for a text in every file under a folder, as it stands and in the forms in which it would be as good as plain.
 */
import { spawnSync } from "node:child_process"
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

/** Secrets that a test's processes were given, by the folder of the server whose log they wrote. */
const given = new Map<string, Set<string>>()

/** Shorter ones are found in what is no secret. */
const secretCharactersMin = 10

/** From now on these may not be in the store of the NATS server of this address. */
export const mayNotBeStored = (natsUrl: string, secrets: ReadonlyArray<string>): void => {
  const known = given.get(natsUrl) ?? new Set()
  for (const secret of secrets) if (secret.length >= secretCharactersMin) known.add(secret)
  given.set(natsUrl, known)
}

/** Throws when what was given to processes in confidence stands in one of their files. For large stores too. */
export const expectNothingLeaked = (folder: string, secrets: Iterable<string>): void => {
  const lines = [...secrets]
    .filter(({ length }) => length >= secretCharactersMin)
    .flatMap((secret) => secret.split("\n"))
  if (lines.length === 0) return
  const found = spawnSync("grep", ["-rlaF", "-f", "-", "--exclude=meshes.config.ts", folder], {
    input: lines.join("\n"),
    encoding: "utf8",
  })
  if (found.status === 0) throw new Error(`a secret is in clear in ${found.stdout}`)
}

export const expectNothingStored = (natsUrl: string, folder: string): void =>
  expectNothingLeaked(folder, given.get(natsUrl) ?? [])
