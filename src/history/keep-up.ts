/**
 * The loop that keeps the projection up with the log. Of the processes that share a folder one has the lock and projects; the others
 * wait for it, and take over when that one ends.
 */
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import { limits } from "../config/defaults.ts"
import type { HistoryLog } from "../log/history-log.ts"
import { LogUnavailable } from "../model/errors.ts"
import { Health } from "../observe/health.ts"
import { historyBehind } from "../observe/metrics.ts"
import type { Desk } from "./desk.ts"
import type { Retention } from "./retention.ts"

export const keepUp = (desk: Desk, log: HistoryLog["Service"], retention: () => Retention) =>
  Effect.gen(function* () {
    const health = yield* Health
    const call: <A>(run: () => Promise<A>) => Effect.Effect<A, LogUnavailable> = (run) =>
      Effect.tryPromise({
        try: run,
        catch: (cause) =>
          new LogUnavailable({ operation: "projecting the history", reason: (cause as Error).message, stored: "no" }),
      })
    while (!(yield* call(() => desk.call("claim")))) {
      health.beat("history")
      yield* Effect.sleep(limits.historyClaimMs)
    }
    const { id, first, last } = yield* log.extent
    const { checkpoint, fresh } = yield* call(() => desk.call("open", id, last))
    health.beat("history")
    const lost = first - 1 - checkpoint.seq
    if (checkpoint.seq > 0 && lost > 0) {
      yield* Effect.logWarning(`the log no longer has ${lost} messages of the history that were not projected yet`)
    }
    const begin = Math.max(checkpoint.seq, first - 1)
    const missing = last - begin
    const tells = missing > limits.historyTold
    if (fresh !== undefined || tells) {
      const why = fresh === undefined ? "" : `: it is made anew, as ${fresh}`
      yield* Effect.logInfo(`the history is ${missing} messages behind the log${why}`)
    }
    const feed = yield* log.follow(begin + 1)
    const began = performance.now()
    let looked = began
    let records = 0
    let seq = begin
    let caughtUp = !tells
    let sweepAt = began
    for (;;) {
      const messages = yield* feed.next
      if (messages.length > 0) {
        records += yield* call(() => desk.call("project", messages))
        seq = messages.at(-1)!.seq
      }
      if (messages.length > 0 || feed.alive()) health.beat("history")
      const now = performance.now()
      if (now >= sweepAt && (yield* call(() => desk.call("remove", retention())))) {
        sweepAt = now + limits.historySweepEveryMs
      }
      const reached = !caughtUp && seq >= last
      if (!reached && now - looked < limits.historyTellEveryMs) continue
      looked = now
      const behind = (yield* log.extent).last - seq
      yield* Metric.update(historyBehind, behind)
      if (caughtUp) continue
      caughtUp = reached
      const pace = `${records} records, ${Math.round((records * 1000) / (now - began))} a second`
      const share = Math.floor(((seq - begin) * 100) / missing)
      yield* Effect.logInfo(
        reached
          ? `the history is up with the log: ${pace}`
          : `the history is being projected: ${share} %, ${behind} messages to go; ${pace}`,
      )
    }
  }).pipe(Effect.scoped)
