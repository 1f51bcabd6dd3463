/**
 * A backtest under way: told how far it has come, and stopped by hanging up.
 */
import { useEffect, useRef, useState } from "react"
import { Problem, send } from "../api/call.ts"
import type { CallInput, CallOutput } from "../api/contract.ts"
import { brokenOff, linesOf } from "../api/lines.ts"

const backtests = "POST /api/v1/workspaces/:workspace/backtests"
type Answer = CallOutput<typeof backtests>
export type BacktestBody = NonNullable<CallInput<typeof backtests>["body"]>
export type Difference = Extract<Answer, { readonly same: number }>
type Line = Exclude<Answer, Difference>

export type Run =
  | { readonly is: "idle" | "stopped" }
  | { readonly is: "running"; readonly events: number; readonly of: number | undefined }
  | { readonly is: "done"; readonly result: Difference }
  | { readonly is: "failed"; readonly problem: Problem }

const answerOf = async (
  workspace: string,
  body: BacktestBody,
  signal: AbortSignal,
  progress: (events: number, of: number) => void,
): Promise<Difference> => {
  const response = await send(backtests, { params: { workspace }, body }, { signal, accept: "application/x-ndjson" })
  for await (const line of linesOf(response) as AsyncIterable<Line>) {
    if ("progress" in line) progress(line.progress.events, line.progress.of)
    else if ("result" in line) return line.result
    else {
      const { status, ...rest } = line.problem as { readonly status: number }
      throw new Problem(status, rest)
    }
  }
  throw brokenOff()
}

export const useBacktest = (workspace: string) => {
  const [run, setRun] = useState<Run>({ is: "idle" })
  const hangUp = useRef<AbortController>(undefined)
  useEffect(() => () => hangUp.current?.abort(), [])
  return {
    run,
    start: (body: BacktestBody) => {
      hangUp.current?.abort()
      const controller = new AbortController()
      hangUp.current = controller
      // Of one that was stopped, or that another took the place of, nothing more is heard.
      const say = (next: Run) => controller.signal.aborted || setRun(next)
      say({ is: "running", events: 0, of: undefined })
      answerOf(workspace, body, controller.signal, (events, of) => void say({ is: "running", events, of })).then(
        (result) => say({ is: "done", result }),
        (cause: unknown) => say({ is: "failed", problem: cause instanceof Problem ? cause : brokenOff() }),
      )
    },
    stop: () => {
      hangUp.current?.abort()
      setRun({ is: "stopped" })
    },
  }
}
