/**
 * What became of a delivery in a sentence, and who is to do what: for whoever has been woken by it.
 */
import type { ReactNode } from "react"
import { Link } from "wouter"
import type { CallOutput } from "../api/contract.ts"
import { useCall, calm } from "../api/use.ts"
import { useWorkspace, workspacePath } from "../parts/page.tsx"
import { toneOf } from "../parts/status.tsx"
import { Time, Until } from "../parts/time.tsx"
import type { DeliveryWhole } from "./life.ts"

type Connection = CallOutput<"GET /api/v1/workspaces/:workspace/connections/:connection">
type Outcome = DeliveryWhole["attempts"][number]["outcome"]

/** Who acts on what an attempt came to, and how. */
const whoActs: { readonly [O in Exclude<Outcome, "delivered">]: string } = {
  rejected:
    "Whoever wrote the rule: the destination understood the request and does not want it. Its response says why. Mend the mapping or what it was sent, then retry.",
  server_error: "Whoever runs the destination: it failed on its own side. Retry when it is well.",
  rate_limited:
    "Mostly nobody: the destination wants fewer requests. If it stays so, lower the connection's rate limit.",
  auth_failed: "Whoever holds the credentials of the connection: set or authorize them on its page, then retry.",
  timeout:
    "Whoever runs the destination: it gave no answer in time. It may have taken the request all the same; it knows a repeat by the delivery's id.",
  network_error: "Whoever runs the destination, or the network on the way: it could not be reached.",
  mapping_error: "Whoever wrote the rule: its mapping does not work for this event. Mend the config, then retry.",
  blocked: "Whoever runs this installation: requests to that address are not allowed.",
  internal_error: "Whoever runs this installation: it is a bug of Meshes. Its log says more.",
}

export const Story = ({ delivery }: { readonly delivery: DeliveryWhole }) => {
  const workspace = useWorkspace()
  const waits = delivery.status === "pending" || delivery.status === "retrying"
  const connection = useCall(
    "GET /api/v1/workspaces/:workspace/connections/:connection",
    { params: { workspace, connection: delivery.connection } },
    { every: calm, enabled: waits },
  )
  const tone = toneOf(delivery.status)
  return (
    <div className="notice story" data-tone={tone}>
      <p className="visually-hidden" role="status">
        It is {delivery.status}.
      </p>
      <div className="stack">
        <p className="story-what">{whatOf(delivery)}</p>
        {waits && connection.data !== undefined && <Held by={connection.data} />}
        {delivery.status === "retrying" && (
          <p>
            The next attempt follows by itself
            {delivery.next_attempt_at === undefined ? "" : " "}
            {delivery.next_attempt_at !== undefined && <Until at={delivery.next_attempt_at} />}.
          </p>
        )}
        <WhoActs delivery={delivery} />
      </div>
    </div>
  )
}

const whatOf = (delivery: DeliveryWhole): ReactNode => {
  const { status, connection, attempts, sent_again, canceled } = delivery
  const last = attempts.at(-1)
  const again = sent_again.at(-1)
  const why = last?.message ?? last?.outcome.replaceAll("_", " ")
  switch (status) {
    case "completed":
      return (
        <>
          <strong>Delivered.</strong> {connection} took it
          {last === undefined ? null : (
            <>
              {" "}
              at {attempts.length === 1 ? "the first attempt" : `attempt ${attempts.length}`} at <Time at={last.at} />
            </>
          )}
          .
        </>
      )
    case "failed":
      return (
        <>
          <strong>Given up</strong> after {last?.attempt === 1 ? "one attempt" : `${last?.attempt ?? 0} attempts`}
          {last === undefined ? null : (
            <>
              {" "}
              at <Time at={last.at} />. {why}
            </>
          )}
        </>
      )
    case "retrying":
      return (
        <>
          <strong>Attempt {last?.attempt ?? 1} failed.</strong> {why}
        </>
      )
    case "pending":
      return again === undefined ? (
        <>
          <strong>It waits</strong> for its first attempt.
        </>
      ) : (
        <>
          <strong>Sent again</strong> by {again.by}, <Time at={again.at} />: it waits for its attempt.
        </>
      )
    case "processing":
      return (
        <>
          <strong>It is being sent</strong> to {connection} now.
        </>
      )
    case "canceled": {
      const act = canceled.at(-1)
      return (
        <>
          <strong>Canceled</strong>
          {act === undefined ? null : (
            <>
              {" "}
              by {act.by}, <Time at={act.at} />
            </>
          )}
          : nothing more of it is sent. If it is wanted after all, a replay makes it anew.
        </>
      )
    }
  }
}

/** Why what waits goes on waiting, if it is for its connection. */
const Held = ({ by: { id, workspace, state, by, reason, probe_at } }: { readonly by: Connection }) => {
  if (state === "closed") return null
  const link = <Link href={workspacePath(workspace, "connections", id)}>{id}</Link>
  return state === "paused" ? (
    <p>
      The connection {link} is <strong>paused</strong>
      {by === undefined ? "" : ` by ${by}`}
      {reason === undefined ? "" : ` (${reason})`}: nothing is sent until somebody resumes it.
    </p>
  ) : (
    <p>
      The circuit of {link} is <strong>open</strong>, as its destination did not answer well
      {reason === undefined ? "" : ` (${reason})`}: it is tried again by itself
      {probe_at === undefined ? (
        ""
      ) : (
        <>
          {" "}
          <Until at={probe_at} />
        </>
      )}
      .
    </p>
  )
}

const WhoActs = ({ delivery }: { readonly delivery: DeliveryWhole }) => {
  const last = delivery.attempts.at(-1)?.outcome
  if (delivery.status !== "failed" && delivery.status !== "retrying") return null
  if (last === undefined || last === "delivered") return null
  return (
    <p>
      <span className="dim">Who acts: </span>
      {delivery.status === "retrying" && "nobody yet, as it is tried again by itself. If it goes on so: "}
      {delivery.status === "retrying" ? lowered(whoActs[last]) : whoActs[last]}{" "}
      {last === "auth_failed" && (
        <Link href={workspacePath(delivery.workspace, "connections", delivery.connection)}>{delivery.connection}</Link>
      )}
      {last === "mapping_error" && (
        <Link href={`${workspacePath(delivery.workspace, "explain")}?event=${encodeURIComponent(delivery.event)}`}>
          Explain shows what it makes of the event
        </Link>
      )}
    </p>
  )
}

const lowered = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1)
