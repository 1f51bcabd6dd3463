/**
 * Backtests as the API asks for them: of one workspace, bounded, and at the pace of a guest. No secret takes part: what is compared is what
 * configs make of events.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { limits } from "../config/defaults.ts"
import { makePace } from "../config/in-turns.ts"
import type { Plan, WorkspacePlan } from "../config/plan.ts"
import type { Past } from "../log/past.ts"
import type { Issue, LogUnavailable, Unusable } from "../model/errors.ts"
import { backtest, type Backtest } from "./backtest.ts"
import { checkBacktest } from "./backtest-request.ts"

const bounds = {
  events: limits.backtestEventsServed,
  ms: limits.backtestServedMs,
  examples: limits.backtestExamplesServed,
}

export interface BoundedBacktest {
  /** What it counts tells of what events hold: it chooses by that. */
  readonly looks: boolean
  readonly examples: number
  /** @param examples those of each action */
  readonly run: (
    examples: number,
    progress: (events: number, of: number) => void,
  ) => Effect.Effect<ReturnType<typeof shownBacktest>, LogUnavailable | Unusable, Past>
}

/** @param plan the config in force, which has the workspace */
export const askBacktest = async (
  plan: Plan,
  workspace: WorkspacePlan,
  value: unknown,
): Promise<Result.Result<BoundedBacktest, ReadonlyArray<Issue>>> =>
  Result.map(
    await checkBacktest(value, plan, workspace, Date.now(), makePace()),
    ({ filter, examples, ...plans }): BoundedBacktest => ({
      looks: plans.against !== undefined || filter.expression !== undefined,
      examples,
      run: (examples, progress) =>
        Effect.suspend(() =>
          Effect.map(
            backtest(filter, { ...plans, env: {}, examples, bounds, pace: makePace(), progress }),
            shownBacktest,
          ),
        ),
    }),
  )

const shownBacktest = ({ otherRevision, until, ...rest }: Backtest) => ({
  ...rest,
  other_revision: otherRevision,
  ...(until === undefined ? {} : { until: new Date(until).toISOString() }),
})
