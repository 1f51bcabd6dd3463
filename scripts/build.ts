/**
 * Makes the publishable package: JavaScript and types below `dist/`, laid out as the sources are, and the dashboard's files.
 */
import { execFileSync } from "node:child_process"
import { chmodSync, rmSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { buildDashboard } from "./build-dashboard.ts"

const root = fileURLToPath(new URL("..", import.meta.url))

for (const folder of ["src", "client", "connectors"]) {
  rmSync(`${root}dist/${folder}`, { recursive: true, force: true })
}
execFileSync(process.execPath, [`${root}node_modules/typescript/bin/tsc`, "-p", "tsconfig.build.json"], {
  cwd: root,
  stdio: "inherit",
})
chmodSync(`${root}dist/src/cli/bin.js`, 0o755)
await buildDashboard()
