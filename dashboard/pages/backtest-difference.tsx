/**
 * What other rules would have made of past events: what is newly matched, what no longer, and whose requests are others.
 */
import { Link } from "wouter"
import { count, Figure } from "../parts/meter.tsx"
import { Card, workspacePath } from "../parts/page.tsx"
import { Table } from "../parts/table.tsx"
import { Time } from "../parts/time.tsx"
import type { Difference } from "./backtest-run.ts"
import "./backtest.css"

type Deviations = Difference["added"]
type Action = Deviations["actions"][number]
type Example = Action["examples"][number]

const kinds = [
  ["added", "Newly matched", "would be delivered, and were not"],
  ["removed", "No longer matched", "were delivered, and would not be"],
  ["changed", "Another request", "would be delivered as before, with another request"],
] as const

export const BacktestDifference = ({
  workspace,
  difference,
}: {
  readonly workspace: string
  readonly difference: Difference
}) => {
  const { events, same, unknown, failed, failures, complete, until, requests, other_revision } = difference
  const none = kinds.every(([kind]) => difference[kind].deliveries === 0)
  return (
    <>
      {!complete && (
        <div className="notice" data-tone="warn">
          <p>
            It was cut off
            {until !== undefined && (
              <>
                {" "}
                at events of <Time at={until} />
              </>
            )}
            : a backtest here looks at so many events and for so long. Choose a narrower range, or run{" "}
            <code>meshes backtest</code>.
          </p>
        </div>
      )}
      <Card title="The difference">
        <dl className="facts">
          <Figure label="Events compared" n={events} />
          <Figure label="Deliveries the same" n={same} />
          {kinds.map(([kind, label]) => (
            <Figure key={kind} label={label} n={difference[kind].deliveries} />
          ))}
        </dl>
        {none && events > 0 && <p>The rules make of these events what was made of them.</p>}
        {events === 0 && <p>No event lies in the range that the filter leaves and the history still knows.</p>}
        {!requests && <p className="dim">Requests are compared only when other rules than those in force are tried.</p>}
        {unknown > 0 && (
          <p className="dim">{count(unknown)} events were left out: the history does not know what became of them.</p>
        )}
        {failed > 0 && <p className="dim">{count(failed)} events were left out: the filter's expression failed.</p>}
        {other_revision > 0 && (
          <p className="dim">
            {count(other_revision)} deliveries were decided by another config than the one in force now, whose requests
            these are held against.
          </p>
        )}
      </Card>
      {failures.length > 0 && (
        <Card title="Rules that failed" flush>
          <Table
            label="Rules that failed"
            records={failures}
            keyOf={({ rule }) => rule}
            columns={[
              { label: "Rule", show: ({ rule }) => rule },
              { label: "Events", number: true, show: (failure) => count(failure.events) },
              { label: "Why, for the first", show: ({ reason }) => reason },
            ]}
          />
        </Card>
      )}
      {kinds.map(([kind, label, meaning]) => (
        <Kind key={kind} workspace={workspace} label={label} meaning={meaning} deviations={difference[kind]} />
      ))}
    </>
  )
}

const Kind = ({
  workspace,
  label,
  meaning,
  deviations: { deliveries, actions },
}: {
  readonly workspace: string
  readonly label: string
  readonly meaning: string
  readonly deviations: Deviations
}) => {
  if (deliveries === 0) return null
  return (
    <Card title={label} acts={<span className="dim">{`${count(deliveries)} ${meaning}`}</span>}>
      {actions.map((one) => (
        <section key={`${one.rule} ${one.action} ${one.connection}`} className="stack">
          <div className="row between">
            <h3>
              {one.rule} → {one.connection}
            </h3>
            <span className="number">{count(one.deliveries)} deliveries</span>
          </div>
          {one.examples.map((example) => (
            <ExampleOf key={example.event} workspace={workspace} example={example} />
          ))}
        </section>
      ))}
    </Card>
  )
}

const ExampleOf = ({ workspace, example }: { readonly workspace: string; readonly example: Example }) => (
  <div className="stack">
    <p>
      <span className="dim">For example </span>
      <Link href={workspacePath(workspace, "events", example.event)}>
        <code>{example.event}</code>
      </Link>
      {example.because !== undefined && <>: {example.because}</>}
    </p>
    {example.differences !== undefined && example.differences.length > 0 && (
      <ul className="diff" aria-label={`How the request for ${example.event} differs`}>
        {example.differences.map(({ path, before, after }) => (
          <li key={path}>
            <code className="diff-path">{path}</code>
            {before !== undefined && (
              <del>
                <span className="visually-hidden">before </span>
                <code>{before}</code>
              </del>
            )}
            {after !== undefined && (
              <ins>
                <span className="visually-hidden">after </span>
                <code>{after}</code>
              </ins>
            )}
          </li>
        ))}
      </ul>
    )}
  </div>
)
