/**
 * Takes secrets out of what is kept of an attempt: an address may be a secret as a whole (incoming webhooks of chat systems are), and a
 * destination may repeat in its answer what it was sent.
 */
import { isSecretRef } from "../config/secrets.ts"
import type { Outcome } from "../model/outcome.ts"

/** Shorter values would be found in words that are no secrets. */
const maskedCharactersMin = 6

const known = new WeakMap<object, ReadonlyArray<string>>()

/**
 * @param settings the connection's, with references
 * @param resolved the same, with values
 * @param more that is not to be shown: what a request was made with
 */
export const masked = (
  outcome: Outcome,
  settings: unknown,
  resolved: unknown,
  more: ReadonlyArray<string> = [],
): Outcome => {
  const secrets = [...more.filter(({ length }) => length >= maskedCharactersMin), ...secretsOf(settings, resolved)]
  if (secrets.length === 0) return outcome
  const { message, request, response } = outcome
  return {
    ...outcome,
    message: mask(message, secrets),
    ...(request === undefined ? {} : { request: { ...request, url: mask(request.url, secrets) } }),
    ...(response === undefined ? {} : { response: mask(response, secrets) }),
  }
}

const mask = (text: string, secrets: ReadonlyArray<string>): string => {
  let out = text
  for (const secret of secrets) if (out.includes(secret)) out = out.replaceAll(secret, "***")
  return out
}

const secretsOf = (settings: unknown, resolved: unknown): ReadonlyArray<string> => {
  if (typeof resolved !== "object" || resolved === null) return []
  let secrets = known.get(resolved)
  if (secrets === undefined) {
    const found = new Set<string>()
    collect(settings, resolved, found)
    // The longest first: one secret may hold another.
    secrets = [...found].toSorted((a, b) => b.length - a.length)
    known.set(resolved, secrets)
  }
  return secrets
}

const collect = (settings: unknown, resolved: unknown, found: Set<string>): void => {
  if (isSecretRef(settings)) {
    if (typeof resolved !== "string" || resolved.length < maskedCharactersMin) return
    found.add(resolved)
    found.add(encodeURIComponent(resolved))
    // An address is normalized before it is used.
    if (URL.canParse(resolved)) found.add(new URL(resolved).href)
    return
  }
  if (typeof settings !== "object" || settings === null || typeof resolved !== "object" || resolved === null) return
  for (const [key, value] of Object.entries(settings)) {
    collect(value, (resolved as { readonly [key: string]: unknown })[key], found)
  }
}
