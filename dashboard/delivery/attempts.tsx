/**
 * What happened to a delivery over time, the latest first: each attempt with what was sent and what came back, and what people did.
 */
import { Code } from "../parts/code.tsx"
import { Status } from "../parts/status.tsx"
import { lasted, Time, Until } from "../parts/time.tsx"
import { useMay } from "../session.tsx"
import { momentsOf, type DeliveryWhole, type Moment } from "./life.ts"

type Attempt = DeliveryWhole["attempts"][number]

export const Timeline = ({ delivery }: { readonly delivery: DeliveryWhole }) => {
  const longest = Math.max(1, ...delivery.attempts.map(({ duration_ms }) => duration_ms))
  return (
    <ol className="timeline" aria-label="What happened, the latest first">
      {delivery.next_attempt_at !== undefined && (
        <li className="moment" data-tone="warn">
          <p>
            <strong>Next attempt</strong> <Until at={delivery.next_attempt_at} />
          </p>
          <Time at={delivery.next_attempt_at} />
        </li>
      )}
      {momentsOf(delivery)
        .toReversed()
        .map((moment) => (
          <One key={`${moment.kind} ${moment.at}`} moment={moment} longest={longest} />
        ))}
    </ol>
  )
}

const One = ({ moment, longest }: { readonly moment: Moment; readonly longest: number }) => {
  if (moment.kind === "attempt") return <AttemptItem of={moment.attempt} longest={longest} />
  return (
    <li className="moment">
      <p>
        {moment.kind === "created" ? (
          <strong>Created by its rule</strong>
        ) : (
          <>
            <strong>{moment.kind === "sent_again" ? "Sent again" : "Canceled"}</strong> by {moment.by}
          </>
        )}
      </p>
      <Time at={moment.at} />
    </li>
  )
}

const AttemptItem = ({ of, longest }: { readonly of: Attempt; readonly longest: number }) => {
  const good = of.outcome === "delivered"
  return (
    <li className="moment" data-tone={good ? "good" : "bad"}>
      <div className="row">
        <strong>Attempt {of.attempt}</strong>
        <Status is={of.outcome} />
        {of.http_status !== undefined && <span className="tag">HTTP {of.http_status}</span>}
      </div>
      <Time at={of.at} />
      <Duration ms={of.duration_ms} longest={longest} />
      {of.message !== undefined && <p className="moment-message">{of.message}</p>}
      <Exchange of={of} />
    </li>
  )
}

/** Of a browser's drawing: the shortest attempt is still seen. */
const thinnest = 0.5

const Duration = ({ ms, longest }: { readonly ms: number; readonly longest: number }) => (
  <div className="duration">
    <svg viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
      <rect width="100" height="6" rx="1" className="duration-all" />
      <rect width={Math.max(thinnest, (ms / longest) * 100)} height="6" rx="1" className="duration-this" />
    </svg>
    <span className="number">
      <span className="visually-hidden">It took </span>
      {lasted(ms)}
    </span>
  </div>
)

const Exchange = ({ of: { request, response, outcome, revision } }: { readonly of: Attempt }) => {
  const mayRead = useMay("payload:read")
  return (
    <details className="exchange">
      <summary>Request and response</summary>
      <div className="stack">
        {request === undefined ? (
          <p className="dim">No request was made, or the log no longer has it.</p>
        ) : (
          <div className="stack">
            <p>
              <span className="dim">Sent:</span>{" "}
              <code>
                {request.method} {request.url}
              </code>{" "}
              <span className="dim">({request.bytes} bytes)</span>
            </p>
            {request.body !== undefined ? (
              <Code value={request.body} label="Body of the request" />
            ) : (
              <p className="dim">
                {outcome === "delivered"
                  ? "The body is kept of attempts that failed alone."
                  : mayRead
                    ? "There was no body, or none was kept."
                    : "Its body is shown to keys with the scope payload:read."}
              </p>
            )}
          </div>
        )}
        {response === undefined || response === "" ? (
          <p className="dim">Nothing came back that is kept.</p>
        ) : (
          <div className="stack">
            <p className="dim">Came back, its first part:</p>
            <Code value={response} label="Response" />
          </div>
        )}
        <p className="dim">
          Made with the config revision <code>{revision}</code>. Secrets are masked.
        </p>
      </div>
    </details>
  )
}
