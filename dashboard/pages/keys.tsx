/**
 * API keys that were made while the runtime ran: who has them, what they may do; made and revoked.
 */
import { useState } from "react"
import type { CallOutput, RecordOf } from "../api/contract.ts"
import { calm, useAct, useList } from "../api/use.ts"
import { Button } from "../parts/button.tsx"
import { Code } from "../parts/code.tsx"
import { Box, ConfirmButton } from "../parts/dialog.tsx"
import { FilterBar, TextFilter, useFilters } from "../parts/filters.tsx"
import { Card, Page } from "../parts/page.tsx"
import { Empty } from "../parts/states.tsx"
import { Pill } from "../parts/status.tsx"
import { ListTable } from "../parts/table.tsx"
import { Time } from "../parts/time.tsx"
import { useTell } from "../parts/toast.tsx"
import { useMay } from "../session.tsx"
import { NewKey } from "./new-key.tsx"
import { Sessions } from "./sessions.tsx"

type Key = RecordOf<"GET /api/v1/keys">
type Created = CallOutput<"POST /api/v1/keys">

export const KeysPage = () => {
  const filters = useFilters(["workspace"])
  const list = useList("GET /api/v1/keys", { query: filters.values }, { every: calm })
  const [asked, setAsked] = useState(false)
  const [created, setCreated] = useState<Created>()
  const mayCreate = useMay("admin")
  const create = (
    <Button kind="primary" onClick={() => setAsked(true)}>
      Create a key
    </Button>
  )
  return (
    <Page
      title="Keys"
      lead="Those that were made here, by the API or by the command line; not the config's and the environment's."
      acts={mayCreate && create}
    >
      <FilterBar label="Filter keys">
        <TextFilter filters={filters} name="workspace" label="Workspace" placeholder="that keys name" />
      </FilterBar>
      <Card title="API keys" flush>
        <ListTable
          list={list}
          label="Keys"
          keyOf={({ id }) => id}
          columns={[
            { label: "Name", show: Named },
            { label: "May", show: May },
            { label: "In", show: ({ workspaces }) => workspaces?.join(", ") ?? <span className="dim">all</span> },
            { label: "Made", show: Made },
            {
              label: "Last used",
              show: ({ last_used_at }) =>
                last_used_at === undefined ? (
                  <span className="dim">not yet</span>
                ) : (
                  <Time at={last_used_at} how="ago" />
                ),
            },
            { label: "Expires", show: Expires },
            { label: "Act", show: (key) => <Revoke apiKey={key} /> },
          ]}
          empty={
            <Empty title={filters.values["workspace"] === undefined ? "No keys were made yet" : "No key names it"}>
              <p>
                Give each program and each person a key of its own that may do what it must and no more: then one can be
                revoked without the others, and the audit says who it was.
              </p>
            </Empty>
          }
        />
      </Card>
      <Sessions workspace={filters.values["workspace"]} />
      <Box open={asked} onClose={() => setAsked(false)} title="Create a key">
        <NewKey
          onCreated={(key) => {
            setAsked(false)
            setCreated(key)
          }}
          onCancel={() => setAsked(false)}
        />
      </Box>
      <Box open={created !== undefined} title="The key is made">
        {created !== undefined && (
          <>
            <p>
              This is <strong>{created.name}</strong>. It is shown now and never again: only its hash is kept.
            </p>
            <Code value={created.key} label="The key" />
            <div className="dialog-acts">
              <Button kind="primary" onClick={() => setCreated(undefined)}>
                I have it
              </Button>
            </div>
          </>
        )}
      </Box>
    </Page>
  )
}

const Named = ({ name, prefix, id }: Key) => (
  <>
    <strong>{name}</strong>
    <div className="dim" title={id}>
      <code>{prefix}…</code>
    </div>
  </>
)

const May = ({ scopes, publishable, allowed_origins, event_types }: Key) => (
  <>
    <div className="row">
      {scopes.map((scope) => (
        <span key={scope} className="tag">
          {scope}
        </span>
      ))}
      {publishable && <Pill tone="accent">publishable</Pill>}
    </div>
    {publishable && (
      <div className="dim">from {allowed_origins === undefined ? "no page" : allowed_origins.join(", ")}</div>
    )}
    {event_types !== undefined && <div className="dim">types {event_types.join(", ")}</div>}
  </>
)

const Made = ({ created_at, created_by }: Key) => (
  <>
    <Time at={created_at} />
    <div className="dim">by {created_by}</div>
  </>
)

const Expires = ({ expires_at }: Key) => {
  if (expires_at === undefined) return <span className="dim">never</span>
  return Date.parse(expires_at) <= Date.now() ? <Pill tone="warn">expired</Pill> : <Time at={expires_at} />
}

const Revoke = ({ apiKey: { id, name, prefix, last_used_at } }: { readonly apiKey: Key }) => {
  const tell = useTell()
  const revoke = useAct("DELETE /api/v1/keys/:id")
  return (
    <ConfirmButton
      label="Revoke"
      title={`Revoke the key ${name}?`}
      kind="danger"
      size="small"
      act={() => revoke.mutateAsync({ params: { id } }).then(() => tell.done(`${name} is revoked.`), tell.failed)}
    >
      <p>
        The key that begins with <code>{prefix}</code> is refused by every replica within a moment, and so is whoever
        signed in with it. That cannot be undone.
      </p>
      <p>
        {last_used_at === undefined ? (
          "It was not used yet, as far as is known."
        ) : (
          <>
            It was last used <Time at={last_used_at} how="ago" />.
          </>
        )}
      </p>
    </ConfirmButton>
  )
}
