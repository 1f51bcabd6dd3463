/**
 * Who uses the command line: kept with what a person does.
 */
import { hostname, userInfo } from "node:os"
import type { Actor } from "../model/record.ts"
import { version } from "../model/version.ts"

/** `cli:<user>` */
export const whoAmI = (): string => {
  try {
    return `cli:${userInfo().username}`
  } catch {
    return "cli"
  }
}

/** The same with the machine, for the audit. */
export const whoseCommand = (): Actor => ({ by: whoAmI(), from: hostname(), agent: `Meshes/${version}` })
