#!/usr/bin/env node
/**
 * The `meshes` command's first file: it says clearly when Node is too old, before anything is loaded that such a Node cannot read.
 */
import * as module from "node:module"

const wanted = [22, 19] as const
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number)

if (major < wanted[0] || (major === wanted[0] && minor < wanted[1])) {
  process.stderr.write(
    `meshes needs Node ${wanted.join(".")} or newer; this is ${process.versions.node} (${process.execPath}).\n` +
      "Install a newer one, or add it to the project (npm install --save-dev node@24) and run meshes from an npm script or with npx.\n",
  )
  process.exit(2)
}

// SIGHUP means to read the config again: while it was not yet read, that is nothing to end for.
if (process.argv.includes("start")) process.on("SIGHUP", () => undefined)

// What was compiled is kept beside the system's temporary files: a command begins in two thirds of the time.
module.enableCompileCache()
await import("./main.ts")
