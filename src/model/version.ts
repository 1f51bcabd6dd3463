/**
 * The product's version, from its package.json: two folders up from here in the sources, three in the built package.
 */
import { readFileSync } from "node:fs"

const read = (): string => {
  for (const path of ["../../package.json", "../../../package.json"]) {
    try {
      const found = JSON.parse(readFileSync(new URL(path, import.meta.url), "utf8")) as {
        name?: string
        version?: string
      }
      if (found.name === "meshes" && found.version !== undefined) return found.version
    } catch {
      // Not here: the other layout.
    }
  }
  return "0.0.0"
}

export const version: string = read()
