/**
 * Builds the dashboard into `dist/dashboard/`, each file beside itself compressed. `--if-older`: only if a source is newer than what is there.
 */
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { brotliCompressSync, constants } from "node:zlib"
import { build } from "vite"

const root = fileURLToPath(new URL("..", import.meta.url))
const sources = join(root, "dashboard")
const target = join(root, "dist/dashboard")

/** What gains nothing by it, with what the answer's head costs; in bytes. */
const worthCompressing = 1024

export const buildDashboard = async (): Promise<void> => {
  const fresh = `${target}-${process.pid}`
  // A test runner has set it otherwise, and libraries would be built as for their developers.
  const before = process.env["NODE_ENV"]
  process.env["NODE_ENV"] = "production"
  await build({ configFile: join(sources, "vite.config.ts"), build: { outDir: fresh } })
  if (before === undefined) delete process.env["NODE_ENV"]
  else process.env["NODE_ENV"] = before
  for (const file of filesIn(fresh)) {
    const content = readFileSync(file)
    if (content.length < worthCompressing) continue
    writeFileSync(`${file}.br`, brotliCompressSync(content, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }))
  }
  // Swapped whole: a runtime may be reading it.
  rmSync(`${fresh}-before`, { recursive: true, force: true })
  if (existsSync(target)) renameSync(target, `${fresh}-before`)
  renameSync(fresh, target)
  rmSync(`${fresh}-before`, { recursive: true, force: true })
}

export const buildDashboardIfOlder = async (): Promise<void> => {
  const built = statSync(join(target, "index.html"), { throwIfNoEntry: false })?.mtimeMs ?? 0
  // The machine that is drawn is the runtime's own, and the words for what is shown.
  const shared = [join(root, "src/deliver/machine.ts"), ...filesIn(join(root, "src/model"))]
  const newest = [...filesIn(sources), ...shared].map((file) => statSync(file).mtimeMs)
  if (built < Math.max(...newest)) await buildDashboard()
}

const filesIn = (folder: string): ReadonlyArray<string> =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await (process.argv.includes("--if-older") ? buildDashboardIfOlder() : buildDashboard())
}
