/**
 * One event: what it was, and what became of it, delivery by delivery.
 */
import { useParams } from "wouter"
import type { CallOutput } from "../api/contract.ts"
import { live, untilThere, useAct, useCall, useList } from "../api/use.ts"
import { Button, ButtonLink } from "../parts/button.tsx"
import { Code } from "../parts/code.tsx"
import { deliveryColumn, Outcomes } from "../parts/deliveries.tsx"
import { ConfirmButton } from "../parts/dialog.tsx"
import { Card, Facts, Page, useWorkspace, workspacePath } from "../parts/page.tsx"
import { Answered, Empty } from "../parts/states.tsx"
import { Status } from "../parts/status.tsx"
import { ListTable } from "../parts/table.tsx"
import { Time } from "../parts/time.tsx"
import { useTell } from "../parts/toast.tsx"
import { useBound, useMay } from "../session.tsx"

type EventWhole = CallOutput<"GET /api/v1/workspaces/:workspace/events/:event">

export const EventPage = () => {
  const workspace = useWorkspace()
  const { event } = useParams<{ readonly event: string }>()
  const params = { workspace, event }
  const bound = useBound()
  const mayOperate = useMay("operate")
  // Each time that a payload is answered, the audit is told. How the event is now is asked for without it.
  const whole = useCall(
    "GET /api/v1/workspaces/:workspace/events/:event",
    { params },
    { once: true, everyBy: untilThere },
  )
  const now = useCall(
    "GET /api/v1/workspaces/:workspace/events",
    { params: { workspace }, query: { id: event, limit: "1" } },
    { every: live, enabled: whole.data !== undefined },
  )
  return (
    <Page
      title={whole.data?.type ?? "Event"}
      crumbs={[{ label: "Events", to: workspacePath(workspace, "events") }]}
      acts={
        whole.data !== undefined && (
          <>
            <ButtonLink to={`${workspacePath(workspace, "explain")}?event=${encodeURIComponent(event)}`}>
              Explain
            </ButtonLink>
            {!bound && (
              <ButtonLink to={`${workspacePath(workspace, "audit")}?target=${encodeURIComponent(event)}`}>
                Audit
              </ButtonLink>
            )}
            {mayOperate && <ButtonLink to={replayOf(whole.data)}>Replay…</ButtonLink>}
            <Acts of={now.data?.records[0]?.counts ?? whole.data.counts} />
          </>
        )
      }
    >
      <Answered answer={whole}>
        {(data) => (
          <>
            <About event={{ ...data, ...now.data?.records[0] }} />
            <RuleFailures of={data} />
            <Deliveries />
            <Payload of={data} />
          </>
        )}
      </Answered>
    </Page>
  )
}

/** A new replay of it: of what the log stored in that millisecond. */
const replayOf = ({ workspace, type, created_at: from }: EventWhole): string => {
  const to = new Date(Date.parse(from) + 1).toISOString()
  return `${workspacePath(workspace, "replays", "new")}?${new URLSearchParams({ type, from, to })}`
}

/** What can be done depends on how its deliveries are now. */
const Acts = ({ of: counts }: { readonly of: EventWhole["counts"] }) => {
  const some = (...statuses: ReadonlyArray<string>) => statuses.some((status) => (counts[status] ?? 0) > 0)
  const workspace = useWorkspace()
  const { event } = useParams<{ readonly event: string }>()
  const params = { workspace, event }
  const tell = useTell()
  const retry = useAct("POST /api/v1/workspaces/:workspace/events/:event/retry")
  const cancel = useAct("POST /api/v1/workspaces/:workspace/events/:event/cancel")
  if (!useMay("operate")) return null
  const told = ({ records }: NonNullable<typeof retry.data>) => {
    const done = records.filter(({ result }) => result === "done" || result === "asked").length
    const others = records.filter(({ result }) => result === "refused" || result === "nothing")
    tell.done(
      `${done} of ${records.length} ${records.length === 1 ? "delivery" : "deliveries"} changed.` +
        (others.length === 0 ? "" : ` ${[...new Set(others.map(({ message }) => message))].join("; ")}`),
    )
  }
  return (
    <>
      {some("failed", "retrying") && (
        <Button
          kind="primary"
          disabled={retry.isPending}
          onClick={() => retry.mutate({ params }, { onSuccess: told, onError: tell.failed })}
        >
          {retry.isPending ? "Retrying…" : "Retry deliveries"}
        </Button>
      )}
      {some("pending", "processing", "retrying") && (
        <ConfirmButton
          label="Cancel deliveries"
          title="Cancel what is not over?"
          kind="danger"
          act={() => cancel.mutateAsync({ params }).then(told, tell.failed)}
        >
          <p>
            Deliveries of this event that wait are not sent. What is under way ends as it does, and nothing is sent
            after that.
          </p>
        </ConfirmButton>
      )}
    </>
  )
}

const About = ({ event }: { readonly event: EventWhole }) => (
  <Card title="What it is">
    <Facts
      of={{
        Status: <Status is={event.status} />,
        Deliveries: event.reason ?? <Outcomes of={event.counts} />,
        Resource: event.resource,
        "Resource id": event.resource_id,
        Stored: <Time at={event.created_at} />,
        Happened: event.time === undefined ? undefined : <Time at={event.time} />,
        Source: event.source,
        "Config revision": event.revision === undefined ? undefined : <code>{event.revision}</code>,
        Id: <code>{event.id}</code>,
      }}
    />
  </Card>
)

const RuleFailures = ({ of: { rule_failures } }: { readonly of: EventWhole }) =>
  rule_failures.length === 0 ? null : (
    <div className="notice" data-tone="warn">
      <div className="stack">
        <p>
          <strong>The condition of {rule_failures.length === 1 ? "a rule" : "rules"} could not be evaluated</strong>, so
          nothing was made of the event by {rule_failures.length === 1 ? "it" : "them"}. Mend the config, then replay
          the event.
        </p>
        <ul>
          {rule_failures.map(({ rule, reason }) => (
            <li key={rule}>
              <code>{rule}</code>: {reason}
            </li>
          ))}
        </ul>
      </div>
    </div>
  )

const Deliveries = () => {
  const workspace = useWorkspace()
  const { event } = useParams<{ readonly event: string }>()
  const list = useList(
    "GET /api/v1/workspaces/:workspace/deliveries",
    { params: { workspace }, query: { event, limit: "200" } },
    { every: live },
  )
  return (
    <Card title="Deliveries" flush>
      <ListTable
        label="Deliveries of this event"
        list={{
          ...list,
          records: list.records?.toSorted((a, b) => (a.rule < b.rule ? -1 : a.rule > b.rule ? 1 : a.action - b.action)),
        }}
        keyOf={({ id }) => id}
        columns={[
          deliveryColumn.rule,
          deliveryColumn.connection,
          deliveryColumn.status,
          deliveryColumn.attempts,
          deliveryColumn.last,
          deliveryColumn.next,
          deliveryColumn.created,
          deliveryColumn.open,
        ]}
        empty={
          <Empty title="No rule wanted it">
            <p>
              Explain shows why each rule did not. After the config is mended, a replay makes deliveries of events that
              are in the log.
            </p>
            <ButtonLink to={`${workspacePath(workspace, "explain")}?event=${encodeURIComponent(event)}`}>
              Explain
            </ButtonLink>
          </Empty>
        }
      />
    </Card>
  )
}

const Payload = ({ of: { payload, payload_missing: missing } }: { readonly of: EventWhole }) => (
  <Card title="Payload">
    {payload !== undefined ? (
      <>
        <Code value={payload} label="Payload" />
        <p className="dim">That you have seen it is in the audit.</p>
      </>
    ) : missing === "gone" ? (
      <p>The log no longer has it: events are kept for as long as the installation’s retention says.</p>
    ) : (
      <p>
        It is shown to keys with the scope <code>payload:read</code>, and to members who are admins. What you signed in
        with does not have it.
      </p>
    )}
  </Card>
)
