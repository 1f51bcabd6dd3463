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

export interface Finished {
  /** The delivery as the attempt left it; its state says what is stored of it besides the record. */
  readonly carried: Carried
  readonly record: HistoryRecord
  /** Called when everything is stored. */
  readonly acknowledge: () => void
}

export class Committer extends Context.Service<
  Committer,
  {
    readonly add: (finished: Finished) => void
    /** Resolves when all that was added is stored. */
    readonly drain: () => Promise<void>
  }
>()("meshes/Committer") {
  static readonly layer = Layer.effect(
    Committer,
    Effect.map(Work, (work) => Committer.of(makeCommitter(work.commit))),
  )
}

const makeCommitter = (store: (outcomes: Outcomes) => Promise<void>) => {
  let gathered: Array<Finished> = []
  let running: Promise<void> | undefined
  let timer: NodeJS.Timeout | undefined

  const commitOnce = async (): Promise<void> => {
    const group = gathered.splice(0, limits.commitOutcomes)
    await store({
      retries: group.filter(({ carried }) => carried.delivery.state === "retrying").map(({ carried }) => carried),
      dead: group.filter(({ carried }) => carried.delivery.state === "dead").map(({ carried }) => carried),
      records: group.map(({ record }) => record),
    })
    for (const finished of group) finished.acknowledge()
  }

  const run = async (): Promise<void> => {
    try {
      while (gathered.length > 0) await commitOnce()
    } catch {
      // The log's connection was closed for good: the process ends, and what is not acknowledged is delivered again.
      gathered = []
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
      if (running !== undefined || timer !== undefined) return
      timer = setTimeout(start, limits.commitWindowMs)
    },
    drain: async () => {
      while (running !== undefined || gathered.length > 0) {
        clearTimeout(timer)
        start()
        await running
      }
    },
  }
}
