/**
 * Durations as a config writes them: `"30 seconds"`.
 */

const unitsMs: { readonly [unit: string]: number } = {
  milli: 1,
  second: 1000,
  minute: 60_000,
  hour: 3_600_000,
  day: 86_400_000,
}

const pattern = /^(\d+(?:\.\d+)?) (milli|second|minute|hour|day)s?$/

/** What a duration looks like, for messages. */
export const durationForm = 'a duration such as "30 seconds" (milli, second, minute, hour, day)'

/** The duration in milliseconds, whole; `undefined` if it is not one. */
export const parseDuration = (text: unknown): number | undefined => {
  const match = typeof text === "string" ? pattern.exec(text) : null
  return match === null ? undefined : Math.round(Number(match[1]) * unitsMs[match[2]!]!)
}

/** A whole number of milliseconds as a config writes it: in the largest unit of which it is a whole number. */
export const durationText = (ms: number): string => {
  const [unit, size] = Object.entries(unitsMs).findLast((one) => ms % one[1] === 0)!
  return `${ms / size} ${unit}${ms === size ? "" : "s"}`
}
