/**
 * Loaded into a process before its own code (`node --import`): its wall clock is then off by the milliseconds that a file says, read
 * anew all the time. `clock.ts` is the other side.
 */
import { readFileSync } from "node:fs"

/** Names the file; unset, nothing is changed. */
export const clockVariable = "MESHES_TEST_CLOCK"
export const clockReadEveryMs = 50

const file = process.env[clockVariable]
if (file !== undefined) {
  const realNow = Date.now
  let offset = 0
  const read = () => {
    try {
      offset = Number(readFileSync(file, "utf8")) || 0
    } catch {
      // The test is over and took its file with it.
    }
  }
  read()
  setInterval(read, clockReadEveryMs).unref()
  const RealDate = Date
  const now = () => realNow() + offset
  RealDate.now = now
  globalThis.Date = new Proxy(RealDate, {
    construct: (target, args, self) => Reflect.construct(target, args.length === 0 ? [now()] : args, self),
    apply: () => new RealDate(now()).toString(),
  })
}
