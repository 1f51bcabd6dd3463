/**
 * What is done to a connection: paused with a reason, resumed, and tested by a call that does no harm.
 */
import { useState, type FormEvent } from "react"
import { useAct, useCall } from "../api/use.ts"
import { Button } from "../parts/button.tsx"
import { Box, ConfirmButton } from "../parts/dialog.tsx"
import { TextField } from "../parts/field.tsx"
import { Status } from "../parts/status.tsx"
import { useTell } from "../parts/toast.tsx"
import { useBound, useMay } from "../session.tsx"
import type { Connection } from "./connection.tsx"

export const ConnectionActs = ({ connection }: { readonly connection: Connection }) => {
  const { id, workspace, connector, state } = connection
  const tell = useTell()
  const [pausing, setPausing] = useState(false)
  const resume = useAct("POST /api/v1/workspaces/:workspace/connections/:connection/resume")
  const described = useCall("GET /api/v1/integrations/:connector", { params: { connector } })
  const params = { workspace, connection: id }
  const may = useMay("operate")
  const bound = useBound()
  if (bound || !may) return null
  return (
    <>
      {described.data?.test === true && <Test {...params} />}
      {state !== "closed" && (
        <ConfirmButton
          label="Resume"
          title={`Resume ${id}?`}
          kind="primary"
          act={() =>
            resume.mutateAsync({ params }).then(() => tell.done(`${id} is resumed: what waited is sent.`), tell.failed)
          }
        >
          <p>
            {state === "open"
              ? "Its destination did not answer well. What waits is sent at once, not only when the runtime tries it again by itself."
              : "What waits is sent at once."}{" "}
            If it fails as before, it is left alone again.
          </p>
        </ConfirmButton>
      )}
      {state !== "paused" && <Button onClick={() => setPausing(true)}>Pause</Button>}
      <Pause {...params} open={pausing} onClose={() => setPausing(false)} />
    </>
  )
}

interface Params {
  readonly workspace: string
  readonly connection: string
}

const Pause = ({ open, onClose, ...params }: Params & { readonly open: boolean; readonly onClose: () => void }) => {
  const tell = useTell()
  const [reason, setReason] = useState("")
  const pause = useAct("POST /api/v1/workspaces/:workspace/connections/:connection/pause")
  const submit = (event: FormEvent) => {
    event.preventDefault()
    pause.mutate(
      { params, body: { reason: reason.trim() } },
      {
        onSuccess: () => {
          tell.done(`${params.connection} is paused: nothing is sent over it until it is resumed.`)
          setReason("")
          onClose()
        },
        onError: tell.failed,
      },
    )
  }
  return (
    <Box open={open} onClose={onClose} title={`Pause ${params.connection}`}>
      <form className="stack" onSubmit={submit}>
        <p>Nothing is sent over it until somebody resumes it. What is meant for it waits, and is not lost.</p>
        <TextField
          label="Reason"
          hint="Others see it. It may be left out."
          value={reason}
          onChange={setReason}
          autoFocus
        />
        <div className="dialog-acts">
          <Button onClick={onClose}>Do nothing</Button>
          <Button kind="primary" type="submit" disabled={pause.isPending}>
            {pause.isPending ? "Pausing…" : "Pause"}
          </Button>
        </div>
      </form>
    </Box>
  )
}

const Test = (params: Params) => {
  const tell = useTell()
  const [open, setOpen] = useState(false)
  const test = useAct("POST /api/v1/workspaces/:workspace/connections/:connection/test")
  const { data } = test
  return (
    <>
      <Button
        disabled={test.isPending}
        onClick={() => test.mutate({ params }, { onSuccess: () => setOpen(true), onError: tell.failed })}
      >
        {test.isPending ? "Testing…" : "Test"}
      </Button>
      <Box
        open={open}
        onClose={() => setOpen(false)}
        title={data?.works === true ? `${params.connection} works` : `${params.connection} does not work`}
      >
        {data !== undefined && (
          <div className="notice" data-tone={data.works ? "good" : "bad"}>
            <div className="stack">
              <p>{data.says}</p>
              <p className="row">
                <Status is={data.outcome} /> {data.status !== undefined && `HTTP ${data.status}`}
              </p>
            </div>
          </div>
        )}
        <div className="dialog-acts">
          <Button onClick={() => setOpen(false)}>Close</Button>
        </div>
      </Box>
    </>
  )
}
