/**
 * OAuth 2.0 as vendors speak it (RFC 6749, 7636, 7009): the address at which a person says yes, and the requests for a token, for a
 * newer one, and for its end. Where vendors differ from the RFC, the connector's `OAuth2` says how. Nothing here remembers anything,
 * and no message repeats a secret, a code or a token.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { createHash, randomBytes } from "node:crypto"
import { limits } from "../config/defaults.ts"
import type { ConnectionPlan } from "../config/plan.ts"
import type { OAuth2, OAuthSetting, Token } from "../model/auth.ts"
import { authOf } from "../model/complete.ts"
import type { HttpRequest, HttpResponse } from "../model/connector.ts"
import { parseRetryAfter } from "../model/http-outcome.ts"
import type { Outcome } from "../model/outcome.ts"

/** Sends one request as deliveries are sent: addresses guarded, answers bounded, whatever goes wrong an outcome. */
export type Send = (
  request: HttpRequest,
  options: { readonly timeoutMs: number; readonly allowPrivateNetwork: boolean },
) => Effect.Effect<
  { readonly _tag: "Answer"; readonly response: HttpResponse } | { readonly _tag: "Failure"; readonly outcome: Outcome }
>

/** Why there is no token now. */
export interface TokenProblem {
  /** `unauthorized`: nobody has said yes yet. `reauthorize`: somebody must say yes again, or mend the app. `later`: ours to try again. */
  readonly kind: "unauthorized" | "reauthorize" | "later"
  /** One line for a person. */
  readonly message: string
  readonly retryAfterMs?: number
}

/** The customer's app at the vendor: what the connector says, and over it what the connection says. Secrets are in place. */
export interface App {
  readonly oauth: OAuth2
  readonly clientId: string
  readonly clientSecret: string
  readonly scopes: ReadonlyArray<string>
  readonly authorizeUrl: string | undefined
  readonly tokenUrl: string
  readonly revokeUrl: string | undefined
  readonly tokenParams: { readonly [name: string]: string }
  readonly allowPrivateNetwork: boolean
}

/** What a vendor granted. */
export interface Granted extends Token {
  readonly refreshToken?: string
  /** From now. Absent: until the vendor refuses it. */
  readonly lifetimeMs?: number
  /** Absent: the vendor does not say. */
  readonly scopes?: ReadonlyArray<string>
}

/**
 * The app of a connection; `undefined` when it proves itself in another way.
 *
 * @param settings the connection's, with secrets in place
 */
export const appOf = (plan: ConnectionPlan, settings: unknown): App | undefined => {
  const oauth = oauthOf(plan)
  if (oauth === undefined) return undefined
  const { auth } = settings as { readonly auth: OAuthSetting & { clientId: string; clientSecret: string } }
  return {
    oauth,
    clientId: auth.clientId,
    clientSecret: auth.clientSecret,
    scopes: auth.scopes ?? oauth.scopes,
    authorizeUrl: auth.authorizeUrl ?? oauth.authorizeUrl,
    tokenUrl: auth.tokenUrl ?? oauth.tokenUrl,
    revokeUrl: auth.revokeUrl ?? oauth.revokeUrl,
    tokenParams: { ...oauth.tokenParams, ...auth.tokenParams },
    allowPrivateNetwork: plan.allowPrivateNetwork,
  }
}

/** What the connector says of OAuth, if that is how the connection proves itself. Secrets need not be known. */
export const oauthOf = ({ connection, settings }: ConnectionPlan): OAuth2 | undefined => {
  const auth = authOf(connection.connector, settings)
  return auth?.kind === "oauth2" ? auth : undefined
}

/** Where a connection's tokens come from; `undefined` when it does not use OAuth. */
export const tokenUrlOf = (plan: ConnectionPlan): string | undefined =>
  (plan.settings as { readonly auth?: Partial<OAuthSetting> } | undefined)?.auth?.tokenUrl ?? oauthOf(plan)?.tokenUrl

/** Text that nobody guesses: 256 random bits. */
export const randomText = (): string => randomBytes(32).toString("base64url")

export const digest = (text: string): string => createHash("sha256").update(text).digest("base64url")

/** Where a person says yes. @param verifier what only we know of the flow; its digest goes along unless the vendor refuses PKCE */
export const authorizeUrl = (
  app: App,
  { redirectUri, state, verifier }: { readonly redirectUri: string; readonly state: string; readonly verifier: string },
): Result.Result<string, string> => {
  const wrong = unsafe(app.authorizeUrl ?? "", app, "authorizeUrl")
  if (wrong !== undefined) return Result.fail(wrong)
  const url = new URL(app.authorizeUrl!)
  const scope = app.scopes.join(app.oauth.scopeSeparator ?? " ")
  const parameters = {
    ...app.oauth.authorizeParams,
    response_type: "code",
    client_id: app.clientId,
    redirect_uri: redirectUri,
    state,
    ...(scope === "" ? {} : { scope }),
    ...(app.oauth.pkce === false ? {} : { code_challenge: digest(verifier), code_challenge_method: "S256" }),
  }
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value)
  return Result.succeed(url.href)
}

/** Turns the code that the person's browser brought into tokens. */
export const exchangeCode = (
  send: Send,
  app: App,
  { code, redirectUri, verifier }: { readonly code: string; readonly redirectUri: string; readonly verifier: string },
) =>
  askForToken(send, app, {
    ...app.tokenParams,
    grant_type: "authorization_code",
    code,
    redirect_uri: redirectUri,
    ...(app.oauth.pkce === false ? {} : { code_verifier: verifier }),
  })

export const refreshToken = (send: Send, app: App, token: string) =>
  askForToken(send, app, { ...app.tokenParams, grant_type: "refresh_token", refresh_token: token })

/** Asks as the app itself: no person is needed. `grant_type` may be a vendor's own word. */
export const askAsApp = (send: Send, app: App) => {
  const scope = app.scopes.join(app.oauth.scopeSeparator ?? " ")
  return askForToken(send, app, {
    grant_type: "client_credentials",
    ...(scope === "" ? {} : { scope }),
    ...app.tokenParams,
  })
}

/** Ends a grant (RFC 7009). Gives why the vendor did not confirm it, or nothing. */
export const revoke = (
  send: Send,
  app: App,
  { refreshToken, accessToken }: { readonly refreshToken?: string; readonly accessToken: string },
): Effect.Effect<string | undefined> => {
  if (app.revokeUrl === undefined) return Effect.succeed("the vendor has no address to revoke at")
  const form = {
    token: refreshToken ?? accessToken,
    token_type_hint: refreshToken === undefined ? "access_token" : "refresh_token",
  }
  return Effect.map(post(send, app, app.revokeUrl, "revokeUrl", form), (answer) =>
    Result.isFailure(answer)
      ? answer.failure.message
      : answer.success.status < 300
        ? undefined
        : `the vendor answered HTTP ${answer.success.status}`,
  )
}

type Form = { readonly [name: string]: string }

const askForToken = (send: Send, app: App, form: Form): Effect.Effect<Result.Result<Granted, TokenProblem>> =>
  Effect.map(post(send, app, app.tokenUrl, "tokenUrl", form), (answer) =>
    Result.flatMap(answer, (response) => read(response, app, [app.clientSecret, ...secretsOf(form)])),
  )

/** Those of a form's values that are nobody's business. */
const secretsOf = ({ code, refresh_token, code_verifier }: Form): ReadonlyArray<string> =>
  [code, refresh_token, code_verifier].filter((value) => value !== undefined)

const post = (
  send: Send,
  app: App,
  url: string,
  setting: string,
  form: Form,
): Effect.Effect<Result.Result<HttpResponse, TokenProblem>> => {
  const wrong = unsafe(url, app, setting)
  if (wrong !== undefined) return Effect.succeed(Result.fail({ kind: "later", message: wrong }))
  const basic = app.oauth.clientAuth === "basic"
  const proof = basic ? {} : { client_id: app.clientId, client_secret: app.clientSecret }
  const request: HttpRequest = {
    method: "POST",
    url,
    headers: {
      accept: "application/json",
      "content-type": "application/x-www-form-urlencoded",
      ...(basic ? { authorization: `Basic ${basicProof(app)}` } : {}),
    },
    body: new URLSearchParams({ ...form, ...proof }).toString(),
  }
  const options = { timeoutMs: limits.tokenRequestMs, allowPrivateNetwork: app.allowPrivateNetwork }
  return Effect.map(send(request, options), (sent) =>
    sent._tag === "Answer"
      ? Result.succeed(sent.response)
      : Result.fail({ kind: "later", message: `${hostOf(url)} gave no token: ${sent.outcome.message}` }),
  )
}

/** Id and secret are escaped as in a form before they are joined (RFC 6749 §2.3.1). */
const basicProof = ({ clientId, clientSecret }: App): string => {
  const escaped = (text: string) => new URLSearchParams({ _: text }).toString().slice(2)
  return Buffer.from(`${escaped(clientId)}:${escaped(clientSecret)}`).toString("base64")
}

/** What is wrong with an address that secrets are sent to, if anything. */
const unsafe = (url: string, app: App, setting: string): string | undefined => {
  if (!URL.canParse(url)) return `auth.${setting} is not a URL; write it as https://host/path`
  const { protocol, username, password } = new URL(url)
  if (username !== "" || password !== "") return `auth.${setting} holds a user name or password: take them out`
  if (protocol === "https:" || (protocol === "http:" && app.allowPrivateNetwork)) return undefined
  return `auth.${setting} begins with "${protocol}": secrets are sent over https: only (over http: with allowPrivateNetwork)`
}

export const hostOf = (url: string): string => (URL.canParse(url) ? new URL(url).host : "")

type Answer = { readonly [field: string]: unknown }

const parse = ({ body }: HttpResponse): Answer | undefined => {
  try {
    const value: unknown = JSON.parse(body)
    return typeof value === "object" && value !== null ? (value as Answer) : undefined
  } catch {
    return undefined
  }
}

const read = (
  response: HttpResponse,
  app: App,
  secrets: ReadonlyArray<string>,
): Result.Result<Granted, TokenProblem> => {
  const { status } = response
  const answer = parse(response)
  if (status < 200 || status >= 300 || answer === undefined) return Result.fail(refusal(response, answer, secrets))
  const refused = app.oauth.refusedIn?.(answer) ?? answer["error"]
  if (typeof refused === "string") return Result.fail(refusal(response, { ...answer, error: refused }, secrets))
  const accessToken = answer["access_token"]
  if (!isToken(accessToken)) {
    return Result.fail({ kind: "later", message: `${hostOf(app.tokenUrl)} answered without an access token` })
  }
  const kept = keptOf(answer, app)
  if (Result.isFailure(kept)) return Result.fail({ kind: "later", message: kept.failure })
  const lifetimeMs = lifetimeOf(answer["expires_in"]) ?? app.oauth.lifetimeMs
  const scopes = scopesOf(answer["scope"])
  return Result.succeed({
    accessToken,
    kept: kept.success,
    ...(isToken(answer["refresh_token"]) ? { refreshToken: answer["refresh_token"] } : {}),
    ...(lifetimeMs === undefined ? {} : { lifetimeMs }),
    ...(scopes === undefined ? {} : { scopes }),
  })
}

/** It goes into a header: visible ASCII, and bounded. */
const isToken = (value: unknown): value is string =>
  typeof value === "string" && value.length <= limits.tokenCharacters && /^[\x21-\x7e]+$/.test(value)

/** Seconds, as a number or in digits. What is not positive says nothing. */
const lifetimeOf = (value: unknown): number | undefined => {
  const seconds = typeof value === "string" && /^\d+$/.test(value) ? Number(value) : value
  return typeof seconds === "number" && seconds > 0 && Number.isFinite(seconds) ? Math.floor(seconds * 1000) : undefined
}

const scopesOf = (value: unknown): ReadonlyArray<string> | undefined =>
  typeof value === "string" ? value.split(/[ ,]+/).filter((scope) => scope !== "") : undefined

/** Requests are made with these: a text that could lead them elsewhere over an open line, or break a header, is refused. */
const keptOf = (answer: Answer, app: App): Result.Result<Token["kept"], string> => {
  const kept: Record<string, string> = {}
  for (const field of app.oauth.keep ?? []) {
    const value = answer[field]
    if (value === undefined || value === null) continue
    const text = String(value)
    if (typeof value === "object" || text.length > limits.tokenFieldCharacters || !/^[\x21-\x7e]+$/.test(text)) {
      return Result.fail(`the vendor's "${field}" is no text that a request could be made with`)
    }
    const wrong = /^[a-z]+:\/\//i.test(text) ? unsafe(text, app, field) : undefined
    if (wrong !== undefined) return Result.fail(`the vendor's "${field}" is not an https: address`)
    kept[field] = text
  }
  return Result.succeed(kept)
}

/** The app itself is not accepted, whatever the person said. */
const appErrors = new Set([
  "invalid_client",
  "unauthorized_client",
  "invalid_client_id",
  "bad_client_secret",
  "incorrect_client_credentials",
  "bad_client_id",
])

/** Errors that pass; some vendors say them with status 200 or 400. */
const passingErrors = new Set([
  "temporarily_unavailable",
  "server_error",
  "slow_down",
  "rate_limited",
  "ratelimited",
  "rate_limit_exceeded",
  "internal_error",
  "fatal_error",
  "service_unavailable",
  "request_timeout",
])

/** Sorts a refusal by who must act. */
const refusal = (response: HttpResponse, answer: Answer | undefined, secrets: ReadonlyArray<string>): TokenProblem => {
  const { status, headers } = response
  const error = typeof answer?.["error"] === "string" ? answer["error"] : undefined
  const words = describe(status, error, answer?.["error_description"] ?? answer?.["message"], secrets)
  const header = headers["retry-after"]
  const retryAfterMs = parseRetryAfter(typeof header === "string" ? header : header?.[0], Date.now())
  const passes = status >= 500 || status === 429 || status === 408 || (error !== undefined && passingErrors.has(error))
  // An answer without a known form, from a proxy or a firewall, decides nothing about the grant; 400 and 401 are the token address's own.
  if (passes || (error === undefined && status !== 400 && status !== 401)) {
    return {
      kind: "later",
      message: `the vendor gives no token now: ${words}`,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs: Math.min(retryAfterMs, limits.retryAfterMaxMs) }),
    }
  }
  if (error !== undefined && appErrors.has(error)) {
    return {
      kind: "reauthorize",
      message: `the vendor does not accept the app's id or secret (${words}): correct them`,
    }
  }
  return { kind: "reauthorize", message: `the vendor refuses (${words}): authorize again` }
}

const describe = (status: number, error: string | undefined, description: unknown, secrets: ReadonlyArray<string>) => {
  const parts = [error, typeof description === "string" ? description : undefined]
    .filter((part) => part !== undefined)
    .map((part) => shown(part, secrets))
  return parts.length === 0 ? `HTTP ${status}` : `HTTP ${status}, ${parts.join(": ")}`
}

/** A vendor's words as they may be shown: bounded, printable, without what it was sent. */
export const shown = (text: string, secrets: ReadonlyArray<string> = []): string => {
  let out = text
  for (const secret of secrets) if (secret !== "") out = out.replaceAll(secret, "***")
  return out.replace(/[^\x20-\x7e\u00a0-\u2027\u202a-\uffff]+/g, " ").slice(0, limits.vendorWordsCharacters)
}
