/**
 * One call of the API. Who is asking is known by the session's cookie, which this page cannot read, or, in a frame of another site, by
 * a token that is kept in memory alone.
 */
import type { CallInput, CallName, CallOutput } from "./contract.ts"

/** What the API says when it does not do what it was asked: `application/problem+json`. */
export class Problem extends Error {
  readonly status: number
  readonly title: string
  readonly errors: ReadonlyArray<{ readonly path: string; readonly message: string }>
  /** When trying again may help, in seconds, if the server says so. */
  readonly retryAfter: number | undefined

  constructor(
    status: number,
    body: { title?: string; message?: string; errors?: Problem["errors"] },
    retryAfter?: number,
  ) {
    super(body.message ?? `the server answered ${status}`)
    this.status = status
    this.title = body.title ?? ""
    this.errors = body.errors ?? []
    this.retryAfter = retryAfter
  }
}

/** Whoever may not, or asks for what is not there or not understood, is hardly told otherwise by asking again. */
export const isRefused = (error: unknown): boolean =>
  error instanceof Problem && error.status >= 400 && error.status < 500 && error.status !== 429

/** No answer came: the server or the way to it is down. 0 as its status. */
const unreachable = () => new Problem(0, { title: "No answer", message: "The server does not answer." })

let bearer: string | undefined
const signedOut = new Set<() => void>()

/** @param token of a session in a frame; `undefined`: the cookie tells who is asking */
export const useBearer = (token: string | undefined): void => {
  bearer = token
}

/** They let somebody in by what they send: made as nobody, so that being refused says nothing of whoever is known. */
const lettingIn: ReadonlySet<CallName> = new Set(["POST /api/v1/sign-in", "POST /api/v1/sessions/launch"])

/** Told each time that the server no longer knows who is asking; gives back how to stop that. */
export const onSignedOut = (listener: () => void): (() => void) => {
  signedOut.add(listener)
  return () => void signedOut.delete(listener)
}

/** The path of a call, its steps filled in. */
const addressOf = (
  path: string,
  input: { readonly params?: object | undefined; readonly query?: object | undefined },
): string => {
  const steps = path.replace(/:([a-z_]+)/g, (_, name: string) =>
    encodeURIComponent(String((input.params as Record<string, unknown> | undefined)?.[name] ?? "")),
  )
  const query = new URLSearchParams(
    Object.entries(input.query ?? {}).flatMap(([name, value]) =>
      value === undefined || value === null || value === "" ? [] : [[name, String(value)]],
    ),
  ).toString()
  return query === "" ? steps : `${steps}?${query}`
}

/** Sends a request as whoever is asking; fails with a `Problem` unless it is answered by 2xx. */
export const send = async (
  name: CallName,
  input: { readonly params?: object | undefined; readonly query?: object | undefined; readonly body?: unknown },
  options: { readonly signal?: AbortSignal | undefined; readonly accept?: string } = {},
): Promise<Response> => {
  const [method, path] = name.split(" ") as [string, string]
  const sentAs = lettingIn.has(name) ? undefined : bearer
  let response: Response
  try {
    response = await fetch(addressOf(path, input), {
      method,
      credentials: "same-origin",
      headers: {
        accept: options.accept ?? "application/json",
        ...(sentAs === undefined ? {} : { authorization: `Bearer ${sentAs}` }),
        ...(input.body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(input.body === undefined ? {} : { body: JSON.stringify(input.body) }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    })
  } catch (cause) {
    if (options.signal?.aborted === true) throw cause
    throw unreachable()
  }
  if (response.ok) return response
  const text = await response.text().catch(() => "")
  const after = Number(response.headers.get("retry-after") ?? Number.NaN)
  // A session that is over may have been followed by another meanwhile.
  if (response.status === 401 && sentAs === bearer && !lettingIn.has(name)) for (const listener of signedOut) listener()
  throw new Problem(response.status, problemIn(text), Number.isFinite(after) ? after : undefined)
}

const problemIn = (text: string): object => {
  try {
    return Object(JSON.parse(text)) as object
  } catch {
    return {}
  }
}

/** What was answered, as JSON; a `Problem` if it is not whole, or another's: of a proxy, of a page to sign in. */
export const bodyOf = async (response: Response, signal?: AbortSignal): Promise<unknown> => {
  try {
    return await response.json()
  } catch (cause) {
    if (signal?.aborted === true) throw cause
    throw new Problem(0, {
      title: "No whole answer",
      message: "What was answered is not the server's, or not all of it.",
    })
  }
}

/** Makes a call and gives its answer. */
export const call = async <Name extends CallName>(
  name: Name,
  input: CallInput<Name> = {},
  signal?: AbortSignal,
): Promise<CallOutput<Name>> => {
  const response = await send(name, input, { signal })
  return response.status === 204
    ? (undefined as CallOutput<Name>)
    : ((await bodyOf(response, signal)) as CallOutput<Name>)
}
