/**
 * What an event would do, rule by rule.
 */
import { Link } from "wouter"
import type { CallOutput } from "../api/contract.ts"
import { ButtonLink } from "../parts/button.tsx"
import { Code } from "../parts/code.tsx"
import { count } from "../parts/meter.tsx"
import { Card, workspacePath } from "../parts/page.tsx"
import { Request } from "../parts/request.tsx"
import { Empty, ErrorItems } from "../parts/states.tsx"
import { Pill } from "../parts/status.tsx"
import { Table } from "../parts/table.tsx"
import { useMayBacktest } from "../session.tsx"

type Explanation = CallOutput<"POST /api/v1/workspaces/:workspace/explain">
type Rule = Explanation["rules"][number]
type Action = Rule["actions"][number]

export const Explained = ({
  workspace,
  explanation: { event, declared, accepted, errors, rules, complete },
}: {
  readonly workspace: string
  readonly explanation: Explanation
}) => {
  const matched = rules.filter((rule) => rule.matched)
  const others = rules.filter((rule) => !rule.matched)
  const deliveries = matched.reduce((sum, { actions }) => sum + actions.length, 0)
  return (
    <>
      <Card title="What it would do">
        <div className="row" role="status">
          {accepted ? <Pill tone="good">accepted</Pill> : <Pill tone="bad">refused</Pill>}
          <span>
            {matched.length === 0
              ? `None of ${count(rules.length)} rules wants it.`
              : `${count(matched.length)} of ${count(rules.length)} rules ${accepted ? "" : "would "}want it: ${count(deliveries)} ${deliveries === 1 ? "delivery" : "deliveries"}.`}
          </span>
        </div>
        {!accepted && (
          <div className="notice" data-tone="bad">
            <div className="stack">
              <p>
                Its payload does not fit the schema of <code>{event.type}</code>: publishing it is answered 422, and
                what stands below does not happen.
              </p>
              <ul>
                <ErrorItems errors={errors} />
              </ul>
            </div>
          </div>
        )}
        {!declared && (
          <p className="dim">
            The config does not declare <code>{event.type}</code>, so whatever it holds is accepted.
          </p>
        )}
        {!complete && <p className="dim">The workspace has more rules than could be looked at: these are the first.</p>}
      </Card>
      {matched.map((rule) => (
        <Matched key={rule.rule} workspace={workspace} rule={rule} />
      ))}
      {others.length > 0 && (
        <Card title="Rules that do not want it" flush>
          <Table
            label="Rules that do not want it"
            records={others}
            keyOf={({ rule }) => rule}
            columns={[
              { label: "Rule", show: ({ rule }) => rule },
              { label: "By", show: WhyNot },
              { label: "Why not", show: ({ because }) => because },
            ]}
          />
        </Card>
      )}
      {rules.length === 0 && (
        <Card flush>
          <Empty title="The workspace has no rules">
            <p>
              Rules say which events go where: add one under <code>rules</code> in the config.
            </p>
          </Empty>
        </Card>
      )}
    </>
  )
}

const whyNots = {
  type: "its type",
  resource: "its resource",
  resource_id: "its resource's id",
  tags: "the workspace's tags",
  expression: "the condition",
  failed: "the condition",
} as const

const WhyNot = ({ why }: Rule) => {
  if (why === undefined) return null
  return why === "failed" ? <Pill tone="bad">the condition failed</Pill> : <Pill tone="idle">{whyNots[why]}</Pill>
}

const Matched = ({ workspace, rule: { rule, actions } }: { readonly workspace: string; readonly rule: Rule }) => {
  const mayTry = useMayBacktest()
  return (
    <Card
      title={
        <span className="row">
          {rule} <Pill tone="good">wants it</Pill>
        </span>
      }
      acts={
        mayTry && (
          <ButtonLink
            size="small"
            to={`${workspacePath(workspace, "replays", "new")}?${new URLSearchParams({ tab: "backtest", rules: "candidate", rule }).toString()}`}
          >
            Try it otherwise
          </ButtonLink>
        )
      }
    >
      {actions.map((action) => (
        <Delivery key={action.index} workspace={workspace} rule={rule} action={action} />
      ))}
    </Card>
  )
}

const orderOf = ({ order }: Action): string => {
  if (order === undefined) return "in any order"
  if (order.of === "connection") return "in order with all of the connection"
  return order.key === undefined ? `without order: ${order.error}` : `in order with those of the key ${order.key}`
}

const Delivery = ({
  workspace,
  rule,
  action,
}: {
  readonly workspace: string
  readonly rule: string
  readonly action: Action
}) => (
  <section className="stack" aria-label={`Action ${action.index + 1} of ${rule}`}>
    <div className="row">
      <h3>
        to <Link href={workspacePath(workspace, "connections", action.connection)}>{action.connection}</Link>
      </h3>
      <span className="dim">
        {action.connector} {action.action}, {orderOf(action)}
      </span>
    </div>
    {action.error !== undefined && (
      <div className="notice" data-tone="bad">
        The delivery would be dead at once: {action.error}
      </div>
    )}
    {action.request !== undefined && (
      <Request request={action.request} label={`What ${rule} would send to ${action.connection}`} />
    )}
    {action.input !== undefined && (
      <details>
        <summary>What the mapping makes of it</summary>
        <Code value={action.input} label={`The input of action ${action.index + 1} of ${rule}`} />
      </details>
    )}
  </section>
)
