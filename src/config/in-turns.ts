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

/**
 * For long work that nobody's delivery should wait for: to be asked after each small part of it. Every `limits.guestTurnMs` it rests for
 * `limits.guestRest` times as long as it worked.
 */
export const makePace = (): (() => Promise<void> | undefined) => {
  let begun = performance.now()
  return () => {
    const worked = performance.now() - begun
    if (worked < limits.guestTurnMs) return undefined
    return new Promise((next) => {
      const goOn = () => {
        begun = performance.now()
        next()
      }
      setTimeout(goOn, worked * limits.guestRest)
    })
  }
}
