/**
 * What a replay would do, as a dry run tells it.
 */
import { Link } from "wouter"
import { earlierStates } from "../../src/model/replay.ts"
import type { CallOutput } from "../api/contract.ts"
import { count, Figure } from "../parts/meter.tsx"
import { Card, workspacePath } from "../parts/page.tsx"
import { Request } from "../parts/request.tsx"
import { Empty } from "../parts/states.tsx"
import { Status } from "../parts/status.tsx"
import { Table } from "../parts/table.tsx"
import { useMay } from "../session.tsx"

type Answer = CallOutput<"POST /api/v1/workspaces/:workspace/replays">
export type Preview = Extract<Answer, { readonly requests: unknown }>
type Group = Preview["by"][number]

export const alreadyDelivered = ({ by }: Preview): number =>
  by.reduce((sum, { before }) => sum + (before["delivered"] ?? 0), 0)

export const ReplayPreview = ({ workspace, preview }: { readonly workspace: string; readonly preview: Preview }) => {
  const mayLook = useMay("payload:read")
  return (
    <>
      {!preview.complete && (
        <div className="notice" data-tone="warn">
          More events than these lie in the range: the numbers are of the first ones, and the replay goes on to all.
        </div>
      )}
      <Card title="What would be delivered" flush>
        <dl className="facts padded">
          <Figure label="Events looked at" n={preview.events} />
          <Figure label="Events that the filter leaves" n={preview.matched} />
          <Figure label="Deliveries" n={preview.deliveries} />
          {preview.skipped > 0 && <Figure label="Not made: under way, or too long ago" n={preview.skipped} />}
          {preview.failed > 0 && <Figure label="Events the expression failed for" n={preview.failed} />}
        </dl>
        {preview.by.length === 0 ? (
          <Empty title="Nothing would be delivered">
            <p>
              No rule in force wants any of these events, or the filter leaves none. Choose a wider range or filter.
            </p>
          </Empty>
        ) : (
          <Table
            label="Deliveries by rule and connection"
            records={preview.by}
            keyOf={({ rule, action, connection }) => `${rule} ${action} ${connection}`}
            columns={[
              { label: "Rule", show: ({ rule }) => rule },
              {
                label: "Connection",
                show: ({ connection }) => (
                  <Link href={workspacePath(workspace, "connections", connection)}>{connection}</Link>
                ),
              },
              { label: "Deliveries", number: true, show: ({ deliveries }) => count(deliveries) },
              { label: "What became of them before", show: Before },
            ]}
          />
        )}
      </Card>
      {preview.requests.length > 0 && (
        <Card title="The first requests">
          {preview.requests.map(({ event, rule, connection, connector, action, request, error }, at) => (
            // An event has several, by several actions of a rule.
            // oxlint-disable-next-line react/no-array-index-key
            <section key={at} className="stack" aria-label={`Request ${at + 1}`}>
              <div className="row">
                <h3>
                  {rule} → {connection}
                </h3>
                <span className="dim">
                  {connector} {action}, of{" "}
                  <Link href={workspacePath(workspace, "events", event)}>
                    <code>{event}</code>
                  </Link>
                </span>
              </div>
              {error === undefined ? (
                <Request request={request} label={`Request ${at + 1}: ${rule} to ${connection}`} />
              ) : (
                <div className="notice" data-tone="bad">
                  {error}
                </div>
              )}
            </section>
          ))}
        </Card>
      )}
      {!mayLook && preview.deliveries > 0 && (
        <p className="dim">The requests are made of what events hold: seeing them needs the scope payload:read.</p>
      )}
    </>
  )
}

const Before = ({ before }: Group) => (
  <div className="row">
    {earlierStates.map((state) =>
      before[state] === undefined ? null : (
        <span key={state} className="nowrap">
          {count(before[state])}{" "}
          {state === "none" ? <span className="dim">not made before</span> : <Status is={state} />}
        </span>
      ),
    )}
    {Object.keys(before).length === 0 && <span className="dim">the history does not tell</span>}
  </div>
)
