/**
 * The session of a page in a frame of another site: begun by what the frame's address brings, its token kept in memory and renewed before
 * it ends; and what is told to, and believed of, the page around.
 */
import { bodyOf, isRefused, onSignedOut, Problem, send, useBearer } from "./call.ts"
import type { CallOutput } from "./contract.ts"

type Begun = CallOutput<"POST /api/v1/sessions/launch">

export type Embedded =
  | { readonly is: "launching"; readonly problem?: Problem }
  | { readonly is: "live"; readonly session: Begun }
  | { readonly is: "over"; readonly problem: Problem }

/** Of the time that a token is good for, after how much another is asked for; and how soon again when that fails, in milliseconds. */
const renewAfter = 0.6
const againMs = 5_000

/** What a message says of the page around; anything else is not for us. */
interface Told {
  readonly type?: unknown
  readonly theme?: unknown
  readonly launch?: unknown
}

/**
 * @param launch what begins the session, once
 * @param onTheme told how the page around looks
 */
export const openEmbedded = (launch: string | undefined, onTheme: (theme: unknown) => void) => {
  let state: Embedded = { is: "launching" }
  let timer: ReturnType<typeof setTimeout> | undefined
  /** Whose pages may be around this one: known once a session was begun, and none before. */
  let origins: ReadonlyArray<string> = []
  const listeners = new Set<() => void>()

  const become = (next: Embedded): void => {
    state = next
    for (const listener of listeners) listener()
  }

  /** Only a page of these origins gets it. */
  const tell = (type: "meshes:ready" | "meshes:expired"): void => {
    if (window.parent === window) return
    for (const origin of origins) window.parent.postMessage({ type }, origin)
  }

  const end = (problem: Problem): void => {
    clearTimeout(timer)
    // The token stays: without it a request would be made by whoever else is signed in here.
    if (state.is === "over") return
    become({ is: "over", problem })
    tell("meshes:expired")
  }

  const hold = (session: Begun, lastsMs: number): void => {
    useBearer(session.token)
    clearTimeout(timer)
    const over = performance.now() + lastsMs
    timer = setTimeout(() => void renew(over), lastsMs * renewAfter)
  }

  /** @param over when the token ends, by this page's clock */
  const renew = async (over: number): Promise<void> => {
    try {
      const { session, lastsMs } = await begunBy(await send("POST /api/v1/sessions/refresh", {}))
      hold(session, lastsMs)
    } catch (cause) {
      const problem = cause as Problem
      if (isRefused(problem) || performance.now() > over) end(problem)
      else timer = setTimeout(() => void renew(over), againMs)
    }
  }

  const begin = async (text: string): Promise<void> => {
    try {
      const { session, lastsMs } = await begunBy(await send("POST /api/v1/sessions/launch", { body: { launch: text } }))
      origins = session.allowed_origins
      hold(session, lastsMs)
      become({ is: "live", session })
      tell("meshes:ready")
    } catch (cause) {
      const problem = cause as Problem
      // A launch that is sent twice is refused once: the session that it began goes on.
      if (state.is === "live") return
      if (isRefused(problem)) return end(problem)
      if (state.is === "launching") become({ is: "launching", problem })
      setTimeout(() => void begin(text), againMs)
    }
  }

  onSignedOut(() => {
    if (state.is === "live") end(notKnown)
  })
  window.addEventListener("message", ({ source, origin, data }: MessageEvent<unknown>) => {
    if (window.parent === window || source !== window.parent || !origins.includes(origin)) return
    const { type, theme, launch } = Object(data) as Told
    if (type === "meshes:hello") onTheme(theme)
    if (type === "meshes:launch" && typeof launch === "string") void begin(launch)
  })
  if (launch === undefined) become({ is: "over", problem: noLaunch })
  else void begin(launch)

  return {
    get: () => state,
    subscribe: (listener: () => void) => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
}

/** How long its token is good for is told by the server's clock alone: this machine's may be wrong. */
const begunBy = async (response: Response): Promise<{ readonly session: Begun; readonly lastsMs: number }> => {
  const session = (await bodyOf(response)) as Begun
  const now = Date.parse(response.headers.get("date") ?? "")
  return { session, lastsMs: Date.parse(session.token_expires_at) - (Number.isNaN(now) ? Date.now() : now) }
}

const notKnown = new Problem(401, { title: "The session is over", message: "It has ended, or somebody ended it." })
const noLaunch = new Problem(401, {
  title: "No session",
  message: "This address is opened by a page that mints a session for it: POST /api/v1/sessions.",
})
