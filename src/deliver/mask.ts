/**
 * Takes secrets out of what is kept of an attempt: an address may be a secret as a whole (incoming webhooks of chat systems are), and a
 * destination may repeat in its answer what it was sent.
 */
import { isSecretRef } from "../config/secrets.ts"

/** Shorter values would be found in words that are no secrets. */
export const maskedCharactersMin = 6

const known = new WeakMap<object, ReadonlyArray<string>>()

/**
 * The text without secrets. Before anything is cut off it: half a secret would no longer be found.
 *
 * @param settings the connection's, with references
 * @param resolved the same, with values
 * @param more that is not to be shown: what a request was made with
 */
export const maskedText = (
  text: string,
  settings: unknown,
  resolved: unknown,
  more: ReadonlyArray<string> = [],
): string =>
  mask(text, [...more.filter(({ length }) => length >= maskedCharactersMin), ...secretsOf(settings, resolved)])

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
    // As a form has it.
    found.add(new URLSearchParams([["", resolved]]).toString().slice(1))
    // As it stands in a JSON text, and inside of base64, as Basic authentication puts it.
    found.add(JSON.stringify(resolved).slice(1, -1))
    for (const inside of insideBase64(resolved)) found.add(inside)
    // An address is normalized before it is used.
    if (URL.canParse(resolved)) found.add(new URL(resolved).href)
    return
  }
  if (typeof settings !== "object" || settings === null || typeof resolved !== "object" || resolved === null) return
  for (const [key, value] of Object.entries(settings)) {
    collect(value, (resolved as { readonly [key: string]: unknown })[key], found)
  }
}

/** What is the same in the base64 of every text that holds the secret: for each of the three ways in which it can lie in it. */
const insideBase64 = (secret: string): ReadonlyArray<string> => {
  const bytes = Buffer.from(secret)
  return [0, 1, 2].map((before) => {
    const text = Buffer.concat([Buffer.alloc(before), bytes]).toString("base64")
    // Without the characters that hold bits of what is before or after it.
    return text.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6))
  })
}
