/**
 * Work that one process on this machine does at a time. The lock ends with the process that holds it.
 */
import { spawn } from "node:child_process"

export const withLock = async <A>(file: string, work: () => Promise<A>): Promise<A> => {
  const holder = spawn("flock", [file, "sh", "-c", "echo held; cat"], { stdio: ["pipe", "pipe", "inherit"] })
  const ended = new Promise<void>((done) => holder.once("close", () => done()))
  await new Promise<void>((held, fail) => {
    holder.stdout.once("data", () => held())
    holder.once("error", fail)
    holder.once("exit", () => fail(new Error(`${file} could not be locked`)))
  })
  try {
    return await work()
  } finally {
    holder.stdin.end()
    await ended
  }
}
