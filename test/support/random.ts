/**
 * Numbers that look random and come again from the same seed (mulberry32), so that a run that failed can be repeated.
 */
export const makeRandom = (seed: number): (() => number) => {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** `MESHES_TEST_SEED`, or one from the clock; printed, to be given again. */
export const seedOf = (what: string): number => {
  const seed = Number(process.env["MESHES_TEST_SEED"] ?? Date.now() % 1_000_000)
  console.info(`${what}: seed ${seed} (repeat with MESHES_TEST_SEED=${seed})`)
  return seed
}
