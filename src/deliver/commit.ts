/**
 * Groups outcomes: what finished in the last few milliseconds is stored together, and only then acknowledged (DESIGN §3). One commit is
 * under way at a time; the next gathers meanwhile.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { limits } from "../config/defaults.ts"
import { Work, type Carried, type Outcomes } from "../log/work.ts"
import type { HistoryRecord } from "../model/record.ts"
import { Health } from "../observe/health.ts"

export interface Finished {
  /** The delivery as the attempt left it; its state says what is stored of it besides the record. Absent: the record is all. */
  readonly carried?: Carried
  readonly record: HistoryRecord
  /** Called when everything is stored. */
  readonly acknowledge: () => void
}

export class Committer extends Context.Service<
  Committer,
  {
    readonly add: (finished: Finished) => void
    /** Resolves when all that was added so far is stored. */
    readonly drain: () => Promise<void>
  }
>()("meshes/Committer") {
  static readonly layer = Layer.effect(
    Committer,
    Effect.gen(function* () {
      const work = yield* Work
      const health = yield* Health
      const committer = makeCommitter(work.commit, () => health.beat("commit"))
      health.beat("commit")
      yield* Effect.acquireRelease(
        Effect.sync(() => setInterval(committer.look, limits.idleCheckMs)),
        (timer) => Effect.sync(() => clearInterval(timer)),
      )
      return Committer.of(committer)
    }),
  )
}

const makeCommitter = (store: (outcomes: Outcomes) => Promise<void>, moved: () => void) => {
  let gathered: Array<Finished> = []
  let running: Promise<void> | undefined
  let timer: NodeJS.Timeout | undefined
  let added = 0
  let stored = 0
  let waiting: Array<{ readonly upTo: number; readonly done: () => void }> = []

  const commitOnce = async (): Promise<void> => {
    const group = gathered.splice(0, limits.commitOutcomes)
    const carried = group.flatMap((finished) => finished.carried ?? [])
    await store({
      retries: carried.filter(({ delivery }) => delivery.state === "retrying"),
      dead: carried.filter(({ delivery }) => delivery.state === "dead"),
      records: group.map(({ record }) => record),
    })
    for (const finished of group) finished.acknowledge()
    moved()
    passed(group.length)
  }

  const passed = (count: number): void => {
    stored += count
    for (const { upTo, done } of waiting) if (upTo <= stored) done()
    waiting = waiting.filter(({ upTo }) => upTo > stored)
  }

  const run = async (): Promise<void> => {
    try {
      while (gathered.length > 0) await commitOnce()
    } catch {
      // The log's connection was closed for good: the process ends, and what is not acknowledged is delivered again.
      gathered = []
      passed(added - stored)
    } finally {
      running = undefined
    }
  }

  const start = () => {
    timer = undefined
    running ??= run()
  }

  return {
    add: (finished: Finished) => {
      gathered.push(finished)
      added++
      if (running !== undefined || timer !== undefined) return
      timer = setTimeout(start, limits.commitWindowMs)
    },
    drain: () =>
      new Promise<void>((done) => {
        if (stored >= added) done()
        else waiting.push({ upTo: added, done })
      }),
    /** Nothing to do is progress too. */
    look: () => {
      if (running === undefined && gathered.length === 0) moved()
    },
  }
}
