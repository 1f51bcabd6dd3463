/**
 * Times as people give them to commands: how long ago, a day, or exactly.
 */
import * as Flag from "effect/cli/Flag"
import * as Option from "effect/Option"
import { parseDuration } from "../config/duration.ts"
import { isTime } from "../model/envelope.ts"

const form = '"2 hours" (ago), "today", "yesterday", a day such as 2026-01-31, or a time such as 2026-01-31T09:30:00Z'

const dayMs = 86_400_000

/** Milliseconds since 1970. Days begin in UTC, as all times are shown in it. */
export const parseMoment = (text: string, now: number): number | undefined => {
  const today = now - (now % dayMs)
  if (text === "today") return today
  if (text === "yesterday") return today - dayMs
  if (/^\d{4}-\d{2}-\d{2}$/.test(text)) return parseMoment(`${text}T00:00:00Z`, now)
  if (isTime(text)) return Date.parse(text)
  const ago = parseDuration(text)
  return ago === undefined ? undefined : now - ago
}

export const momentFlag = (name: string, description: string) =>
  Flag.String(name).pipe(
    Flag.filter(
      (text) => parseMoment(text, Date.now()) !== undefined,
      (text) => `"${text}" is not ${form}`,
    ),
    Flag.optional,
    Flag.withDescription(`${description}: ${form}`),
  )

/** As the API takes it. */
export const momentText = (flag: Option.Option<string>): string | undefined =>
  Option.getOrUndefined(Option.map(flag, (text) => new Date(parseMoment(text, Date.now())!).toISOString()))
