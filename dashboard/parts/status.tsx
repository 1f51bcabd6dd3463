/**
 * How an event, a delivery or a connection is: in a word, a colour and a shape, so that no one of them is needed to tell.
 */
import type { ReactNode } from "react"

export type Tone = "good" | "warn" | "bad" | "accent" | "idle"

const shapes: { readonly [T in Tone]: ReactNode } = {
  good: <path d="M1.5 5.5 4 8l4.5-6" fill="none" stroke="currentColor" strokeWidth="1.8" />,
  warn: <path d="M5 .8 9.6 9H.4z" fill="currentColor" />,
  bad: <path d="M2 2l6 6M8 2 2 8" fill="none" stroke="currentColor" strokeWidth="1.8" />,
  accent: <circle cx="5" cy="5" r="3.4" fill="currentColor" />,
  idle: <circle cx="5" cy="5" r="3.2" fill="none" stroke="currentColor" strokeWidth="1.6" />,
}

export const Pill = ({ tone, children }: { readonly tone: Tone; readonly children: ReactNode }) => (
  <span className="status" data-tone={tone}>
    <svg viewBox="0 0 10 10" aria-hidden="true">
      {shapes[tone]}
    </svg>
    {children}
  </span>
)

const tones: { readonly [word: string]: Tone } = {
  completed: "good",
  delivered: "good",
  closed: "good",
  done: "good",
  processing: "accent",
  running: "accent",
  sending: "accent",
  retrying: "warn",
  paused: "warn",
  rate_limited: "warn",
  failed: "bad",
  dead: "bad",
  open: "bad",
}

const outcomesThatFailed = /_error$|^(?:auth_failed|blocked|rejected|timeout)$/

export const toneOf = (is: string): Tone => tones[is] ?? (outcomesThatFailed.test(is) ? "bad" : "idle")

/** A status, a circuit's state or an attempt's outcome, as the API calls it. */
export const Status = ({ is }: { readonly is: string }) => <Pill tone={toneOf(is)}>{is.replaceAll("_", " ")}</Pill>
