/**
 * Rules tried on past events: those in force, or others that are written here.
 */
import { useQuery } from "@tanstack/react-query"
import { useState } from "react"
import { call, Problem } from "../api/call.ts"
import { Button } from "../parts/button.tsx"
import { ChoiceFilter, useFilters } from "../parts/filters.tsx"
import { Progress } from "../parts/meter.tsx"
import { Card } from "../parts/page.tsx"
import { Answered, Empty, Failed } from "../parts/states.tsx"
import { useMay, useMayBacktest } from "../session.tsx"
import { BacktestDifference } from "./backtest-difference.tsx"
import { useBacktest, type BacktestBody } from "./backtest-run.ts"
import { PastFilter, pastNames, pastOf } from "./past-filter.tsx"
import { RulesEditor } from "./rules-editor.tsx"

type Rules = NonNullable<BacktestBody["rules"]>
/** What is written as JSON: what is `undefined` is left out of it. */
type Written = { readonly [id: string]: object }

/** All of them: a backtest takes what it is given in place of all that the workspace has. */
const rulesInForce = async (workspace: string, signal: AbortSignal): Promise<Written> => {
  const rules: { [id: string]: object } = {}
  let cursor: string | undefined
  do {
    const query = cursor === undefined ? {} : { cursor }
    const page = await call("GET /api/v1/workspaces/:workspace/rules", { params: { workspace }, query }, signal)
    for (const { id, actions, ...rule } of page.records)
      rules[id] = {
        ...rule,
        actions: actions.map(({ connection, action, map, retry }) => ({ connection, action, map, retry })),
      }
    cursor = page.next_cursor ?? undefined
  } while (cursor !== undefined)
  return rules
}

/** @param first the rule that is to be looked at */
const textOf = (rules: Written, first: string | undefined): string => {
  const mine = first === undefined ? undefined : rules[first]
  return JSON.stringify(mine === undefined ? rules : { [first!]: mine, ...rules }, undefined, 2)
}

const parsed = (text: string): { readonly rules: Rules } | { readonly wrong: string } => {
  try {
    return { rules: JSON.parse(text) as Rules }
  } catch (cause) {
    return { wrong: (cause as Error).message }
  }
}

/** @param draft candidate rules as they were left when the page showed something else */
export const Backtest = ({
  workspace,
  draft,
  onDraft,
}: {
  readonly workspace: string
  readonly draft: string | undefined
  readonly onDraft: (text: string | undefined) => void
}) => {
  const filters = useFilters([...pastNames.filter((name) => name !== "status"), "rules"])
  const { rules: which, ...chosen } = filters.values
  const mayRun = useMayBacktest()
  const mayWrite = useMay("payload:read")
  const candidates = which === "candidate" && mayWrite
  const inForce = useQuery<Written, Problem>({
    queryKey: ["rules in force", workspace],
    queryFn: ({ signal }) => rulesInForce(workspace, signal),
    enabled: candidates,
    staleTime: Number.POSITIVE_INFINITY,
  })
  const { run, start, stop } = useBacktest(workspace)
  const [wrong, setWrong] = useState<string>()
  const [asked, setAsked] = useState<string>()
  if (!mayRun) return <Empty title="You may not run backtests">That needs the scope operate, over all resources.</Empty>
  const text = draft ?? (inForce.data === undefined ? undefined : textOf(inForce.data, chosen["rule"]))
  const asks = JSON.stringify([chosen, candidates && text])
  const begin = () => {
    const given: { readonly rules?: Rules } | { readonly wrong: string } = candidates ? parsed(text!) : {}
    if ("wrong" in given) return setWrong(given.wrong)
    setWrong(undefined)
    setAsked(asks)
    return start({ ...pastOf(chosen), ...given })
  }
  const reset = () => {
    setWrong(undefined)
    onDraft(undefined)
    // There may be others by now.
    void inForce.refetch()
  }
  const problem = run.is === "failed" ? run.problem : undefined
  const ofRules = problem?.errors.filter(({ path }) => /^rules\b/.test(path)) ?? []
  return (
    <>
      <PastFilter workspace={workspace} filters={filters} earlier={false}>
        {mayWrite && (
          <ChoiceFilter
            filters={filters}
            name="rules"
            label="Rules to try"
            all="those in force"
            choices={[["candidate", "others, written here"]]}
          />
        )}
      </PastFilter>
      <p className="dim">
        Without a time: the last 24 hours.{" "}
        {candidates
          ? "What the rules below make of the events is held against what was made of them, and their requests against those by the rules in force."
          : "What the rules in force make of the events is held against what was made of them: what a changed config would have done."}
      </p>
      {candidates && (
        <Answered answer={{ data: text, error: inForce.error }}>
          {(value) => (
            <RulesEditor
              text={value}
              onText={(written) => {
                setWrong(undefined)
                onDraft(written)
              }}
              onReset={draft === undefined ? undefined : reset}
              wrong={wrong}
              errors={ofRules}
            />
          )}
        </Answered>
      )}
      <div className="row">
        {run.is === "running" ? (
          <Button kind="danger" onClick={stop}>
            Stop
          </Button>
        ) : (
          <Button kind="primary" disabled={candidates && text === undefined} onClick={begin}>
            Run the backtest
          </Button>
        )}
      </div>
      {run.is === "running" && (
        <Card title="Under way">
          <Progress label="Events looked at" done={run.events} of={run.of} />
        </Card>
      )}
      {run.is === "stopped" && <p role="status">It was stopped. Nothing is kept of it.</p>}
      {problem !== undefined && ofRules.length < Math.max(1, problem.errors.length) && <Failed problem={problem} />}
      {run.is === "done" && asked !== asks && (
        <p role="status">What is asked has changed since: what follows is as it was asked before.</p>
      )}
      {run.is === "done" && <BacktestDifference workspace={workspace} difference={run.result} />}
    </>
  )
}
