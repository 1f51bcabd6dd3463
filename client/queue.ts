/**
 * Events in the background. One batch is on its way at a time, so events arrive in the order in which they were emitted, and what is
 * emitted meanwhile is the next batch. An event stays in the queue until it is known what became of it.
 */
import { keepaliveBytes } from "./defaults.ts"
import { failureOf } from "./errors.ts"
import { firstOf, type Entry } from "./event.ts"
import { onLeaving } from "./leaving.ts"
import { send, sendOnce, type Fate, type Sending, type Sent } from "./send.ts"

export interface BatchLimits {
  readonly size: number
  readonly bytes: number
  readonly waitMs: number
  readonly queueEvents: number
  readonly queueBytes: number
}

export interface Queue {
  /** Whether there was room. */
  readonly add: (entry: Entry) => boolean
  /** Resolves when it is known of everything that waits now what became of it. */
  readonly flush: () => Promise<void>
  readonly stop: () => void
}

/** @param failed told of each batch of which something was not stored */
export const makeQueue = (to: Sending, limits: BatchLimits, failed: (sent: Sent) => void): Queue => {
  const queue: Array<Entry> = []
  /** Stored by a request that was made when the page was put away. */
  const stored = new Set<Entry>()
  /** When the first such request was made, in milliseconds. */
  const sentAway = new Map<Entry, number>()
  const flushes: Array<{ readonly last: Entry; readonly done: () => void }> = []
  let bytes = 0
  let timer: ReturnType<typeof setTimeout> | undefined
  let running = false
  let ignore: (() => void) | undefined

  const run = async (): Promise<void> => {
    clearTimeout(timer)
    timer = undefined
    if (running) return
    running = true
    while (queue.length > 0) {
      const batch = firstOf(queue, limits.size, limits.bytes)
      const unknown = batch.filter((entry) => !stored.has(entry))
      // A page may come back after hours: sent again, an event that had arrived would be another one.
      const isLate = (entry: Entry) => Date.now() - (sentAway.get(entry) ?? Number.POSITIVE_INFINITY) > to.giveUpAfterMs
      const late = unknown.filter(isLate)
      if (late.length > 0) failed({ fates: late.map(neverAnswered) })
      const rest = unknown.filter((entry) => !late.includes(entry))
      if (rest.length > 0) {
        const sent = await send(rest, to, (entry) => stored.has(entry))
        const fates = sent.fates.filter((_, i) => !stored.has(rest[i]!))
        if (fates.some((fate) => "failure" in fate)) failed({ ...sent, fates })
      }
      for (const entry of queue.splice(0, batch.length)) {
        bytes -= entry.bytes
        stored.delete(entry)
        sentAway.delete(entry)
        for (const at of [...flushes]) if (at.last === entry) flushes.splice(flushes.indexOf(at), 1)[0]!.done()
      }
    }
    running = false
  }

  /** Everything that is not known to be stored, as far as it may outlive the page. What fails stays in the queue. */
  const leave = (): void => {
    let left = keepaliveBytes
    let waiting: ReadonlyArray<Entry> = queue.filter((entry) => !stored.has(entry))
    while (waiting.length > 0) {
      const batch = firstOf(waiting, limits.size, left)
      left -= batch.reduce((sum, entry) => sum + entry.bytes + 1, 0)
      if (left < 0) return
      waiting = waiting.slice(batch.length)
      for (const entry of batch) if (!sentAway.has(entry)) sentAway.set(entry, Date.now())
      void sendOnce(batch, to, true).then(({ fates }) =>
        fates.forEach((fate, i) => {
          if ("published" in fate && queue.includes(batch[i]!)) stored.add(batch[i]!)
        }),
      )
    }
  }

  return {
    add: (entry) => {
      if (queue.length >= limits.queueEvents || bytes + entry.bytes > limits.queueBytes) return false
      queue.push(entry)
      bytes += entry.bytes
      ignore ??= onLeaving(() => void run(), leave)
      if (queue.length >= limits.size || bytes >= limits.bytes) void run()
      else if (timer === undefined && !running) {
        timer = setTimeout(run, limits.waitMs)
        // Node need not stay for it: there is `beforeExit`.
        ;(timer as { readonly unref?: () => void }).unref?.()
      }
      return true
    },
    flush: () =>
      new Promise((done) => {
        const last = queue.at(-1)
        if (last === undefined) return done()
        flushes.push({ last, done })
        void run()
      }),
    stop: () => ignore?.(),
  }
}

const neverAnswered = (entry: Entry): Fate => ({
  again: false,
  failure: failureOf(
    entry,
    "unavailable",
    "it was sent when the page was put away, and whether it arrived is not known",
  ),
})
