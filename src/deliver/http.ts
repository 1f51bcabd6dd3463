/**
 * Sends one HTTP request and reads a bounded answer. Whatever goes wrong is an outcome, said in a line.
 *
 * Requests go through undici's pools by its lowest door (`dispatch`), one pool an origin: a connection is reused, its address is
 * checked when it is opened (`address.ts`), and of an answer no more is read than is kept.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { isIP } from "node:net"
import { buildConnector, Pool, type Dispatcher } from "undici"
import { limits } from "../config/defaults.ts"
import type { HttpRequest, HttpResponse } from "../model/connector.ts"
import type { Outcome } from "../model/outcome.ts"
import { version } from "../model/version.ts"
import { BlockedAddress, guardedLookup, isPublicAddress, type Lookup } from "./address.ts"

export interface SendOptions {
  /** For all of it: looking up, connecting, sending, reading. */
  readonly timeoutMs: number
  readonly allowPrivateNetwork: boolean
}

/** An answer, or what happened instead of one. */
export type Sent =
  | { readonly _tag: "Answer"; readonly response: HttpResponse }
  | { readonly _tag: "Failure"; readonly outcome: Outcome }

export interface HttpSender {
  /** @param read how much of an answer is read, in bytes; default: `limits.responseBodyRead` */
  readonly send: (request: HttpRequest, options: SendOptions, read?: number) => Effect.Effect<Sent>
}

const userAgent = `Meshes/${version}`

/** @param lookup for tests: who answers for names */
export const makeHttpSender = (lookup?: Lookup): Effect.Effect<HttpSender, never, Scope.Scope> =>
  Effect.gen(function* () {
    const pools = yield* Effect.acquireRelease(
      Effect.sync(() => makePools(lookup)),
      (made) => Effect.promise(made.close),
    )
    return {
      send: (request, { timeoutMs, allowPrivateNetwork }, read = limits.responseBodyRead) =>
        Effect.callback<Sent>((resume) => {
          const options = { timeoutMs, allowPrivateNetwork, read }
          const begun = begin(pools, request, options, request.redirects === false ? 0 : limits.redirects, (sent) =>
            resume(Effect.succeed(sent)),
          )
          return Effect.sync(() => begun.abort())
        }),
    }
  })

const failure = (outcome: Outcome): Sent => ({ _tag: "Failure", outcome })

interface Begun {
  readonly abort: () => void
}

const nothing: Begun = { abort: () => {} }

interface Bounds extends SendOptions {
  readonly read: number
}

/** @param leftMs what is left of the time allowed */
const begin = (
  pools: Pools,
  request: HttpRequest,
  options: Bounds,
  redirects: number,
  done: (sent: Sent) => void,
  leftMs: number = options.timeoutMs,
): Begun => {
  const target = parseTarget(request)
  if (typeof target === "string") {
    done(failure({ kind: "rejected", permanent: true, message: target }))
    return nothing
  }
  const literal = target.hostname.replace(/^\[|\]$/g, "")
  if (!options.allowPrivateNetwork && isIP(literal) !== 0 && !isPublicAddress(literal)) {
    done(failure(blocked(new BlockedAddress(literal, [literal]))))
    return nothing
  }
  const handler = new Exchange(request, options, redirects, pools, done, leftMs)
  try {
    pools.of(target.origin, options.allowPrivateNetwork).dispatch(
      {
        path: target.path,
        method: request.method as Dispatcher.HttpMethod,
        headers: { "user-agent": userAgent, ...request.headers },
        body: request.body ?? null,
        headersTimeout: 0,
        bodyTimeout: 0,
      },
      handler,
    )
  } catch (cause) {
    handler.onResponseError(null, cause as Error)
  }
  return handler
}

interface ParsedTarget {
  readonly origin: string
  readonly hostname: string
  readonly path: string
}

const targets = new Map<string, ParsedTarget>()

/** The parts of a URL, or what is wrong with it. Most connections have one URL: the last ones are remembered. */
const parseTarget = ({ url }: HttpRequest): ParsedTarget | string => {
  const known = targets.get(url)
  if (known !== undefined) return known
  let parsed: URL
  try {
    parsed = new URL(url)
  } catch {
    return `the address is not a URL; write it as https://host/path`
  }
  if (parsed.protocol !== "http:" && parsed.protocol !== "https:") {
    return `the address begins with "${parsed.protocol}"; only https: and http: can be sent to`
  }
  if (parsed.username !== "" || parsed.password !== "") {
    return "the address holds a user name or password; put them into the connection's auth"
  }
  const target = { origin: parsed.origin, hostname: parsed.hostname, path: parsed.pathname + parsed.search }
  if (targets.size >= limits.urlsRemembered) targets.clear()
  targets.set(url, target)
  return target
}

/** One request under way: collects the head of the answer and says what it came to, once. */
class Exchange implements Dispatcher.DispatchHandler, Begun {
  readonly #request: HttpRequest
  readonly #options: Bounds
  readonly #redirects: number
  readonly #pools: Pools
  readonly #done: (sent: Sent) => void
  readonly #until: number
  readonly #timer: NodeJS.Timeout
  #controller: Dispatcher.DispatchController | null = null
  #next: Begun | undefined
  #settled = false
  #status = 0
  #headers: HttpResponse["headers"] = {}
  #chunks: Array<Buffer> = []
  #length = 0

  constructor(
    request: HttpRequest,
    options: Bounds,
    redirects: number,
    pools: Pools,
    done: (sent: Sent) => void,
    leftMs: number,
  ) {
    this.#request = request
    this.#options = options
    this.#redirects = redirects
    this.#pools = pools
    this.#done = done
    this.#until = performance.now() + leftMs
    this.#timer = setTimeout(() => this.#timedOut(), leftMs)
  }

  abort(): void {
    if (this.#next !== undefined) return this.#next.abort()
    if (this.#settled) return
    this.#settled = true
    clearTimeout(this.#timer)
    this.#controller?.abort(new Error("interrupted"))
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    // It may have waited for a free connection until nobody wants it any more.
    if (this.#settled) controller.abort(new Error("no longer wanted"))
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: HttpResponse["headers"]): void {
    if (status < 200) return
    this.#status = status
    this.#headers = headers
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#settled) return
    this.#chunks.push(chunk)
    this.#length += chunk.length
    if (this.#length < this.#options.read) return
    // Enough to know and to show: the status decides, and the rest is not read.
    this.#answer()
    controller.abort(new Error("the answer is longer than is read"))
  }

  onResponseEnd(): void {
    this.#answer()
  }

  onResponseError(_: Dispatcher.DispatchController | null, error: Error): void {
    this.#settle(failure(outcomeOf(error, this.#status)))
  }

  #answer(): void {
    if (this.#settled) return
    const target = this.#redirectTarget()
    if (target !== undefined) return this.#follow(target)
    const body = Buffer.concat(this.#chunks).subarray(0, this.#options.read).toString()
    this.#settle({ _tag: "Answer", response: { status: this.#status, headers: this.#headers, body } })
  }

  /** 307 and 308 keep method and body; to the same origin they are followed, a few times. */
  #redirectTarget(): string | undefined {
    if ((this.#status !== 307 && this.#status !== 308) || this.#redirects === 0) return undefined
    const location = this.#headers["location"]
    if (typeof location !== "string") return undefined
    try {
      const from = new URL(this.#request.url)
      const to = new URL(location, from)
      return to.origin === from.origin ? to.href : undefined
    } catch {
      return undefined
    }
  }

  #follow(url: string): void {
    this.#settled = true
    clearTimeout(this.#timer)
    const leftMs = Math.max(1, this.#until - performance.now())
    const request = { ...this.#request, url }
    this.#next = begin(this.#pools, request, this.#options, this.#redirects - 1, this.#done, leftMs)
  }

  #timedOut(): void {
    const what = this.#status === 0 ? "no answer" : `status ${this.#status} but no end of the answer`
    const message = `${what} within ${this.#options.timeoutMs} ms`
    this.#settle(failure({ kind: "timeout", message }))
    this.#controller?.abort(new Error(message))
  }

  #settle(sent: Sent): void {
    if (this.#settled) return
    this.#settled = true
    clearTimeout(this.#timer)
    this.#done(sent)
  }
}

const blocked = (error: BlockedAddress): Outcome => ({
  kind: "blocked",
  permanent: true,
  message: `${error.message}; to allow that, set allowPrivateNetwork: true on the connection`,
})

/** Certificates that will not become valid by themselves soon; a person has to act, but retries cover a renewal that is late. */
const certificateCodes = /^(?:CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|ERR_TLS_CERT)/

/** The request itself is wrong: a header that cannot be sent, a length that is not the body's. No later attempt helps. */
const unsendableCodes = new Set(["UND_ERR_INVALID_ARG", "UND_ERR_NOT_SUPPORTED", "UND_ERR_REQ_CONTENT_LENGTH_MISMATCH"])

const outcomeOf = (error: Error, status: number): Outcome => {
  const root = rootCause(error)
  if (root instanceof BlockedAddress) return blocked(root)
  const code = (root as NodeJS.ErrnoException).code ?? ""
  if (unsendableCodes.has(code)) {
    return { kind: "rejected", permanent: true, message: `the request cannot be sent: ${root.message}` }
  }
  if (code === "UND_ERR_CONNECT_TIMEOUT") return { kind: "timeout", message: "no connection within the time allowed" }
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") {
    return { kind: "network_error", message: `the host's name cannot be resolved (${code})` }
  }
  if (certificateCodes.test(code)) {
    return { kind: "network_error", message: `the host's certificate is not accepted: ${root.message}` }
  }
  const when = status === 0 ? "" : `after status ${status}, before the end of the answer: `
  return {
    kind: "network_error",
    message: `${when}${root.message}${code === "" ? "" : ` (${code})`}`.slice(0, limits.messageCharacters),
  }
}

const rootCause = (error: Error): Error => {
  if (error instanceof AggregateError && error.errors[0] instanceof Error) return rootCause(error.errors[0])
  return error.cause instanceof Error ? rootCause(error.cause) : error
}

interface Pools {
  readonly of: (origin: string, allowPrivateNetwork: boolean) => Pool
  readonly close: () => Promise<void>
}

/** A pool an origin, the ones used least recently let go beyond `limits.pools`. */
const makePools = (lookup?: Lookup): Pools => {
  const pools = new Map<string, Pool>()
  const options = { timeout: limits.connectTimeoutMs, allowH2: false }
  const guarded = buildConnector({ ...options, lookup: guardedLookup(lookup) })
  const open = buildConnector(options)
  const of = (origin: string, allowPrivateNetwork: boolean): Pool => {
    const key = allowPrivateNetwork ? origin : `guarded ${origin}`
    let pool = pools.get(key)
    if (pool === undefined) {
      pool = new Pool(origin, {
        connections: limits.connectionsPerOrigin,
        pipelining: 1,
        connect: allowPrivateNetwork ? open : guarded,
        keepAliveTimeout: limits.keepAliveOutMs,
        maxHeaderSize: limits.responseHeaderBytes,
        allowH2: false,
      })
      if (pools.size >= limits.pools) closeOldest()
    } else {
      pools.delete(key)
    }
    pools.set(key, pool)
    return pool
  }
  const closeOldest = () => {
    for (const [key, pool] of pools) {
      pools.delete(key)
      void pool.close().catch(() => {})
      return
    }
  }
  return {
    of,
    close: async () => {
      await Promise.allSettled([...pools.values()].map((pool) => pool.destroy()))
    },
  }
}
