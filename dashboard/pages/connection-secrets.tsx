/**
 * The secrets that a connection needs: whether each is set, and a form to set it. What is set is never shown.
 */
import { useState, type FormEvent } from "react"
import { useAct } from "../api/use.ts"
import { Button } from "../parts/button.tsx"
import { Box } from "../parts/dialog.tsx"
import { TextField } from "../parts/field.tsx"
import { Card } from "../parts/page.tsx"
import { Failed } from "../parts/states.tsx"
import { Pill } from "../parts/status.tsx"
import { Table } from "../parts/table.tsx"
import { useTell } from "../parts/toast.tsx"
import type { Connection } from "./connection.tsx"

export const SecretsCard = ({
  workspace,
  secrets,
}: {
  readonly workspace: string
  readonly secrets: NonNullable<Connection["secrets"]>
}) => {
  const [setting, setSetting] = useState<string>()
  return (
    <Card title="Secrets" flush>
      <Table
        label="Secrets"
        records={secrets}
        keyOf={({ name }) => name}
        columns={[
          { label: "Secret", show: ({ name }) => <code>{name}</code> },
          {
            label: "State",
            show: ({ set }) => (set ? <Pill tone="good">set</Pill> : <Pill tone="bad">not set</Pill>),
          },
          {
            label: "Change",
            show: ({ name, set }) => (
              <Button size="small" onClick={() => setSetting(name)}>
                {set ? "Replace" : "Set"}
                <span className="visually-hidden"> {name}</span>
              </Button>
            ),
          },
        ]}
      />
      {setting !== undefined && (
        <SetSecret key={setting} workspace={workspace} name={setting} onClose={() => setSetting(undefined)} />
      )}
    </Card>
  )
}

const SetSecret = ({
  workspace,
  name,
  onClose,
}: {
  readonly workspace: string
  readonly name: string
  readonly onClose: () => void
}) => {
  const tell = useTell()
  const [value, setValue] = useState("")
  const set = useAct("PUT /api/v1/workspaces/:workspace/secrets/:name")
  const submit = (event: FormEvent) => {
    event.preventDefault()
    // Told though this form was closed meanwhile.
    void set.mutateAsync({ params: { workspace, name }, body: { value } }).then(
      () => {
        tell.done(`${name} is set: connections that waited for it go on.`)
        onClose()
      },
      () => {},
    )
  }
  return (
    <Box open onClose={onClose} title={`Set ${name}`}>
      <form className="stack" onSubmit={submit}>
        <TextField
          label="Value"
          type="password"
          autoComplete="off"
          required
          autoFocus
          value={value}
          onChange={setValue}
          hint="It is sealed, used from then on by every connection of the workspace that names it, and never shown again."
        />
        {set.error !== null && <Failed problem={set.error} />}
        <div className="dialog-acts">
          <Button onClick={onClose}>Do nothing</Button>
          <Button kind="primary" type="submit" disabled={set.isPending || value === ""}>
            {set.isPending ? "Setting…" : "Set"}
          </Button>
        </div>
      </form>
    </Box>
  )
}
