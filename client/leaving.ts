/**
 * The moments after which there may be none: Node with nothing left to do, and a page that is put away. What is not there is left alone,
 * so that the same file is right in browsers, Node and workers.
 */

interface Surroundings {
  readonly process?: { readonly on?: Listen; readonly off?: Listen }
  readonly document?: {
    readonly visibilityState?: string
    readonly addEventListener?: Listen
    readonly removeEventListener?: Listen
  }
  readonly addEventListener?: Listen
  readonly removeEventListener?: Listen
}
type Listen = (name: string, listener: () => void) => void

/**
 * @param idle Node would end if this does nothing
 * @param away the page may never run again: only what outlives it helps
 * @returns stops listening
 */
export const onLeaving = (idle: () => void, away: () => void): (() => void) => {
  const here = globalThis as unknown as Surroundings
  const { process, document } = here
  const hidden = () => {
    if (document?.visibilityState === "hidden") away()
  }
  process?.on?.("beforeExit", idle)
  if (document !== undefined) {
    document.addEventListener?.("visibilitychange", hidden)
    here.addEventListener?.("pagehide", away)
  }
  return () => {
    process?.off?.("beforeExit", idle)
    document?.removeEventListener?.("visibilitychange", hidden)
    if (document !== undefined) here.removeEventListener?.("pagehide", away)
  }
}
