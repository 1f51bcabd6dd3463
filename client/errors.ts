/**
 * What a publisher is told when events were not stored: which ones, by whom, why, and whether it would help to send them again.
 */

/**
 * - `refused`: the runtime said no, and would again: mend the event, the key or the address.
 * - `unavailable`: it could not be reached, or asked for a later try, until the client gave up. Whether it has the event may not be known.
 * - `dropped`: too many events were waiting.
 * - `closed`: the client was closed before.
 * - `unreadable`: the event cannot be written as JSON.
 */
export type FailureKind = "refused" | "unavailable" | "dropped" | "closed" | "unreadable"

/** An event that was not stored. */
export interface EventFailure {
  readonly id: string
  readonly type: string
  readonly workspace?: string
  readonly kind: FailureKind
  /** The runtime's status for it. Absent: there was no answer. */
  readonly status?: number
  /** What is wrong and what to do. */
  readonly message: string
  /** What is wrong with the event, value by value. */
  readonly errors: ReadonlyArray<{ readonly path: string; readonly message: string }>
}

/** A failure that no answer of the runtime's told of. */
export const failureOf = (
  { id, type, workspace }: { readonly id: string; readonly type: string; readonly workspace?: string | undefined },
  kind: FailureKind,
  message: string,
): EventFailure => ({ id, type, ...(workspace === undefined ? {} : { workspace }), kind, message, errors: [] })

/** An event that is stored. */
export interface Published {
  readonly id: string
  readonly type: string
  readonly workspace: string
  readonly resource?: string
  readonly resource_id?: string
  /** When it was accepted: RFC 3339. */
  readonly created_at: string
  /** An event of this id was stored before, perhaps by an attempt of this very call whose answer was lost. */
  readonly duplicate: boolean
}

/** The body of a refusal: `application/problem+json`. */
export interface Problem {
  readonly title?: string
  readonly status?: number
  readonly message?: string
  readonly errors?: ReadonlyArray<{ readonly path: string; readonly message: string }>
}

export interface MeshesErrorFacts {
  readonly events: ReadonlyArray<EventFailure>
  readonly published?: ReadonlyArray<Published>
  readonly problem?: Problem | undefined
  readonly retryAfterMs?: number | undefined
  readonly cause?: unknown
}

/** Some events were not stored. */
export class MeshesError extends Error {
  override readonly name = "MeshesError"
  /** Of the first event that failed. */
  readonly kind: FailureKind
  /** The status that all the failed events share; 207 when they were answered differently, absent when there was no answer. */
  readonly status: number | undefined
  /** What the runtime said: of the whole request, or of the one event. Absent: there was no answer, or it told event by event. */
  readonly problem: Problem | undefined
  /** Those that were not stored, in the order they were given. */
  readonly events: ReadonlyArray<EventFailure>
  /** Those of the same call that are stored, in the order they were given. */
  readonly published: ReadonlyArray<Published>
  /** When the runtime would take it, by what it last said. */
  readonly retryAfterMs: number | undefined

  constructor({ events, published = [], problem, retryAfterMs, cause }: MeshesErrorFacts) {
    const first = events[0]!
    const which = `${first.type} (${first.id})`
    const more = events.length > 1 ? `, and ${events.length - 1} more` : ""
    super(`${which} was not stored${more}: ${first.message}`, cause === undefined ? undefined : { cause })
    this.kind = first.kind
    this.status = events.every(({ status }) => status === first.status) ? first.status : 207
    this.problem = problem ?? (events.length === 1 && first.status !== undefined ? first : undefined)
    this.events = events
    this.published = published
    this.retryAfterMs = retryAfterMs
  }
}
