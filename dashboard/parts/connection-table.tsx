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
        <span className="dim">not known</span>
      ) : backlog === 0 ? (
        "0"
      ) : (
        <Link href={`${workspacePath(workspace, "deliveries")}?connection=${encodeURIComponent(id)}&status=processing`}>
          {count(backlog)}
        </Link>
      ),
  },
  {
    label: "Last success",
    show: ({ last_success_at: at }) => (at === undefined ? <None /> : <Time at={at} how="ago" />),
  },
  { label: "Last failure", show: ({ last_failure: failure }) => <LastFailure failure={failure} /> },
]

const None = () => <span className="dim">none yet</span>

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

export const LastFailure = ({ failure }: { readonly failure: ConnectionRecord["last_failure"] }) =>
  failure === undefined ? (
    <span className="dim">none</span>
  ) : (
    <>
      <Status is={failure.outcome} />{" "}
      <span className="dim">
        {failure.http_status === undefined ? "" : `${failure.http_status}, `}
        <Time at={failure.at} how="ago" />
      </span>
      {failure.message !== undefined && <p className="note">{failure.message}</p>}
    </>
  )

export const ConnectionTable = ({
  list,
  empty,
}: {
  readonly list: ReturnType<typeof useList<typeof name>>
  readonly empty: ReactNode
}) => <ListTable label="Connections" list={list} columns={columns} keyOf={({ id }) => id} empty={empty} />
