/**
 * One delivery: what became of it and who acts, where it is in its life, and each attempt.
 */
import { useEffect } from "react"
import { Link, useParams } from "wouter"
import { live, untilThere, useAct, useCall } from "../api/use.ts"
import { Timeline } from "../delivery/attempts.tsx"
import type { DeliveryWhole } from "../delivery/life.ts"
import { Picture } from "../delivery/picture.tsx"
import { Story } from "../delivery/story.tsx"
import { Button, ButtonLink } from "../parts/button.tsx"
import { ConfirmButton } from "../parts/dialog.tsx"
import { Card, Facts, Page, useWorkspace, workspacePath } from "../parts/page.tsx"
import { Answered } from "../parts/states.tsx"
import { Status } from "../parts/status.tsx"
import { Time } from "../parts/time.tsx"
import { useTell } from "../parts/toast.tsx"
import { useBound, useMay } from "../session.tsx"
import "../delivery/delivery.css"

/**
 * The delivery with its attempts, kept up to date. Each answer with what was sent is told in the audit, so the whole is asked for anew
 * only when the deliveries' list says that something has changed.
 */
const useDelivery = () => {
  const workspace = useWorkspace()
  const { delivery: id } = useParams<{ readonly delivery: string }>()
  const whole = useCall(
    "GET /api/v1/workspaces/:workspace/deliveries/:delivery",
    { params: { workspace, delivery: id } },
    { once: true, everyBy: untilThere },
  )
  const { event, rule, connection, replay } = whole.data ?? {}
  const listed = useCall(
    "GET /api/v1/workspaces/:workspace/deliveries",
    { params: { workspace }, query: { event, rule, connection, replay, limit: "200" } as { readonly event: string } },
    { every: live, enabled: whole.data !== undefined },
  )
  const now = listed.data?.records.find((one) => one.id === id)
  const { refetch } = whole
  const changed =
    now !== undefined &&
    whole.data !== undefined &&
    (now.status !== whole.data.status ||
      now.attempt_count !== whole.data.attempt_count ||
      now.next_attempt_at !== whole.data.next_attempt_at)
  useEffect(() => {
    if (changed) void refetch()
  }, [changed, listed.dataUpdatedAt, refetch])
  return whole
}

export const DeliveryPage = () => {
  const workspace = useWorkspace()
  const { delivery: id } = useParams<{ readonly delivery: string }>()
  const bound = useBound()
  const whole = useDelivery()
  const { data } = whole
  return (
    <Page
      title={data === undefined ? "Delivery" : `${data.type} to ${data.connection}`}
      crumbs={[{ label: "Deliveries", to: workspacePath(workspace, "deliveries") }]}
      acts={
        data !== undefined && (
          <>
            {!bound && (
              <ButtonLink to={`${workspacePath(workspace, "audit")}?target=${encodeURIComponent(id)}`}>
                Audit
              </ButtonLink>
            )}
            <Acts delivery={data} />
          </>
        )
      }
    >
      <Answered answer={whole}>
        {(delivery) => (
          <>
            <Story delivery={delivery} />
            <Card title="What it is">
              <About delivery={delivery} />
            </Card>
            <Card title="Where it is in its life">
              <Picture delivery={delivery} />
            </Card>
            <Card title="What happened">
              <Timeline delivery={delivery} />
            </Card>
          </>
        )}
      </Answered>
    </Page>
  )
}

const About = ({ delivery }: { readonly delivery: DeliveryWhole }) => {
  const { workspace, event, type, rule, action, connection, replay, status, attempt_count, created_at, id } = delivery
  return (
    <Facts
      of={{
        Status: <Status is={status} />,
        Attempts: attempt_count,
        Event: <Link href={workspacePath(workspace, "events", event)}>{type}</Link>,
        Connection: <Link href={workspacePath(workspace, "connections", connection)}>{connection}</Link>,
        Rule: <Link href={`${workspacePath(workspace, "deliveries")}?rule=${encodeURIComponent(rule)}`}>{rule}</Link>,
        Action: action === 0 ? "the first of its rule" : `number ${action + 1} of its rule`,
        Replay:
          replay === undefined ? undefined : <Link href={workspacePath(workspace, "replays", replay)}>{replay}</Link>,
        Created: <Time at={created_at} />,
        Id: <code>{id}</code>,
      }}
    />
  )
}

/** How long before its deliveries an event was stored at the most, in milliseconds: of more than that its routing was behind. */
const routedWithinMs = 60_000

/** A new replay of such events of its time, by its rule, over its connection. */
const replayOf = ({ workspace, type, rule, connection, created_at }: DeliveryWhole): string => {
  const at = Date.parse(created_at)
  const [from, to] = [at - routedWithinMs, at + 1].map((ms) => new Date(ms).toISOString()) as [string, string]
  return `${workspacePath(workspace, "replays", "new")}?${new URLSearchParams({ type, rule, connection, from, to })}`
}

const Acts = ({ delivery }: { readonly delivery: DeliveryWhole }) => {
  const { workspace, id, status } = delivery
  const params = { workspace, delivery: id }
  const tell = useTell()
  const retry = useAct("POST /api/v1/workspaces/:workspace/deliveries/:delivery/retry")
  const cancel = useAct("POST /api/v1/workspaces/:workspace/deliveries/:delivery/cancel")
  const told = ({ message }: { readonly message: string }) => tell.done(`Of this delivery: ${message}.`)
  if (!useMay("operate")) return null
  const over = status === "completed" || status === "canceled"
  if (over) return <ButtonLink to={replayOf(delivery)}>Replay…</ButtonLink>
  return (
    <>
      {(status === "failed" || status === "retrying") && (
        <Button
          kind="primary"
          disabled={retry.isPending}
          onClick={() => retry.mutate({ params }, { onSuccess: told, onError: tell.failed })}
        >
          {retry.isPending ? "Retrying…" : status === "failed" ? "Retry" : "Retry now"}
        </Button>
      )}
      {status !== "failed" && (
        <ConfirmButton
          label="Cancel delivery"
          title="Cancel this delivery?"
          kind="danger"
          act={() => cancel.mutateAsync({ params }).then(told, tell.failed)}
        >
          <p>
            Nothing more of it is sent. An attempt under way ends as it does. It cannot be retried then, only replayed.
          </p>
        </ConfirmButton>
      )}
    </>
  )
}
