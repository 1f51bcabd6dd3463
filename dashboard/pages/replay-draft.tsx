/**
 * A replay that is yet to begin: what it is to be over, what it would do, and its beginning.
 */
import { useMutation } from "@tanstack/react-query"
import { useLocation } from "wouter"
import { call, type Problem } from "../api/call.ts"
import { useAct } from "../api/use.ts"
import { Button } from "../parts/button.tsx"
import { CheckField } from "../parts/check.tsx"
import { ConfirmButton } from "../parts/dialog.tsx"
import { TextFilter, useFilters } from "../parts/filters.tsx"
import { count } from "../parts/meter.tsx"
import { Card, workspacePath } from "../parts/page.tsx"
import { Empty, Failed, Loading } from "../parts/states.tsx"
import { useTell } from "../parts/toast.tsx"
import { useMay } from "../session.tsx"
import { PastFilter, pastNames, pastOf } from "./past-filter.tsx"
import { alreadyDelivered, type Preview, ReplayPreview } from "./replay-preview.tsx"

const begin = "POST /api/v1/workspaces/:workspace/replays"

export const ReplayDraft = ({ workspace }: { readonly workspace: string }) => {
  const filters = useFilters([...pastNames, "rate", "same_ids"])
  const { rate, same_ids } = filters.values
  const body = {
    ...pastOf(filters.values),
    // What is no number is the server's to refuse: NaN is sent as null, and would be the usual rate.
    ...(rate === undefined ? {} : { rate: Number.isNaN(Number(rate)) ? (rate as never) : Number(rate) }),
    ...(same_ids === "true" ? { same_ids: true } : {}),
  }
  const mayBegin = useMay("operate")
  const preview = useMutation<Preview, Problem, typeof body>({
    mutationFn: async (asked) =>
      (await call(begin, { params: { workspace }, body: { ...asked, dry_run: true } })) as Preview,
  })
  if (!mayBegin) return <Empty title="You may not begin replays">That needs the scope operate.</Empty>
  // What was looked at is of no use once something else is asked for.
  const shown = JSON.stringify(preview.variables) === JSON.stringify(body)
  return (
    <>
      <PastFilter workspace={workspace} filters={filters} earlier>
        <TextFilter filters={filters} name="rate" label="Most a second" placeholder="100" />
      </PastFilter>
      <CheckField
        label="Deliveries keep the ids that they had"
        hint="Receivers that drop repeats drop those that they have: for what was lost, not for what is to be done again."
        checked={same_ids === "true"}
        onChange={(is) => filters.set("same_ids", is ? "true" : "")}
      />
      <div className="row">
        <Button
          kind={preview.data === undefined ? "primary" : "plain"}
          disabled={preview.isPending}
          onClick={() => preview.mutate(body)}
        >
          {preview.isPending ? "Looking…" : shown && preview.data !== undefined ? "Look again" : "Dry run"}
        </Button>
        {shown && preview.data !== undefined && (
          <Start workspace={workspace} body={body} preview={preview.data} rate={body.rate ?? 100} />
        )}
      </div>
      {!shown ? (
        <Card>
          <p className="dim">
            A dry run counts what would be delivered, by rule and connection, tells what became of it before, and shows
            the first requests. Nothing is sent.
          </p>
        </Card>
      ) : preview.error !== null ? (
        <Failed problem={preview.error} />
      ) : preview.data === undefined ? (
        <Card>
          <Loading label="Looking at events" />
        </Card>
      ) : (
        <ReplayPreview workspace={workspace} preview={preview.data} />
      )}
    </>
  )
}

const Start = ({
  workspace,
  body,
  preview,
  rate,
}: {
  readonly workspace: string
  readonly body: object
  readonly preview: Preview
  readonly rate: number
}) => {
  const [, go] = useLocation()
  const tell = useTell()
  const act = useAct(begin)
  const before = alreadyDelivered(preview)
  const deliveries = `${preview.complete ? "" : "at least "}${count(preview.deliveries)} deliveries`
  const connections = [...new Set(preview.by.map(({ connection }) => connection))]
  return (
    <ConfirmButton
      label="Start the replay"
      title={`Start a replay of ${deliveries}?`}
      kind="primary"
      disabled={preview.deliveries === 0}
      act={() =>
        act.mutateAsync({ params: { workspace }, body }).then((replay) => {
          tell.done("The replay has begun.")
          if ("id" in replay) go(workspacePath(workspace, "replays", replay.id))
        }, tell.failed)
      }
    >
      <p>
        {count(preview.matched)} events become {deliveries} over {connections.join(", ")}, {count(rate)} a second at
        most.
      </p>
      {before > 0 && (
        <p>
          <strong>{count(before)}</strong> of them were delivered before: their destinations get them once more.
        </p>
      )}
      <p className="dim">What was stored since the dry run is included.</p>
    </ConfirmButton>
  )
}
