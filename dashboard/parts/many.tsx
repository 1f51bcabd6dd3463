/**
 * Many deliveries retried or canceled at once: counted first, then done by operations in the background, one for each filter.
 */
import { useQueries } from "@tanstack/react-query"
import { useState } from "react"
import { Link } from "wouter"
import { operableStatuses } from "../../src/model/operation.ts"
import { call, type Problem } from "../api/call.ts"
import type { CallInput, CallOutput } from "../api/contract.ts"
import { useAct } from "../api/use.ts"
import { useMay } from "../session.tsx"
import { Button, type ButtonKind } from "./button.tsx"
import { Box } from "./dialog.tsx"
import type { Filters } from "./filters.tsx"
import { count } from "./meter.tsx"
import { useWorkspace, workspacePath } from "./page.tsx"
import { Failed, Loading } from "./states.tsx"
import { useTell } from "./toast.tsx"

const begin = "POST /api/v1/workspaces/:workspace/operations"
type Request = NonNullable<CallInput<typeof begin>["body"]>
export type ManyFilter = NonNullable<Request["filter"]>

/** What an operation is asked to do with what the filters leave; `undefined`: it could not be asked for these alone. */
export const manyOf = (
  { event, replay, status, ...rest }: Filters["values"],
  action: keyof typeof operableStatuses,
): ManyFilter | undefined => {
  if (event !== undefined || replay !== undefined) return undefined
  const known: ReadonlyArray<string> = operableStatuses[action].known
  const asked = status?.split(",").filter((one) => known.includes(one))
  if (asked?.length === 0) return undefined
  return { ...rest, ...(asked === undefined ? {} : { status: asked }) } as ManyFilter
}

interface Many {
  readonly action: Request["action"]
  readonly filters: ReadonlyArray<ManyFilter>
}

const words = {
  retry: { title: "Retry deliveries", done: "sent again", now: "Retry" },
  cancel: { title: "Cancel deliveries", done: "canceled", now: "Cancel" },
} as const

/** A button that shows how many it would be, and does it if told to. */
export const ManyButton = ({
  label,
  kind = "plain",
  size,
  disabled = false,
  onBegun,
  ...many
}: Many & {
  readonly label: string
  readonly kind?: ButtonKind
  readonly size?: "small"
  readonly disabled?: boolean
  readonly onBegun?: () => void
}) => {
  const [open, setOpen] = useState(false)
  if (!useMay("operate")) return null
  return (
    <>
      <Button kind={kind} {...(size === undefined ? {} : { size })} disabled={disabled} onClick={() => setOpen(true)}>
        {label}
      </Button>
      <Box open={open} onClose={() => setOpen(false)} title={words[many.action].title}>
        <Preview
          {...many}
          onClose={() => setOpen(false)}
          onBegun={() => {
            setOpen(false)
            onBegun?.()
          }}
        />
      </Box>
    </>
  )
}

const Preview = ({
  action,
  filters,
  onClose,
  onBegun,
}: Many & { readonly onClose: () => void; readonly onBegun: () => void }) => {
  const workspace = useWorkspace()
  const tell = useTell()
  const act = useAct(begin)
  const [busy, setBusy] = useState(false)
  const previews = useQueries({
    queries: filters.map((filter) => ({
      queryKey: [begin, "preview", workspace, action, filter],
      queryFn: ({ signal }: { readonly signal: AbortSignal }) =>
        call(begin, { params: { workspace }, body: { action, filter, preview: true } }, signal),
      refetchOnWindowFocus: false,
      // What was counted before is not what would be done now.
      gcTime: 0,
    })),
  })
  const problem = previews.find(({ error }) => error !== null)?.error as Problem | undefined
  if (problem !== undefined) return <Failed problem={problem} act />
  if (previews.some(({ data }) => data === undefined)) return <Loading label="Counting" />
  const counted = previews.map(({ data }) => data!)
  const total = counted.reduce((sum, one) => sum + one.count, 0)
  const doIt = async () => {
    setBusy(true)
    try {
      for (const filter of filters) await act.mutateAsync({ params: { workspace }, body: { action, filter } })
      tell.done(`${deliveries(total)} ${total === 1 ? "is" : "are"} being ${words[action].done}.`)
      onBegun()
    } catch (cause) {
      tell.failed(cause)
      setBusy(false)
    }
  }
  return (
    <>
      <p>
        <strong>{deliveries(total)}</strong> would be {words[action].done}
        {action === "retry"
          ? ", each with all its attempts before it and under its own id."
          : ". Nothing more of them is sent."}
      </p>
      {total > 0 && <ByConnection of={counted} />}
      <p className="dim">
        It is done in the background, and can be stopped: its progress is with the{" "}
        <Link href={workspacePath(workspace, "dead-letters")}>dead letters</Link>. What has changed by then is left
        alone.
      </p>
      <div className="dialog-acts">
        <Button onClick={onClose}>Do nothing</Button>
        <Button
          kind={action === "cancel" ? "danger" : "primary"}
          disabled={busy || total === 0}
          onClick={() => void doIt()}
        >
          {busy ? "Working…" : `${words[action].now} ${deliveries(total)}`}
        </Button>
      </div>
    </>
  )
}

const deliveries = (n: number): string => `${count(n)} ${n === 1 ? "delivery" : "deliveries"}`

const ByConnection = ({ of }: { readonly of: ReadonlyArray<CallOutput<typeof begin>> }) => {
  const sums = new Map<string, number>()
  for (const { by_connection } of of) {
    for (const { connection, count: n } of by_connection) sums.set(connection, (sums.get(connection) ?? 0) + n)
  }
  return (
    <ul aria-label="By connection">
      {[...sums].map(([connection, n]) => (
        <li key={connection} className="row between">
          <span>{connection}</span>
          <span className="number">{count(n)}</span>
        </li>
      ))}
    </ul>
  )
}
