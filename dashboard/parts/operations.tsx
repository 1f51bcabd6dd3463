/**
 * What was asked to be done with many deliveries: how far it has come, and how to stop it.
 */
import type { RecordOf } from "../api/contract.ts"
import { live, useAct, useList } from "../api/use.ts"
import { useMay } from "../session.tsx"
import { Button } from "./button.tsx"
import { count, Progress } from "./meter.tsx"
import { Card, useWorkspace } from "./page.tsx"
import { Status } from "./status.tsx"
import { ListTable, type Column } from "./table.tsx"
import { Time } from "./time.tsx"
import { useTell } from "./toast.tsx"

type Operation = RecordOf<"GET /api/v1/workspaces/:workspace/operations">

const columns: ReadonlyArray<Column<Operation>> = [
  { label: "State", show: ({ state }) => <Status is={state} /> },
  { label: "What", show: (operation) => <What of={operation} /> },
  { label: "By", show: ({ by }) => by },
  { label: "Begun", show: ({ created_at }) => <Time at={created_at} /> },
  { label: "Progress", show: (operation) => <Far operation={operation} /> },
  { label: "Stop", show: (operation) => <Stop operation={operation} /> },
]

/** As many of a workspace may be not over: they are its latest. */
const notOverMax = "20"

/** Those that go on, or those that are over; nothing where there are none. */
export const Operations = ({ are }: { readonly are: "running" | "over" }) => {
  const workspace = useWorkspace()
  const list = useList(
    "GET /api/v1/workspaces/:workspace/operations",
    { params: { workspace }, query: { limit: notOverMax } },
    { every: live },
  )
  const records = list.records?.filter(({ state }) => (state === "running") === (are === "running"))
  if (records === undefined || records.length === 0) return null
  const title = are === "running" ? "Under way" : "Done in bulk before"
  return (
    <Card title={title} flush>
      <ListTable
        label={title}
        list={{ ...list, records, hasNextPage: list.hasNextPage && are === "over" }}
        keyOf={({ id }) => id}
        columns={columns}
        empty={null}
      />
    </Card>
  )
}

const What = ({ of: { action, filter } }: { readonly of: Operation }) => {
  const { status, from, to, ...named } = filter
  return (
    <>
      {action === "retry" ? "Retry" : "Cancel"} {status.join(" or ")}
      {Object.entries(named).map(([name, value]) => (
        <span key={name}>
          {" "}
          <span className="tag">
            {name.replaceAll("_", " ")}: {value.replaceAll("_", " ")}
          </span>
        </span>
      ))}
      {from !== undefined && (
        <>
          {" "}
          from <Time at={from} />
        </>
      )}
      {to !== undefined && (
        <>
          {" "}
          until <Time at={to} />
        </>
      )}
    </>
  )
}

const Far = ({
  operation: { state, action, count: done, skipped, expected, reason, stopped_by },
}: {
  readonly operation: Operation
}) =>
  state === "running" ? (
    <Progress label={action === "retry" ? "Sent again" : "Canceled"} done={done + skipped} of={expected} />
  ) : (
    <>
      {count(done)} {action === "retry" ? "sent again" : "canceled"}
      {skipped > 0 && `, ${count(skipped)} had changed before`}
      {stopped_by !== undefined && `; stopped by ${stopped_by}`}
      {reason !== undefined && `; ${reason}`}
    </>
  )

const Stop = ({ operation: { id, workspace, state } }: { readonly operation: Operation }) => {
  const tell = useTell()
  const stop = useAct("POST /api/v1/workspaces/:workspace/operations/:operation/stop")
  const may = useMay("operate")
  if (state !== "running" || !may) return <span className="dim">–</span>
  return (
    <Button
      size="small"
      disabled={stop.isPending}
      onClick={() => stop.mutate({ params: { workspace, operation: id } }, { onError: tell.failed })}
    >
      Stop
    </Button>
  )
}
