/**
 * Sends events: one request, and the same again while that may help. Ids make repeats harmless, so whatever may be over soon (429, 502,
 * 503, 504, no answer) is tried again, after `Retry-After` where the runtime says so, and never for longer than it remembers an id.
 */
import type { EventFailure, Problem, Published } from "./errors.ts"
import type { Entry } from "./event.ts"

export interface Sending {
  readonly url: string
  readonly headers: { readonly [name: string]: string }
  readonly fetch: typeof fetch
  readonly timeoutMs: number
  readonly attempts: number
  readonly minMs: number
  readonly maxMs: number
  readonly giveUpAfterMs: number
}

/** What became of one event. */
export type Fate = { readonly published: Published } | { readonly failure: EventFailure; readonly again: boolean }

export interface Sent {
  /** One an event, in order. */
  readonly fates: ReadonlyArray<Fate>
  /** Where the request failed as a whole. */
  readonly problem?: Problem | undefined
  readonly retryAfterMs?: number | undefined
  readonly cause?: unknown
}

/** Statuses that may be another one soon. */
const passing: ReadonlySet<number | undefined> = new Set([408, 429, 502, 503, 504])

/** One request. Never fails. */
export const sendOnce = async (entries: ReadonlyArray<Entry>, to: Sending, keepalive = false): Promise<Sent> => {
  const all = (message: string, status: number | undefined, again: boolean, problem: Problem = {}): Sent["fates"] =>
    entries.map((entry) => failed(entry, { ...problem, status, message }, again))
  let status: number
  let retryAfterMs: number | undefined
  let text: string
  try {
    const response = await to.fetch(to.url, {
      method: "POST",
      headers: to.headers,
      body: `[${entries.map((entry) => entry.text).join(",")}]`,
      // A key goes nowhere else.
      redirect: "manual",
      keepalive,
      signal: AbortSignal.timeout(to.timeoutMs),
    })
    status = response.status
    retryAfterMs = waitOf(response.headers.get("retry-after"))
    text = await response.text()
  } catch (cause) {
    return { fates: all(`no answer from ${to.url}: ${reasonOf(cause)}`, undefined, true), cause }
  }
  const body = parsed(text)
  const records = body?.records
  if ((status === 201 || status === 207) && Array.isArray(records) && records.length === entries.length) {
    return { fates: entries.map((entry, i) => fateOf(entry, records[i])), retryAfterMs }
  }
  const problem: Problem | undefined = typeof body?.message === "string" ? body : undefined
  const message =
    problem?.message ?? `${to.url} answered ${status}, and not as a Meshes runtime does: is that its address?`
  return { fates: all(message, status, passing.has(status), problem), problem, retryAfterMs }
}

/**
 * Sends until each event is stored, refused, or given up.
 *
 * @param isSettled whether somebody else has had an event stored meanwhile
 */
export const send = async (
  entries: ReadonlyArray<Entry>,
  to: Sending,
  isSettled: (entry: Entry) => boolean = () => false,
): Promise<Sent> => {
  const fates = new Map<Entry, Fate>()
  const begun = Date.now()
  const isOver = (at: number) => at - begun > to.giveUpAfterMs
  let waiting = entries
  for (let attempt = 1; ; attempt++) {
    const sent = await sendOnce(waiting, to)
    waiting.forEach((entry, i) => fates.set(entry, sent.fates[i]!))
    waiting = waiting.filter((entry) => mayHelp(fates.get(entry)!) && !isSettled(entry))
    const waitMs = (sent.retryAfterMs ?? 0) + backoffMs(attempt, to)
    const over = waiting.length === 0 || attempt >= to.attempts || isOver(Date.now() + waitMs)
    if (!over) await new Promise((next) => setTimeout(next, waitMs))
    // Once more: the machine, or the page, may have slept for longer.
    if (over || isOver(Date.now())) return { ...sent, fates: entries.map((entry) => fates.get(entry)!) }
  }
}

const mayHelp = (fate: Fate): boolean => "again" in fate && fate.again

/** Doubles, between half of it and all of it: clients that failed together do not come back together. */
const backoffMs = (attempt: number, { minMs, maxMs }: Sending): number =>
  Math.min(maxMs, minMs * 2 ** (attempt - 1)) * (0.5 + Math.random() / 2)

/** `Retry-After`: seconds, or a date. */
const waitOf = (value: string | null): number | undefined => {
  if (value === null) return undefined
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now()
  return Number.isNaN(ms) ? undefined : Math.max(0, ms)
}

const fateOf = (entry: Entry, record: any): Fate =>
  record?.event === undefined
    ? failed(entry, record ?? {}, passing.has(record?.status))
    : { published: { ...record.event, duplicate: record.duplicate === true } }

const failed = (
  { id, type, workspace }: Entry,
  { status, message, errors }: { readonly [K in keyof Problem]: Problem[K] | undefined },
  again: boolean,
): Fate => ({
  again,
  failure: {
    id,
    type,
    ...(workspace === undefined ? {} : { workspace }),
    kind: again || (status ?? 0) >= 500 ? "unavailable" : "refused",
    ...(status === undefined ? {} : { status }),
    message: message ?? "the runtime did not say why",
    errors: errors ?? [],
  },
})

const parsed = (text: string): any => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Node hides the reason in the cause. */
const reasonOf = (cause: unknown): string => {
  const error = cause as { readonly message?: string; readonly cause?: { readonly message?: string } }
  return error?.cause?.message || error?.message || String(cause)
}
