/**
 * How all is: rates, what needs somebody, limits that are near.
 */
import type { ReactNode } from "react"
import { Link } from "wouter"
import type { CallOutput } from "../api/contract.ts"
import { live, useCall } from "../api/use.ts"
import { ActivityCard, useActivity } from "../parts/activity.tsx"
import { count } from "../parts/meter.tsx"
import { Card, Page, workspacePath } from "../parts/page.tsx"
import { Answered, Empty } from "../parts/states.tsx"
import { Pill, type Tone } from "../parts/status.tsx"
import { Time } from "../parts/time.tsx"
import { FirstEvent } from "./first-event.tsx"
import "./overview.css"

type Overview = CallOutput<"GET /api/v1/overview">
type Need = Overview["attention"][number]

export const OverviewPage = () => {
  const overview = useCall("GET /api/v1/overview", {}, { every: live })
  const activity = useActivity({})
  const events = activity.data?.buckets.reduce((sum, one) => sum + (one.events ?? 0), 0)
  return (
    <Page title="Overview">
      <Answered answer={overview}>
        {(data) => (
          <>
            <Figures {...data} />
            {data.workspaces === 0 || (data.last_hour.events === 0 && events === 0) ? <FirstEvent {...data} /> : null}
            <Attention {...data} />
          </>
        )}
      </Answered>
      <ActivityCard activity={activity} />
    </Page>
  )
}

const percent = new Intl.NumberFormat(undefined, { style: "percent", maximumFractionDigits: 1 })

const Figures = ({ last_hour, backlog, workspaces }: Overview) => {
  const { events, delivered, retried, dead } = last_hour
  const over = delivered + dead
  return (
    <dl className="figures">
      <Figure label="Events, last hour">{count(events)}</Figure>
      <Figure
        label="Delivered, last hour"
        more={retried === 0 ? undefined : `${count(retried)} attempts to be repeated`}
      >
        {count(delivered)}
      </Figure>
      <Figure
        label="Success, last hour"
        more={dead === 0 ? undefined : `${count(dead)} given up`}
        tone={dead > 0 ? "bad" : undefined}
      >
        {/* Rounded down: all is well only where all is. */}
        {over === 0 ? <span className="dim">–</span> : percent.format(Math.floor((delivered / over) * 1_000) / 1_000)}
      </Figure>
      <Figure label="Backlog" more="deliveries wait or are under way">
        {count(backlog)}
      </Figure>
      <Figure label="Workspaces">
        <Link href="/workspaces">{count(workspaces)}</Link>
      </Figure>
    </dl>
  )
}

const Figure = ({
  label,
  more,
  tone,
  children,
}: {
  readonly label: string
  readonly more?: string | undefined
  readonly tone?: "bad" | undefined
  readonly children: ReactNode
}) => (
  <div className="card figure-card">
    <dt>{label}</dt>
    <dd className="figure-number">{children}</dd>
    {more !== undefined && (
      <dd className="figure-more" data-tone={tone}>
        {more}
      </dd>
    )}
  </div>
)

const kinds: { readonly [K in Need["kind"]]: readonly [tone: Tone, says: string, todo: string] } = {
  limit_reached: ["bad", "limit reached", "See its usage"],
  authorization_refused: ["bad", "authorization refused", "Authorize it"],
  connection_stopped: ["bad", "connection stopped", "Mend it"],
  circuit_open: ["bad", "circuit open", "See why"],
  connection_paused: ["warn", "connection paused", "Resume it"],
  limit_near: ["warn", "limit near", "See its usage"],
}

const Attention = ({ attention, attention_more }: Overview) => (
  <Card title="Needs somebody" flush>
    {attention.length === 0 ? (
      <Empty title="Nothing does">
        <p>No connection is stopped, no circuit is open, and no limit is near.</p>
      </Empty>
    ) : (
      <ul className="needs">
        {attention.map((one) => (
          <Needed key={`${one.kind} ${one.workspace} ${one.connection}`} {...one} />
        ))}
      </ul>
    )}
    {attention_more && (
      <p className="card-body">
        <Link href="/workspaces">There is more: the list of workspaces says how the connections of each are.</Link>
      </p>
    )}
  </Card>
)

const Needed = ({ kind, workspace, connection, account, since, by, message }: Need) => {
  const [tone, says, todo] = kinds[kind]
  const to = connection === undefined ? workspacePath(workspace) : workspacePath(workspace, "connections", connection)
  return (
    <li className="need">
      <Pill tone={tone}>{says}</Pill>
      <div>
        <p className="need-what">
          {connection === undefined ? (
            (account ?? workspace)
          ) : (
            <>
              {connection} <span className="dim">in {workspace}</span>
            </>
          )}
        </p>
        <p className="note">{message}</p>
        {since !== undefined && (
          <p className="dim note">
            <Time at={since} how="ago" />
            {by !== undefined && by !== "runtime" && `, by ${by}`}
          </p>
        )}
      </div>
      <Link href={to} aria-label={`${todo}: ${connection ?? account ?? workspace}`}>
        {todo}
      </Link>
    </li>
  )
}
