/**
 * A connection: how it is and why, what waits for it, and what mends it: pause, resume, test, its secrets, its authorization.
 */
import { Link, useParams } from "wouter"
import type { CallOutput } from "../api/contract.ts"
import { live, useCall } from "../api/use.ts"
import { ActivityCard, useActivity } from "../parts/activity.tsx"
import { LastFailure, waiting, why } from "../parts/connection-table.tsx"
import { count } from "../parts/meter.tsx"
import { Card, Facts, Page, useWorkspace, workspacePath } from "../parts/page.tsx"
import { Answered } from "../parts/states.tsx"
import { Status } from "../parts/status.tsx"
import { Time } from "../parts/time.tsx"
import { useBound } from "../session.tsx"
import { ConnectionActs } from "./connection-acts.tsx"
import { AuthorizationCard } from "./connection-authorization.tsx"
import { SecretsCard } from "./connection-secrets.tsx"
import { Rules } from "./rules.tsx"

export type Connection = CallOutput<"GET /api/v1/workspaces/:workspace/connections/:connection">

export const ConnectionPage = () => {
  const workspace = useWorkspace()
  const { connection: id } = useParams<{ readonly connection: string }>()
  const bound = useBound()
  const connection = useCall(
    "GET /api/v1/workspaces/:workspace/connections/:connection",
    { params: { workspace, connection: id } },
    { every: live },
  )
  return (
    <Page
      title={id}
      crumbs={[{ label: "Connections", to: workspacePath(workspace, "connections") }]}
      acts={connection.data === undefined ? undefined : <ConnectionActs connection={connection.data} />}
    >
      <Answered answer={connection}>
        {(data) => (
          <>
            <State {...data} />
            {data.authorization !== undefined && <AuthorizationCard connection={data} />}
            {data.secrets !== undefined && data.secrets.length > 0 && (
              <SecretsCard workspace={workspace} secrets={data.secrets} />
            )}
            {!bound && <Activity key={`${workspace} ${id}`} workspace={workspace} connection={id} />}
            <Rules workspace={workspace} connection={id} />
            <Connector of={data.connector} />
          </>
        )}
      </Answered>
    </Page>
  )
}

const State = ({ id, workspace, connector, state, since, by, reason, probe_at, ...how }: Connection) => {
  const its = `?connection=${encodeURIComponent(id)}`
  const deliveries = `${workspacePath(workspace, "deliveries")}${its}`
  return (
    <Card
      title="State"
      acts={
        <>
          <Link href={deliveries}>Deliveries</Link>
          <Link href={`${workspacePath(workspace, "dead-letters")}${its}`}>Dead letters</Link>
        </>
      }
    >
      {state !== "closed" && (
        <div className="notice" data-tone={state === "open" ? "bad" : "warn"}>
          <div>
            <p>
              {reason === undefined || reason === ""
                ? by === "runtime"
                  ? "The runtime stopped it."
                  : "No reason was given."
                : why(reason)}
            </p>
            <p className="note">
              {state === "open" ? "The destination is unwell: what is meant for it waits" : "Nothing is sent over it"}
              {since !== undefined && (
                <>
                  {" "}
                  since <Time at={since} />
                </>
              )}
              {by !== undefined && `, by ${by}`}
              {probe_at === undefined ? "." : <>. It is tried again {<Time at={probe_at} how="ago" />}.</>}
            </p>
          </div>
        </div>
      )}
      <Facts
        of={{
          State: <Status is={state} />,
          Connector: connector,
          Backlog:
            how.backlog === undefined ? undefined : how.backlog === 0 ? (
              "nothing waits"
            ) : (
              <Link href={`${deliveries}&status=${waiting}`}>{count(how.backlog)} wait or are under way</Link>
            ),
          "Last success":
            how.last_success_at === undefined ? (
              how.backlog === undefined ? undefined : (
                "none yet"
              )
            ) : (
              <Time at={how.last_success_at} />
            ),
        }}
      />
      {how.last_failure !== undefined && (
        <dl>
          <dt className="dim">Last failure</dt>
          <dd>
            <LastFailure {...how.last_failure} />
          </dd>
        </dl>
      )}
    </Card>
  )
}

const Activity = (of: { readonly workspace: string; readonly connection: string }) => (
  <ActivityCard activity={useActivity(of)} />
)

const Connector = ({ of }: { readonly of: string }) => {
  const connector = useCall("GET /api/v1/integrations/:connector", { params: { connector: of } })
  return (
    <Card title="Connector">
      <Answered answer={connector}>
        {({ title, description, docs, auth, actions, limits }) => (
          <>
            <p>
              <strong>{title}</strong>: {description}
            </p>
            {docs !== undefined && (
              <p>
                <a href={docs} target="_blank" rel="noreferrer">
                  The vendor's documentation
                </a>
              </p>
            )}
            <Facts
              of={{
                "Who is asking is proved by": auth.every(({ kind }) => kind === "none")
                  ? undefined
                  : auth.map(({ kind }) => kind.replaceAll("_", " ")).join(", or "),
                "Calls at once": limits?.["concurrency"] === undefined ? undefined : String(limits["concurrency"]),
                "The vendor's limits": limits?.["says"] === undefined ? undefined : String(limits["says"]),
              }}
            />
            <ul className="grid">
              {actions.map((action) => (
                <li key={action.id}>
                  <code>{action.id}</code> {action.title}
                  {action.description !== undefined && <p className="note">{action.description}</p>}
                </li>
              ))}
            </ul>
          </>
        )}
      </Answered>
    </Card>
  )
}
