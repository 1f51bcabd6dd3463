/**
 * Rules as a picture: event type → condition → action → connection, with what went that way in the last day. Every part leads on.
 */
import type { ReactNode } from "react"
import { Link } from "wouter"
import type { CallInput, RecordOf } from "../api/contract.ts"
import { calm, live, useCall, useList } from "../api/use.ts"
import { ButtonLink, Button } from "../parts/button.tsx"
import { count } from "../parts/meter.tsx"
import { Card, workspacePath } from "../parts/page.tsx"
import { Empty, Failed, Loading, problemOf } from "../parts/states.tsx"
import { Status } from "../parts/status.tsx"
import { useBound, useMay } from "../session.tsx"
import { useSteps } from "../parts/activity.tsx"
import "./rules.css"

type Rule = RecordOf<"GET /api/v1/workspaces/:workspace/rules">
type Action = Rule["actions"][number]
type When = NonNullable<Rule["when"]>

const dayMs = 24 * 3_600_000
const countedStepMs = 15 * 60_000

/** As many as a page of the API's may have: those beyond it are shown without their states. */
const namesMax = "200"

interface Counts {
  readonly delivered: number
  readonly retried: number
  readonly dead: number
}

/** @param connection only rules with an action over it */
export const Rules = ({ workspace, connection }: { readonly workspace: string; readonly connection?: string }) => {
  const counted = !useBound()
  const params = { workspace }
  const query = connection === undefined ? {} : { connection }
  const list = useList("GET /api/v1/workspaces/:workspace/rules", { params, query }, { every: calm })
  const known = { params, query: { limit: namesMax } }
  const connections = useCall("GET /api/v1/workspaces/:workspace/connections", known, { every: live })
  const types = useCall("GET /api/v1/workspaces/:workspace/event-types", known, { every: calm })
  const from = new Date(useSteps(dayMs, countedStepMs)).toISOString()
  const activity: CallInput<"GET /api/v1/workspaces/:workspace/activity"> = {
    params,
    query: { by: "rule_connection", from },
  }
  const counts = useCall("GET /api/v1/workspaces/:workspace/activity", activity, { every: live, enabled: counted })
  const states = new Map(connections.data?.records.map(({ id, state }) => [id, state]))
  const { records } = list
  const problem = problemOf(list)
  return (
    <Card title={connection === undefined ? "Rules" : "Rules that use it"} flush>
      {problem !== null && <Failed problem={problem} asksAgain />}
      {records === undefined ? (
        problem === null && <Loading />
      ) : records.length === 0 ? (
        <NoRule workspace={workspace} />
      ) : (
        records.map((rule) => (
          <RulePicture
            key={rule.id}
            workspace={workspace}
            rule={rule}
            stateOf={(id) => states.get(id)}
            types={types.data?.records.map(({ type }) => type) ?? []}
            countsOf={(id) =>
              counts.data &&
              (counts.data.records.find((one) => one.rule === rule.id && one.connection === id) ?? nothing)
            }
          />
        ))
      )}
      {list.hasNextPage && (
        <div className="card-body">
          <Button onClick={() => void list.fetchNextPage()} disabled={list.isFetchingNextPage}>
            {list.isFetchingNextPage ? "Loading…" : "More"}
          </Button>
        </div>
      )}
    </Card>
  )
}

const nothing: Counts = { delivered: 0, retried: 0, dead: 0 }

const NoRule = ({ workspace }: { readonly workspace: string }) => (
  <Empty title="No rule yet">
    <p>
      Events are stored, and go nowhere. Say under <code>workspaces.{workspace}.rules</code> of{" "}
      <code>meshes.config.ts</code> which events make which actions:
    </p>
    <p>
      <code>{'"new-lead": { on: "lead.created", actions: [{ connection: "crm" }] }'}</code>
    </p>
  </Empty>
)

const RulePicture = ({
  workspace,
  rule,
  types,
  stateOf,
  countsOf,
}: {
  readonly workspace: string
  readonly rule: Rule
  /** Types of events that are known in the workspace. */
  readonly types: ReadonlyArray<string>
  readonly stateOf: (connection: string) => string | undefined
  /** `undefined`: not known. */
  readonly countsOf: (connection: string) => Counts | undefined
}) => {
  const its = `rule=${encodeURIComponent(rule.id)}`
  const deliveries = `${workspacePath(workspace, "deliveries")}?${its}`
  return (
    <article className="rule" aria-label={`Rule ${rule.id}`}>
      <header className="rule-head">
        <h3>
          <Link href={deliveries} title="Its deliveries">
            {rule.id}
          </Link>
        </h3>
        {useMay("operate") && (
          <ButtonLink to={`${workspacePath(workspace, "replays", "new")}?${its}`} size="small">
            Try<span className="visually-hidden"> the rule {rule.id} over events of the past</span>
          </ButtonLink>
        )}
      </header>
      <div className="flow">
        <Step label="When">
          <ul>
            {rule.on.map((pattern) => (
              <li key={pattern}>
                <Pattern workspace={workspace} pattern={pattern} types={types} />
              </li>
            ))}
          </ul>
        </Step>
        <Arrow />
        <Step label="If">
          {rule.when === undefined ? <span className="dim">always</span> : <Condition {...rule.when} />}
        </Step>
        <ul className="flow-branches" aria-label="Then">
          {rule.actions.map((action) => (
            <Branch
              key={action.index}
              workspace={workspace}
              action={action}
              state={stateOf(action.connection)}
              counts={countsOf(action.connection)}
              deliveries={deliveries}
            />
          ))}
        </ul>
      </div>
    </article>
  )
}

const Step = ({ label, children }: { readonly label: string; readonly children: ReactNode }) => (
  <div className="flow-step">
    <p className="flow-label">{label}</p>
    {children}
  </div>
)

const Arrow = () => (
  <svg className="flow-arrow" viewBox="0 0 28 12" aria-hidden="true">
    <path d="M0 6h25M20 1.5 25.5 6 20 10.5" />
  </svg>
)

/** Known types of a pattern that are shown. */
const matchedMax = 4

/** `*` is one part of a type, `>` one or more; the runtime's own types are meant only where they are named. */
const matchedBy = (pattern: string, types: ReadonlyArray<string>): ReadonlyArray<string> => {
  const parts = pattern.split(".").map((part) => ({ "*": "[^.]+", ">": ".+" })[part] ?? part)
  const shape = new RegExp(`^${parts.join("\\.")}$`)
  return types.filter((type) => shape.test(type) && (!type.startsWith("meshes.") || pattern.startsWith("meshes.")))
}

/** An event type leads to its events; a pattern is none, but the types that are known of it are. */
const Pattern = ({
  workspace,
  pattern,
  types,
}: {
  readonly workspace: string
  readonly pattern: string
  readonly types: ReadonlyArray<string>
}) => {
  const events = workspacePath(workspace, "events")
  const to = (type: string) => `${events}?type=${encodeURIComponent(type)}`
  if (!/[*>]/.test(pattern)) return <Link href={to(pattern)}>{pattern}</Link>
  const matched = pattern === ">" ? [] : matchedBy(pattern, types)
  return (
    <>
      {pattern === ">" ? <Link href={events}>any event</Link> : <code>{pattern}</code>}
      {matched.length > 0 && (
        <ul className="flow-matched">
          {matched.slice(0, matchedMax).map((type) => (
            <li key={type}>
              <Link href={to(type)}>{type}</Link>
            </li>
          ))}
          {matched.length > matchedMax && <li className="dim">and {count(matched.length - matchedMax)} more</li>}
        </ul>
      )}
    </>
  )
}

const Condition = ({ resource, resource_id: id, tags, expression }: When) => (
  <>
    {resource !== undefined && (
      <p>
        about <code>{id === undefined ? resource : `${resource}/${id}`}</code>
      </p>
    )}
    {tags !== undefined && (
      <p>
        the workspace has <code>{tags.join(", ")}</code>
      </p>
    )}
    {expression !== undefined && <code>{expression}</code>}
  </>
)

const Branch = ({
  workspace,
  action,
  state,
  counts,
  deliveries,
}: {
  readonly workspace: string
  readonly action: Action
  readonly state: string | undefined
  readonly counts: Counts | undefined
  readonly deliveries: string
}) => (
  <li className="flow-branch">
    <svg className="flow-arrow flow-into" viewBox="0 0 18 12" aria-hidden="true">
      <path d="M0 6h15M10 1.5 15.5 6 10 10.5" />
    </svg>
    <Step label="Then">
      <code>{action.action}</code>
    </Step>
    <Arrow />
    <div className="flow-step">
      <p className="flow-label">Over</p>
      <p className="row">
        <Link href={workspacePath(workspace, "connections", action.connection)}>{action.connection}</Link>
        {state !== undefined && state !== "closed" && <Status is={state} />}
      </p>
      {counts !== undefined && (
        <p className="flow-counts">
          <Link href={`${deliveries}&connection=${encodeURIComponent(action.connection)}`}>
            <Counted {...counts} />
          </Link>
        </p>
      )}
    </div>
  </li>
)

const Counted = ({ delivered, retried, dead }: Counts) => (
  <>
    <span data-tone={delivered > 0 ? "good" : undefined}>{count(delivered)} delivered</span>
    {retried > 0 && <span data-tone="warn">{count(retried)} tried again</span>}
    {dead > 0 && <span data-tone="bad">{count(dead)} dead</span>}
    <span className="visually-hidden"> in the last 24 hours</span>
  </>
)
