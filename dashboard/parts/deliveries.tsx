/**
 * Deliveries in a list: what they are of, where they go, how they are and why.
 */
import { Link } from "wouter"
import type { RecordOf } from "../api/contract.ts"
import { useCall } from "../api/use.ts"
import { workspacePath } from "./page.tsx"
import { Status } from "./status.tsx"
import type { Column } from "./table.tsx"
import { Time, Until } from "./time.tsx"

export type DeliveryRecord = RecordOf<"GET /api/v1/workspaces/:workspace/deliveries">

/** Why the last attempt failed; of what was delivered, what was answered. */
const LastAttempt = ({ of: { last_attempt: last } }: { readonly of: DeliveryRecord }) =>
  last === undefined ? (
    <span className="dim">none yet</span>
  ) : (
    <span className="last-attempt">
      {last.outcome !== "delivered" && <Status is={last.outcome} />}
      {last.http_status !== undefined && <span className="tag">{last.http_status}</span>}
      {last.message !== undefined && <span className="last-message">{last.message}</span>}
    </span>
  )

export const deliveryColumn = {
  status: {
    label: "Status",
    show: ({ status }: DeliveryRecord) => <Status is={status} />,
  },
  open: {
    label: "Delivery",
    show: ({ workspace, id, type, connection }: DeliveryRecord) => (
      <Link
        href={workspacePath(workspace, "deliveries", id)}
        aria-label={`Look at the delivery of ${type} to ${connection}`}
      >
        Look
      </Link>
    ),
  },
  event: {
    label: "Event",
    show: ({ type, event, workspace, replay }: DeliveryRecord) => (
      <div className="short">
        <Link href={workspacePath(workspace, "events", event)}>{type}</Link>
        {replay !== undefined && <span className="tag by-replay">replay</span>}
      </div>
    ),
  },
  rule: {
    label: "Rule",
    show: ({ rule, action }: DeliveryRecord) => (
      <>
        <div className="short">{rule}</div>
        {action > 0 && <div className="dim">action {action + 1}</div>}
      </>
    ),
  },
  connection: {
    label: "Connection",
    show: ({ connection, workspace }: DeliveryRecord) => (
      <div className="short">
        <Link href={workspacePath(workspace, "connections", connection)}>{connection}</Link>
      </div>
    ),
  },
  attempts: { label: "Attempts", number: true, show: ({ attempt_count }: DeliveryRecord) => attempt_count },
  last: { label: "Last attempt", show: (delivery: DeliveryRecord) => <LastAttempt of={delivery} /> },
  next: {
    label: "Next attempt",
    show: ({ next_attempt_at: at }: DeliveryRecord) =>
      at === undefined ? <span className="dim">–</span> : <Until at={at} />,
  },
  created: { label: "Created", show: ({ created_at }: DeliveryRecord) => <Time at={created_at} /> },
} satisfies { readonly [name: string]: Column<DeliveryRecord> }

/** How many of an event's deliveries are how. */
export const Outcomes = ({ of }: { readonly of: RecordOf<"GET /api/v1/workspaces/:workspace/events">["counts"] }) => {
  const some = Object.entries(of).filter(([, n]) => n > 0)
  if (some.length === 0) return <span className="dim">no rule wanted it</span>
  return <>{some.map(([status, n]) => `${n} ${status}`).join(", ")}</>
}

/** The names that filters of deliveries choose from. */
export const useNames = (workspace: string) => {
  const input = { params: { workspace }, query: { limit: "200" } }
  const connections = useCall("GET /api/v1/workspaces/:workspace/connections", input)
  const rules = useCall("GET /api/v1/workspaces/:workspace/rules", input)
  return {
    connections: connections.data?.records.map(({ id }) => id) ?? [],
    rules: rules.data?.records.map(({ id }) => id) ?? [],
  }
}
