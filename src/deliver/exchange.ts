/**
 * One call as a connection: the request completed with its credentials, sent, and its answer judged. A token that the vendor refuses is
 * renewed, and the call made once more.
 */
import { isUtf8 } from "node:buffer"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import { limits } from "../config/defaults.ts"
import type { ConnectionPlan } from "../config/plan.ts"
import type { Token } from "../model/auth.ts"
import { authOf, UnfitInput } from "../model/complete.ts"
import type { HttpRequest, HttpResponse, Judge } from "../model/connector.ts"
import { httpOutcome } from "../model/http-outcome.ts"
import type { Outcome, SentRequest } from "../model/outcome.ts"
import { makeHttpSender, type HttpSender } from "./http.ts"
import { maskedText } from "./mask.ts"

/** The tokens of connections that are authorized by OAuth. An outcome instead of one says why there is none. */
export interface Credentials {
  readonly token: (connection: ConnectionPlan, settings: unknown) => Effect.Effect<Result.Result<Token, Outcome>>
  /** The vendor refused this one: another, unless there is none. */
  readonly renew: (
    connection: ConnectionPlan,
    settings: unknown,
    refused: Token,
  ) => Effect.Effect<Result.Result<Token, Outcome>>
}

/** Where tokens come from. */
export class CredentialStore extends Context.Service<CredentialStore, Credentials>()("meshes/CredentialStore") {}

/** Calls as connections, by one sender for all of the process. */
export class Exchanges extends Context.Service<Exchanges, Exchange>()("meshes/Exchanges") {
  static readonly layer = Layer.effect(
    Exchanges,
    Effect.gen(function* () {
      return makeExchange(yield* makeHttpSender(), yield* CredentialStore)
    }),
  )
}

/** What a call came to. */
export interface Exchanged {
  readonly outcome: Outcome
  /** Absent when there was none. */
  readonly response?: HttpResponse
  readonly request?: HttpRequest
  /** What the call was made with: not to be shown. */
  readonly token?: Token
}

/** What all calls of an attempt have in common. */
export interface Attempt {
  readonly connection: ConnectionPlan
  readonly settings: unknown
  readonly exchange: Exchange
}

export interface ExchangeOptions {
  readonly connection: ConnectionPlan
  /** With secrets in place. */
  readonly settings: unknown
  /** The whole request. It may throw. */
  readonly request: (token: Token | undefined) => HttpRequest
  readonly judge?: Judge | undefined
  /** How much of the answer is read, in bytes. */
  readonly read?: number
}

export type Exchange = (options: ExchangeOptions) => Effect.Effect<Exchanged>

export const makeExchange = (sender: HttpSender, credentials: Credentials): Exchange => {
  const once = (options: ExchangeOptions, token: Token | undefined): Effect.Effect<Exchanged> => {
    const { connection } = options
    let request: HttpRequest
    try {
      request = options.request(token)
    } catch (cause) {
      return Effect.succeed({ outcome: connectorFault(cause) })
    }
    const read = options.read ?? limits.responseBodyRead
    return Effect.map(sender.send(request, connection, read), (sent): Exchanged => {
      const made = token === undefined ? { request } : { request, token }
      if (sent._tag === "Failure") return { outcome: sent.outcome, ...made }
      const judge = options.judge ?? connection.connection.connector.outcome ?? httpOutcome
      // What is said of an answer may be cut off: half a secret would no longer be found in it.
      const body = maskedText(sent.response.body, connection.settings, options.settings, credentialsOf(request, token))
      return { outcome: judge({ ...sent.response, body }, Date.now()), response: sent.response, ...made }
    })
  }

  const authorized = Effect.fnUntraced(function* (options: ExchangeOptions) {
    const { connection, settings } = options
    const token = yield* credentials.token(connection, settings)
    if (Result.isFailure(token)) return { outcome: token.failure }
    const first = yield* once(options, token.success)
    if (!isRefused(first.outcome)) return first
    const renewed = yield* credentials.renew(connection, settings, token.success)
    if (Result.isFailure(renewed)) return { ...first, outcome: renewed.failure }
    return yield* once(options, renewed.success)
  })

  return (options) =>
    authOf(options.connection.connection.connector, options.settings)?.kind === "oauth2"
      ? authorized(options)
      : once(options, undefined)
}

const isRefused = ({ kind, status, tokenRefused }: Outcome): boolean =>
  kind === "auth_failed" && (status === 401 || tokenRefused === true)

/** A bug, ours or the connector's, is tried again, since a deployment may mend it; an input that cannot be sent is not. */
export const connectorFault = (cause: unknown): Outcome => {
  const message = cause instanceof Error ? cause.message : String(cause)
  return cause instanceof UnfitInput
    ? { kind: "mapping_error", permanent: true, message: message.slice(0, limits.messageCharacters) }
    : { kind: "internal_error", message: `a bug: ${message}`.slice(0, limits.messageCharacters) }
}

/** What a request is completed with, beside a token. */
export const aboutOf = ({ connection, settings }: Attempt) => ({
  connector: connection.connection.connector,
  settings,
  baseUrl: connection.baseUrl,
})

/** The outcome as it is kept: with what was sent and what came back, and without secrets. */
export const shown = ({ outcome, request, response, token }: Exchanged, { connection, settings }: Attempt): Outcome => {
  const mask = (text: string) => maskedText(text, connection.settings, settings, credentialsOf(request, token))
  return {
    ...outcome,
    message: mask(outcome.message).slice(0, limits.messageCharacters),
    ...(request === undefined ? {} : { request: sentOf(request, outcome, mask) }),
    ...(response === undefined || response.body === ""
      ? {}
      : { response: mask(response.body).slice(0, limits.responseBodyKept) }),
  }
}

/** Of what was delivered, the event and the rule say well enough what its body was. */
const sentOf = (request: HttpRequest, outcome: Outcome, mask: (text: string) => string): SentRequest => {
  const { method, url, shown: address = url, body } = request
  const sent = { method, url: mask(address), bytes: lengthOf(body) }
  if (outcome.kind === "delivered" || body === undefined || lengthOf(body) === 0) return sent
  if (typeof body !== "string" && !isUtf8(body)) return sent
  const text = typeof body === "string" ? body : Buffer.from(body).toString()
  return { ...sent, body: mask(text).slice(0, limits.requestBodyKept) }
}

/** What a request was made with beside the secrets themselves: a token, and the form that they take in a header. */
const credentialsOf = (request: HttpRequest | undefined, token: Token | undefined): ReadonlyArray<string> => {
  const header = request?.headers["authorization"]?.replace(/^\S+ /, "")
  return [token?.accessToken, header].filter((one) => one !== undefined)
}

const lengthOf = (body: HttpRequest["body"]): number =>
  body === undefined ? 0 : typeof body === "string" ? Buffer.byteLength(body) : body.length
