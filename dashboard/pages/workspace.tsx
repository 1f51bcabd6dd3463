/**
 * A workspace: what it uses of its plan, how its connections are, and its rules as a picture.
 */
import { Link } from "wouter"
import { calm, live, useCall, useList } from "../api/use.ts"
import { ActivityCard, useActivity } from "../parts/activity.tsx"
import { ConnectionTable } from "../parts/connection-table.tsx"
import { Card, Facts, Page, useWorkspace, workspacePath } from "../parts/page.tsx"
import { Answered, Empty, NotThere } from "../parts/states.tsx"
import { Pill } from "../parts/status.tsx"
import { ListTable } from "../parts/table.tsx"
import { Time } from "../parts/time.tsx"
import { useBound } from "../session.tsx"
import { NoConnection } from "./connections.tsx"
import { Rules } from "./rules.tsx"
import { UsageCard } from "./usage.tsx"
import { Circuits } from "./workspaces.tsx"

export const WorkspacePage = () => {
  const workspace = useWorkspace()
  const whole = !useBound()
  const about = useWorkspaceCall(workspace)
  // Or each part of the page would say so.
  if (about.error?.status === 404) return <NotThere />
  return (
    <Page title={workspace}>
      <About about={about} workspace={workspace} />
      {whole && <UsageCard workspace={workspace} />}
      {whole && <Activity key={`activity of ${workspace}`} workspace={workspace} />}
      <Connections workspace={workspace} />
      <Rules workspace={workspace} />
      <div className="grid-2">
        <EventTypes workspace={workspace} />
        <Resources workspace={workspace} />
      </div>
    </Page>
  )
}

interface Of {
  readonly workspace: string
}

const useWorkspaceCall = (workspace: string) =>
  useCall("GET /api/v1/workspaces/:workspace", { params: { workspace } }, { every: live })

const About = ({ about, workspace }: Of & { readonly about: ReturnType<typeof useWorkspaceCall> }) => (
  <Card title="Summary">
    <Answered answer={about}>
      {({ account, tags, revision, circuits }) => (
        <Facts
          of={{
            Connections: <Circuits workspace={workspace} {...circuits} />,
            Account: account,
            Tags:
              tags.length === 0 ? undefined : (
                <span className="row">
                  {tags.map((tag) => (
                    <span key={tag} className="tag">
                      {tag}
                    </span>
                  ))}
                </span>
              ),
            "Config in force": <code>{revision}</code>,
          }}
        />
      )}
    </Answered>
  </Card>
)

const Activity = (of: Of) => <ActivityCard activity={useActivity(of)} />

const Connections = ({ workspace }: Of) => (
  <Card title="Connections" acts={<Link href={workspacePath(workspace, "connections")}>Filter</Link>} flush>
    <ConnectionTable
      list={useList("GET /api/v1/workspaces/:workspace/connections", { params: { workspace } }, { every: live })}
      empty={<NoConnection workspace={workspace} />}
    />
  </Card>
)

const NotSeen = () => <span className="dim">not yet</span>

const EventTypes = ({ workspace }: Of) => (
  <Card title="Event types" flush>
    <ListTable
      label="Event types"
      list={useList("GET /api/v1/workspaces/:workspace/event-types", { params: { workspace } }, { every: calm })}
      keyOf={({ type }) => type}
      columns={[
        {
          label: "Type",
          show: ({ type, description }) => (
            <>
              <Link href={`${workspacePath(workspace, "events")}?type=${encodeURIComponent(type)}`}>{type}</Link>
              {description !== undefined && <p className="note">{description}</p>}
            </>
          ),
        },
        {
          label: "Payload",
          show: ({ type, declared, checked }) =>
            type.startsWith("meshes.") ? (
              <span className="dim">the runtime's own</span>
            ) : checked ? (
              <Pill tone="good">checked</Pill>
            ) : (
              <span className="dim">{declared ? "any" : "not declared"}</span>
            ),
        },
        {
          label: "Seen",
          show: ({ last_seen_at: at }) => (at === undefined ? <NotSeen /> : <Time at={at} how="ago" />),
        },
      ]}
      empty={
        <Empty title="No event type yet">
          <p>One is here as soon as it is declared in the config, or an event of it is published.</p>
        </Empty>
      }
    />
  </Card>
)

const Resources = ({ workspace }: Of) => (
  <Card title="Resources" flush>
    <ListTable
      label="Resources"
      list={useList("GET /api/v1/workspaces/:workspace/resources", { params: { workspace } }, { every: calm })}
      keyOf={({ resource }) => resource}
      columns={[
        {
          label: "Resource",
          show: ({ resource }) => (
            <Link href={`${workspacePath(workspace, "events")}?resource=${encodeURIComponent(resource)}`}>
              {resource}
            </Link>
          ),
        },
        {
          label: "Seen",
          show: ({ last_seen_at: at }) => (at === undefined ? <NotSeen /> : <Time at={at} how="ago" />),
        },
      ]}
      empty={
        <Empty title="No resource seen yet">
          <p>
            Events may say what they are about, such as <code>--resource page --resource-id home</code>: then they are
            found by it.
          </p>
        </Empty>
      }
    />
  </Card>
)
