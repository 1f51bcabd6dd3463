/**
 * What a connector says of itself to be held to, in `connectors/<name>/cases.ts`: one example of everything that it sends and of every
 * kind of answer that it knows.
 */
import type { Connection, OutcomeKind, Token } from "../../src/index.ts"

/** An answer of the vendor's. A body that is no text is sent as JSON. */
export interface Reply {
  readonly status: number
  readonly headers?: { readonly [name: string]: string }
  readonly body?: unknown
}

/** A request as it must arrive. */
export interface Expected {
  readonly method: string
  /** With the query. */
  readonly path: string
  /** All of them, but for `host`, `connection`, `content-length` and `user-agent`. Values may be vitest's asymmetric matchers. */
  readonly headers: { readonly [name: string]: unknown }
  /** Absent: none. An object: JSON. */
  readonly body?: unknown
}

export interface Exchange {
  readonly request: Expected
  /** Of a vendor that is well. */
  readonly reply: Reply
}

/** An answer and what it must be taken for. */
export interface AnswerCase {
  readonly reply: Reply | ((now: number) => Reply)
  readonly kind: OutcomeKind
  /** Whether the delivery dies of it. */
  readonly permanent: boolean
  /** In milliseconds, give or take two seconds; absent: no wait is asked for. */
  readonly retryAfterMs?: number
  /** What the message says of it. */
  readonly says?: RegExp
}

export interface Answers {
  /** The vendor refuses the input for good. */
  readonly permanent: AnswerCase
  /** The vendor is unwell. */
  readonly transient: AnswerCase
  /** With the vendor's own header, where it has one. */
  readonly rateLimited: AnswerCase
  readonly authFailed: AnswerCase
  /** An answer that is none: HTML, a broken body, nothing where something must be. */
  readonly malformed: AnswerCase
}

export interface BatchCase {
  readonly inputs: ReadonlyArray<unknown>
  readonly exchange: Exchange
  /** What becomes of each; `dead` by an outcome that is permanent. Default: all are delivered. */
  readonly outcomes?: ReadonlyArray<"delivered" | "dead" | "retried">
}

export interface ActionCase {
  /** As a mapping makes it. Absent: an action that needs none, by a rule without one. */
  readonly input?: unknown
  /** Of an action over HTTP. */
  readonly exchange?: ReadonlyArray<Exchange>
  /** Of an action that is not HTTP: what `meshes explain` shows of it. */
  readonly preview?: unknown
  /** Inputs that do not fit, each with the path of what is wrong. */
  readonly wrongInputs?: ReadonlyArray<{ readonly input: unknown; readonly path: string }>
  /** What differs from the connector's answers for this action. They are answers to its first request. */
  readonly answers?: Partial<Answers>
  /** More answers that the vendor documents. */
  readonly more?: ReadonlyArray<AnswerCase & { readonly name: string }>
  /** Of an action with a batch form: what goes out for several, and what becomes of them. */
  readonly batches?: ReadonlyArray<BatchCase>
}

/** By name; a function of where requests must go, for secrets that are addresses. */
type SecretValues = { readonly [name: string]: string } | ((at: string) => { readonly [name: string]: string })

export interface ConnectorCases {
  /** A connection whose requests go to `at`, `http://127.0.0.1:<port>`. Most say `baseUrl: at`. */
  readonly connection: (at: string) => Connection
  /** Values of the secrets that it names. */
  readonly secrets: SecretValues
  /** Of a connection that uses OAuth. */
  readonly token?: Token
  /** Connections that cannot be, each with the path of what is wrong. */
  readonly wrongSettings: ReadonlyArray<{
    readonly connection: Connection
    readonly path: string
    readonly says: RegExp
  }>
  /** Of a connector over HTTP. */
  readonly answers?: Answers
  readonly actions: { readonly [action: string]: ActionCase }
  readonly test?: Exchange & { readonly says?: RegExp }
  readonly lists?: {
    readonly [list: string]: Exchange & {
      readonly items: ReadonlyArray<{ readonly id: string; readonly name: string }>
    }
  }
  /** The same actions by other ways to prove who is asking: the credentials' headers, or the query, of a request. */
  readonly ways?: ReadonlyArray<{
    readonly name: string
    readonly connection: (at: string) => Connection
    readonly secrets: SecretValues
    readonly token?: Token
    readonly action: string
    readonly input?: unknown
    readonly exchange: ReadonlyArray<Exchange>
  }>
}
