/**
 * What was given up, counted by connection and reason, and chosen by it to be sent again.
 */
import { useState } from "react"
import { Link } from "wouter"
import type { CallOutput } from "../api/contract.ts"
import { calm, live, useCall } from "../api/use.ts"
import { Button } from "../parts/button.tsx"
import type { Filters } from "../parts/filters.tsx"
import { Behind } from "../parts/live.tsx"
import { ManyButton } from "../parts/many.tsx"
import { count } from "../parts/meter.tsx"
import { Card, useWorkspace, workspacePath } from "../parts/page.tsx"
import { Answered, Empty } from "../parts/states.tsx"
import { Status } from "../parts/status.tsx"
import { Table, type Column } from "../parts/table.tsx"
import { Time } from "../parts/time.tsx"
import { useMay } from "../session.tsx"
import { filtersOf, reasonsOf, type Reason } from "./reasons.ts"

/** From so many on, counting them costs the runtime more than it is worth every other second. */
const manyLetters = 20_000

type Answer = CallOutput<"GET /api/v1/workspaces/:workspace/dead-letters/groups">

const everyBy = (answer: Answer | undefined): number => {
  const letters = answer?.records.reduce((sum, one) => sum + one.count, 0) ?? 0
  return letters > manyLetters ? calm : live
}

/** They are not counted by these. */
const notCounted = ["rule", "event", "replay"]

/** Whether they can be counted so that the filters leave what is counted, and nothing else is chosen by it. */
export const areCounted = (values: Filters["values"]): boolean => notCounted.every((name) => values[name] === undefined)

export const Groups = ({ filters: { values, set } }: { readonly filters: Filters }) => {
  const workspace = useWorkspace()
  const mayOperate = useMay("operate")
  const within = named(values, ["from", "to", "resource", "resource_id"])
  const query = { ...within, ...named(values, ["connection"]) }
  const groups = useCall(
    "GET /api/v1/workspaces/:workspace/dead-letters/groups",
    { params: { workspace }, query },
    { everyBy },
  )
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set())
  const all = reasonsOf(groups.data?.records ?? [])
  const reasons = all.filter(({ outcome }) => values["outcome"] === undefined || outcome === values["outcome"])
  const picked = reasons.filter(({ key }) => chosen.has(key))
  const columns = columnsOf(workspace, (reason) => {
    set("connection", reason.connection)
    set("outcome", reason.outcome)
  })
  const acts = mayOperate && reasons.length > 0 && (
    <>
      <Button
        size="small"
        kind="quiet"
        onClick={() => setChosen(new Set(picked.length === reasons.length ? [] : reasons.map(({ key }) => key)))}
      >
        {picked.length === reasons.length ? "Select none" : "Select all"}
      </Button>
      <ManyButton
        label={picked.length === 0 ? "Retry selected…" : `Retry selected (${picked.length})…`}
        kind="primary"
        action="retry"
        disabled={picked.length === 0}
        filters={filtersOf(picked, all).map((filter) => ({ ...filter, ...within }))}
        onBegun={() => setChosen(new Set())}
      />
    </>
  )
  return (
    <Card title="By connection and reason" acts={acts} flush>
      <Behind asOf={groups.data?.as_of} />
      <Answered answer={groups}>
        {({ complete }) =>
          reasons.length === 0 ? (
            <NoLetters narrowed={Object.keys(values).length > 0} />
          ) : (
            <>
              <Table
                label="Dead letters by connection and reason"
                records={reasons}
                keyOf={({ key }) => key}
                columns={mayOperate ? [choiceColumn(chosen, setChosen), ...columns] : columns}
              />
              {!complete && (
                <p className="card-body dim">
                  There are more than are counted here: a time or a connection narrows it.
                </p>
              )}
            </>
          )
        }
      </Answered>
    </Card>
  )
}

const named = (values: Filters["values"], names: ReadonlyArray<string>): Filters["values"] =>
  Object.fromEntries(Object.entries(values).filter(([name]) => names.includes(name)))

const choiceColumn = (chosen: ReadonlySet<string>, setChosen: (keys: ReadonlySet<string>) => void): Column<Reason> => ({
  label: "Select",
  show: ({ key, connection, outcome }) => (
    <input
      type="checkbox"
      aria-label={`Select ${connection}, ${outcome.replaceAll("_", " ")}`}
      checked={chosen.has(key)}
      onChange={({ target: { checked } }) =>
        setChosen(new Set(checked ? [...chosen, key] : [...chosen].filter((one) => one !== key)))
      }
    />
  ),
})

/** @param list shows a reason's deliveries in the list below */
const columnsOf = (workspace: string, list: (reason: Reason) => void): ReadonlyArray<Column<Reason>> => [
  {
    label: "Connection",
    show: ({ connection }) => (
      <div className="short">
        <Link href={workspacePath(workspace, "connections", connection)}>{connection}</Link>
      </div>
    ),
  },
  { label: "Reason", show: (reason) => <Why reason={reason} /> },
  { label: "Count", number: true, show: (reason) => count(reason.count) },
  { label: "First", show: ({ first_at }) => <Time at={first_at} /> },
  { label: "Last", show: ({ last_at }) => <Time at={last_at} /> },
  {
    label: "Deliveries",
    show: (reason) => (
      <span className="row nowrap">
        <Button size="small" onClick={() => list(reason)}>
          List
        </Button>
        <Link href={workspacePath(workspace, "deliveries", reason.example)}>Latest</Link>
      </span>
    ),
  },
]

const Why = ({ reason: { outcome, answers, message } }: { readonly reason: Reason }) => (
  <span className="last-attempt">
    <Status is={outcome} />
    {answers.map(([status, n]) => (
      <span key={status} className="tag">
        {answers.length === 1 ? status : `${status}: ${count(n)}`}
      </span>
    ))}
    {message !== undefined && <span className="last-message">{message}</span>}
  </span>
)

export const NoLetters = ({ narrowed }: { readonly narrowed: boolean }) =>
  narrowed ? (
    <Empty title="None is so">
      <p>No delivery that was given up fits the filters.</p>
    </Empty>
  ) : (
    <Empty title="Nothing was given up">
      <p>All that rules made of events is delivered, on its way, or canceled. There is nothing to do here.</p>
    </Empty>
  )
