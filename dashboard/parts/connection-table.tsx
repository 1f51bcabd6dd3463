/**
 * Connections as a table, the same wherever they are listed.
 */
import type { ReactNode } from "react"
import { Link } from "wouter"
import type { RecordOf } from "../api/contract.ts"
import type { useList } from "../api/use.ts"
import { count } from "./meter.tsx"
import { workspacePath } from "./page.tsx"
import { Status } from "./status.tsx"
import { type Column, ListTable } from "./table.tsx"
import { Time } from "./time.tsx"

const name = "GET /api/v1/workspaces/:workspace/connections"
export type ConnectionRecord = RecordOf<typeof name>

/** Statuses of deliveries that make up a backlog. */
export const waiting = "pending,processing,retrying"

const columns: ReadonlyArray<Column<ConnectionRecord>> = [
  {
    label: "Connection",
    show: ({ id, workspace }) => <Link href={workspacePath(workspace, "connections", id)}>{id}</Link>,
  },
  { label: "Connector", show: ({ connector }) => connector },
  { label: "State", show: (one) => <StateSince {...one} /> },
  {
    label: "Backlog",
    number: true,
    show: ({ id, workspace, backlog }) =>
      backlog === undefined ? (
        <NotTold />
      ) : backlog === 0 ? (
        "0"
      ) : (
        <Link href={`${workspacePath(workspace, "deliveries")}?connection=${encodeURIComponent(id)}&status=${waiting}`}>
          {count(backlog)}
        </Link>
      ),
  },
  {
    label: "Last success",
    show: ({ last_success_at: at, backlog }) =>
      at !== undefined ? (
        <Time at={at} how="ago" />
      ) : backlog === undefined ? (
        <NotTold />
      ) : (
        <span className="dim">none yet</span>
      ),
  },
  {
    label: "Last failure",
    show: ({ last_failure: failure, backlog }) =>
      failure !== undefined ? (
        <LastFailure {...failure} />
      ) : backlog === undefined ? (
        <NotTold />
      ) : (
        <span className="dim">none</span>
      ),
  },
]

/** The history is being made anew, or it is of more than one may see. */
const NotTold = () => <span className="dim">not known</span>

/** A reason begins with a word for programs where the runtime gave it; people have what follows. */
export const why = (reason: string): string => reason.replace(/^[a-z]+(?:_[a-z]+)+: /, "").replaceAll("_", " ")

export const StateSince = ({ state, since, reason }: Pick<ConnectionRecord, "state" | "since" | "reason">) => (
  <>
    <Status is={state} />
    {state !== "closed" && since !== undefined && (
      <span className="dim">
        {" "}
        <Time at={since} how="ago" />
      </span>
    )}
    {state !== "closed" && reason !== undefined && reason !== "" && <p className="note">{why(reason)}</p>}
  </>
)

export const LastFailure = ({ at, outcome, http_status, message }: NonNullable<ConnectionRecord["last_failure"]>) => (
  <>
    <Status is={outcome} />{" "}
    <span className="dim">
      {http_status === undefined ? "" : `${http_status}, `}
      <Time at={at} how="ago" />
    </span>
    {message !== undefined && <p className="note">{message}</p>}
  </>
)

export const ConnectionTable = ({
  list,
  empty,
}: {
  readonly list: ReturnType<typeof useList<typeof name>>
  readonly empty: ReactNode
}) => <ListTable label="Connections" list={list} columns={columns} keyOf={({ id }) => id} empty={empty} />
