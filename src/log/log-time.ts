/**
 * What time it is for what the log keeps and others act upon: when a retry is due, when an open circuit is tried again. It is the
 * server's time, asked for now and then and counted on by the monotonic clock: the server fires the schedules, and the clocks of replicas
 * differ and jump. A retry that was put off by a clock an hour ahead would wait for an hour.
 */
import type { NatsConnection } from "@nats-io/nats-core"
import { limits } from "../config/defaults.ts"
import { streams } from "./topology.ts"

/** The server's clock less our monotonic one; `undefined` before it was heard of. */
let offsetMs: number | undefined

/** Milliseconds since 1970 by the server's clock; by our own until the server has said. */
export const logTime = (): number => (offsetMs === undefined ? Date.now() : Math.round(performance.now() + offsetMs))

/** The end of the last year that the server can read. */
const timeMax = Date.parse("9999-12-31T23:59:59.999Z")

/** A time as the server reads it, whatever somebody's id or filter made of it. */
export const serverTime = (ms: number): string => new Date(Math.min(Math.max(0, ms), timeMax)).toISOString()

/** Asks the server what time it is, now and again and again. Gives back how to stop that. */
export const followLogTime = (nc: NatsConnection): (() => void) => {
  const ask = async (): Promise<void> => {
    try {
      const asked = performance.now()
      const answer = await nc.request(`$JS.API.STREAM.INFO.${streams.events}`, "", { timeout: limits.logTimeRoundMs })
      const answered = performance.now()
      const said = Date.parse(answer.json<{ readonly ts?: string }>().ts ?? "")
      if (Number.isFinite(said)) offsetMs = said - (asked + answered) / 2
    } catch {
      // Away, or slow: what it said last still holds.
    }
  }
  let timer: NodeJS.Timeout | undefined
  let stopped = false
  const askOn = async () => {
    await ask()
    if (stopped) return
    // The first answer is hurried for: before it all goes by our own clock, and at a very first start there is no stream yet to ask about.
    timer = setTimeout(() => void askOn(), offsetMs === undefined ? limits.logTimeFirstMs : limits.logTimeEveryMs)
    timer.unref()
  }
  void askOn()
  return () => {
    stopped = true
    clearTimeout(timer)
    offsetMs = undefined
  }
}
