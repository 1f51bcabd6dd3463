/**
 * Times in the reader's zone, with UTC on hover, and durations.
 */
import { useEffect, useState } from "react"

const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" })
const today = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" })
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" })

const units = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
  ["second", 1_000],
] as const

/** "3 minutes ago", "in 20 seconds". */
export const ago = (ms: number, now = Date.now()): string => {
  const far = ms - now
  const [unit, size] = units.find(([, size]) => Math.abs(far) >= size) ?? units[3]
  return relative.format(Math.trunc(far / size), unit)
}

/** "420 ms", "1.2 s", "3 min". */
export const lasted = (ms: number): string =>
  ms < 1_000 ? `${Math.round(ms)} ms` : ms < 60_000 ? `${(ms / 1_000).toFixed(1)} s` : `${Math.round(ms / 60_000)} min`

/** "2026-11-26 14:05:00.000 UTC" */
export const inUtc = (at: string | number): string =>
  `${new Date(at).toISOString().replace("T", " ").replace("Z", "")} UTC`

/**
 * A moment: the time alone if it is today.
 *
 * @param at RFC 3339, or milliseconds since 1970
 */
export const Time = ({ at, how = "exact" }: { readonly at: string | number; readonly how?: "exact" | "ago" }) => {
  const date = new Date(at)
  const shown =
    how === "ago" ? ago(date.getTime()) : (date.toDateString() === new Date().toDateString() ? today : day).format(date)
  return (
    <time dateTime={date.toISOString()} title={inUtc(at)} className="nowrap">
      {shown}
    </time>
  )
}

/** How long it is until a moment, second by second; then that it is due. */
export const Until = ({ at }: { readonly at: string }) => {
  const [now, setNow] = useState(Date.now)
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1_000)
    return () => clearInterval(timer)
  }, [])
  const left = Math.ceil((Date.parse(at) - now) / 1_000)
  const parts: ReadonlyArray<readonly [number, string]> = [
    [Math.floor(left / 86_400), "d"],
    [Math.floor(left / 3_600) % 24, "h"],
    [Math.floor(left / 60) % 60, "min"],
    [left % 60, "s"],
  ]
  const first = parts.findIndex(([n]) => n > 0)
  return (
    <time dateTime={at} title={inUtc(at)} className="nowrap number">
      {left <= 0
        ? "now"
        : `in ${parts
            .slice(first, first + 2)
            .map(([n, unit]) => `${n} ${unit}`)
            .join(" ")}`}
    </time>
  )
}
