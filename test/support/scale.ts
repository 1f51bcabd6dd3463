/**
 * How much of the long tests is run. `npm test` makes short runs of them and leaves some out (`vitest.config.ts`); with
 * `MESHES_TEST_WHOLE=1` all are run, as long as what they promise asks for, as in CI.
 */
export const isWhole = process.env["MESHES_TEST_WHOLE"] === "1"

/** Of a number of repetitions: the whole one, or what is enough to notice that a promise is broken. */
export const inWhole = (whole: number, otherwise: number): number => (isWhole ? whole : otherwise)
