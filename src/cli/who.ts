/**
 * Who uses the command line: kept with what a person does.
 */
import { userInfo } from "node:os"

/** `cli:<user>` */
export const whoAmI = (): string => {
  try {
    return `cli:${userInfo().username}`
  } catch {
    return "cli"
  }
}
