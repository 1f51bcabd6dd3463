/**
 * What a workspace uses of its plan, and what it used in the months before, as bars.
 */
import type { CallOutput } from "../api/contract.ts"
import { calm, useCall } from "../api/use.ts"
import { count, Meter } from "../parts/meter.tsx"
import { Card, Facts } from "../parts/page.tsx"
import { Answered } from "../parts/states.tsx"
import { Time } from "../parts/time.tsx"
import "./usage.css"

type Usage = CallOutput<"GET /api/v1/workspaces/:workspace/usage">

export const UsageCard = ({ workspace }: { readonly workspace: string }) => {
  const usage = useCall("GET /api/v1/workspaces/:workspace/usage", { params: { workspace } }, { every: calm })
  return (
    <Card title="Usage">
      <Answered answer={usage}>{(data) => <UsageOf {...data} />}</Answered>
    </Card>
  )
}

const UsageOf = ({ month, plan, limit, events, deliveries, attempts, months, incomplete_before }: Usage) => (
  <>
    {limit !== undefined && (
      <>
        <Meter
          label={`Events in ${month}${limit.pooled ? ", all workspaces of the account" : ""}`}
          used={limit.used}
          limit={limit.limit}
        />
        <p className="dim note">
          {limit.overage === "reject" ? "At the limit, events are refused" : "Beyond the limit, events are counted"}{" "}
          until <Time at={limit.resets_at} />.
        </p>
      </>
    )}
    <Facts
      of={{
        Plan: plan ?? (limit === undefined ? "without limits" : undefined),
        [`Events in ${month}`]: count(events),
        Deliveries: count(deliveries),
        Attempts: count(attempts),
      }}
    />
    {months.length > 1 && <Months months={months} />}
    {incomplete_before !== undefined && (
      <p className="dim note">
        Of what happened before <Time at={incomplete_before} />, some may be missing.
      </p>
    )}
  </>
)

/** @param months all that are known, this one too */
const Months = ({ months }: Pick<Usage, "months">) => {
  const most = Math.max(1, ...months.map(({ events }) => events))
  return (
    <table className="months" aria-label="Events by month">
      <tbody>
        {months
          .toSorted((a, b) => b.month.localeCompare(a.month))
          .map(({ month, events }) => (
            <tr key={month}>
              <th scope="row">{month}</th>
              <td className="number">{count(events)}</td>
              <td aria-hidden="true">
                <svg width="100%" height="8">
                  <rect width={`${(events / most) * 100}%`} height="8" rx="3" />
                </svg>
              </td>
            </tr>
          ))}
      </tbody>
    </table>
  )
}
