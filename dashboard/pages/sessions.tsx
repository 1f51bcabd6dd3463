/**
 * Sessions that were minted for pages of other sites, and are not over.
 */
import { Link } from "wouter"
import type { RecordOf } from "../api/contract.ts"
import { calm, useAct, useList } from "../api/use.ts"
import { ConfirmButton } from "../parts/dialog.tsx"
import { Card, workspacePath } from "../parts/page.tsx"
import { Empty } from "../parts/states.tsx"
import { ListTable } from "../parts/table.tsx"
import { Time } from "../parts/time.tsx"
import { useTell } from "../parts/toast.tsx"

type Session = RecordOf<"GET /api/v1/sessions">

export const Sessions = ({ workspace }: { readonly workspace: string | undefined }) => {
  const query = workspace === undefined ? {} : { workspace }
  const list = useList("GET /api/v1/sessions", { query }, { every: calm })
  return (
    <Card title="Embedded sessions" flush>
      <ListTable
        list={list}
        label="Embedded sessions"
        keyOf={({ id }) => id}
        columns={[
          { label: "For", show: Whose },
          {
            label: "Workspace",
            show: ({ workspace }) => <Link href={workspacePath(workspace)}>{workspace}</Link>,
          },
          { label: "Role", show: ({ role }) => <span className="nowrap">{role}</span> },
          { label: "Only about", show: About },
          { label: "In pages of", show: ({ allowed_origins }) => allowed_origins.join(", ") },
          { label: "Made", show: Made },
          { label: "Ends", show: ({ expires_at }) => <Time at={expires_at} /> },
          { label: "Act", show: (session) => <End session={session} /> },
        ]}
        empty={
          <Empty title="None is under way">
            <p>
              Your server mints one with <code>POST /api/v1/sessions</code> and frames the address that it gets: this
              page for one workspace, inside yours.
            </p>
          </Empty>
        }
      />
    </Card>
  )
}

const Whose = ({ id, user }: Session) => (
  <>
    {user !== undefined && <strong>{user}</strong>}
    <div className="dim">
      <code>{id}</code>
    </div>
  </>
)

const About = ({ resource, resource_id }: Session) =>
  resource === undefined ? (
    <span className="dim">everything</span>
  ) : (
    <code>{resource_id === undefined ? resource : `${resource} ${resource_id}`}</code>
  )

const Made = ({ created_at, created_by }: Session) => (
  <>
    <Time at={created_at} />
    <div className="dim">by {created_by}</div>
  </>
)

const End = ({ session: { id, user, workspace } }: { readonly session: Session }) => {
  const tell = useTell()
  const end = useAct("DELETE /api/v1/sessions/:id")
  return (
    <ConfirmButton
      label="End"
      title="End this session?"
      kind="danger"
      size="small"
      act={() => end.mutateAsync({ params: { id } }).then(() => tell.done("The session is over."), tell.failed)}
    >
      <p>
        {user ?? "Whoever uses it"} sees nothing more of {workspace} within a moment, until another session is minted.
      </p>
    </ConfirmButton>
  )
}
