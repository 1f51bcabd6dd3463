/**
 * Long work in steps, so that what else the process does goes on between them.
 */
import { limits } from "./defaults.ts"

/** Takes the steps, and gives way every `limits.turnMs`. */
export const inTurns = async <A>(steps: Iterator<unknown, A>): Promise<A> => {
  for (let begun = performance.now(); ;) {
    const step = steps.next()
    if (step.done === true) return step.value
    if (performance.now() - begun < limits.turnMs) continue
    await new Promise((next) => setImmediate(next))
    begun = performance.now()
  }
}
