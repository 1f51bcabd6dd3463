/**
 * Builds the dashboard into `dist/dashboard/`, each file beside itself compressed. `--if-absent`: unless it is there.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { brotliCompressSync, constants } from "node:zlib"
import { build } from "vite"

const root = fileURLToPath(new URL("..", import.meta.url))

/** What gains nothing by it, with what the answer's head costs. */
const worthCompressing = 1024

export const buildDashboard = async (): Promise<void> => {
  await build({ configFile: join(root, "dashboard/vite.config.ts") })
  const folder = join(root, "dist/dashboard")
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const file = join(entry.parentPath, entry.name)
    const content = readFileSync(file)
    if (content.length < worthCompressing) continue
    writeFileSync(`${file}.br`, brotliCompressSync(content, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }))
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const there = process.argv.includes("--if-absent") && existsSync(join(root, "dist/dashboard/index.html"))
  if (!there) await buildDashboard()
}
