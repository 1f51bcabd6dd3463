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

/** Does a small part of some long work, and then waits, if it is time to. */
export type Pace = <A>(part: () => A | Promise<A>) => Promise<A>

/**
 * For long work that nobody's delivery should wait for: whenever its parts took `limits.guestTurnMs`, it rests for `limits.guestRest` times
 * as long as they took. What it waits for between them counts for nothing.
 */
export const makePace = (): Pace => {
  let worked = 0
  return async (part) => {
    const begun = performance.now()
    const made = await part()
    worked += performance.now() - begun
    if (worked >= limits.guestTurnMs) {
      const rest = worked * limits.guestRest
      worked = 0
      await new Promise((next) => setTimeout(next, rest))
    }
    return made
  }
}

/** For work that nothing else waits for. */
export const unpaced: Pace = async (part) => part()
