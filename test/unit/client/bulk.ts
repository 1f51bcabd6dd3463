/**
 * A receiver's behaviours that answer bulks of events as the runtime does.
 */
import { answer, type Behaviour, type Receiver, type Request } from "../../support/receiver.ts"

export interface SentEvent {
  readonly id: string
  readonly type: string
  readonly time: string
  readonly workspace?: string
  readonly payload: any
}

export const eventsOf = (request: Request): ReadonlyArray<SentEvent> => JSON.parse(request.body.toString())

/** What each request carried. */
export const bulksOf = (receiver: Receiver): ReadonlyArray<ReadonlyArray<SentEvent>> => receiver.requests.map(eventsOf)

type Refusal = { readonly status: number; readonly message: string; readonly errors?: ReadonlyArray<object> }

/** Stores every event, but those that are refused here. */
export const taking =
  (refused: (event: SentEvent) => Refusal | undefined = () => undefined): Behaviour =>
  (exchange) => {
    const records = eventsOf(exchange.request).map((event) => {
      const refusal = refused(event)
      if (refusal !== undefined) return { title: "Refused", errors: [], ...refusal }
      const { id, type, workspace = "acme" } = event
      return { event: { id, type, workspace, created_at: "2026-01-31T09:30:00.000Z" } }
    })
    const errors = records.filter((record) => !("event" in record)).length
    const body = JSON.stringify({ count: records.length, error_count: errors, records })
    answer(errors === 0 ? 201 : 207, { "content-type": "application/json" }, body)(exchange)
  }

export const refusing = (
  status: number,
  message: string,
  headers: { readonly [name: string]: string } = {},
): Behaviour =>
  answer(
    status,
    { "content-type": "application/problem+json", ...headers },
    JSON.stringify({ title: "Refused", status, message }),
  )
