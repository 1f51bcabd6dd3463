/**
 * The random texts of sessions: `mss_…` is sent with each request, in a cookie or as a Bearer; `msl_…` is good once, to begin a session. Each
 * names its session, so that a replica which has not heard of it knows what to ask the log for; the rest is 256 random bits, of which only the
 * SHA-256 is kept.
 */
import { hash, randomBytes } from "node:crypto"
import { limits } from "../config/defaults.ts"
import { logTime } from "../log/log-time.ts"
import { timeOfId } from "../model/ids.ts"
import { sessionCookie, type SessionId } from "../model/session.ts"

/** As it was sent. */
export interface SentToken {
  readonly id: SessionId
  readonly hash: string
}

export interface MadeToken {
  /** To be shown once. */
  readonly text: string
  readonly hash: string
}

const idPrefix = "ses_"
const randomBytesEach = 32

const prefixes = { session: "mss_", launch: "msl_" } as const
type Kind = keyof typeof prefixes

const patterns: { readonly [K in Kind]: RegExp } = {
  session: /^mss_([0-9a-hjkmnp-tv-z]{26})[\w-]{43}$/,
  launch: /^msl_([0-9a-hjkmnp-tv-z]{26})[\w-]{43}$/,
}

export const makeToken = (kind: Kind, id: SessionId): MadeToken => {
  const text = `${prefixes[kind]}${id.slice(idPrefix.length)}${randomBytes(randomBytesEach).toString("base64url")}`
  return { text, hash: digest(text) }
}

/** `undefined`: it is none, or of a session that must be over long ago, or is none of ours: nobody has to be asked. */
export const readToken = (kind: Kind, text: string): SentToken | undefined => {
  const id = patterns[kind].exec(text)?.[1]
  if (id === undefined) return undefined
  const age = logTime() - timeOfId(`${idPrefix}${id}`)!
  if (age > limits.sessionMs || age < -limits.sessionTokenMs) return undefined
  return { id: `${idPrefix}${id}`, hash: digest(text) }
}

const digest = (text: string): string => hash("sha256", text, "hex")

type Headers = { readonly [name: string]: string | undefined }

const bearerPattern = /^Bearer +(mss_\S+) *$/i
const cookiePattern = new RegExp(`(?:^|;) *${sessionCookie}=([^;]*)`)

/** What a cookie says counts only where no key is sent. */
export const cookieIn = ({ authorization, cookie, "x-meshes-publishable-key": key }: Headers): string | undefined =>
  authorization === undefined && key === undefined && cookie !== undefined
    ? cookiePattern.exec(cookie)?.[1]?.trim()
    : undefined

/** The session's token that a request carries, whatever it is worth. */
export const sessionTokenIn = (headers: Headers): string | undefined =>
  headers.authorization === undefined ? cookieIn(headers) : bearerPattern.exec(headers.authorization)?.[1]
